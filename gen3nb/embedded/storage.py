"""The object store as the practice commons sees it: started when first needed, told what to do by a pipe."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from .objects import Objects
from .signing import Signer

#: The first is where uploads go that name no bucket.
BUCKETS = ("commons-data", "commons-archive")
STARTS_WITHIN = 30.0  # seconds


class StorageDown(Exception):
    """The object store's process could not start, or has ended; the message says why."""


@dataclass
class _Reply:
    """An answer of the store's process that somebody waits for."""

    event: threading.Event
    facts: dict[str, Any]


class Storage:
    """One object store with its buckets.

    Parameters
    ----------
    folder : Path
        Where the objects are, a folder for each bucket.
    port : int
        Of the second origin; by default any that is free.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.port = port
        self.on_stored: Callable[[str, str, int, dict[str, str]], None] = lambda *facts: None
        self._secret = secrets.token_urlsafe(32)
        self._signer = Signer(self._secret)
        self._process: subprocess.Popen[str] | None = None
        self._origin = ""
        self._faults: list[dict[str, Any]] = []
        self._clock_offset = 0.0
        self._starting = threading.Lock()
        self._writing = threading.Lock()
        self._replies: dict[int, _Reply] = {}
        self._numbers = count(1)

    @property
    def origin(self) -> str:
        """Where it is, ``http://127.0.0.1:<port>``; it is started if it does not run.

        Raises
        ------
        StorageDown
            It cannot start.
        """
        with self._starting:
            if self._process is None or self._process.poll() is not None:
                self._start()
            return self._origin

    def bucket(self, name: str) -> Objects:
        """Give the objects of a bucket, on disk."""
        return Objects(self.folder / name)

    def url(
        self,
        method: str,
        bucket: str,
        key: str,
        expires: int,
        now: float,
        query: Mapping[str, str] | None = None,
    ) -> str:
        """Presign a URL for one object; see :meth:`Signer.url`."""
        path = f"/{bucket}/{key}"
        return self._signer.url(method, self.origin, path, expires=expires, now=now, query=query)

    def plain_url(self, bucket: str, key: str) -> str:
        """Give the URL of an object, not signed."""
        return self._signer.url("GET", self.origin, f"/{bucket}/{key}", expires=1).partition("?")[0]

    def set_faults(self, faults: list[dict[str, Any]]) -> dict[str, int]:
        """Set what goes wrong there; gives how often each fault struck so far, by its id."""
        if not faults and not self._faults:
            return {}
        self._faults = faults
        _ = self.origin
        return self._ask({"faults": faults})

    def set_clock(self, offset: float) -> None:
        """Set the store's clock wrong by so many seconds."""
        if offset != self._clock_offset:
            self._clock_offset = offset
            _ = self.origin
            self._ask({"clock_offset": offset})

    def clear(self) -> None:
        """Take all objects away."""
        for name in BUCKETS:
            if (self.folder / name).is_dir():
                self.bucket(name).clear()

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(OSError, ValueError):
                if process.stdin:
                    process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- the process ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        for name in BUCKETS:
            self.bucket(name)  # makes the folders
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gen3nb.embedded.storage_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        self._process = process
        settings = {"folder": str(self.folder), "secret": self._secret, "port": self.port}
        self._tell(settings)
        line = process.stdout.readline() if process.stdout else ""
        ready = json.loads(line) if line else {}
        if "ready" not in ready:
            process.kill()
            raise StorageDown(f"the object store could not start: {ready.get('error', 'it ended at once')}")
        self._origin = ready["origin"]
        threading.Thread(target=self._listen, args=(process,), daemon=True, name="storage").start()
        if self._faults or self._clock_offset:
            self._ask({"faults": self._faults, "clock_offset": self._clock_offset})

    def _tell(self, facts: Mapping[str, Any]) -> None:
        process = self._process
        with self._writing, suppress(OSError, ValueError):
            if process is not None and process.stdin:
                process.stdin.write(json.dumps(facts) + "\n")
                process.stdin.flush()

    def _ask(self, facts: Mapping[str, Any]) -> dict[str, int]:
        """Tell the process something, and wait until it has heard it."""
        number = next(self._numbers)
        reply = self._replies[number] = _Reply(threading.Event(), {})
        self._tell({**facts, "reply": number})
        reply.event.wait(STARTS_WITHIN)
        self._replies.pop(number, None)
        found: dict[str, int] = reply.facts.get("struck", {})
        return found

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """Take note of objects that come in, and of replies."""
        if process.stdout is None:
            return
        for line in process.stdout:
            told = json.loads(line)
            if "reply" in told:
                reply = self._replies.get(told["reply"])
                if reply is not None:
                    reply.facts = told
                    reply.event.set()
            elif "stored" in told:
                try:
                    self.on_stored(told["bucket"], told["key"], told["size"], told["hashes"])
                finally:
                    self._tell({"ack": told["stored"]})
