"""The object store: an imitation of S3 on a second origin, a process of its own.

The practice commons starts ``python -m gen3nb.embedded.storage_server``. The settings come as one JSON line
on standard input (``folder``, ``secret``, ``port``); after that each line is a command of the commons
(``faults``) or its word that it knows of an object that came in (``ack``). The process ends when standard
input does.

Every request needs a presigned URL, and an ``Authorization`` header besides is refused, as by S3.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from .fault import Fault
from .objects import NoSuchUpload, Objects, Readable, Stored
from .signing import Denied, Signer
from .storage_faults import INSTEAD, StorageFaults

LARGEST_PUT = 5 << 30  # bytes, S3's limit for one request
SMALL = 1 << 16
ACKNOWLEDGED_WITHIN = 30.0  # seconds


class Commons:
    """The practice commons at the other end of the pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._numbers = count(1)
        self._waiting: dict[int, threading.Event] = {}
        self._lock = threading.Lock()

    def say(self, facts: dict[str, Any]) -> None:
        """Write one line."""
        with self._lock, suppress(OSError, ValueError):
            self._out.write(json.dumps(facts) + "\n")
            self._out.flush()

    def stored(self, bucket: str, stored: Stored) -> None:
        """Tell of an object that came in, and wait until the commons has taken note."""
        number, event = next(self._numbers), threading.Event()
        self._waiting[number] = event
        facts = {"bucket": bucket, "key": stored.key, "size": stored.size, "hashes": stored.hashes}
        self.say({"stored": number, **facts})
        event.wait(ACKNOWLEDGED_WITHIN)
        self._waiting.pop(number, None)

    def acknowledged(self, number: int) -> None:
        """Note that the commons knows of an object."""
        event = self._waiting.get(number)
        if event is not None:
            event.set()


class Store(ThreadingHTTPServer):
    """The server: a thread for each connection."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, folder: Path, secret: str, port: int, commons: Commons) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = folder
        self.signer = Signer(secret)
        self.faults = StorageFaults()
        self.commons = commons
        self.clock_offset = 0.0
        self._buckets: dict[str, Objects] = {}

    @property
    def netloc(self) -> str:
        """Host and port, as URLs name them."""
        return f"127.0.0.1:{self.server_address[1]}"

    def bucket(self, name: str) -> Objects | None:
        """Give a bucket that exists."""
        if name not in self._buckets:
            folder = self.folder / name
            if not name or "/" in name or name.startswith(".") or not folder.is_dir():
                return None
            self._buckets[name] = Objects(folder)
        return self._buckets[name]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over connections that the other side gave up."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Failure(Exception):
    """An answer of S3 that is an error."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


class Handler(BaseHTTPRequestHandler):
    """Answers one connection's requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    timeout = 120
    server: Store
    _left = 0  # bytes of the request's body that were not read

    def setup(self) -> None:
        """Send small answers at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def version_string(self) -> str:
        """Give the ``Server`` header."""
        return "practice-storage"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Write no log: URLs here are secrets."""

    def do_GET(self) -> None:
        """Give an object, or a range of it."""
        self._answer(self._get)

    def do_HEAD(self) -> None:
        """Give what is known of an object."""
        self._answer(self._get)

    def do_PUT(self) -> None:
        """Store an object, or a part of one."""
        self._answer(self._put)

    def do_POST(self) -> None:
        """Refuse."""
        self._answer(self._refuse)

    def do_DELETE(self) -> None:
        """Refuse."""
        self._answer(self._refuse)

    # -- every request -------------------------------------------------------------------------------------

    def _answer(self, act: Any) -> None:
        path, _, query = self.path.partition("?")
        self._path = unquote(path, errors="surrogateescape")
        self._pairs = parse_qsl(query, keep_blank_values=True)
        length = self.headers.get("Content-Length") or "0"
        self._left = int(length) if length.isdecimal() else 0
        striking = self.server.faults.striking(self.command, self._path)
        try:
            self._strike(striking)
            self._let_in()
            if not length.isdecimal():
                self.close_connection = True
                raise Failure(400, "InvalidArgument", "Content-Length must be a number")
            act(striking)
        except Failure as failure:
            self._fail(failure)
        except NoSuchUpload as error:
            self._fail(Failure(404, "NoSuchUpload", str(error)))
        self.wfile.flush()

    def _strike(self, striking: dict[str, Fault]) -> None:
        """Let the faults strike that come before anything is done."""
        for kind, fault in striking.items():
            if kind == "storage-latency":
                time.sleep(1.0 if fault.seconds is None else fault.seconds)
        for kind in INSTEAD:
            chosen = striking.get(kind)
            if chosen is None:
                continue
            if kind == "storage-drop":
                self._cut()
                raise ConnectionAbortedError
            wait = {} if chosen.retry_after is None else {"Retry-After": str(chosen.retry_after)}
            raise {
                "storage-429": Failure(429, "TooManyRequests", "Please reduce your request rate.", wait),
                "storage-500": Failure(
                    500, "InternalError", "We encountered an internal error. Please try again."
                ),
                "storage-503": Failure(503, "SlowDown", "Please reduce your request rate.", wait),
                "storage-expired": Failure(403, "AccessDenied", "Request has expired"),
            }[kind]

    def _let_in(self) -> None:
        """Refuse what is not signed for, and whoever shows a token besides."""
        host = (self.headers.get("Host") or "").lower()
        if host != self.server.netloc or "Origin" in self.headers:
            raise Failure(403, "AccessDenied", "Access Denied")
        if "Authorization" in self.headers:
            raise Failure(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
                "string parameter or the Authorization header should be specified",
            )
        try:
            now = time.time() + self.server.clock_offset
            self.server.signer.check(self.command, self._path, self._pairs, host, now)
        except Denied as denied:
            raise Failure(denied.status, denied.code, str(denied)) from None

    def _bucket(self) -> tuple[str, Objects, str]:
        bucket, _, key = self._path.removeprefix("/").partition("/")
        objects = self.server.bucket(bucket)
        if objects is None:
            raise Failure(404, "NoSuchBucket", "The specified bucket does not exist")
        return bucket, objects, key

    def _refuse(self, striking: dict[str, Fault]) -> None:
        raise Failure(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _fail(self, failure: Failure) -> None:
        """Answer an error; a body that nobody will read ends the connection."""
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{failure.code}</Code>'
            f"<Message>{escape(str(failure))}</Message></Error>"
        ).encode()
        self.close_connection = self.close_connection or self._left > 0
        self.send_response(failure.status)
        for name, value in failure.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _cut(self) -> None:
        """Cut the connection, with a reset."""
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.shutdown(socket.SHUT_RDWR)

    # -- reading -------------------------------------------------------------------------------------------

    def _get(self, striking: dict[str, Fault]) -> None:
        _, objects, key = self._bucket()
        stored = objects.find(key)
        if stored is None:
            raise Failure(404, "NoSuchKey", "The specified key does not exist.")
        etag = f'"{stored.etag}"' if "storage-other-etag" not in striking else f'"{os.urandom(16).hex()}"'
        wanted = None if "storage-no-range" in striking else self.headers.get("Range")
        if wanted is not None and self.headers.get("If-Range", etag) != etag:
            wanted = None
        if self.headers.get("If-Match", etag) not in (etag, "*"):
            raise Failure(
                412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
            )
        first, last = 0, stored.size - 1
        part = _range(wanted, stored.size) if wanted is not None else None
        if part is not None:
            first, last = part
        length = last - first + 1
        self.send_response(206 if part is not None else 200)
        if part is not None:
            self.send_header("Content-Range", f"bytes {first}-{last}/{stored.size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "binary/octet-stream")
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", formatdate(stored.modified, usegmt=True))
        self.end_headers()
        if self.command != "HEAD":
            self._send(objects, key, first, length, striking)

    def _send(self, objects: Objects, key: str, first: int, length: int, striking: dict[str, Fault]) -> None:
        """Send the body, well or badly."""
        slow = striking.get("storage-slow-start")
        if slow is not None:
            self.wfile.flush()
            time.sleep(1.0 if slow.seconds is None else slow.seconds)
        cut = "storage-truncated" in striking
        if cut:
            length //= 2
        with objects.open(key) as file:
            if "storage-corrupt" in striking and length:
                file.seek(first)
                content = bytearray(file.read(length))
                content[length // 2] ^= 1
                self.wfile.write(content)
            elif length <= SMALL:
                file.seek(first)
                self.wfile.write(file.read(length))
            else:
                self.wfile.flush()
                self.connection.sendfile(file, first, length)
        if cut:
            self._cut()

    # -- writing -------------------------------------------------------------------------------------------

    def _put(self, striking: dict[str, Fault]) -> None:
        bucket, objects, key = self._bucket()
        if "Content-Length" not in self.headers:
            raise Failure(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        if self._left > LARGEST_PUT:
            raise Failure(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        facts, length = dict(self._pairs), self._left
        source = self.rfile
        try:
            if "storage-lost-part" in striking:
                etag = _discarded(source, length)
            elif "uploadId" in facts:
                number = facts.get("partNumber", "")
                if not number.isdecimal() or not 1 <= int(number) <= 10_000:
                    words = "Part number must be an integer between 1 and 10000, inclusive"
                    raise Failure(400, "InvalidArgument", words)
                etag = objects.put_part(facts["uploadId"], key, int(number), source, length)
            else:
                stored = objects.put(key, source, length)
                self.server.commons.stored(bucket, stored)
                etag = stored.etag
        except EOFError:
            self.close_connection = True
            words = "You did not provide the number of bytes specified by the Content-Length HTTP header"
            raise Failure(400, "IncompleteBody", words) from None
        self._left = 0
        if "storage-truncated" in striking:  # it is stored, and the answer is lost
            self._cut()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", "0")
        self.end_headers()


def _discarded(source: Readable, length: int) -> str:
    """Read a body, keep nothing, and give the ETag that it would have had."""
    total = hashlib.md5(usedforsecurity=False)
    while length and (block := source.read(min(length, 1 << 20))):
        total.update(block)
        length -= len(block)
    return total.hexdigest()


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Read a ``Range`` header: first and last byte, or ``None`` where S3 gives the whole."""
    unit, _, numbers = text.partition("=")
    first, dash, last = numbers.strip().partition("-")
    if unit.strip() != "bytes" or not dash or "," in numbers:
        return None
    if not (first + last).isdecimal():
        return None
    if not first:
        start, end = max(size - int(last), 0), size - 1
    else:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
    if start > end:
        words = "The requested range is not satisfiable"
        raise Failure(416, "InvalidRange", words, {"Content-Range": f"bytes */{size}"})
    return start, end


def serve(source: BinaryIO, out: TextIO) -> None:
    """Serve until standard input ends."""
    settings = json.loads(source.readline())
    commons = Commons(out)
    try:
        store = Store(Path(settings["folder"]), settings["secret"], int(settings.get("port") or 0), commons)
    except OSError as error:
        commons.say({"error": error.strerror or str(error)})
        return
    threading.Thread(target=store.serve_forever, daemon=True).start()
    commons.say({"ready": True, "origin": f"http://{store.netloc}"})
    for line in source:
        told = json.loads(line)
        if "ack" in told:
            commons.acknowledged(int(told["ack"]))
        if "clock_offset" in told:
            store.clock_offset = float(told["clock_offset"])
        if "faults" in told:
            store.faults.set(told["faults"])
        if "reply" in told:
            commons.say({"reply": told["reply"], "struck": store.faults.struck()})


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout)
    os._exit(0)  # threads of connections that are still open end here too
