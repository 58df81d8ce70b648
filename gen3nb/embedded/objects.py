"""A place for files that services make: downloads by presigned URLs, as from a bucket of S3.

The URLs are on the server's other name, ``localhost``, which is another origin: as in a real commons, a token
has no business there, and who sends one is refused.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import secrets
import shutil
import time
import uuid
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute

from .access import Clock
from .web import Service, route

BUCKET = "commons-data"
LIFETIME = 3600
_FORM = "%Y%m%dT%H%M%SZ"


class Objects:
    """The bucket of one practice commons.

    Parameters
    ----------
    endpoint : str
        Of the commons.
    folder : Path
        Where the objects are; made when the first one comes.
    clock : Clock
        By which URLs run out.
    """

    def __init__(self, endpoint: str, folder: Path, clock: Clock) -> None:
        self.origin = endpoint.replace("127.0.0.1", "localhost")
        self.folder = folder
        self.clock = clock
        self._secret = secrets.token_bytes(32)
        self.clear()  # what a server left that was killed: nobody has a URL of it any more

    def path(self, key: str) -> Path:
        """Give the file of an object: keys are names of ours, not of who asks."""
        return self.folder / hashlib.sha256(key.encode()).hexdigest()

    def new(self) -> Path:
        """Give a path to write an object to, before it has a key."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        return self.folder / f".{uuid.uuid4()}"

    def keep(self, written: Path, key: str) -> None:
        """Put a written file into the bucket."""
        written.replace(self.path(key))

    def clear(self) -> None:
        """Empty the bucket."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, key: str, seconds: int = LIFETIME) -> str:
        """Presign the download of an object."""
        signed = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": time.strftime(_FORM, time.gmtime(self.clock.now())),
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        query = {**signed, "X-Amz-Signature": self._signature(key, signed)}
        return f"{self.origin}/{BUCKET}/{quote(key)}?{urlencode(query)}"

    def _signature(self, key: str, signed: dict[str, str]) -> str:
        text = "\n".join([key, *(f"{name}={value}" for name, value in sorted(signed.items()))])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def verdict(self, key: str, query: dict[str, str]) -> tuple[str, str] | None:
        """Say what is wrong with a presigned URL: S3's code and message, or ``None``."""
        signed = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
        shown = query.get("X-Amz-Signature", "")
        if not shown:
            return "AccessDenied", "Access Denied"
        if not hmac.compare_digest(shown.encode(), self._signature(key, signed).encode()):
            words = "The request signature we calculated does not match the signature you provided. Check "
            return "SignatureDoesNotMatch", words + "your key and signing method."
        made = calendar.timegm(time.strptime(signed["X-Amz-Date"], _FORM))
        if self.clock.now() > made + int(signed["X-Amz-Expires"]):
            return "AccessDenied", "Request has expired"
        return None


def service(objects: Objects) -> Service:
    """Give the bucket as a service."""
    return Service(routes(objects), lambda status: error(status, "NoSuchKey", "Not found"))


def routes(objects: Objects) -> list[BaseRoute]:
    """Give the routes of the bucket, with the paths below its name."""

    def download(request: Request, body: bytes) -> Response:
        key = request.path_params["key"]
        if "authorization" in request.headers:
            words = (
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query"
            )
            words += " string parameter or the Authorization header should be specified"
            return error(400, "InvalidArgument", words)
        wrong = objects.verdict(key, dict(request.query_params))
        if wrong is not None:
            return error(403, *wrong)
        path = objects.path(key)
        if not path.is_file():
            return error(404, "NoSuchKey", "The specified key does not exist.")
        return FileResponse(path, media_type="application/octet-stream")

    return [route("GET", "/{key:path}", download)]


def error(status: int, code: str, message: str) -> Response:
    """Answer an error as S3 does."""
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{uuid.uuid4().hex[:16].upper()}</RequestId></Error>"
    )
    return Response(content, status, media_type="application/xml")
