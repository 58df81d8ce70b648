"""What panels offer to choose from: projects, nodes with their counts, properties, frames in the notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.panels.style import CATEGORIES, number

if TYPE_CHECKING:
    from gen3nb.commons import Commons
    from gen3nb.dictionary import Node, Property

__all__ = [
    "badge_of",
    "category",
    "frames_in_notebook",
    "node_items",
    "projects_of",
    "property_items",
    "record_counts",
    "usual",
]


def projects_of(commons: Commons) -> list[str]:
    """Give the ids of the commons' projects that the user may do something in, else of all."""
    access = commons.access()
    methods = [name for name in access.columns if name not in ("program", "project")]
    allowed = access[access[methods].any(axis=1)] if methods else access
    return [str(name) for name in (allowed if len(allowed) else access)["project"]]


def record_counts(commons: Commons, project: str | None) -> dict[str, int]:
    """Give how many records each node has, in one project or in all that may be read."""
    counts = commons.counts(project)
    return {str(node): int(n) for node, n in counts.groupby("node")["records"].sum().items()}


def category(node: Node) -> str:
    """Give the hue of a node's category."""
    return "fil" if node.category.endswith("_file") else CATEGORIES.get(node.category, "adm")


def node_items(commons: Commons, counts: Mapping[str, int], *, ticks: bool = False) -> list[dict[str, Any]]:
    """Describe the nodes for a pick list: those with records first, each half in submission order."""
    dictionary = commons.dictionary
    names = [name for name in dictionary.order if name not in ("program", "project")]
    names.sort(key=lambda name: not counts.get(name))
    items = []
    for name in names:
        node, records = dictionary[name], counts.get(name, 0)
        item: dict[str, Any] = {
            "name": name,
            "category": category(node),
            "figure": number(records),
            "words": f"{node.title}: {node.description}"[:300],
        }
        if not records:
            item["disabled"] = True
            if ticks:
                item["figure"] = "no records"
        items.append(item)
    return items


def badge_of(prop: Property) -> str:
    """Say a property's type in a word."""
    if prop.kind == "enum":
        return f"enum {len(prop.enum or ())}"
    names = {
        "string": "text",
        "boolean": "yes/no",
        "integer": "whole number",
        "array": "list",
        "mixed": "mixed",
    }
    return names.get(prop.kind, prop.kind)


def property_items(node: Node) -> list[dict[str, Any]]:
    """Describe a node's columns for a pick list: key and links, required ones, the rest, the commons' own."""
    links = {link.column: link for link in node.links}
    own = [
        name
        for name in node.columns
        if name not in ("type", "id", "project_id") and (name in links or name in node.properties)
    ]
    system = [name for name in node.properties if name not in own and name != "type"]
    items: list[dict[str, Any]] = []
    for name in dict.fromkeys([*own, *system]):
        if name in links:
            link = links[name]
            items.append(
                {
                    "name": name,
                    "badge": f"link → {link.target}",
                    "required": link.required,
                    "words": f"{link.label} {link.target}",
                }
            )
        else:
            prop = node.properties[name]
            items.append(
                {
                    "name": name,
                    "badge": badge_of(prop),
                    "required": prop.required and not prop.system,
                    "words": prop.description[:300],
                }
            )
    return items


def usual(node: Node) -> list[str]:
    """Give the columns that are ticked at first: the key, the links, what is required, a few more."""
    items = property_items(node)
    links = [link.column for link in node.links]
    first = [name for name in (node.key,) if name in node.properties]
    wanted = [*first, *links, *(item["name"] for item in items if item["required"])]
    others = [
        item["name"]
        for item in items
        if item["name"] not in wanted and item["name"] in node.columns and item["name"] != "project_id"
    ]
    return list(dict.fromkeys([*wanted, *others[: max(0, 5 - len(set(wanted)))]]))[:10]


def frames_in_notebook() -> dict[str, pd.DataFrame]:
    """Give the DataFrames that have a name in the notebook."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return {}
    return {
        name: value
        for name, value in list(shell.user_ns.items())
        if isinstance(value, pd.DataFrame) and not name.startswith("_")
    }
