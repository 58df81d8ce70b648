"""What was found: one sentence and one remedy each."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from gen3nb.client.redaction import redact

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Examination", "Finding", "Status"]

Status: TypeAlias = Literal["ok", "warning", "wrong", "skipped"]
COLUMNS = ("check", "status", "said", "remedy")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    check : str
        What: ``"clock"``.
    status : "ok", "warning", "wrong" or "skipped"
        ``"wrong"`` keeps something from working; ``"warning"`` soon will, or may.
    said : str
        What was found.
    remedy : str
        What to do about it; empty where there is nothing to do.
    """

    check: str
    status: Status
    said: str
    remedy: str = ""

    def __post_init__(self) -> None:
        # whatever a library or a server said, no key gets further than here
        for name in ("said", "remedy"):
            object.__setattr__(self, name, redact(" ".join(getattr(self, name).split())))

    def row(self) -> dict[str, str]:
        """Give the finding as a plain row: check, status, said, remedy."""
        return {name: getattr(self, name) for name in COLUMNS}


class Examination:
    """All findings of one examination, in the order of looking.

    Attributes
    ----------
    findings : list of Finding
    endpoint : str
        The commons that was asked; empty if none was.
    """

    def __init__(self, findings: Sequence[Finding], *, endpoint: str = "") -> None:
        self.findings = list(findings)
        self.endpoint = endpoint

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings may be there."""
        return all(one.status != "wrong" for one in self.findings)

    def to_frame(self) -> pd.DataFrame:
        """Give one row per finding: check, status, said, remedy."""
        import pandas as pd

        return pd.DataFrame([one.row() for one in self.findings], columns=list(COLUMNS), dtype="string")

    def __str__(self) -> str:
        wrong = [one.check for one in self.findings if one.status == "wrong"]
        warned = [one.check for one in self.findings if one.status == "warning"]
        if not wrong and not warned:
            return "nothing is wrong"
        parts = [f"{len(wrong)} wrong ({', '.join(wrong)})"] if wrong else ["nothing is wrong"]
        if warned:
            parts.append(f"{len(warned)} to look at ({', '.join(warned)})")
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"<Examination: {self}>"

    def __bool__(self) -> bool:
        raise TypeError("An examination is neither true nor false: ask for .ok, or look at .findings")

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(value)}</td>" for value in one.row().values()) + "</tr>"
            for one in self.findings
        )
        heads = "".join(f"<th>{name}</th>" for name in COLUMNS)
        return f"<div><b>{html.escape(str(self))}</b></div><table><tr>{heads}</tr>{rows}</table>"

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON-ready data: ok, endpoint, findings."""
        return {
            "ok": self.ok,
            "endpoint": self.endpoint or None,
            "findings": [one.row() for one in self.findings],
        }
