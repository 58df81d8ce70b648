"""Keep this process, and every Python process that it starts, on the loopback interface.

Python imports a module of this name at start where its folder is on ``PYTHONPATH``: the test run puts it
there, so that servers, notebook kernels and command-line runs are held as well. An audit hook cannot be
taken off again, and a refused connection is also written down, so that code which swallows the error does
not hide it: the run fails at its end.
"""

import os
import socket
import sys

LOOPBACK = ("127.", "::1", "0.0.0.0", "localhost", "::ffff:127.")
NOWHERE = (".invalid", ".test")  # reserved names, which no resolver knows


class NetworkForbidden(RuntimeError):
    """Something tried to leave this machine."""


def _note(event, target):
    log = os.environ.get("GEN3NB_TEST_NETWORK_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{event} {target} {' '.join(sys.argv)[:200]}\n")


def _hold(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple) or str(address[0]).startswith(LOOPBACK) or address[0] == "":
            return
        _note(event, address)
        raise NetworkForbidden(f"tests stay on loopback; this wanted {address!r}")
    if event == "socket.getaddrinfo":
        host = arguments[0]
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name == "" or name.startswith(LOOPBACK) or name == socket.gethostname():
            return
        if name.rstrip(".").endswith(NOWHERE):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        _note(event, name)
        raise NetworkForbidden(f"tests stay on loopback; this wanted to look up {name!r}")


sys.addaudithook(_hold)
