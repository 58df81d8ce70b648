"""Templates: the columns that a node type's table has, and empty tables to fill in."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from typing import Any

from .schemas import Schemas
from .sheepdog_documents import DELIMITERS, UserError

FORMATS = "csv,tsv,json"


def links_of(schemas: Schemas, node: str, *, exclude_id: bool, every: bool = False) -> dict[str, list[str]]:
    """Return the keys by which each link of a type is given: ``{"experiments": ["submitter_id"]}``.

    With ``every``, all unique keys of the target, as the JSON template has them; else those of its first set.
    """
    found = {}
    for link in schemas.links_of(node):
        sets = schemas.nodes[link.target].get("uniqueKeys") or []
        others = [keys for keys in sets if keys != ["id"]]
        chosen = [
            key
            for keys in (others if every else others[:1])
            for key in keys
            if key not in ("id", "project_id")
        ]
        found[link.name] = [*([] if exclude_id else ["id"]), *dict.fromkeys(chosen)]
    return found


def columns(schemas: Schemas, node: str, *, exclude_id: bool = True) -> list[str]:
    """Return the columns of a type's table, those of required properties and links marked with a star."""
    schema = schemas.nodes[node]
    links = links_of(schemas, node, exclude_id=exclude_id)
    required = schema.get("required") or ()
    unique = {key for keys in schema.get("uniqueKeys") or () for key in keys} - {"type", "id"}
    rest = set(schema.get("properties") or ()) - unique - {"type", "id"}
    by_kind: tuple[list[str], ...] = ([], [], [])
    for name in sorted(rest):
        by_kind[0 if name in links else 1 if name in required else 2].append(name)
    found = []
    for name in ["type", "id", *sorted(unique), *by_kind[0], *by_kind[1], *by_kind[2]]:
        if not _hidden(schema, name, exclude_id):
            star = "*" if name in required else ""
            found += [f"{star}{name}.{key}" for key in links[name]] if name in links else [star + name]
    if schema.get("category") == "data_file":
        found.append("urls")  # for the index service; no schema needs to have it
    return found


def _hidden(schema: dict[str, Any], name: str, exclude_id: bool) -> bool:
    if name in (schema.get("systemProperties") or ()) and name not in ("id", "project_id"):
        return True
    return exclude_id and name == "id"


def _json_template(schemas: Schemas, node: str) -> dict[str, Any]:
    schema = schemas.nodes[node]
    links = links_of(schemas, node, exclude_id=True, every=True)
    required = schema.get("required") or ()
    found: dict[str, Any] = {}
    for name in schema.get("properties") or ():
        if not _hidden(schema, name, exclude_id=True):
            value = dict.fromkeys(links[name]) if name in links else schema["id"] if name == "type" else None
            found[("*" if name in required else "") + name] = value
    if schema.get("category") == "data_file":
        found["urls"] = None
    return found


def pretty(data: Any) -> str:
    """Write JSON as the service does in files: indented, with a blank after commas."""
    return json.dumps(data, indent=2, separators=(", ", ": "), ensure_ascii=False)


def template(schemas: Schemas, node: str, kind: str) -> str:
    """Return an empty table of a type.

    Raises
    ------
    UserError
        If there is no such type or format.
    """
    if node not in schemas.nodes:
        raise UserError(f"Entity type {node} is not in dictionary", 404)
    if kind == "json":
        return pretty(_json_template(schemas, node))
    if kind not in DELIMITERS:
        raise UserError(f"Format {kind} is not supported; supported formats are: {FORMATS}.")
    header = columns(schemas, node)
    text = io.StringIO()
    csv.writer(text, delimiter=DELIMITERS[kind]).writerows([header, [node] + [""] * (len(header) - 1)])
    return text.getvalue()


def templates(schemas: Schemas, kind: str, categories: str, exclude: str) -> bytes:
    """Return the empty tables of all types: a JSON list, or a compressed archive of files."""
    chosen = [
        node
        for node, schema in schemas.nodes.items()
        if "project_id" in (schema.get("properties") or {})
        and (not categories or schema.get("category") in categories.split(","))
        and node not in (exclude.split(",") if exclude else ())
    ]
    if kind == "json":
        return pretty([_json_template(schemas, node) for node in chosen]).encode()
    packed = io.BytesIO()
    with tarfile.open("submission_templates.tar.gz", mode="w|gz", fileobj=packed) as archive:
        for node in chosen:
            content = template(schemas, node, kind).encode()
            info = tarfile.TarInfo(f"{node}.{kind}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()
