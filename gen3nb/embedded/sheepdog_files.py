"""File records: what the submission service agrees with the index service when one is submitted."""

from __future__ import annotations

import uuid
from typing import Any

from .indexd_store import IndexRefused, IndexStore
from .schemas import Schemas
from .sheepdog_entities import Entity, Maker
from .sheepdog_records import Record

UPDATABLE = (None, "", "registered", "uploading", "uploaded", "validating")


class File:
    """What the index knows about the file of one entity."""

    __slots__ = ("by_did", "by_hash", "claim", "did", "object_id", "urls")

    def __init__(self, urls: list[str], object_id: str | None) -> None:
        self.urls = urls
        self.object_id = object_id
        self.did: str | None = None
        self.by_did: dict[str, Any] | None = None
        self.by_hash: dict[str, Any] | None = None
        self.claim = False

    @property
    def exists(self) -> bool:
        """Whether the index has a document for it."""
        return bool(self.by_did or self.by_hash)


def parse_file(doc: dict[str, Any]) -> File:
    """Take from a document what is for the index: the urls, which no schema needs to know."""
    urls = doc.get("urls")
    if urls:
        found = urls.strip().split(",")
        del doc["urls"]
        return File(found, doc.get("object_id"))
    return File([], doc.get("object_id"))


class FileMaker(Maker):
    """Makes records, and for those of files agrees with the index."""

    def __init__(
        self, *arguments: Any, index: IndexStore, facts: dict[str, Any], username: str, program: str
    ) -> None:
        super().__init__(*arguments)
        self.index = index
        self.facts = facts
        self.username = username
        self.program = program

    # -- while records are made ----------------------------------------------------------------------------

    def _create(self, entity: Entity) -> Record | None:
        file: File | None = entity.file
        if file is None:
            return super()._create(entity)
        self._look(entity, file)
        if self._has_object_id(entity) and file.object_id and file.exists:
            if self._fits(entity, file):
                document = file.by_did or {}
                file.claim = not document.get("acl") and not document.get("authz")
        else:
            self._choose_ids(entity, file)
        record = super()._create(entity)
        if record is not None and self._has_object_id(entity):
            record.props["object_id"] = file.object_id
        return record

    def _merge(self, entity: Entity) -> Record | None:
        record = super()._merge(entity)
        file: File | None = entity.file
        if record is None or file is None:
            return record
        state = record.props.get("file_state")
        if "file_state" in self.schemas.stored(record.type) and state not in UPDATABLE:
            words = (
                f"This file is already in file_state '{state}' and cannot be updated. The raw data exists in "
                "the file storage and modifying the Entity now is unsafe and may cause problems for any "
                "processes or users consuming this data."
            )
            entity.error(words, ["file_state"], "INVALID_PERMISSIONS")
        if self._has_object_id(entity) and not file.object_id:
            file.object_id = record.props.get("object_id")
        self._look(entity, file)
        if not self._has_object_id(entity):
            self._same_id(entity, file)
        elif file.exists and not file.object_id:
            self._matches(entity, file)
        return record

    def _has_object_id(self, entity: Entity) -> bool:
        return has_object_id(self.schemas, str(entity.type))

    def _look(self, entity: Entity, file: File) -> None:
        md5, size = entity.doc.get("md5sum"), entity.doc.get("file_size")
        found = self.index.find({"md5": md5}, size or None) if md5 else []
        did = file.object_id if self._has_object_id(entity) else entity.id
        file.by_hash = found[0] if found else None
        file.by_did = self.index.get(did) if did else None

    def _choose_ids(self, entity: Entity, file: File) -> None:
        if self._has_object_id(entity):
            if not file.exists:
                file.did = file.object_id
            elif not file.object_id and file.by_hash:
                file.object_id = file.by_hash["did"]
        elif not file.exists:
            entity.id = entity.id or str(uuid.uuid4())
            file.did = entity.id
        elif entity.id:
            self._matches(entity, file)
        elif self._same_id(entity, file) and file.by_hash:
            entity.id = file.by_hash["did"]

    def _fits(self, entity: Entity, file: File) -> bool:
        """Whether hash and size are those of the document with the given object_id."""
        document = file.by_did
        hashes = {"md5": entity.doc["md5sum"]} if entity.doc.get("md5sum") else None
        size = entity.doc.get("file_size") or None
        if document is None:
            words = f"Provided object_id {file.object_id} does not match any indexed file."
        elif not document["hashes"] or not document["size"]:
            words = f"Indexed file of id {file.object_id} is not ready for metadata submission yet"
            words += " (no hashes and size)."
        elif not (hashes or {}).items() <= document["hashes"].items() or size != document["size"]:
            words = (
                f"Provided hash ({hashes}) and size ({size}) do not match those of indexed file of id "
                f"{file.object_id}."
            )
        else:
            return True
        entity.error(words, [], "INVALID_VALUE")
        return False

    def _matches(self, entity: Entity, file: File) -> None:
        """Note an error unless the index has one document with this id, hash and size."""
        did = file.object_id if self._has_object_id(entity) else entity.id
        hashes = {"md5": entity.doc["md5sum"]} if entity.doc.get("md5sum") else None
        if not file.by_hash or not file.by_did:
            words = (
                f"Could not find exact file match in index for id: {did} AND `hashes - size`: "
                f"`{hashes} - {entity.doc.get('file_size') or None}`. "
            )
            if file.by_hash:
                words += "A file was found matching `hash / size` but NOT id."
            elif file.by_did:
                words += "A file was found matching id but NOT `hash / size`."
            entity.error(words, [], "INVALID_VALUE")
        elif file.by_hash["did"] != file.by_did["did"]:
            words = (
                f"Provided id for indexed file {file.by_did['did']} does not match the id for the file "
                f"discovered in the index by hash/size (id: {file.by_hash['did']}). Updating a previous "
                "index with new file is currently NOT SUPPORTED."
            )
            entity.error(words, [], "INVALID_VALUE")
        elif not self._has_object_id(entity):
            self._same_id(entity, file)

    def _same_id(self, entity: Entity, file: File) -> bool:
        """Where the dictionary has no object_id, record and document must have one id."""
        found = self.session.find(str(entity.type), entity.id, entity.keys)
        if len(found) != 1 or not file.exists:
            return True
        by_did = file.by_did["did"] if file.by_did else None
        by_hash = file.by_hash["did"] if file.by_hash else None
        if by_did == found[0].id and by_hash == found[0].id:
            return True
        words = (
            "Graph ID and index file ID found in index service do not match, which is currently "
            f"not permitted. Graph ID: {found[0].id}. Index ID: {by_hash}. "
            f"Index ID found using hash/size: {by_did}."
        )
        entity.error(words, [], "NOT_UNIQUE")
        return False

    # -- when records are written --------------------------------------------------------------------------

    def register(self, entity: Entity) -> None:
        """Tell the index about the file of an entity; before links are checked, and in dry runs too."""
        file: File | None = entity.file
        record = entity.record
        if file is None or record is None:
            return
        try:
            if entity.action == "update":
                self._update_urls(file)
            elif file.claim:
                self._claim(entity, file, record)
            elif not file.exists:
                self._add(entity, file, record)
        except IndexRefused as refused:
            entity.error(refused.message)

    def _authz(self, record: Record) -> list[str]:
        paths = [f"/programs/{self.program}/projects/{self.project}"]
        if self.schemas.stored(record.type).get("consent_codes"):
            paths += [f"/consents/{code}" for code in record.props.get("consent_codes") or ()]
        return paths

    def _numbers(self) -> list[str]:
        numbers = (self.facts.get("dbgap_accession_number"), self.facts.get("dbgap"))
        return list(dict.fromkeys(number for number in numbers if number is not None))

    def _add(self, entity: Entity, file: File, record: Record) -> None:
        public = self.facts.get("availability_type") == "Open"
        document: dict[str, Any] = {
            "form": "object",
            "hashes": {"md5": record.props["md5sum"]} if record.props.get("md5sum") else {},
            "size": record.props.get("file_size"),
            "urls": file.urls,
            "acl": ["*"] if public else self._numbers(),
            "authz": self._authz(record),
        }
        if file.did:
            document["did"] = file.did
        did = self.index.create(document)["did"]
        if self._has_object_id(entity):
            record.props["object_id"] = did
        self.index.add_alias(did, f"{self.project_id}/{record.props.get('submitter_id')}")

    def _claim(self, entity: Entity, file: File, record: Record) -> None:
        document = file.by_did or {}
        changes: dict[str, Any] = {"authz": self._authz(record)}
        uploader = document.get("uploader")
        if uploader:
            if uploader != self.username:
                words = (
                    "Failed to update acl and uploader fields in indexd: current uploader "
                    f"({self.username}) is not original file uploader ({uploader}) "
                    f"and/or acl ({document.get('acl')}) is not empty."
                )
                entity.error(words, [], "INVALID_VALUE")
            else:
                changes.update(acl=self._numbers(), uploader=None)
        self.index.update(document["did"], document["rev"], changes)

    def _update_urls(self, file: File) -> None:
        document = file.by_did or file.by_hash
        if document and file.urls:
            kept = {url: facts for url, facts in document["urls_metadata"].items() if url in file.urls}
            changes = {"urls": file.urls, "urls_metadata": kept}
            self.index.update(document["did"], document["rev"], changes)


def has_object_id(schemas: Schemas, node: str) -> bool:
    """Whether records of a type keep the did of their file in a property of its own."""
    return bool(schemas.nodes[node].get("properties", {}).get("object_id"))
