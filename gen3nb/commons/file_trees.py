"""Files by project and name: folders that the index does not have, made of the names that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from gen3nb.client.arborist import methods_on
from gen3nb.client.project import ProjectId
from gen3nb.errors import NoSuchFile, NotFound

if TYPE_CHECKING:
    from gen3nb.commons.facade import Commons

__all__ = ["Listing", "project_files", "readable"]

READING = {"read", "read-storage", "*"}
OPEN = "/open"

Record = Mapping[str, Any]


@dataclass
class Listing:
    """Files by the path of their names, and the folders that these make.

    Attributes
    ----------
    files : dict of str to record
        A name that several files have is there once for each, with ``@`` and its GUID.
    folders : dict of str to dict
        What lies in a folder, by name; the record of a file, ``None`` for a folder. The first is ``""``.
    """

    files: dict[str, Record] = field(default_factory=dict)
    folders: dict[str, dict[str, Record | None]] = field(default_factory=lambda: {"": {}})

    def add(self, path: str, record: Record | None) -> None:
        """Add a file, or a folder without a record."""
        if record is not None:
            self.files[path] = record
        else:
            self.folders.setdefault(path, {})
        while path:
            parent, _, name = path.rpartition("/")
            held = self.folders.setdefault(parent, {})
            if record is not None or name not in held:
                held[name] = record
            path, record = parent, None

    def inside(self, folder: str) -> Iterator[tuple[str, Record | None]]:
        """Give what lies directly in a folder, by name."""
        for name, record in sorted(self.folders[folder].items()):
            path = f"{folder}/{name}" if folder else name
            if path in self.folders and record is not None:
                yield name, None  # a file and a folder of one name
            yield name, record

    def missing(self, path: str, address: str) -> str:
        """Say that there is no such file, and what it may be."""
        several = sorted(name for name in self.files if name.startswith(f"{path}@"))
        if several:
            return f"{address} names {len(several)} files; say which: {', '.join(several[:5])}"
        near = get_close_matches(path, self.files, 1)
        return f"there is no file {address}" + (f"; did you mean {near[0]}?" if near else "")


def project_files(commons: Commons, place: str) -> Listing:
    """List a project's files by name (``GET /index/index/?authz=``), or the projects where none is named.

    Parameters
    ----------
    commons : Commons
    place : str
        ``"programs/P/projects/Q"``, or empty.
    """
    listing = Listing()
    if not place:
        listing.add("programs", None)
        for known in commons.sheepdog.all_projects():
            listing.add(known.resource.strip("/"), None)
        return listing
    _, program, _, code = place.split("/")
    records = list(commons.indexd.records(project=ProjectId(program, code)))
    if not records and ProjectId(program, code) not in commons.sheepdog.all_projects():
        raise NoSuchFile(f"{commons.endpoint} has no project {program}-{code}", service="indexd")
    names = [_name(record) for record in records]
    counts = Counter(names)
    for name, record in zip(names, records, strict=True):
        listing.add(name if counts[name] == 1 else f"{name}@{record['did'].replace('/', '_')}", record)
    return listing


def readable(commons: Commons, prefix: str) -> Iterator[Record]:
    """Give the files of a prefix that the user may read, by GUID (``GET /index/index/``)."""
    try:
        grants = commons.arborist.mapping()
    except NotFound:  # who may what is then known to fence alone
        grants = None
    known: dict[str, bool] = {OPEN: True}

    def may(resource: str) -> bool:
        if resource not in known:
            known[resource] = grants is None or bool(methods_on(grants, resource, None) & READING)
        return known[resource]

    for record in commons.indexd.records():
        if not record["did"].startswith(prefix):
            continue
        if "*" in (record.get("acl") or ()) or (
            all(may(one) for one in record["authz"])
            if record["authz"]
            else record.get("uploader") == commons.auth.username
        ):
            yield record


def _name(record: Record) -> str:
    """Give the path of a file in its project: its name without steps that lead elsewhere."""
    parts = str(record.get("file_name") or "").replace("\\", "/").split("/")
    kept = [part for part in parts if part not in ("", ".", "..")]
    return "/".join(kept) or str(record["did"]).replace("/", "_")
