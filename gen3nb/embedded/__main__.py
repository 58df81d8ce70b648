"""Run a practice commons: ``python -m gen3nb.embedded``.

The settings come as one JSON object in the first line of standard input (so that no secret is in the
arguments or the environment): ``secret``, ``parent`` (process id), ``port``, ``folder``, ``dictionary``,
``users``, ``token_lifetime``, ``key_lifetime``, ``passwords``, ``prefix`` (of GUIDs)
and more. One JSON line on standard output says
``ready`` with the endpoint and the API key files, or ``error``. The server ends when standard input does.
"""

from __future__ import annotations

import sys

from .process import run

if __name__ == "__main__":
    sys.exit(run(sys.stdin.buffer, sys.stdout))
