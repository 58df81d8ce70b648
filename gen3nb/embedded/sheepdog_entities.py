"""Submitted documents on their way to becoming records: found or made, filled, linked, checked.

The steps, their order and their words are the submission service's own. Some of what they do is odd; that is
the point of a practice commons.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

from .schemas import LinkDef, Schemas
from .sheepdog_records import Record, Session, Target, plain_keys

UUID = re.compile(r"^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$")
NOT_DEFAULTS = {"id", "type", "created_datetime", "updated_datetime", "project_id"}
SPECIAL = {"type", "id", "created_datetime", "updated_datetime"}


class Entity:
    """One submitted document, what was found out about it, and the record it becomes."""

    __slots__ = ("action", "doc", "errors", "file", "id", "keys", "old", "record", "type", "warnings")

    def __init__(self, doc: dict[str, Any], node: str | None) -> None:
        self.doc = doc
        self.type = node
        self.id: str | None = None
        self.action: str | None = None
        self.errors: list[dict[str, Any]] = []
        self.warnings: list[dict[str, Any]] = []
        self.record: Record | None = None
        self.keys: list[dict[str, Any]] = []
        self.old: dict[str, Any] = {}
        self.file: Any = None

    @property
    def valid(self) -> bool:
        """Whether nothing was found wrong so far."""
        return not self.errors

    def error(self, message: str, keys: list[str] | None = None, kind: str = "ERROR", **more: Any) -> None:
        """Note what is wrong."""
        self.errors.append({"message": message, "keys": list(keys or ()), "type": kind, **more})

    def answer(self, session: Session) -> dict[str, Any]:
        """Describe the entity as answers do."""
        keys: list[dict[str, Any]] = []
        if self.type is not None:
            keys = session.unique(self.type, self.record.props if self.record else self.doc)
        return {
            "action": self.action,
            "errors": self.errors,
            "id": self.id,
            "type": self.type,
            "unique_keys": keys,
            "valid": self.valid,
            "warnings": self.warnings,
        }


def parse(doc: Any, schemas: Schemas, role: str) -> Entity:
    """Read type and id of one document, whose type is known to exist if it is an object."""
    if not isinstance(doc, dict):
        entity = Entity({}, None)
        words = f"Entity document must be an object, not a {type(doc).__name__}"
        entity.error(words, kind="INVALID_VALUE")
        return entity
    entity = Entity(doc, doc["type"])
    if "project_id" not in schemas.stored(doc["type"]):
        words = f"{doc['type']} is not an entity that can be upload via the project endpoint."
        entity.error(words, ["id"], "INVALID_TYPE")
        return entity
    entity.id = doc.get("id")
    if role == "create" and entity.id and not (isinstance(entity.id, str) and UUID.match(entity.id)):
        entity.error("Cannot create entity with custom id that is not a UUID.", ["id"], "INVALID_VALUE")
    return entity


def specify(entity: Entity, schemas: Schemas) -> None:
    """Give errors that have no kind yet the one that their words or properties tell."""
    for error in entity.errors:
        if error["type"] != "ERROR":
            continue
        if "is not of type" in error["message"]:
            error["type"] = "INVALID_VALUE"
        elif "is a required property" in error["message"]:
            error["type"] = "MISSING_PROPERTY"
        elif entity.type and error["keys"]:
            names = {link.name for link in schemas.links_of(entity.type)}
            names |= {link.backref for link in schemas.backrefs_of(entity.type)}
            if error["keys"][0] in names:
                error["type"] = "INVALID_LINK"


class Maker:
    """Finds or makes the records of entities, and links them.

    Parameters
    ----------
    session : Session
        What the transaction sees.
    role : str
        ``"create"`` (POST) or ``"update"`` (PUT).
    project : str
        The project's code.
    """

    def __init__(self, session: Session, role: str, project: str) -> None:
        self.session = session
        self.schemas = session.schemas
        self.role = role
        self.project = project
        self.project_id = session.project_id
        self._defaults: dict[str, dict[str, Any]] = {}

    # -- records -------------------------------------------------------------------------------------------

    def prefetch(self, entities: list[Entity]) -> None:
        """Look up in a few queries what :meth:`instantiate` will ask for."""
        wanted = []
        for entity in entities:
            if entity.type is None:
                continue
            entity.keys = self.session.unique(entity.type, entity.doc)
            if self.session.usual(entity.type):
                project, submitter = entity.keys[0].get("project_id"), entity.keys[0].get("submitter_id")
                if isinstance(project, str) and isinstance(submitter, str) and submitter:
                    wanted.append((entity.type, project, submitter))
        self.session.prefetch(wanted)

    def instantiate(self, entity: Entity) -> None:
        """Find or make the record of an entity, and set its properties."""
        if not entity.valid or entity.type is None:
            return
        if not (entity.id or entity.keys):
            self._without_keys(entity)
            return
        record = self._create(entity) if self.role == "create" else self._merge(entity)
        if record is not None:
            entity.record = record
            self._set_properties(entity, record)

    def _without_keys(self, entity: Entity) -> None:
        words = (
            f"There are no unique keys defined on type {entity.type} except for the official GDC id.  "
            "To upload this entity you must add a UUID"
        )
        entity.error(words, ["id"], "MISSING_PROPERTY")

    def _create(self, entity: Entity) -> Record | None:
        node = str(entity.type)
        if entity.id and self.role == "create" and len(self.session.find(node, entity.id, entity.keys)) == 1:
            words = "Cannot create entity that already exists. Try updating entity (PUT instead of POST)"
            entity.error(words, ["id"], "NOT_UNIQUE")
            return None
        entity.id = entity.id or str(uuid.uuid4())
        for name, value in self.defaults(node).items():
            if entity.doc.get(name) is None:
                entity.doc[name] = value
        entity.action = "create"
        return Record(node, entity.id)

    def _merge(self, entity: Entity) -> Record | None:
        found = self.session.find(str(entity.type), entity.id, entity.keys)
        if not found:
            return self._create(entity)
        if len(found) > 1:
            words = f"Entity is not unique, multiple entities found with {plain_keys(entity.keys)}"
            entity.error(words, [], "NOT_UNIQUE")
            return None
        record = found[0]
        entity.old = {key: value for key, value in record.props.items() if value is not None}
        owner = record.props.get("project_id")
        if owner != self.project_id:
            words = f"Entity is owned by project {owner}, not {self.project_id}"
            entity.error(words, [], "INVALID_PERMISSIONS")
        if record.props.get("state") is None and "state" in self.schemas.stored(record.type):
            record.props["state"] = "validated"
        for name in self.defaults(record.type):
            given, stored = entity.doc.get(name), record.props.get(name)
            if given and given != stored:
                words = f"Property '{name}' ({given}) is a system property and will be ignored."
                entity.warnings.append({"message": words, "keys": [name], "type": "INVALID_PROPERTY"})
            entity.doc[name] = stored
        entity.action, entity.id = "update", record.id
        return record

    def defaults(self, node: str) -> dict[str, Any]:
        """Return the values that system properties of this type get by themselves."""
        if node not in self._defaults:
            schema = self.schemas.nodes[node]
            stored = self.schemas.stored(node)
            system = [name for name in schema.get("systemProperties") or () if name not in NOT_DEFAULTS]
            self._defaults[node] = {
                name: stored[name]["default"] for name in system if "default" in stored.get(name, ())
            }
        return self._defaults[node]

    def _set_properties(self, entity: Entity, record: Record) -> None:
        schema = self.schemas.nodes[record.type]
        stored = self.schemas.stored(record.type)
        system = schema.get("systemProperties") or ()
        links = {link.name for link in self.schemas.links_of(record.type)}
        record.props["project_id"] = self.project_id
        for name, value in entity.doc.items():
            if name in SPECIAL or name in links:
                continue
            if name not in stored:
                words = f"Key '{name}' is not a valid property for type '{record.type}'."
                entity.error(words, [name], "INVALID_PROPERTY")
            elif name in system or name == "project_id":
                present = record.props.get(name)
                if present is None:
                    record.props[name] = self.defaults(record.type).get(name)
                elif present != value:
                    words = f"Key '{name}' is a system property and cannot be updated from "
                    words += f"'{present}' to '{value}'"
                    entity.error(words, [name], "INVALID_PERMISSIONS")
            else:
                record.props[name] = value

    # -- links ---------------------------------------------------------------------------------------------

    def clear_links(self, entities: list[Entity]) -> None:
        """Take away the links that are given as null."""
        for entity in entities:
            record = entity.record
            if record is None or record.new:
                continue
            for link in self.schemas.links_of(record.type):
                if link.name in entity.doc and entity.doc[link.name] is None and record.links.get(link.name):
                    record.removed.append(link.name)
                    record.links[link.name] = []

    def prefetch_targets(self, entities: list[Entity]) -> None:
        """Look up in a few queries what :meth:`set_links` will ask for."""
        wanted = []
        for entity in entities:
            for link, given in self._given_links(entity):
                keys = self.session.unique(link.target, given)
                if given.get("id") is None and keys and self.session.usual(link.target):
                    project, submitter = keys[0]["project_id"], keys[0]["submitter_id"]
                    if project and submitter:
                        wanted.append((link.target, project, submitter))
        self.session.prefetch(wanted)

    def _given_links(self, entity: Entity) -> Iterator[tuple[LinkDef, dict[str, Any]]]:
        for link in self.schemas.links_of(str(entity.type)):
            given = entity.doc.get(link.name)
            for one in [given] if isinstance(given, dict) and given else given or ():
                yield link, one

    def set_links(self, entity: Entity) -> None:
        """Find the targets of an entity's links, and link to them."""
        record = entity.record
        if record is None:
            return
        for link, given in self._given_links(entity):
            id_ = given.get("id")
            keys = self.session.unique(link.target, given)
            found = [one.target for one in self.session.find(link.target, id_, keys, fresh=True)]
            if link.target == "project":
                for target in found:
                    if target.code != self.project:
                        words = f"Cannot link entity to project {target.code} under {self.project} endpoint"
                        entity.error(words, [], "INVALID_PERMISSIONS")
            if len(found) > 1:
                words = f"More than one link destination found for {link.name}"
                entity.error(words, [link.name], "INVALID_LINK")
            elif not found:
                words = f"No link destination found for {link.name}"
                words += f", id='{id_}'" if id_ else ""
                entity.error(f"{words}, unique_keys='{keys}'", [link.name], "INVALID_LINK")
            else:
                self._link(entity, record, link, found[0])

    def _link(self, entity: Entity, record: Record, link: LinkDef, target: Target) -> None:
        owner = target.project_id
        if "project_id" in self.schemas.stored(target.type) and owner != self.project_id:
            words = f"Relationship to {target.type} {target.id} in project {owner} not allowed"
            entity.error(words, [], "INVALID_LINK")
        present = record.links.setdefault(link.name, [])
        if not any(one.type == target.type and one.id == target.id for one in present):
            present.append(target)


class LinkChecker:
    """Checks that records have the links that their schemas ask for, and no more."""

    def __init__(self, session: Session, entities: list[Entity]) -> None:
        self.session = session
        self.schemas = session.schemas
        self._children: dict[tuple[str, str, str], set[str]] = {}
        self._records = {entity.record.id: entity.record for entity in entities if entity.record is not None}

    def check(self, entity: Entity) -> None:
        """Note what is wrong with an entity's links."""
        schema = self.schemas.nodes[str(entity.type)]
        for link in schema.get("links") or ():
            if "name" in link:
                self._one(link, entity)
            elif "subgroup" in link:
                self._group(link, entity)

    def _group(self, group: dict[str, Any], entity: Entity) -> tuple[int, str]:
        names, filled, count = [], 0, 0
        for inner in group["subgroup"]:
            length, name = self._group(inner, entity) if "subgroup" in inner else self._one(inner, entity)
            names.append(name)
            filled += length > 0
            count += length
        if group.get("required") is True and not filled:
            words = ", ".join([*names[:-2], " or ".join(names[-2:])])
            entity.error(f"Entity is missing a required link to {words}", names)
        if group.get("exclusive") is True and filled > 1:
            entity.error(f"Links to {names} are exclusive.  More than one was provided.", names)
        return count, ", ".join(names)

    def _one(self, link: dict[str, Any], entity: Entity) -> tuple[int, str]:
        name, multiplicity = link["name"], link.get("multiplicity")
        targets = entity.record.links.get(name, []) if entity.record else []
        if not targets:
            if link.get("required") is True:
                entity.error(f"Entity is missing required link to {name}", [name])
            return 0, name
        if multiplicity in ("many_to_one", "one_to_one") and len(targets) > 1:
            entity.error(f"'{name}' link has to be {multiplicity}", [name])
        if multiplicity in ("one_to_many", "one_to_one"):
            for target in targets:
                if len(self._children_of(target, str(entity.type), name)) > 1:
                    words = f"'{name}' link has to be {multiplicity}, target node {target.type} already has "
                    entity.error(words + link["backref"], [name])
        return len(targets), name

    def _children_of(self, target: Target, node: str, name: str) -> set[str]:
        """Children of a record by one link, as they will be after this transaction."""
        if (node, name, "") not in self._children:
            self._children[node, name, ""] = set()
            for record in self._records.values():
                if record.type == node:
                    for one in record.links.get(name, ()):
                        self._children.setdefault((node, name, one.id), set()).add(record.id)
        key = (node, name, "stored " + target.id)
        if key not in self._children:
            stored = self.session.children_of(target, node, name)
            self._children[key] = {id_ for id_ in stored if not self._gone(id_, name, target)}
        return self._children[key] | self._children.get((node, name, target.id), set())

    def _gone(self, id_: str, name: str, target: Target) -> bool:
        record = self._records.get(id_)
        return record is not None and all(one.id != target.id for one in record.links.get(name, ()))
