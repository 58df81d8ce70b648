"""Answers whose body ends in an exception of ours where it breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from gen3nb.client.lost import Lost
from gen3nb.client.lost import lost as explain
from gen3nb.client.redaction import redact
from gen3nb.errors import ServiceError

__all__ = ["Adapter", "Answer"]


class Adapter(HTTPAdapter):
    """Makes answers of our own class."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """Make an answer of what came."""
        response = super().build_response(req, resp)
        answer = Answer()
        answer.__dict__.update(response.__dict__)
        return answer


class Answer(requests.Response):
    """An answer whose body, where it breaks off while it is read, ends in an exception of ours."""

    service = ""

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        """Give the body bit by bit.

        Raises
        ------
        TimedOut
            No byte came in time.
        Unavailable
            The connection broke off.
        """
        chunks = super().iter_content(chunk_size, decode_unicode)
        while True:
            lost: Lost | None = None
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            except (requests.RequestException, OSError) as error:
                parts = urlsplit(self.url)
                where = f"{parts.scheme}://{parts.netloc}"
                lost = explain(error, where, self.service, str(self.request.method), self.request.path_url)
            if lost is not None:
                self.close()
                raise lost.error
            yield chunk

    def json(self, **options: Any) -> Any:
        """Decode the body.

        Raises
        ------
        ServiceError
            It is not JSON, or not all of it.
        """
        what = ""
        try:
            return super().json(**options)
        except ValueError as error:
            what = type(error).__name__
        path = redact(self.request.path_url)
        raise ServiceError(
            f"the answer to {self.request.method} {path} is not readable, or broke off ({what}); try again",
            method=self.request.method,
            path=path,
            status=self.status_code,
        )
