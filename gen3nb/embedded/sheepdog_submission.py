"""Submitting records: one request is one transaction, which is stored whole or not at all."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .graph import now
from .schemas import SchemaError, Schemas, load
from .sheepdog_documents import InternalError
from .sheepdog_entities import Entity, LinkChecker, parse, specify
from .sheepdog_files import FileMaker, parse_file
from .sheepdog_log import ERRORED, FAILED, SUCCEEDED, Log
from .sheepdog_records import Session, folded_keys, plain_keys
from .sheepdog_rules import Rules

if TYPE_CHECKING:
    from .state import State

LOGGER = logging.getLogger(__name__)

BROKEN = "Internal server error. Sorry, something unexpected went wrong!"
DRY_RUN = (
    "Transaction would have been successful. User selected dry run option, transaction aborted, no data"
    " written to database."
)


class Refusal(Exception):
    """The database would not take it: a unique key, or an id, is taken."""


@dataclass
class Submission:
    """What a request asks for.

    Attributes
    ----------
    program, project : dict
        Name and code with what else is known of the project, see :meth:`Graph.project`.
    role : str
        ``"create"`` (POST) or ``"update"`` (PUT).
    documents : list
        The records as parsed.
    text, kind, name
        The document as it came, its format and its name.
    """

    facts: dict[str, Any]
    role: str
    username: str
    documents: list[Any]
    text: str
    kind: str = "json"
    name: str | None = None
    dry_run: bool = False
    entities: list[Entity] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    transaction: int = 0

    @property
    def program(self) -> str:
        """The program's name."""
        return str(self.facts["program"])

    @property
    def code(self) -> str:
        """The project's code."""
        return str(self.facts["code"])

    @property
    def project_id(self) -> str:
        """``PROGRAM-PROJECT``."""
        return f"{self.program}-{self.code}"

    @property
    def valid(self) -> list[Entity]:
        """Entities that nothing is wrong with so far."""
        return [entity for entity in self.entities if entity.valid]

    @property
    def success(self) -> bool:
        """Whether nothing is wrong so far."""
        return not self.errors and all(entity.valid for entity in self.entities)

    @property
    def status(self) -> int:
        """The HTTP status, which is also the answer's ``code``."""
        if self.dry_run or (self.success and self.role != "create"):
            return 200
        return 201 if self.success else 400

    def answer(self, session: Session) -> dict[str, Any]:
        """Return the answer's body."""
        bad = sum(not entity.valid for entity in self.entities)
        actions = [entity.action for entity in self.entities] if self.success else []
        return {
            "code": self.status,
            "created_entity_count": actions.count("create"),
            "entities": [entity.answer(session) for entity in self.entities],
            "entity_error_count": bad,
            "message": self._message(bad),
            "success": self.success,
            "transaction_id": self.transaction,
            "transactional_error_count": len(self.errors),
            "transactional_errors": self.errors,
            "updated_entity_count": actions.count("update"),
        }

    def _message(self, bad: int) -> str:
        if self.success:
            return DRY_RUN if self.dry_run else "Transaction successful."
        parts = []
        if bad:
            parts.append(f"{bad} invalid {'entities' if bad > 1 else 'entity'}")
        if self.errors:
            parts.append(f"{len(self.errors)} transactional error(s)")
        return f"Transaction aborted due to {' and '.join(parts)}."


class Submitter:
    """Carries out submissions on one practice commons."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.schemas: Schemas = state.schemas
        self.rules = Rules(state.schemas)
        try:
            # of what the database refuses, the service knows the words for the types of its own dictionary
            # only
            self.worded = set(load().nodes)
        except SchemaError:
            self.worded = set()

    def submit(self, job: Submission) -> tuple[int, dict[str, Any]]:
        """Carry out a submission; return the status and the body of the answer.

        Raises
        ------
        InternalError
            Where the service itself fails; nothing is stored then.
        """
        self._parse(job)
        canonical = storable(job.documents)
        if canonical is not None:
            self._check(job)
        failed = False
        answer: dict[str, Any] = {}
        with self.state.graph.write() as db:
            log = Log(db, job.program, job.code, job.role, job.username, dry_run=job.dry_run)
            job.transaction = log.id
            session = Session(db, self.schemas, job.project_id)
            if canonical is None:
                job.errors.append(BROKEN)
                log.state(ERRORED)
                return job.status, job.answer(session)
            log.canonical(canonical)
            document = log.document(job.name, job.kind, job.text)
            try:
                self._run(job, session, log)
            except Refusal:
                answer = job.answer(session)
            except InternalError:
                failed = True
            except Exception:
                # whatever goes wrong, the service says it in these words; the server's log has the rest
                LOGGER.exception("A submission to %s failed", job.project_id)
                job.errors.append(BROKEN)
                log.state(ERRORED)
                answer = job.answer(session)
            else:
                answer = job.answer(session)
                log.response(document, answer)
        if failed:
            raise InternalError
        return job.status, answer

    def _parse(self, job: Submission) -> None:
        for doc in job.documents:
            node = doc.get("type") if isinstance(doc, dict) else None
            try:
                if isinstance(doc, dict) and not (isinstance(node, str) and node in self.schemas.nodes):
                    raise ValueError(f'[400] - Node type "{node}" not found in dictionary')
                file = parse_file(doc) if isinstance(node, str) and self.schemas.is_file(node) else None
            except (ValueError, AttributeError) as error:
                job.errors.append({"message": f"Unable to parse entity. Details: {error}"})
                continue
            entity = parse(doc, self.schemas, job.role)
            entity.file = file
            job.entities.append(entity)

    def _check(self, job: Submission) -> None:
        """Check the documents against their schemas."""
        for entity in job.entities:
            if entity.type is None:
                entity.error("'type' is a required property", ["type"])
                return  # the service breaks off here, and checks no further document
            if not self.rules.valid(entity.type, entity.doc):
                for message, keys in self.rules.errors(entity.type, entity.doc):
                    entity.error(message, keys)

    def _run(self, job: Submission, session: Session, log: Log) -> None:
        maker = FileMaker(
            session,
            job.role,
            job.code,
            index=self.state.index,
            facts=job.facts,
            username=job.username,
            program=job.program,
        )
        maker.prefetch(job.entities)
        for entity in job.valid:
            maker.instantiate(entity)
        self._refuse_repeated(job)
        self._specify(job)
        self._flush(job, session, maker)
        for entity in job.valid:
            maker.set_links(entity)
        checker = LinkChecker(session, job.entities)
        for entity in job.valid:
            checker.check(entity)
        self._specify(job)
        if not job.entities:
            job.errors.append("Nothing to submit")
        moment = now()
        if not job.success:
            log.state(FAILED)
            return
        if not job.dry_run:
            records = {
                id(entity.record): entity.record for entity in job.entities if entity.record is not None
            }
            session.write(records.values(), moment)
        log.snapshots(job.entities)
        log.state(SUCCEEDED)

    def _specify(self, job: Submission) -> None:
        for entity in job.entities:
            if entity.errors:
                specify(entity, self.schemas)

    def _refuse_repeated(self, job: Submission) -> None:
        """Two entities of one spelling are an error; of two spellings the database will know."""
        seen = set()
        for entity in job.valid:
            keys = plain_keys(entity.keys)
            if keys:
                if keys in seen:
                    job.errors.append({"message": f"Entity is not unique, {keys}", "type": "NOT_UNIQUE"})
                seen.add(keys)

    def _flush(self, job: Submission, session: Session, maker: FileMaker) -> None:
        """Do what sending the records to the database does: register files, have unique keys checked."""
        entities = [entity for entity in job.valid if entity.record is not None]
        for entity in entities:
            if entity.file is not None:
                maker.register(entity)
        fresh = [entity for entity in entities if entity.record is not None and entity.record.new]
        if not job.errors and taken(fresh, session):
            self._refuse(fresh, session)
        session.load_links(entity.record for entity in entities if entity.record is not None)
        maker.clear_links(entities)
        for entity in fresh:
            if entity.record is not None:
                session.add(entity.record)
        maker.prefetch_targets(entities)

    def _refuse(self, fresh: list[Entity], session: Session) -> None:
        """Break off. Only entities that are stored in the very same spelling hear of it.

        For the others the service notices nothing: it answers as if all had gone well, and nothing is stored.
        """
        if any(entity.type not in self.worded for entity in fresh):
            raise InternalError
        for entity in fresh:
            if entity.record is None:
                continue
            for keys in session.unique(entity.record.type, entity.record.props):
                stored = session.find(entity.record.type, None, [keys]) if all(keys.values()) else []
                if any(all(one.props.get(name) == value for name, value in keys.items()) for one in stored):
                    words = f"{entity.record.type} with {keys} already exists in the DB"
                    entity.error(words, list(keys))
        raise Refusal


def taken(fresh: list[Entity], session: Session) -> bool:
    """Whether the database would refuse new records: an id or unique key is stored, or comes twice."""
    records = [entity.record for entity in fresh if entity.record is not None]
    given = [entity.record.id for entity in fresh if entity.doc.get("id") and entity.record is not None]
    seen: set[Any] = {(record.type, record.id) for record in session.by_ids(given)} if given else set()
    for record in records:
        place: Any = (record.type, record.id)
        if place in seen:
            return True
        seen.add(place)
        for number, keys in enumerate(session.unique(record.type, record.props)):
            if not all(keys.values()):
                continue
            place = (record.type, number, folded_keys([keys]))
            if place in seen or session.find(record.type, None, [keys]):
                return True
            seen.add(place)
    return False


def storable(documents: list[Any]) -> str | None:
    """Return the documents as JSON, or None if the database cannot hold them: NUL, lone surrogates, NaN."""
    try:
        text = json.dumps(documents, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (ValueError, UnicodeEncodeError):
        return None
    if "\\u0000" in text and _has_nul(documents):
        return None
    return text


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _has_nul(inner) for name, inner in value.items())
    return isinstance(value, list) and any(_has_nul(inner) for inner in value)
