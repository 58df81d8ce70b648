"""The process that keeps a practice commons in the background: ``python -m gen3nb.launch.keeper``.

The settings come as one JSON object on standard input; one JSON line on standard output names the note, or
the reason why there is none. From then on it is silent, and ends with the commons.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from typing import Any, NoReturn

from gen3nb.errors import Gen3Error
from gen3nb.launch import sandbox
from gen3nb.launch.background import noted

__all__ = ["keep"]


def keep(settings: dict[str, Any]) -> int:
    """Start a practice commons and stay until it ends."""
    _listen()
    try:
        with sandbox(**settings) as commons:
            server = commons.sandbox
            with noted(server, temporary=settings.get("folder") is None) as note:
                _say({"note": str(note)})
                while server.running and note.exists():
                    time.sleep(0.2)
    except Gen3Error as error:
        _say({"error": str(error)})
        return 1
    return 0


def _say(facts: dict[str, Any]) -> None:
    """Answer once, and let go of who started us."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.close(nothing)


def _listen() -> None:
    """End in order when the system asks for it; the end of a terminal is none of ours."""

    def end(number: int, frame: object) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    for name in ("SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(keep(json.load(sys.stdin)))
