"""Files that lie in a bucket already, into the index: GUID, size, hashes, places and authz of each."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gen3nb.client.redaction import redact
from gen3nb.errors import AuthError, Conflict, Gen3Error, TransferError
from gen3nb.frames.interrupts import before, noted
from gen3nb.frames.progress import Progress
from gen3nb.frames.progress import report as showing
from gen3nb.transfer.entries import SIZES, Entry, bad_hashes
from gen3nb.transfer.kept import KeptEntries, Seen
from gen3nb.transfer.manifest import Source, read_manifest
from gen3nb.transfer.patience import is_passing, patiently
from gen3nb.transfer.present import Present, agree
from gen3nb.transfer.register_report import RegisterReport
from gen3nb.transfer.spool import Outcome, Spool

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd
    from gen3nb.client.project import ProjectLike
    from gen3nb.transfer.upload import UploadConnection

__all__ = ["register"]

BATCH = 1_000
PARALLEL = 8
TRIES = 4
PAUSE = 1.0  # seconds before the second try
_GUID = re.compile(r"[^\s]*[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class _Checked:
    """An entry, and what is to become of it."""

    at: int
    entry: Entry
    status: str = ""
    why: str = ""
    hash: str = ""
    add: tuple[str, ...] = ()  # places that its record lacks
    rev: str = ""


def register(
    manifest: Source,
    *,
    connection: UploadConnection,
    authz: str | Sequence[str] | None = None,
    project: ProjectLike | None = None,
    dry_run: bool = False,
    parallel: int = PARALLEL,
    progress: Progress = True,
    stop: threading.Event | None = None,
) -> RegisterReport:
    """Register files that are in a bucket already (indexd ``POST /index/``).

    Every entry is checked first; what is wrong is not sent. The same call again registers nothing twice: an
    entry whose GUID, or whose content under the same authz, the index has is "already there". Places that
    such a record lacks are added to it.

    Parameters
    ----------
    manifest : str, path, DataFrame or iterable
        GUIDs (without one, a new one is made), file names, sizes, hashes, urls, authz.
    connection : UploadConnection
    authz : str or sequence of str, optional
        Of the entries that name none.
    project : str, pair or ProjectId, optional
        The same, said by its project.
    dry_run : bool
        Only check.
    parallel : int
        How many requests at a time.
    progress : bool or callable
    stop : threading.Event, optional
        Set it to stop.

    Returns
    -------
    RegisterReport
        One row per entry: ``registered``, ``already there`` or ``failed``, and why. What failed can be
        written as a manifest, to be repaired: ``report.to_manifest(path)``.

    Raises
    ------
    TransferError
        It is no manifest; or it ended early, by Ctrl-C too: then ``report`` says what is registered by now.
    PermissionDenied
        You may not register there.
    """
    from gen3nb.transfer.upload import resources_of

    with before(TransferError, "Interrupted before any file was registered; nothing was sent.") as begin:
        entries = read_manifest(manifest)
        usual = resources_of(authz, project, connection)
        run = _Registration(connection, usual, stop or threading.Event(), dry_run=dry_run)
        started = time.monotonic()
        with (
            showing(progress, None, f"Registering at {connection.endpoint}", unit=" files") as meter,
            ThreadPoolExecutor(parallel, thread_name_prefix="gen3nb-register") as pool,
            noted(run.interrupt),
        ):
            begin()
            rest = enumerate(entries.each())
            while part := run.read(rest):
                run.work(part, pool)
                meter.advance(len(part))
    seconds = time.monotonic() - started
    where = f"{entries.name}, at {connection.endpoint}"
    report = RegisterReport(run.spool, run.left, where=where, seconds=seconds, dry_run=dry_run)
    if run.interrupted:
        raise TransferError(
            f"Interrupted: {report}. The same call again goes on where this one stopped.",
            report=report,
            interrupted=True,
        )
    if run.fatal is not None and not report.counts.get("registered"):
        raise run.fatal
    if run.fatal is not None:
        raise TransferError(
            f"It ended early: {str(run.fatal).rstrip('. ')}. So far: {report}. The same call again goes on.",
            report=report,
        ) from run.fatal
    return report


class _Registration:
    """The work of one call, a batch at a time."""

    def __init__(
        self, connection: UploadConnection, usual: Sequence[str], stop: threading.Event, *, dry_run: bool
    ) -> None:
        self.indexd: Indexd = connection.indexd
        self.username: str = connection.auth.username or ""
        self.usual = tuple(usual)
        self.stop = stop
        self.dry_run = dry_run
        self.spool = Spool()
        self.left = KeptEntries()
        self.interrupted = False
        self.fatal: Gen3Error | None = None
        self._guids = Seen()
        self._contents = Seen()
        self._present: dict[tuple[str, ...], Present] = {}

    def interrupt(self) -> None:
        """Stop as soon as possible."""
        self.interrupted = True
        self.stop.set()

    def end(self, error: Gen3Error) -> None:
        """Stop because of what will meet all others too."""
        self.fatal = self.fatal or error
        self.stop.set()

    def read(self, rest: Iterator[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
        """Read a batch; where the manifest cannot be read on, as much of it as there is."""
        part: list[tuple[int, Entry]] = []
        try:
            part.extend(islice(rest, BATCH))
        except Gen3Error as error:
            self.end(error)
        return part

    def work(self, part: Iterable[tuple[int, Entry]], pool: ThreadPoolExecutor) -> None:
        """Check a batch, and register what is right."""
        if self.stop.is_set():
            for at, entry in part:
                self._settle(_Checked(at, entry, "not started", self._why))
            return
        checked = [self._checked(at, entry) for at, entry in part]
        try:
            checked = self._compared(checked)
        except Gen3Error as error:
            self.end(error)
            checked = [
                one if one.status else replace(one, status="not started", why=self._why) for one in checked
            ]
        for one in checked:
            if one.status:
                self._settle(one)
        todo = [one for one in checked if not one.status]
        if self.dry_run:
            for one in todo:
                self._settle(replace(one, status="registered"))
            return
        under_way: list[tuple[_Checked, Future[str]]] = [(one, pool.submit(self._send, one)) for one in todo]
        for one, future in under_way:
            failure = future.exception()
            if failure is None:
                self._settle(replace(one, status=future.result()))
            elif isinstance(failure, _Stopped):
                self._settle(replace(one, status="not started", why=self._why))
            elif isinstance(failure, Gen3Error):
                self._settle(replace(one, status="failed", why=str(failure)))
                if isinstance(failure, AuthError) and set(one.entry.authz) == set(self.usual):
                    self.end(failure)
            else:
                raise failure

    @property
    def _why(self) -> str:
        return "interrupted" if self.interrupted else str(self.fatal) if self.fatal else "stopped"

    def _settle(self, one: _Checked) -> None:
        urls = tuple(_plain(url) for url in one.entry.urls)
        name = one.entry.file_name or (urls[0] if urls else "")
        outcome = Outcome(one.entry.guid, name, 0, 0.0, one.hash, one.status, one.why)
        self.spool.put([(one.at, outcome)])
        if one.status in ("failed", "not started"):
            self.left.add(replace(one.entry, urls=urls), one.why)

    # -- checks --------------------------------------------------------------------------------------------

    def _checked(self, at: int, entry: Entry) -> _Checked:
        """See that an entry says what the index needs, and is the only one of its GUID."""
        entry = replace(entry, authz=entry.authz or self.usual)
        why = "; ".join(_problems(entry))
        if not why and entry.guid:
            first, row = self._guids.first(entry.guid, at, str(entry.row))
            if first != at:
                why = f"the GUID stands in row {row} too"
        return _Checked(at, entry, "failed" if why else "", why)

    def _compared(self, checked: list[_Checked]) -> list[_Checked]:
        """Compare a batch with what the index has."""
        wanted = [one.entry.guid for one in checked if one.entry.guid and not one.status]
        known = patiently(lambda: self.indexd.bulk(wanted), self.stop) if wanted else {}
        compared = []
        for one in checked:
            if one.status:
                compared.append(one)
            elif one.entry.guid in known:
                compared.append(_against(one, known[one.entry.guid]))
            elif not one.entry.guid:
                compared.append(self._by_content(one))
            else:
                compared.append(one)
        return compared

    def _by_content(self, one: _Checked) -> _Checked:
        """Find the GUID of an entry that names none, by what it holds; else make one."""
        entry = one.entry
        key = json.dumps([entry.size, sorted(entry.hashes.items()), sorted(entry.authz)])
        first, row = self._contents.first(key, one.at, str(entry.row))
        if first != one.at:
            why = f"the same content as row {row}: give it a GUID, or put both urls in one row"
            return replace(one, status="failed", why=why)
        authz = tuple(sorted(entry.authz))
        if authz not in self._present:
            self._present[authz] = Present(self.indexd, authz, self.username, BATCH)
        present = self._present[authz]
        found = patiently(lambda: present.find(entry.size or 0, entry.hashes), self.stop)
        if found is not None:
            return _against(one, self.indexd.get(found["did"]))
        # made here, so that a request whose answer is lost can be sent again
        return replace(one, entry=replace(entry, guid=f"{self.indexd.prefix()}{uuid.uuid4()}"))

    # -- sending -------------------------------------------------------------------------------------------

    def _send(self, one: _Checked) -> str:
        """Register one, or add its places; give its status."""
        entry = one.entry
        left, pause = TRIES, PAUSE
        while True:
            if self.stop.is_set():
                raise _Stopped("stopped")
            left -= 1
            try:
                if one.add:
                    record = self.indexd.get(entry.guid)
                    urls = [*record["urls"], *(url for url in one.add if url not in record["urls"])]
                    self.indexd.update(entry.guid, {"urls": urls}, record["rev"])
                else:
                    self.indexd.create(
                        size=entry.size or 0,
                        hashes=_hashes(entry),
                        urls=entry.urls,
                        authz=entry.authz,
                        guid=entry.guid,
                        file_name=entry.file_name,
                    )
                return "registered"
            except Conflict:
                # it is there: by us, whose answer was lost, or by somebody else at this moment
                found = _against(one, self.indexd.get(entry.guid))
                if found.status == "failed":
                    raise TransferError(found.why) from None
                if not found.add:
                    return "registered" if left < TRIES - 1 else "already there"
                if left <= 0:
                    raise TransferError("others keep changing its record; try again later") from None
                one = found  # its places lack there
            except Gen3Error as error:
                if not is_passing(error) or left <= 0:
                    raise
            self.stop.wait(pause)
            pause *= 2


class _Stopped(Gen3Error):
    """Somebody wants it to stop."""


def _plain(url: str) -> str:
    """Give a url without its query where that is a secret, as that of a presigned one."""
    return url if redact(url) == url else url.partition("?")[0]


def _hashes(entry: Entry) -> dict[str, str]:
    """Give the hashes as the index spells their kinds."""
    return {"sha1" if kind == "sha" else kind: value for kind, value in entry.hashes.items()}


def _problems(entry: Entry) -> Iterator[str]:
    """Say what an entry lacks."""
    if entry.wrong:
        yield entry.wrong
    if entry.size is None and not set(SIZES) & set(entry.more):
        yield "its size is missing (bytes)"
    if wrong := bad_hashes(entry):
        yield wrong
    elif not entry.hashes:
        yield "it has no hash: md5, sha1, sha256 or sha512, in hexadecimal"
    if not entry.urls:
        yield "it has no url: where is the file?"
    for url in entry.urls:
        if not _is_place(url):
            yield f"{_plain(url)!r} is no place: write s3://bucket/key, gs://…, https://…"
        elif _plain(url) != url:
            yield "its url is a presigned one, which runs out and is a secret: write where the file is"
    if entry.guid and not _GUID.fullmatch(entry.guid):
        yield f"{entry.guid!r} is no GUID: it ends with a UUID, such as {uuid.UUID(int=0)}"
    if not entry.authz:
        yield "nobody would be able to read it: it has no authz, and none is given for all (authz or project)"
    for resource in entry.authz:
        if not resource.startswith("/"):
            yield f"{resource!r} is no resource: write /programs/P/projects/Q"


def _is_place(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that are no address
        return False
    return bool(parts.scheme and parts.netloc)


def _against(one: _Checked, record: dict[str, Any]) -> _Checked:
    """Compare an entry with the record of its GUID."""
    entry = replace(one.entry, guid=record["did"])
    kind = agree(record["hashes"], entry.hashes)
    differing = []
    if record["size"] != entry.size:
        size = "unknown" if record["size"] is None else f"{record['size']:,}"
        differing.append(f"its size there is {size}, not {entry.size:,}")
    if kind is None:
        differing.append("its hash there is another one")
    if sorted(record["authz"]) != sorted(entry.authz):
        differing.append(f"its authz there is {', '.join(record['authz']) or 'none'}")
    if differing:
        why = f"the index has this GUID already, and says otherwise: {'; '.join(differing)}"
        return replace(one, entry=entry, status="failed", why=why)
    lacking = tuple(url for url in entry.urls if url not in record["urls"])
    if lacking:
        return replace(one, entry=entry, hash=kind or "", add=lacking, why="its places are added")
    return replace(one, entry=entry, status="already there", hash=kind or "")
