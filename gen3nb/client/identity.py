"""Who is signed in, how, and until when."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, datetime

from gen3nb.client.tokens import when

__all__ = ["Identity", "moment"]


@dataclass(frozen=True)
class Identity:
    """The answer of ``commons.whoami()``.

    Parameters
    ----------
    username, name, email : str
        The user, as fence knows them.
    endpoint : str
        The commons.
    source : str
        Where the credentials were found, in words.
    profile : str or None
        The profile, if it was one.
    admin : bool
        Whether fence calls the user an administrator.
    expires : datetime or None
        When the access token ends; it renews itself while there is a key.
    key_expires : datetime or None
        When the API key ends.
    projects : dict of str to tuple of str
        The methods that the user has on each project; ``("*",)`` is all.
    """

    username: str
    name: str
    email: str
    endpoint: str
    source: str
    profile: str | None
    admin: bool
    expires: datetime | None
    key_expires: datetime | None
    projects: dict[str, tuple[str, ...]]

    def _rows(self) -> list[tuple[str, str]]:
        """Give what there is to say, as pairs."""
        person = self.username + (f" ({self.name})" if self.name and self.name != self.username else "")
        rows = [
            ("user", person + (", administrator" if self.admin else "")),
            ("commons", self.endpoint),
            ("signed in by", self.source),
            ("token until", _said(self.expires) + (", renews itself" if self.key_expires else "")),
        ]
        if self.key_expires is not None:
            rows.append(("API key until", _said(self.key_expires)))
        shown = [
            f"{project}: {'everything' if '*' in methods else ', '.join(methods)}"
            for project, methods in list(self.projects.items())[:10]
        ]
        if len(self.projects) > 10:
            shown.append(f"and {len(self.projects) - 10} more: commons.access()")
        rows.append(("access", "; ".join(shown) or "to no project"))
        return rows

    def __str__(self) -> str:
        return "\n".join(f"{label:>13}: {value}" for label, value in self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for label, value in self._rows()
        )
        return f"<table>{body}</table>"


def moment(seconds: float | None) -> datetime | None:
    """Give a time in this machine's time zone."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    except (OverflowError, ValueError, OSError):
        return None


def _said(time: datetime | None) -> str:
    return when(time.timestamp() if time is not None else None)
