"""What goes wrong between a client and the object store, on demand.

A fault is a JSON object, as those of the services: ``kind``, and optionally ``path`` (a shell pattern for
``/<bucket>/<key>``), ``method``, ``times``, ``after`` and what its kind needs:

===================  ==================================================================================
kind                 what happens
===================  ==================================================================================
storage-latency      the request waits ``seconds`` (1) first
storage-429, -503    with ``Retry-After: <retry_after>`` (1); nothing is done
storage-500          an error of the store; nothing is done
storage-drop         the connection is cut before anything is done
storage-expired      403 "Request has expired", as if the URL's time were over
storage-no-range     ``Range`` is ignored: 200 and the whole object
storage-truncated    half of what was asked for, then the connection is cut
storage-corrupt      one byte in the middle is another one
storage-slow-start   the head comes at once, the first byte of the body after ``seconds`` (1)
storage-other-etag   the object has another ETag, as if it had been replaced
storage-lost-part    a PUT is answered as if it had gone well, and nothing is stored
===================  ==================================================================================
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .fault import Fault

INSTEAD = ("storage-429", "storage-500", "storage-503", "storage-drop", "storage-expired")
KINDS = (
    *INSTEAD,
    "storage-latency",
    "storage-no-range",
    "storage-truncated",
    "storage-corrupt",
    "storage-slow-start",
    "storage-other-etag",
    "storage-lost-part",
)


@dataclass
class StorageFaults:
    """The faults that are set at the object store."""

    active: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, faults: list[Mapping[str, Any]]) -> None:
        """Replace the faults; one that stays keeps its count."""
        with self._lock:
            known = {one.id: one for one in self.active}
            self.active = [known.get(int(facts["id"])) or Fault(**facts) for facts in faults]

    def striking(self, method: str, path: str) -> dict[str, Fault]:
        """Give the faults that strike a request, by kind."""
        if not self.active:
            return {}
        with self._lock:
            return {one.kind: one for one in self.active if one.takes(method, path)}

    def struck(self) -> dict[str, int]:
        """Say how often each fault struck, by its id."""
        with self._lock:
            return {str(one.id): one.struck for one in self.active}
