"""What the submission service answers to a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gen3nb.client.redaction import redact

__all__ = ["Transaction"]


@dataclass(frozen=True)
class Transaction:
    """What the submission service answered to a change.

    An answer is no proof of what is stored.

    Parameters
    ----------
    ok : bool
        Whether it says that all was done; if not, nothing was.
    code : int
        The HTTP status.
    id : int or None
        The transaction's number.
    message : str
        The service's words.
    created, updated, deleted : int
        How many records it says were created, updated, deleted.
    entities : list of dict
        One for each record sent, in that order.
    errors : list
        What concerns the whole request rather than one record.
    body : dict
        The whole answer.
    """

    ok: bool
    code: int
    id: int | None
    message: str
    created: int
    updated: int
    deleted: int
    entities: list[dict[str, Any]]
    errors: list[Any]
    body: dict[str, Any]

    @classmethod
    def of(cls, body: Mapping[str, Any], status: int) -> Transaction:
        """Read an answer's body."""
        number = body.get("transaction_id")
        return cls(
            ok=bool(body.get("success")) and status < 300,
            code=status,
            id=number if isinstance(number, int) else None,
            message=redact(str(body.get("message") or "")),
            created=int(body.get("created_entity_count") or 0),
            updated=int(body.get("updated_entity_count") or 0),
            deleted=int(body.get("deleted_entity_count") or 0),
            entities=[item for item in body.get("entities") or [] if isinstance(item, dict)],
            errors=list(body.get("transactional_errors") or []),
            body=dict(body),
        )

    def problems(self) -> list[str]:
        """Give every complaint as a sentence, with the record that it is about."""
        found = [_words(error) for error in self.errors]
        for position, entity in enumerate(self.entities, start=1):
            keys = entity.get("unique_keys") or [{}]
            name = next(
                (key[k] for key in keys for k in ("submitter_id", "code", "name") if key.get(k)), None
            )
            where = f"{entity.get('type') or 'record'} {name!r}" if name else f"record {position}"
            found += [f"{where}: {_words(error)}" for error in entity.get("errors") or []]
        return found


def _words(error: Any) -> str:
    """Give an error's message, whichever form it has."""
    return str(error.get("message", error)) if isinstance(error, Mapping) else str(error)
