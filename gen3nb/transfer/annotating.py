"""What else is to be known of a file that is uploaded: its authz, other names, and metadata of any kind."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from gen3nb.errors import Gen3Error, TransferError
from gen3nb.transfer.sources import SIDECAR, LocalFile

if TYPE_CHECKING:
    from gen3nb.client.indexd import Indexd
    from gen3nb.client.metadata import Metadata

__all__ = ["Annotations", "FileMetadata", "Given", "by_path", "facts_of"]

#: ``True``: what ``a_metadata.json`` says of ``a.bam``; or path to what such a file would hold.
Given: TypeAlias = bool | Mapping[str, Mapping[str, Any]]

KNOWN = ("authz", "aliases", "metadata")


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What a ``_metadata.json`` says.

    Attributes
    ----------
    authz : tuple of str
        Empty: that of the call.
    aliases : tuple of str
        Other names, in the index.
    metadata : Mapping
        For the metadata service, which shows it to everybody.
    """

    authz: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.aliases or self.metadata)


def facts_of(file: LocalFile, given: Given) -> FileMetadata | None:
    """Give what is said of a file; ``None`` where nothing is.

    Raises
    ------
    TransferError
        It cannot be read, or is not of this form.
    """
    if not given:
        return None
    if isinstance(given, Mapping):
        # a mapping may name paths as the user wrote them
        held = given.get(file.path)
        return _read(held, f"the metadata of {file.path}") if held is not None else None
    path = os.path.splitext(file.path)[0] + SIDECAR
    problem = ""
    try:
        with open(path, "rb") as opened:
            content = json.load(opened)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except ValueError as error:
        problem = f"is not JSON: {error}"
    if problem:
        raise TransferError(f"its metadata file {path} {problem}")
    return _read(content, path)


def by_path(given: Given) -> Given:
    """Give a mapping with absolute paths."""
    if not isinstance(given, Mapping):
        return given
    return {os.path.abspath(os.path.expanduser(path)): facts for path, facts in given.items()}


def _read(content: Any, where: str) -> FileMetadata:
    if not isinstance(content, Mapping):
        raise TransferError(f'{where} is no object: {{"authz": […], "aliases": […], "metadata": {{…}}}}')
    unknown = sorted(set(map(str, content)) - set(KNOWN))
    if unknown:
        raise TransferError(f"{where} has {', '.join(unknown)}; it may have {', '.join(KNOWN)}")
    lists = {}
    for name in ("authz", "aliases"):
        held = content.get(name) or []
        if not isinstance(held, list | tuple) or not all(isinstance(one, str) for one in held):
            raise TransferError(f"{name} in {where} is no list of texts")
        lists[name] = tuple(held)
    metadata = content.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise TransferError(f"metadata in {where} is no object")
    return FileMetadata(lists["authz"], lists["aliases"], metadata)


class Annotations:
    """Stores aliases in the index, and metadata in the metadata service.

    Parameters
    ----------
    indexd : Indexd
    metadata : Metadata
    look_first : bool
        Metadata may be there already, since Shepherd keeps it when a file gets its GUID; to write it here
        takes more rights.
    """

    def __init__(self, indexd: Indexd, metadata: Metadata, *, look_first: bool = False) -> None:
        self.indexd = indexd
        self.metadata = metadata
        self.look_first = look_first

    def store(self, facts: Mapping[str, FileMetadata]) -> dict[str, str]:
        """Store what is said of files, by GUID.

        Returns
        -------
        dict of str to str
            Why something was not stored, by GUID. What is there already, and the same, counts as stored.
        """
        why: dict[str, str] = {}
        for guid, one in facts.items():
            if one.aliases:
                self._alias(guid, one.aliases, why)
        told = {guid: one.metadata for guid, one in facts.items() if one.metadata}
        if self.look_first:
            told = {guid: said for guid, said in told.items() if not self._holds(guid, said)}
        if not told:
            return why
        try:
            done = self.metadata.create_many(told, overwrite=False)
        except Gen3Error as error:
            words = f"its metadata was not stored: {error}"
            return why | {guid: _joined(why.get(guid), words) for guid in told}
        for guid in done.get("bad_input", ()):
            why[guid] = _joined(why.get(guid), "its metadata was not stored: the service does not take it")
        for guid in done.get("conflict", ()):
            if not self._holds(guid, told[guid]):
                words = "its metadata was not stored: the commons has other metadata of it, which stays"
                why[guid] = _joined(why.get(guid), words)
        return why

    def _alias(self, guid: str, aliases: Sequence[str], why: dict[str, str]) -> None:
        try:
            missing = set(aliases) - set(self.indexd.aliases(guid))
            if missing:
                self.indexd.add_aliases(guid, [one for one in aliases if one in missing])
        except Gen3Error as error:
            why[guid] = f"its other names were not stored: {error}"

    def _holds(self, guid: str, said: Mapping[str, Any]) -> bool:
        """Say whether the service has all that is said of a file, and maybe facts of its own."""
        try:
            known = self.metadata.get(guid)
        except Gen3Error:
            return False
        return all(name in known and known[name] == value for name, value in said.items())


def _joined(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
