"""URLs for the files of a plan, asked for in bulk and ahead of the work, and renewed before they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from typing import Protocol, TypeAlias

from gen3nb.client.fence_files import Presigned
from gen3nb.errors import Gen3Error
from gen3nb.transfer.plan import Planned

__all__ = ["Presigner", "Signed", "Signs"]

FIRST, MOST = 50, 500
#: URLs are asked for only as far ahead as this many bytes: they must not end before their turn.
AHEAD = 32 << 30
#: Seconds that a URL must have left when a request begins; where URLs live shortly, a quarter of their life.
MARGIN = 60.0
#: Seconds between two looks whether it is to stop.
PATIENCE = 0.2

Signed: TypeAlias = "tuple[Planned, Presigned | Gen3Error]"


class Signs(Protocol):
    """What presigns: ``commons.fence``."""

    def download_url(
        self, guid: str, *, protocol: str | None = None, expires_in: int | None = None
    ) -> Presigned:
        """Give one URL."""

    def download_urls(
        self, guids: list[str], *, protocol: str | None = None, expires_in: int | None = None
    ) -> tuple[dict[str, Presigned], dict[str, Gen3Error]]:
        """Give many, and why others have none."""


class Presigner:
    """Gives the files of a plan one after the other, each with its URL or with why it has none.

    While one batch is worked on, the next is asked for.

    Parameters
    ----------
    fence : Signs
    files : iterator of Planned
    protocol : str, optional
        ``s3``, ``gs`` …
    """

    def __init__(self, fence: Signs, files: Iterator[Planned], protocol: str | None) -> None:
        self.fence, self.protocol = fence, protocol
        self._files = files
        self._size = FIRST
        self._lifetime = 0.0  # seconds, of the longest
        self._coming: Future[list[Signed]] | None = None
        self._held: list[Signed] = []
        self._ask()

    @property
    def ready(self) -> bool:
        """Whether the next file can be given without waiting for the commons."""
        return bool(self._held) or self._coming is None or self._coming.done()

    def next(self, stop: threading.Event) -> Signed | None:
        """Give the next file; ``None`` after the last, or once ``stop`` is set.

        Raises
        ------
        Gen3Error
            The commons gives no URLs at all.
        """
        if not self._held:
            if self._coming is None:
                return None
            while not self._coming.done():
                if stop.is_set():
                    return None
                wait([self._coming], timeout=PATIENCE)
            self._held = self._coming.result()[::-1]
            self._ask()
            if not self._held:
                return None
        return self._held.pop()

    def fresh(self, file: Planned, url: Presigned) -> Presigned:
        """Give a URL that lives long enough: the same, or another.

        Raises
        ------
        Gen3Error
            The commons gives none any more.
        """
        return url if url.seconds > self.margin else self.another(file)

    @property
    def margin(self) -> float:
        """How many seconds a URL must have left."""
        return min(MARGIN, self._lifetime / 4)

    def another(self, file: Planned) -> Presigned:
        """Give another URL for a file."""
        return self.fence.download_url(file.guid, protocol=self.protocol)

    def close(self, *, at_once: bool = False) -> None:
        """Ask for no more; ``at_once``: do not wait for an answer that is on its way."""
        if self._coming is not None and not at_once:
            wait([self._coming])

    def _ask(self) -> None:
        batch: list[Planned] = []
        size = 0
        while len(batch) < self._size and size < AHEAD:
            file = next(self._files, None)
            if file is None:
                break
            batch.append(file)
            size += file.size or 0
        self._size = min(MOST, 2 * self._size)
        self._coming = self._begun(batch) if batch else None

    def _begun(self, batch: list[Planned]) -> Future[list[Signed]]:
        """Ask for the URLs of a batch beside the work."""
        coming: Future[list[Signed]] = Future()

        def ask() -> None:
            try:
                signed = self._signed(batch)
            except BaseException as error:
                coming.set_exception(error)
            else:
                coming.set_result(signed)

        # not of a pool: Python would wait for its threads at the end, and for an answer that nobody needs
        threading.Thread(target=ask, daemon=True, name="gen3nb-presign").start()
        return coming

    def _signed(self, batch: list[Planned]) -> list[Signed]:
        urls, refused = self.fence.download_urls([file.guid for file in batch], protocol=self.protocol)
        self._lifetime = max(self._lifetime, *(url.seconds for url in urls.values()), 0.0)
        unknown = Gen3Error("the commons gave no URL for it, and no reason")
        return [(file, urls.get(file.guid) or refused.get(file.guid) or unknown) for file in batch]
