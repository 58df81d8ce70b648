"""The log of transactions: every request to change something leaves an entry, and what came of it."""

from __future__ import annotations

import sqlite3
from typing import Any

from .graph import dump, now
from .sheepdog_entities import Entity

SUCCEEDED, FAILED, ERRORED, PENDING = "SUCCEEDED", "FAILED", "ERRORED", "PENDING"
TYPES = {"create": "upload", "update": "upload"}


class Log:
    """The entry of one transaction.

    It is made before the transaction does anything, and stays PENDING where the service breaks off.
    """

    def __init__(
        self, db: sqlite3.Connection, program: str, project: str, role: str, submitter: str, *, dry_run: bool
    ) -> None:
        self.db = db
        cursor = db.execute(
            "INSERT INTO transaction_log"
            " (project_id, program, project, role, type, state, is_dry_run, submitter, created_datetime)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                f"{program}-{project}",
                program,
                project,
                role,
                TYPES.get(role, role),
                PENDING,
                dry_run,
                submitter,
                now(),
            ),
        )
        self.id = int(cursor.lastrowid or 0)

    def state(self, state: str) -> None:
        """Set what became of the transaction."""
        self.db.execute("UPDATE transaction_log SET state = ? WHERE id = ?", (state, self.id))

    def canonical(self, text: str) -> None:
        """Keep the documents as they were understood, in JSON."""
        self.db.execute("UPDATE transaction_log SET canonical_json = ? WHERE id = ?", (text, self.id))

    def document(self, name: str | None, kind: str, text: str) -> int:
        """Keep the document as it came."""
        cursor = self.db.execute(
            "INSERT INTO transaction_document (transaction_id, name, doc_format, doc) VALUES (?, ?, ?, ?)",
            (self.id, name, kind, text),
        )
        return int(cursor.lastrowid or 0)

    def response(self, document: int, answer: dict[str, Any]) -> None:
        """Keep what was answered."""
        text = dump(answer)
        self.db.execute("UPDATE transaction_document SET response_json = ? WHERE id = ?", (text, document))

    def snapshots(self, entities: list[Entity]) -> None:
        """Keep how records were before and are now."""
        rows = [
            (
                self.id,
                entity.record.id,
                entity.record.type,
                entity.action,
                dump(entity.old) if entity.old else "{}",
                dump(entity.record.props),
            )
            for entity in entities
            if entity.record is not None
        ]
        self.db.executemany(
            "INSERT INTO transaction_snapshot"
            " (transaction_id, entity_id, entity_type, action, old_props, new_props)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
