"""The dictionary as tables: its nodes, a node's properties, and what a search finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from gen3nb.dictionary.elements import Node, submitted
from gen3nb.dictionary.wording import link_words, shown, type_label

if TYPE_CHECKING:
    from gen3nb.dictionary.model import Dictionary

__all__ = ["nodes_table", "properties_table", "search_table", "submitted"]


def nodes_table(dictionary: Dictionary) -> pd.DataFrame:
    """Give one row per node, in submission order (see :attr:`Dictionary.nodes`)."""
    rows = []
    for node in dictionary.values():
        props = submitted(node)
        rows.append(
            {
                "node": node.name,
                "title": node.title,
                "category": node.category,
                "description": node.description,
                "properties": len(props),
                "required": sum(prop.required for prop in props.values()),
                "parents": ", ".join(dict.fromkeys(link.target for link in node.links)),
                "submittable": node.submittable,
                "is_file": node.is_file,
            }
        )
    columns = ["node", "title", "category", "description", "properties", "required", "parents"]
    return pd.DataFrame(rows, columns=[*columns, "submittable", "is_file"])


def properties_table(node: Node) -> pd.DataFrame:
    """Give one row per link and per property of a node that a person fills in, required ones first.

    Parameters
    ----------
    node : Node

    Returns
    -------
    pandas.DataFrame
        Columns: column, type, required, description, values (an enum's, joined).
    """
    rows = [
        {
            "column": link.column,
            "type": f"link to {link.target}",
            "required": link.name in node.required,
            "description": link_words(link),
            "values": "",
        }
        for link in node.links
    ]
    props = submitted(node)
    for prop in sorted(props.values(), key=lambda one: not one.required):
        enum = prop.enum or (prop.items.enum if prop.items else None) or ()
        rows.append(
            {
                "column": prop.name,
                "type": type_label(prop),
                "required": prop.required,
                "description": prop.description,
                "values": ", ".join(map(str, enum)),
            }
        )
    return pd.DataFrame(rows, columns=["column", "type", "required", "description", "values"])


class _Entry(NamedTuple):
    """One thing to be found."""

    node: str
    property: str
    type: str
    description: str
    values: tuple[str, ...]


def _entries(dictionary: Dictionary) -> Iterator[_Entry]:
    for node in dictionary.values():
        title = "" if node.title.casefold() == node.name.casefold() else f"{node.title}. "
        yield _Entry(node.name, "", node.category, title + node.description, ())
        for link in node.links:
            yield _Entry(node.name, link.name, f"link to {link.target}", link_words(link), ())
        for prop in submitted(node).values():
            enum = prop.enum or (prop.items.enum if prop.items else None) or ()
            values = tuple(map(str, enum))
            yield _Entry(node.name, prop.name, type_label(prop), prop.description, values)


def search_table(dictionary: Dictionary, text: str) -> pd.DataFrame:
    """Find words in a dictionary (see :meth:`Dictionary.search`)."""
    words = text.casefold().split()
    ranked: list[tuple[int, int, dict[str, str]]] = []
    for number, entry in enumerate(_entries(dictionary)):
        rank, where = _match(entry, words)
        if rank:
            row = {
                "node": entry.node,
                "property": entry.property,
                "type": entry.type,
                "description": entry.description,
                "where": where,
            }
            ranked.append((rank, number, row))
    rows = [row for _, _, row in sorted(ranked, key=lambda one: one[:2])]
    return pd.DataFrame(rows, columns=["node", "property", "type", "description", "where"])


def _match(entry: _Entry, words: list[str]) -> tuple[int, str]:
    """Rank how an entry holds all the words; 0: not at all, 1: it is its name, up to 6: scattered."""
    name = (entry.property or entry.node).casefold()
    spoken = name.replace("_", " ")
    kind = "node" if not entry.property else "link" if entry.type.startswith("link to ") else "property"
    if not words:
        return 0, ""
    if " ".join(words) in {name, spoken}:
        return 1, kind
    if all(f" {spoken}".find(f" {word}") >= 0 or name.startswith(word) for word in words):
        return 2, kind
    for value in entry.values:
        if all(word in value.casefold() for word in words):
            return 3, f"value: {value}"
    if all(word in name or word in spoken for word in words):
        return 4, kind
    everything = " ".join((entry.node, name, spoken, entry.type, entry.description)).casefold()
    if all(word in everything for word in words):
        return 5, "description"
    held = [value for value in entry.values if any(word in value.casefold() for word in words)]
    if held and all(word in everything or any(word in one.casefold() for one in held) for word in words):
        return 6, f"value: {shown(held[0])[1:-1]}"
    return 0, ""
