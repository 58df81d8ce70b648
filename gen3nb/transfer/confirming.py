"""After an upload: whether the index knows of each file what was sent.

A commons looks at files that come in and fills their blank records, a little later. Where it does not, size
and hashes are written there by whoever uploaded them, if they may.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from gen3nb.client.storage import Storage
from gen3nb.errors import AuthError, Conflict, Gen3Error, NotFound
from gen3nb.transfer.patience import patiently
from gen3nb.transfer.present import agree

if TYPE_CHECKING:
    from gen3nb.client.fence import Fence
    from gen3nb.client.indexd import Indexd

__all__ = ["Confirmer", "Verdict", "Waiting", "place_of"]

logger = logging.getLogger("gen3nb")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two looks
#: While others are being sent there is no hurry: so many files, or seconds, between two looks.
LOOKED_AT_EACH, LOOKED_AT_AFTER = 200, 1.0
NOT_LOOKED_AT = "the commons has not looked at it yet"


@dataclass(slots=True)
class Waiting:
    """A file that was sent.

    Attributes
    ----------
    guid, name : str
    size : int
    hashes : Mapping
        Of what was sent.
    agreed : bool
        Whether the store's own checksums are the same.
    sent : float
        When, by ``time.monotonic()``.
    resent : bool
        Whether it was sent a second time because nothing was there.
    doubtful : bool
        Whether somebody has to see that the bytes are there, whatever the index says: its record may have
        been filled from here.
    authz : tuple of str
        That its record has to have; empty where nobody asked for any.
    """

    guid: str
    name: str
    size: int
    hashes: Mapping[str, str]
    agreed: bool
    sent: float
    resent: bool = False
    doubtful: bool = False
    authz: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the index says of it.

    Attributes
    ----------
    guid : str
    status : {"right", "wrong", "gone", "lost", "blank", "closed"}
        As it was sent; another content; no record; a record without bytes; nothing yet; as it was sent, but
        nobody else may read it.
    hash : str
        The kind that was compared.
    why : str
    """

    guid: str
    status: Literal["right", "wrong", "gone", "lost", "blank", "closed"]
    hash: str = ""
    why: str = ""


class Confirmer:
    """Waits for the index.

    Parameters
    ----------
    indexd : Indexd
    fence : Fence
    storage : Storage
    wait : float
        Seconds that the commons has for each file.
    stop : threading.Event
    """

    def __init__(
        self, indexd: Indexd, fence: Fence, storage: Storage, wait: float, stop: threading.Event
    ) -> None:
        self.stop = stop
        self.indexd = indexd
        self.fence = fence
        self.storage = storage
        self.wait = wait
        self.waiting: dict[str, Waiting] = {}
        self.busy = False  # whether others are being sent
        self._pause = FIRST_PAUSE
        self._looked = 0.0  # when it was looked at last
        self._last = 0.0  # when the latest was sent that the commons has looked at

    def add(self, one: Waiting) -> None:
        """Wait for one more."""
        self.waiting[one.guid] = one
        self._pause = FIRST_PAUSE

    @property
    def seconds(self) -> float | None:
        """How long until it is time to look again; ``None`` where nothing waits."""
        if not self.waiting:
            return None
        patient = self.busy and len(self.waiting) < LOOKED_AT_EACH
        pause = max(self._pause, LOOKED_AT_AFTER) if patient else self._pause
        return max(0.0, self._looked + pause - time.monotonic())

    def look(self, *, last: bool = False) -> list[Verdict]:
        """Look at all that wait, 1,000 at a request, and give what can be said.

        Parameters
        ----------
        last : bool
            There will be no further look: what is not indexed yet is ``"blank"``.

        Raises
        ------
        Gen3Error
            The index does not answer.
        """
        if not self.waiting or (self.seconds and not last):
            return []
        found = self.indexd.bulk(list(self.waiting))
        verdicts = []
        for guid, one in list(self.waiting.items()):
            verdict = self._verdict(one, found.get(guid), last=last)
            if verdict is not None:
                verdicts.append(verdict)
                del self.waiting[guid]
        self._pause = FIRST_PAUSE if verdicts else min(2 * self._pause, LONGEST_PAUSE)
        self._looked = time.monotonic()
        return verdicts

    def _verdict(self, one: Waiting, record: Mapping[str, Any] | None, *, last: bool) -> Verdict | None:
        if record is None:
            return Verdict(one.guid, "gone", why=f"the index has no record {one.guid} any more")
        blank = record["size"] is None or not record["hashes"]
        if not blank and record["urls"]:
            self._last = max(self._last, one.sent)
        if not blank:
            kind = agree(record["hashes"], one.hashes)
            if record["size"] != one.size or kind is None:
                return Verdict(one.guid, "wrong", why=_differing(record, one))
            kind = kind or ("md5" if one.agreed else "")
            if record["urls"] and one.authz and not record["authz"]:
                return self._closed(one, record, kind)
            if record["urls"]:
                return self._there(one, kind) if one.doubtful else Verdict(one.guid, "right", kind)
        if last:
            return Verdict(one.guid, "blank", why=NOT_LOOKED_AT)
        if time.monotonic() - one.sent < self.wait:
            return None
        if blank and self._last > one.sent and not one.resent:
            return Verdict(one.guid, "lost", why="the commons has seen later files, and not this one")
        return self._late(one, record, blank=blank)

    # -- where the commons does not look itself ------------------------------------------------------------

    def _late(self, one: Waiting, record: Mapping[str, Any], *, blank: bool) -> Verdict:
        """Write into the record what it lacks, then see that the bytes are there."""
        kind = "md5" if one.agreed else ""
        late = f"the commons has not looked at it within {self.wait:.0f} s"
        try:
            place = self._place(one)
            urls = [place] if place else []
            if blank:
                authz = () if record["authz"] else one.authz
                self.indexd.fill_blank(one.guid, size=one.size, hashes=one.hashes, urls=urls, authz=authz)
            elif urls:
                self.indexd.update(one.guid, {"urls": urls}, record["rev"])
        except Conflict:  # somebody has written it at this moment: the commons, as a rule
            return self._written(one)
        except AuthError as error:
            where = ", ".join(record["authz"])
            needs = f"'update' on {where}" if where else "the right to change the index"
            why = f"{late}, and you may not write its size and hashes there yourself ({needs}): {error}"
            return Verdict(one.guid, "blank", kind, why)
        except Gen3Error as error:
            return Verdict(one.guid, "blank", kind, f"{late}, and writing it there failed: {error}")
        if not place:
            why = f"{late}: its size and hashes were written there, but not its place, which is not known"
            return Verdict(one.guid, "blank", kind, why)
        return self._there(one, kind)

    def _written(self, one: Waiting) -> Verdict:
        """Judge a record by what somebody else has just written into it."""
        try:
            record = patiently(lambda: self.indexd.bulk([one.guid]), self.stop).get(one.guid)
        except Gen3Error as error:
            return Verdict(one.guid, "blank", why=f"it was sent; the index could not be asked: {error}")
        verdict = self._verdict(one, record, last=True)
        return verdict or Verdict(one.guid, "blank", why=NOT_LOOKED_AT)

    def _closed(self, one: Waiting, record: Mapping[str, Any], kind: str) -> Verdict:
        """Write the authz into a record that has none: some commons do not take it with an upload."""
        try:
            self.indexd.update(one.guid, {"authz": list(one.authz)}, record["rev"])
        except Gen3Error as error:
            if isinstance(error, Conflict) and self._has_authz(one):  # somebody has, at this moment
                return Verdict(one.guid, "right", kind)
            why = f"it is there, but its record has no authz, and it could not be written there: {error}"
            return Verdict(one.guid, "closed", kind, why)
        return Verdict(one.guid, "right", kind)

    def _has_authz(self, one: Waiting) -> bool:
        try:
            record = self.indexd.bulk([one.guid]).get(one.guid)
        except Gen3Error:
            return False
        return record is not None and set(one.authz) <= set(record["authz"])

    def _there(self, one: Waiting, kind: str) -> Verdict:
        """See that the store has so many bytes."""
        try:
            size = patiently(lambda: self._size(one), self.stop)
        except NotFound:
            return Verdict(one.guid, "lost", why="the store does not have its bytes")
        except AuthError as error:  # to upload is not always to read
            logger.debug("the bytes of %s could not be looked at: %s", one.guid, error)
            return Verdict(one.guid, "right", kind)
        except Gen3Error as error:
            return Verdict(
                one.guid, "blank", kind, f"that the store has its bytes could not be seen: {error}"
            )
        if size is not None and size != one.size:
            return Verdict(one.guid, "wrong", why=f"the store has {size:,} bytes of its {one.size:,}")
        return Verdict(one.guid, "right", kind)

    def _size(self, one: Waiting) -> int | None:
        url = self.fence.download_url(one.guid)
        span = {"first": 0, "last": 0} if one.size else {}
        with self.storage.get(url.url, **span) as body:
            return body.size

    def _place(self, one: Waiting) -> str:
        url = self.fence.upload_url(one.guid, file_name=one.name).url
        return place_of(url, f"{one.guid}/{one.name}", self._buckets)

    @cached_property
    def _buckets(self) -> dict[str, str]:
        """The commons' buckets, each with its scheme."""
        schemes = {"S3_BUCKETS": "s3", "GS_BUCKETS": "gs"}
        try:
            found = self.fence.buckets()
        except Gen3Error:
            return {}
        return {name: schemes[kind] for kind, held in found.items() if kind in schemes for name in held}


def place_of(url: str, key: str, buckets: Mapping[str, str]) -> str:
    """Give the place that a presigned URL leads to: ``s3://bucket/key``; empty where it cannot be told.

    Parameters
    ----------
    url, key : str
    buckets : Mapping
        Name to scheme.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    host = parts.hostname or ""
    for name, scheme in buckets.items():
        if path == f"{name}/{key}" or (path == key and host.startswith(f"{name.lower()}.")):
            return f"{scheme}://{name}/{key}"
    return ""


def _differing(record: Mapping[str, Any], one: Waiting) -> str:
    if record["size"] != one.size:
        return f"the index has {record['size']:,} bytes, and {one.size:,} were sent"
    return "the index has other hashes than what was sent"
