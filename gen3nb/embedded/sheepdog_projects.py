"""Programs and projects, the states of a project, and what can be done with logged transactions."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from .graph import Graph, now
from .schemas import Schemas, class_name
from .sheepdog_documents import InternalError, UserError, parse_document, parse_table, python_types
from .sheepdog_log import ERRORED, FAILED, SUCCEEDED, Log
from .sheepdog_records import Record, Session

if TYPE_CHECKING:
    from .state import State

#: The service derives the ids of programs and projects from their names with these.
PROGRAM_SEED = uuid.UUID("85b08c6a-56a6-4474-9c30-b65abfd214a8")
PROJECT_SEED = uuid.UUID("249b4405-2c69-45d9-96bc-7410333d5d80")
GAP = " " * 29
STATES = {"review": ("open", "review"), "open": ("review", "open"), "submit": ("review", "submitted")}


def single_document(body: bytes, kind: str, schemas: Schemas, what: str) -> dict[str, Any]:
    """Read the one document of a program or project."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InternalError from None
    document = parse_document(body) if kind == "json" else parse_table(text, kind, schemas)
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        words = f"The {what} creation endpoint only supports single documents (dict). Received data of type "
        raise UserError(f"{words}{type(document)}: {document}")
    return document


def create_program(state: State, document: dict[str, Any]) -> dict[str, Any]:
    """Register a program, or set its dbGaP number."""
    if document.get("type") != "program":
        raise UserError(f"Invalid type in key type='{document.get('type')}'")
    name, number = document.get("name"), document.get("dbgap_accession_number")
    if not name:
        raise UserError("No program specified in key 'name'")
    if not isinstance(name, str) or not isinstance(number, str | None):
        raise InternalError
    with state.graph.write() as db:
        session = Session(db, state.schemas, "")
        known = state.graph.program(name)
        id_ = known["id"] if known else str(uuid.uuid5(PROGRAM_SEED, name))
        record = next((one for one in session.by_ids([id_]) if one.type == "program"), None)
        record = record or Record("program", id_)
        record.props.update(name=name, dbgap_accession_number=number)
        session.write([record], now())
    message = "Program is updated!" if known else "Program registered."
    return {"id": id_, "name": name, "message": message}


def create_project(
    state: State, program: dict[str, Any], document: dict[str, Any], path: str, username: str
) -> dict[str, Any]:
    """Register a project, or change its properties; its schema is not asked."""
    kind = document.get("type")
    if kind and kind != "project":
        raise UserError(f"Invalid post to program endpoint with type='{kind}'")
    code = document.get("code")
    if not code:
        raise UserError("No project specified in key 'code'")
    if not document.get("dbgap_accession_number"):
        raise UserError("No dbgap_accession_number specified.")
    if not isinstance(code, str):
        raise InternalError
    with state.graph.write() as db:
        known = state.graph.project(program["name"], code)
        id_ = known["id"] if known else str(uuid.uuid5(PROJECT_SEED, code))
        session = Session(db, state.schemas, f"{program['name']}-{code}")
        stored = next((one for one in session.by_ids([id_]) if one.type == "project"), None)
        if stored and not known:
            raise UserError(f"ERROR: Project {code} already exists in DB")
        record = stored or Record("project", id_)
        if known is None:
            record.props["state"] = "open"
            record.links["programs"] = [Record("program", program["id"]).target]
        _set_project(record, document, state.schemas)
        require_state(known or {"state": "open"}, ("open",), path)
        log = Log(db, program["name"], code, "update", username, dry_run=False)
        session.write([record], now())
    action = "update" if known else "create"
    entity = {"action": action, "id": id_, "type": "project", "unique_keys": [{"code": code}], "valid": True}
    return {
        "code": 200,
        "created_entity_count": int(action == "create"),
        "entities": [{**entity, "errors": [], "warnings": []}],
        "entity_error_count": 0,
        "message": "Transaction successful.",
        "success": True,
        "transaction_id": log.id,
        "transactional_error_count": 0,
        "transactional_errors": [],
        "updated_entity_count": int(action == "update"),
    }


def _set_project(record: Record, document: dict[str, Any], schemas: Schemas) -> None:
    stored = schemas.stored("project")
    for name, value in document.items():
        if name in ("type", "state", "released"):
            continue
        if name not in stored:
            raise UserError(f"ERROR: <{class_name('project')}({record.id})> has no property {name}")
        kinds = python_types(stored[name])
        enum = stored[name].get("enum")
        if value is not None and (not isinstance(value, kinds) or (enum and value not in enum)):
            raise InternalError
        record.props[name] = value


def delete_program(graph: Graph, name: str) -> None:
    """Take an empty program away."""
    program = graph.program(name)
    if program is None:
        raise UserError(f"program {name} not found", 404)
    if graph.projects(name):
        raise UserError(f"ERROR: Can not delete the program.{GAP}Program {name} is not empty")
    with graph.write() as db:
        db.execute("DELETE FROM node WHERE type = 'program' AND id = ?", (program["id"],))


def delete_project(graph: Graph, project: dict[str, Any], username: str) -> None:
    """Take an empty project away."""
    with graph.write() as db:
        if db.execute("SELECT 1 FROM edge WHERE dst_id = ? LIMIT 1", (project["id"],)).fetchone():
            raise UserError(f"ERROR: Can not delete the project.{GAP}Project {project['code']} is not empty")
        Log(db, project["program"], project["code"], "delete", username, dry_run=False)
        db.execute("DELETE FROM node WHERE type = 'project' AND id = ?", (project["id"],))
        db.execute("DELETE FROM edge WHERE src_id = ? AND src_type = 'project'", (project["id"],))


# -- states
# ----------------------------------------------------------------------------------------------------


def require_state(project: dict[str, Any], states: tuple[str, ...], path: str) -> None:
    """Refuse a request that the project's state does not allow."""
    if project["state"] not in states:
        raise UserError(
            f"Project is in state '{project['state']}', which prevents {path}. In order to perform this"
            f" action, the project must be in state <{' or '.join(states)}>."
        )


def transition(
    state: State, project: dict[str, Any], action: str, path: str, username: str, *, dry_run: bool
) -> tuple[int, dict[str, Any]]:
    """Move a project to another state."""
    if action == "release":
        return _release(state, project, username, dry_run=dry_run)
    before, after = STATES[action]
    require_state(project, (before,), path)
    if action == "submit":
        raise InternalError
    with state.graph.write() as db:
        log = Log(db, project["program"], project["code"], action, username, dry_run=dry_run)
        words = f"uccessfully transitioned project state to '{after}'"
        answer = _answer(log, f"Dry run successful. Would have s{words}" if dry_run else f"S{words}")
        if not dry_run:
            _set_state(db, project["id"], after)
        _finish(log, answer)
    return 200, answer


def _release(
    state: State, project: dict[str, Any], username: str, *, dry_run: bool
) -> tuple[int, dict[str, Any]]:
    with state.graph.write() as db:
        log = Log(db, project["program"], project["code"], "release", username, dry_run=dry_run)
        if project.get("releasable"):
            words = (
                "Successfully released project"
                if not dry_run
                else "Dry run successful. Would have released project"
            )
            answer = _answer(log, words)
        else:
            error = {"message": "Project is not releasable. Project must be submitted at least once first."}
            answer = _answer(log, "Release transaction failed.", error)
        _finish(log, answer)
    return int(answer["code"]), answer


def _set_state(db: Any, id_: str, state: str) -> None:
    db.execute(
        "UPDATE node SET state = ?, updated = ? WHERE type = 'project' AND id = ?", (state, now(), id_)
    )


def _answer(log: Log, message: str, *errors: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": 400 if errors else 200,
        "entities": [],
        "entity_error_count": 0,
        "message": message,
        "success": not errors,
        "transaction_id": log.id,
        "transactional_error_count": len(errors),
        "transactional_errors": list(errors),
    }


def _finish(log: Log, answer: dict[str, Any]) -> None:
    document = log.document(None, "N/A", "")
    log.response(document, answer)
    log.state(SUCCEEDED if answer["success"] else FAILED)


# -- transactions
# ----------------------------------------------------------------------------------------------

FACTS = (
    "id",
    "program",
    "project",
    "role",
    "state",
    "closed",
    "committed_by",
    "is_dry_run",
    "canonical_json",
)


def transaction(graph: Graph, id_: int) -> dict[str, Any] | None:
    """Return the entry of a transaction in the log, or None."""
    columns = ", ".join(FACTS)
    rows = graph.query(f"SELECT {columns} FROM transaction_log WHERE id = ?", (id_,))  # noqa: S608 - fixed names
    return dict(zip(FACTS, rows[0], strict=True)) if rows else None


def close(graph: Graph, project: dict[str, Any], id_: int) -> dict[str, Any]:
    """Keep a dry run from being committed."""
    entry = transaction(graph, id_)
    if entry is None:
        place = f"{project['program']}-{project['code']}"
        raise UserError(f"Unable to find transaction_log with id {id_} for project {place}", 404)
    if entry["closed"]:
        raise UserError("This transaction log is already closed.")
    if not entry["is_dry_run"]:
        raise UserError("This transaction log is not a dry run. Closing it would have no effect.")
    if entry["committed_by"] is not None:
        raise UserError("This transaction log has already been committed. Closing it would have no effect.")
    with graph.write() as db:
        db.execute("UPDATE transaction_log SET closed = 1 WHERE id = ?", (id_,))
    return {"code": 200, "message": "Closed transaction.", "transaction_id": id_}


def committable(graph: Graph, project: dict[str, Any], id_: int) -> dict[str, Any]:
    """Return the entry of a dry run that may be carried out for good."""
    entry = transaction(graph, id_)
    place = f"{project['program']}-{project['code']}"
    if entry is None:
        raise UserError(f"Unable to find transaction_log with id: {id_} for project {place}", 404)
    if entry["state"] in (FAILED, ERRORED) or entry["state"] != SUCCEEDED:
        raise UserError(f"Unable to commit transaction log in state {entry['state']}.")
    if entry["closed"]:
        raise UserError("Unable to commit closed transaction log.")
    if entry["committed_by"] is not None:
        words = f"This transaction_log was committed already by transaction '{entry['committed_by']}'."
        raise UserError(words)
    if not entry["is_dry_run"]:
        raise UserError(f"Cannot submit transaction_log '{id_}', not a dry_run.")
    if (entry["program"], entry["project"]) != (project["program"], project["code"]):
        raise UserError(f"Cannot submit transaction_log '{id_}', in project {place}.")
    return {**entry, "documents": json.loads(entry["canonical_json"])}


def committed(graph: Graph, id_: int, by: int) -> None:
    """Note by which transaction a dry run was carried out."""
    with graph.write() as db:
        db.execute("UPDATE transaction_log SET committed_by = ? WHERE id = ?", (by, id_))


def deleted_in(graph: Graph, id_: int) -> list[str]:
    """Return the ids of the records that a dry run of a deletion was about."""
    rows = graph.query(
        "SELECT entity_id FROM transaction_snapshot WHERE transaction_id = ? ORDER BY id", (id_,)
    )
    return [row[0] for row in rows]
