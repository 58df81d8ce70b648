"""What a service says in an error, as plain text: out of JSON of any form, and out of web pages."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser

import requests

from gen3nb.client.redaction import redact

__all__ = ["is_html", "words_of"]

LONGEST = 500
# the control characters of both tables, and those that turn the direction of writing
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def is_html(response: requests.Response) -> bool:
    """Tell a web page from data."""
    kind = response.headers.get("Content-Type", "").lower()
    if "json" in kind:
        return False
    if "html" in kind or not kind:
        return (
            response.content[:200]
            .lstrip()
            .lower()
            .startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<h1", b"<title"))
        )
    return False


def words_of(response: requests.Response) -> tuple[str, str | None]:
    """Give a service's own words as plain text, never a page, and the id of the request if it names one."""
    request_id = next(
        (
            response.headers[name]
            for name in ("X-Request-Id", "X-ReqId", "X-Amzn-Requestid")
            if name in response.headers
        ),
        None,
    )
    text = response.text
    if is_html(response):
        page = _Page()
        page.feed(text)
        said, page_id = page.words()
        return _short(said), request_id or page_id
    try:
        body = json.loads(text)
    except ValueError:
        return _short(text), request_id
    return _short(_from_json(body)), request_id


def _from_json(body: object) -> str:
    """Find the sentence in a JSON error, whichever of the services' forms it has."""
    if isinstance(body, str):
        return body
    if isinstance(body, Mapping):
        for key in ("message", "error", "detail", "msg", "errors", "error_description"):
            if body.get(key):
                return _from_json(body[key])
    if isinstance(body, list):
        return "; ".join(filter(None, (_from_json(item) for item in body[:5])))
    return ""


def _short(text: str) -> str:
    """One line, no secrets, nothing that a terminal would obey, not too long."""
    line = redact(" ".join(_CONTROL.sub(" ", html.unescape(text)).split())).replace('"', "'")
    return line if len(line) <= LONGEST else line[:LONGEST] + " …"


class _Page(HTMLParser):
    """The words of an error page: its introductions (fence) or its title and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.title = ""
        self.text: list[str] = []
        self.introductions: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "img", "meta", "link", "input", "hr"):
            return
        self.stack.append(tag)
        if tag == "p" and "introduction" in (dict(attrs).get("class") or ""):
            self.introductions.append("")
            self.stack[-1] = "introduction"

    def handle_endtag(self, tag: str) -> None:
        names = [tag, "introduction"] if tag == "p" else [tag]
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] in names:
                del self.stack[position:]
                return

    def handle_data(self, data: str) -> None:
        if "script" in self.stack or "style" in self.stack:
            return
        if "title" in self.stack:
            self.title += data
        elif "introduction" in self.stack:
            self.introductions[-1] += data
        elif data.strip():
            self.text.append(data.strip())

    def words(self) -> tuple[str, str | None]:
        """Give what was said, and the error id that fence puts first."""
        lines = [line.strip() for line in self.introductions]
        if len(lines) >= 2:
            return lines[1], lines[0] or None
        if lines and lines[0]:
            return lines[0], None
        body = " ".join(self.text)
        title = self.title.strip()
        return (body if title and title in body else f"{title} {body}".strip()), None
