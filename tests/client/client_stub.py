"""A server that answers what a test tells it to, and keys and tokens of any content."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int = 0  # of the client: another one for each connection


@dataclass
class Reply:
    status: int = 200
    body: bytes | str | Any = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None  # close after so many bytes of the body
    delay: float = 0.0


@dataclass
class Stub:
    """Answers from a list for each path; the last answer stays."""

    endpoint: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, path: str, *replies: Reply | Any, **options: Any) -> None:
        self.replies[path] = [r if isinstance(r, Reply) else Reply(body=r, **options) for r in replies]

    def next(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            path = request.path.partition("?")[0]
            waiting = (
                self.replies.get(path) or self.replies.get("*") or [Reply(404, {"message": "nothing here"})]
            )
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def sent(self, path: str = "") -> list[Request]:
        return [request for request in self.requests if request.path.startswith(path)]


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            request = Request(
                self.command, self.path, dict(self.headers.items()), body, self.client_address[1]
            )
            reply = stub.next(request)
            time.sleep(reply.delay)
            kind = "application/json"
            body = reply.body
            if isinstance(body, str):
                body, kind = body.encode(), "text/html; charset=utf-8"
            elif not isinstance(body, bytes):
                body = json.dumps(body).encode()
            self.send_response(reply.status)
            for name, value in {
                "Content-Type": kind,
                "Content-Length": str(len(body)),
                **reply.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if reply.cut is None else body[: reply.cut])
            if reply.cut is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def serve(stub: Stub) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    server.daemon_threads = True
    stub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server


def make_jwt(
    issuer: str = "http://127.0.0.1:1", *, lifetime: float = 1800, age: float = 0, **claims: Any
) -> str:
    now = int(time.time())
    content = {
        "iss": f"{issuer}/user",
        "iat": now - int(age),
        "exp": now - int(age) + int(lifetime),
        "context": {"user": {"name": "ada"}},
        **claims,
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, content]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*coded, "c2lnbmF0dXJlLW9mLWEtc2VjcmV0"])


def self_signed(folder: Path) -> Path:
    """Write a key and its certificate for this machine, signed by nobody else."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
