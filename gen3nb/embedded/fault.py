"""One thing that goes wrong, and which requests it strikes; for the services and for the object store."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass
class Fault:
    """One thing that goes wrong."""

    kind: str
    path: str = "*"
    method: str = "*"
    times: int | None = None
    after: int = 0
    seconds: float | None = None
    retry_after: str | None = "1"
    id: int = 0
    struck: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Say whether the fault strikes this request, and count it."""
        if self.times is not None and self.struck >= self.times:
            return False
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.struck += 1
        return True
