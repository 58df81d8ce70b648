"""The portal: the page that people see, and that a commons answers for every path no service has."""

from __future__ import annotations

from starlette.responses import HTMLResponse
from starlette.types import Receive, Scope, Send

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Practice commons</title>
  <style>
    body {{ font: 16px/1.5 system-ui, sans-serif; margin: 4rem auto; max-width: 38rem; padding: 0 1rem;
           color: #222; background: #fff; }}
    code {{ background: #eef1f4; padding: .1em .3em; border-radius: 3px; }}
    @media (prefers-color-scheme: dark) {{
      body {{ color: #ddd; background: #1b1d21; }} code {{ background: #2c3036; }}
    }}
  </style>
</head>
<body>
  <h1>Practice commons</h1>
  <p>{text}</p>
  <p>This is a Gen3 data commons for practice, on this machine only. Its services are at
  <code>/api</code>, <code>/index</code>, <code>/user</code>, <code>/authz</code>, <code>/wts</code> and where
  else a commons has them.</p>
</body>
</html>
"""


async def portal(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is no service's."""
    known = scope["path"] in ("/", "/index.html", "/login", "/identity", "/query", "/submission", "/DD")
    text = "Connect with <code>gen3nb.connect(…)</code>." if known else "There is no such page here."
    await HTMLResponse(_PAGE.format(text=text), 200 if known else 404)(scope, receive, send)
