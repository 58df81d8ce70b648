"""Empty forms for the records of a node: a typed frame, and the TSV that the service gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gen3nb.dictionary.elements import Node

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame", "header", "tsv"]


def header(node: Node) -> list[tuple[str, bool]]:
    """Give the columns of a submission, and which of them must be filled, in the service's order.

    That is: type, the unique keys, links, required properties, the others; each part by name. The commons'
    own properties are left out, but for project_id.

    Parameters
    ----------
    node : Node

    Returns
    -------
    list of (str, bool)
        Column and whether it is required.
    """
    return list(_header(node))


def _header(node: Node) -> Iterator[tuple[str, bool]]:
    listed = node.schema.get("required") or ()
    links = {link.name: link for link in node.links}
    given = set(node.properties) | {name for name in links if name in node.schema["properties"]}
    keys = {part for key in node.unique_keys for part in key} - {"type", "id"}
    hidden = (set(node.system_properties) - {"project_id"}) | {"id"}
    rest = given - keys - {"type"}
    ordered = ["type", *sorted(keys)]
    ordered += sorted(name for name in rest if name in links)
    ordered += sorted(name for name in rest if name not in links and name in listed)
    ordered += sorted(name for name in rest if name not in links and name not in listed)
    for name in ordered:
        if name not in hidden:
            yield links[name].column if name in links else name, name in listed
    # the index keeps a file's urls, not the graph, so the dictionary need not name them
    if node.category == "data_file" and "urls" not in given:
        yield "urls", False


def frame(node: Node) -> pd.DataFrame:
    """Give an empty DataFrame with the columns of a submission, typed by the dictionary.

    Parameters
    ----------
    node : Node

    Returns
    -------
    pandas.DataFrame
        No rows. Links to several targets, and arrays, are ``object`` columns for lists; other links text.
    """
    import pandas as pd

    links = {link.column: link for link in node.links}
    columns: dict[str, pd.Series] = {}
    for column in node.columns:
        if column in links:
            columns[column] = pd.Series([], dtype=object if links[column].to_many else pd.StringDtype())
        elif column in node.properties:
            columns[column] = pd.Series([], dtype=node.properties[column].dtype)
        else:
            columns[column] = pd.Series([], dtype=pd.StringDtype())
    return pd.DataFrame(columns)


def tsv(node: Node) -> str:
    """Give the text of the service's template (sheepdog ``GET /v0/submission/template/{node}?format=tsv``).

    Parameters
    ----------
    node : Node

    Returns
    -------
    str
        A header with required columns starred, and a row with the type alone; lines end in CR LF.
    """
    columns = header(node)
    names = "\t".join(f"*{name}" if required else name for name, required in columns)
    blanks = "\t" * (len(columns) - 1)
    return f"{names}\r\n{node.name}{blanks}\r\n"
