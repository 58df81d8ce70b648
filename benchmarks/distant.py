"""A commons as it is from afar, simulated on loopback: HTTPS, each message half a round trip on its way."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gen3nb.embedded.process import listen
from gen3nb.embedded.server import application
from gen3nb.embedded.state import build

__all__ = ["Distance", "distant"]

_CHUNK = 65536


class Distance:
    """How far the commons is.

    Attributes
    ----------
    endpoint : str
        Where it answers.
    authority : Path
        The certificate to trust.
    key : Path
        A submitter's API key.
    seconds : float
        A round trip; may be changed while it runs.
    """

    def __init__(self, port: int, folder: Path) -> None:
        self.endpoint = f"https://127.0.0.1:{port}"
        self.authority = folder / "certificate.pem"
        self.key = folder / "submitter.json"
        self.seconds = 0.0


@contextlib.contextmanager
def distant(folder: Path) -> Iterator[Distance]:
    """Serve a practice commons by HTTPS, behind a distance.

    Opening a connection takes a round trip, and so does the handshake of TLS 1.3 and each request.
    """
    front, behind = listen(0), listen(0)
    distance = Distance(front[0].getsockname()[1], folder)
    private = _certificate(distance.authority)
    state = build(distance.endpoint.replace("https", "http"), folder=str(folder / "commons"))
    user = state.access.users["submitter"]
    distance.key.write_text(
        json.dumps(state.access.api_key(user, issuer=f"{distance.endpoint}/user")), "utf-8"
    )
    distance.key.chmod(0o600)
    server = uvicorn.Server(
        uvicorn.Config(
            application(state),
            ssl_certfile=distance.authority,
            ssl_keyfile=private,
            lifespan="off",
            log_level="warning",
        )
    )

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(distance.seconds)
        near = await asyncio.open_connection(*behind[0].getsockname()[:2])
        await _join(reader, writer, *near, lambda: distance.seconds / 2)

    async def serve() -> None:
        for one in front:
            await asyncio.start_server(carry, sock=one)
        await server.serve(behind)
        await _end()

    thread = threading.Thread(target=asyncio.run, args=[serve()], daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield distance
    finally:
        server.should_exit = True
        thread.join(30)
        state.close()


async def _end() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    other: asyncio.StreamReader,
    to: asyncio.StreamWriter,
    delay: Callable[[], float],
) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):  # the other end left, or we do
        await asyncio.gather(_carry(reader, to, delay), _carry(other, writer, delay))


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: Callable[[], float]
) -> None:
    """Pass bytes on, each as long after it came as the way takes; many may be on their way."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    arriving = asyncio.create_task(arrive())
    data = b"more"
    while data:
        data = await reader.read(_CHUNK)
        under_way.put_nowait((loop.time() + delay(), data))
    await arriving


def _certificate(path: Path) -> Path:
    """Write a certificate for this machine, and give the path of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "practice commons")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = path.with_name("key.pem")
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return private
