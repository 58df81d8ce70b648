"""Records that are valid by a dictionary, and cells of all kinds, made of a random generator."""

from __future__ import annotations

import random
from typing import Any

from gen3nb.dictionary import Dictionary, Link, LinkGroup, Node, Property

PATTERNS = {
    "^[a-f0-9]{32}$": "0123456789abcdef0123456789abcdef",
    "^[A-Z]{2}-[0-9]{4}$": "AB-1234",
    "^[0-9]{4}-[0-9]{2}$": "2024-05",
    "^[a-z]+[0-9]*$": "rose1",
}


def valid_value(prop: Property, chance: random.Random) -> Any:
    """Give a value that the dictionary allows."""
    if prop.enum:
        return chance.choice(prop.enum)
    if prop.kind == "array":
        items = [valid_value(prop.items, chance) for _ in range(2)] if prop.items else ["a"]
        return items[:1]
    if "integer" in prop.types or "number" in prop.types:
        low = prop.minimum if prop.minimum is not None else 0
        high = prop.maximum if prop.maximum is not None else low + 20
        step = prop.schema.get("multipleOf", 1)
        value = (int(low) // step + 1) * step + step * chance.randint(0, 3)
        return value if value < high else int(low) + 1
    if prop.kind == "boolean":
        return chance.choice([True, False])
    if prop.format == "date-time":
        return "2024-05-31T13:45:00+00:00"
    if prop.pattern:
        return PATTERNS[prop.pattern]
    return chance.choice(["some text", "NA", "None", "1e5", "007"])[: prop.schema.get("maxLength", 99)]


def links_of_group(group: Link | LinkGroup, chance: random.Random) -> list[Link]:
    """Give the links that satisfy a group."""
    if isinstance(group, Link):
        return [group] if group.required else []
    inner = [link for member in group.members for link in links_of_group(member, chance)]
    if inner or not group.required:
        return inner
    member = group.members[0]
    return [member] if isinstance(member, Link) else [next(member.links())]


def valid_record(
    dictionary: Dictionary,
    node: Node,
    name: str,
    code: str,
    chance: random.Random,
    *,
    everything: bool = False,
) -> dict[str, Any]:
    """Give a record with all that is required, whose links lead to ``<target>-0``."""
    record: dict[str, Any] = {"type": node.name, "submitter_id": name}
    for key, prop in node.properties.items():
        if key in {"type", "id", "submitter_id", "project_id", *node.system_properties}:
            continue
        unique = any(key in parts for parts in node.unique_keys)
        if unique:
            record[key] = f"{name}-{key}"
        elif prop.required or key in node.required or everything:
            record[key] = valid_value(prop, chance)
    for group in node.link_groups:
        for link in links_of_group(group, chance):
            record[link.name] = {link.key: code if link.target == "project" else f"{link.target}-0"}
    return record
