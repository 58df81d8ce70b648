"""Deleting records: all that are asked for, or none."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .graph import now
from .schemas import Schemas
from .sheepdog_documents import UserError
from .sheepdog_entities import Entity
from .sheepdog_log import FAILED, SUCCEEDED, Log
from .sheepdog_records import Record, Session

if TYPE_CHECKING:
    from .state import State

ALLOWED_STATES = (None, "validated", "live", "uploaded", "md5summed", "invalid", "error")
ALLOWED_FILE_STATES = (None, "registered")
DEPEND = (
    "Unable to delete entity because at least {} other(s) directly or indirectly depend on it. You can only"
    " delete this entity by deleting its dependents prior to, or during the same transaction as this one."
)


@dataclass
class Deletion:
    """What a request asks to delete.

    ``marking`` only marks records as to be deleted (an administrator's request), ``fields`` clears properties
    instead of deleting records.
    """

    facts: dict[str, Any]
    username: str
    ids: list[str]
    dry_run: bool = False
    marking: bool = False
    fields: list[str] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    dependents: list[str] = field(default_factory=list)

    @property
    def success(self) -> bool:
        """Whether nothing is wrong so far."""
        return all(entity.valid for entity in self.entities)

    def answer(self, session: Session, transaction: int) -> dict[str, Any]:
        """Return the answer's body."""
        number = len(self.entities)
        message = "Deletion transaction failed."
        if self.success and self.dry_run:
            message = f"Dry run successful. Would have deleted {number} entities"
        elif self.success:
            message = f"Successfully deleted {number} entities"
        return {
            "code": 200 if self.success else 400,
            "deleted_entity_count": number if self.success else 0,
            "dependent_ids": ",".join(self.dependents),
            "entities": [entity.answer(session) for entity in self.entities],
            "entity_error_count": sum(not entity.valid for entity in self.entities),
            "message": message,
            "success": self.success,
            "transaction_id": transaction,
            "transactional_error_count": 0,
            "transactional_errors": [],
        }


def delete(state: State, job: Deletion) -> tuple[int, dict[str, Any]]:
    """Carry out a deletion; return the status and the body of the answer."""
    program, code = str(job.facts["program"]), str(job.facts["code"])
    with state.graph.write() as db:
        log = Log(db, program, code, "delete", job.username, dry_run=job.dry_run)
        session = Session(db, state.schemas, f"{program}-{code}")
        _find(job, session)
        if not job.fields:
            _test(job, Dependents(db, state.schemas), deleting=job.success)
        document = log.document(None, "N/A", "")
        answer = job.answer(session, log.id)
        log.response(document, answer)
        if job.success:
            log.snapshots(job.entities)
        log.state(SUCCEEDED if job.success else FAILED)
        if job.success and not job.dry_run and not job.marking:
            _carry_out(job, session)
    return int(answer["code"]), answer


def _find(job: Deletion, session: Session) -> None:
    found = [
        one
        for one in session.by_ids(dict.fromkeys(job.ids))
        if one.props.get("project_id") == session.project_id
    ]
    order = list(session.schemas.nodes)
    # the service reads type by type, from the last to the first
    found.sort(key=lambda record: -order.index(record.type))
    for record in found:
        entity = Entity({}, record.type)
        entity.id, entity.action, entity.record = record.id, "delete", record
        entity.old = {key: value for key, value in record.props.items() if value is not None}
        job.entities.append(entity)
    known = {record.id for record in found}
    for id_ in job.ids:
        if id_ not in known:
            entity = Entity({}, None)
            entity.action = "delete"
            entity.error("Entity not found.", ["id"], "NOT_FOUND", id=id_)
            job.entities.append(entity)


def _test(job: Deletion, graph: Dependents, *, deleting: bool) -> None:
    records = [entity.record for entity in job.entities if entity.record is not None]
    if deleting and not job.marking:
        graph.gone.update((record.type, record.id) for record in records)
    for entity in job.entities:
        if entity.record is None:
            continue
        _test_state(entity, graph.schemas)
        found = graph.of((entity.record.type, entity.record.id))
        if found:
            job.dependents += [id_ for _, id_ in found]
            dependents = [{"id": id_, "type": node} for node, id_ in found]
            entity.error(DEPEND.format(len(found)), [], "INVALID_LINK", dependents=dependents)


def _test_state(entity: Entity, schemas: Schemas) -> None:
    props = entity.record.props if entity.record else {}
    state = props.get("state")
    if state == "submitted":
        words = (
            "This node has been submitted. Deletion is disallowed for submitted entities. This node must be"
            " redacted."
        )
        entity.error(words, ["state"], "INVALID_PERMISSIONS")
    elif state not in ALLOWED_STATES:
        words = f"Unable to delete entity because it is in state '{state}'."
        entity.error(words, ["state"], "INVALID_PERMISSIONS")
    file_state = props.get("file_state")
    if "file_state" in schemas.stored(str(entity.type)) and file_state not in ALLOWED_FILE_STATES:
        words = (
            f"This node has file_state '{file_state}'. Deletion is disallowed for entities that have raw "
            "data uploaded to the GDC.  In order to delete this node you must first delete the raw data with "
            "the Data Transfer Tool."
        )
        entity.error(words, ["file_state"], "INVALID_PERMISSIONS")


class Dependents:
    """Finds which records would miss a required link.

    ``gone`` are the records (type, id) that are thought away, and grows while dependents are found.
    """

    def __init__(self, db: sqlite3.Connection, schemas: Schemas) -> None:
        self.db = db
        self.schemas = schemas
        self.gone: set[tuple[str, str]] = set()

    def of(self, place: tuple[str, str]) -> list[tuple[str, str]]:
        """Return dependents of a record: one child, one child of that, and so on."""
        rows = self.db.execute(
            "SELECT src_type, src_id FROM edge WHERE dst_id = ? AND dst_type = ? ORDER BY rowid",
            (place[1], place[0]),
        ).fetchall()
        for child in rows:
            if child not in self.gone and self._misses_link(child):
                self.gone.add(child)
                return [child, *self.of(child)]
        return []

    def _misses_link(self, place: tuple[str, str]) -> bool:
        rows = self.db.execute(
            "SELECT name, dst_type, dst_id FROM edge WHERE src_id = ? AND src_type = ?", (place[1], place[0])
        ).fetchall()
        left = {name for name, node, id_ in rows if (node, id_) not in self.gone}
        return not all(_satisfied(link, left) for link in self.schemas.nodes[place[0]].get("links") or ())


def _satisfied(link: dict[str, Any], left: set[str]) -> bool:
    if "subgroup" in link:
        filled = any(_filled(inner, left) for inner in link["subgroup"])
        return (filled or not link.get("required")) and all(
            _satisfied(inner, left) for inner in link["subgroup"]
        )
    return link["name"] in left or not link.get("required")


def _filled(link: dict[str, Any], left: set[str]) -> bool:
    if "subgroup" in link:
        return any(_filled(inner, left) for inner in link["subgroup"])
    return link["name"] in left


def _carry_out(job: Deletion, session: Session) -> None:
    records = [entity.record for entity in job.entities if entity.record is not None]
    if job.fields:
        _clear(job, records, session)
        return
    places = [(record.id, record.type) for record in records]
    session.db.executemany("DELETE FROM node WHERE id = ? AND type = ?", places)
    session.db.executemany("DELETE FROM edge WHERE src_id = ? AND src_type = ?", places)
    session.db.executemany("DELETE FROM edge WHERE dst_id = ? AND dst_type = ?", places)


def _clear(job: Deletion, records: list[Record], session: Session) -> None:
    for record in records:
        schema = session.schemas.nodes[record.type]
        for name in job.fields:
            if name not in session.schemas.stored(record.type):
                words = f'Attempted to delete non-existing field "{name}" in a node {record.type}'
                raise UserError(words)
            if name in (schema.get("required") or ()) or name in (schema.get("systemProperties") or ()):
                raise UserError(f'Unable to delete protected field "{name}" in a {record.type} node')
            record.props[name] = None
    session.write(records, now())
