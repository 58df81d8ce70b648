"""How many records a choice holds, and which part of it the commons filters: for the panel that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gen3nb.panels.style import escape, number

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.frames.selection import Selection

__all__ = ["counted_as_shown"]

#: Up to so many records, what is filtered here is counted too, which means to read the columns.
COUNTED_HERE = 5_000


def counted_as_shown(
    commons: Commons, selection: Selection, where: dict[str, Any], total: int
) -> tuple[int, str]:
    """Count what the commons filters, then what is left here, if that does not take reading much.

    Parameters
    ----------
    commons : Commons
    selection : Selection
        With the conditions.
    where : dict
        The conditions.
    total : int
        How many records there are without them.

    Returns
    -------
    (int, str)
        How many are left, and a sentence (HTML) that says where they are filtered.
    """
    there = {name: condition for name, condition in where.items() if not isinstance(condition, tuple)}
    if not selection.local:
        return (found := selection.count()), f"The commons filters {number(total)} to {number(found)}."
    read = total
    words = ""
    if there:
        sent = commons.select(selection.node, project=selection.project, columns=["id"], where=there)
        read = sent.count()
        words = f"The commons filters {number(total)} to {number(read)}. "
    rest = escape("; ".join(selection.local))
    if read > COUNTED_HERE:
        return read, f"{words}Then {rest} is filtered here."
    found = selection.count()
    return found, f"{words}{number(read)} to {number(found)} are filtered here: {rest}."
