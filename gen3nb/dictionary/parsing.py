"""From a dictionary's JSON or YAML to nodes; forgiving of what real commons publish.

Two forms are read. The *resolved* one is the answer of sheepdog ``GET /v0/submission/_dictionary/_all``:
references are replaced. The *raw* one is a folder of YAML schemas, or the single JSON file that a commons is
configured with (keys ``case.yaml`` …): here they are still to be replaced, in the way the services do it, so
that one dictionary read in both forms is the same.

The published schemas do not say that whatever is optional takes null (that is how an update clears a value):
the services add it when they check, newer ones also when they publish. :attr:`Property.nullable` says it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gen3nb.dictionary.elements import Link, LinkGroup, Node, Properties
from gen3nb.dictionary.properties import listed, one_line, parse_property
from gen3nb.errors import DictionaryError, MissingExtra

__all__ = ["parse_document", "read_folder", "without_nulls"]

# Beside nodes, a dictionary's document has these.
_NO_NODES = {"metaschema", "root", "data_release"}
_REFERENCE = "$ref"
# A chain of references longer than this runs in a circle.
_DEEPEST = 64


def read_folder(path: str | Path) -> dict[str, Any]:
    """Read a folder of YAML (or JSON) schemas into one raw document.

    Parameters
    ----------
    path : str or Path
        The folder that holds ``case.yaml``, ``_definitions.yaml`` and the like.

    Returns
    -------
    dict
        File name to content; references are not resolved yet.

    Raises
    ------
    MissingExtra
        PyYAML is not installed.
    DictionaryError
        No such folder, no schema in it, or a file that is no YAML.
    """
    try:
        import yaml
    except ImportError:
        raise MissingExtra.named("sandbox", "Reading a dictionary from a folder of YAML files") from None
    folder = Path(path)
    if not folder.is_dir():
        raise DictionaryError(
            f"There is no folder {str(folder)!r} to read a dictionary from.", path=str(folder)
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = {}
    for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml"), *folder.glob("*.json")]):
        try:
            document[f"{file.stem}.yaml"] = yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506
        except (yaml.YAMLError, UnicodeDecodeError) as problem:
            raise DictionaryError(f"{file} is not readable as YAML: {problem}", path=str(file)) from problem
    if not any(isinstance(entry, Mapping) and "properties" in entry for entry in document.values()):
        raise DictionaryError(
            f"The folder {str(folder)!r} holds no schema of a node (a .yaml file with properties).",
            path=str(folder),
        )
    return document


def parse_document(document: Mapping[str, Any], source: str = "") -> dict[str, Node]:
    """Make the nodes of a dictionary's document, raw or resolved.

    Parameters
    ----------
    document : Mapping
        Node name (or file name) to schema, with ``_definitions``, ``_terms``, ``_settings`` beside them.
    source : str
        Where it comes from, for messages.

    Returns
    -------
    dict of str to Node
        In the document's order. Internal entries (``root``, ``data_release``) are left out.

    Raises
    ------
    DictionaryError
        This is no dictionary.
    """
    at = f" from {source}" if source else ""
    if not isinstance(document, Mapping):
        raise DictionaryError(f"The answer{at} is no dictionary: a JSON object of nodes was expected.")
    schemas = {
        str(schema.get("id") or _stem(key)): schema
        for key, schema in document.items()
        if _is_node(key, schema)
    }
    if not schemas:
        raise DictionaryError(f"The document{at} holds no node with properties, so it is no data dictionary.")
    if _has_reference(schemas):
        schemas = {name: _resolve(schema, schema, document) for name, schema in schemas.items()}
    return {name: _node(name, schema, schemas) for name, schema in schemas.items()}


def _stem(key: str) -> str:
    return key.removesuffix(".yaml").removesuffix(".json")


def _is_node(key: Any, schema: Any) -> bool:
    """Say whether an entry of the document is a node that records can be of."""
    name = _stem(str(key))
    return (
        not name.startswith("_")
        and name not in _NO_NODES
        and isinstance(schema, Mapping)
        and isinstance(schema.get("properties"), Mapping)
        and schema.get("category") != "internal"
    )


# --- references -----------------------------------------------------------------------------------------


def _has_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(str(key).startswith(_REFERENCE) or _has_reference(entry) for key, entry in value.items())
    return isinstance(value, list) and any(_has_reference(entry) for entry in value)


def _resolve(value: Any, home: Mapping[str, Any], document: Mapping[str, Any], depth: int = 0) -> Any:
    """Copy a schema with its references replaced; what a reference brings wins over what stands beside it."""
    if isinstance(value, list):
        return [_resolve(entry, home, document, depth) for entry in value]
    if not isinstance(value, Mapping):
        return copy.copy(value)
    resolved = {
        key: _resolve(entry, home, document, depth)
        for key, entry in value.items()
        if not (isinstance(key, str) and key.startswith(_REFERENCE))
    }
    for key, reference in value.items():
        if isinstance(key, str) and key.startswith(_REFERENCE):
            for one in reference if isinstance(reference, list) else [reference]:
                resolved.update(_referred(str(one), home, document, depth + 1))
    return resolved


def _referred(
    reference: str, home: Mapping[str, Any], document: Mapping[str, Any], depth: int
) -> dict[str, Any]:
    """Give what a reference points to, resolved; nothing where it points nowhere (then all is allowed)."""
    file, _, pointer = reference.partition("#")
    base: Any = home if not file else document.get(file, document.get(_stem(file)))
    target = base
    for part in pointer.strip("/").split("/"):
        if part:
            part = part.replace("~1", "/").replace("~0", "~")
            target = target.get(part) if isinstance(target, Mapping) else None
    if not isinstance(target, Mapping) or depth > _DEEPEST:
        return {}
    resolved: dict[str, Any] = _resolve(target, base, document, depth)
    return resolved


def without_nulls(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a node's schema without the nulls that a commons may have added to what is optional.

    Parameters
    ----------
    schema : Mapping
        A node's schema, resolved.

    Returns
    -------
    dict
    """
    required = set(listed(schema.get("required"))) | set(_required_links(schema.get("links")))
    properties = {
        name: prop if name in required or not isinstance(prop, Mapping) else _without_null(prop)
        for name, prop in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _without_null(prop: Mapping[str, Any]) -> dict[str, Any]:
    bare = dict(prop)
    if "type" in prop:
        types = [entry for entry in listed(prop["type"]) if entry != "null"]
        bare["type"] = types[0] if len(types) == 1 else types
    if isinstance(prop.get("enum"), list):
        bare["enum"] = [entry for entry in prop["enum"] if entry is not None]
    for word in ("anyOf", "oneOf"):
        if isinstance(prop.get(word), list):
            bare[word] = [entry for entry in prop[word] if entry != {"type": "null"}]
    return bare


def _required_links(links: Any) -> Iterable[str]:
    for link in listed(links):
        if isinstance(link, Mapping) and "subgroup" in link:
            yield from _required_links(link["subgroup"])
        elif isinstance(link, Mapping) and link.get("required"):
            yield str(link.get("name"))


# --- nodes, links, properties ---------------------------------------------------------------------------


def _node(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> Node:
    groups = tuple(_links(schema.get("links"), name, schemas))
    links = tuple(
        link for entry in groups for link in ([entry] if isinstance(entry, Link) else list(entry.links()))
    )
    link_names = {link.name for link in links}
    required = [str(entry) for entry in listed(schema.get("required"))]
    required += [
        entry.name
        for entry in groups
        if isinstance(entry, Link) and entry.required and entry.name not in required
    ]
    system = tuple(str(entry) for entry in listed(schema.get("systemProperties")))
    category = str(schema.get("category") or "")
    return Node(
        name=name,
        title=one_line(schema.get("title")) or name,
        category=category,
        description=one_line(schema.get("description")),
        properties=Properties(
            (str(key), parse_property(str(key), prop, required=key in required, system=key in system))
            for key, prop in schema["properties"].items()
            if key not in link_names and isinstance(prop, Mapping)
        ),
        links=links,
        link_groups=groups,
        required=tuple(required),
        unique_keys=tuple(
            tuple(str(part) for part in listed(key)) for key in listed(schema.get("uniqueKeys"))
        ),
        system_properties=system,
        submittable=schema.get("submittable", True) is not False,
        is_file=category.endswith("_file"),
        key=_key(name, schema),
        schema=schema,
    )


def _key(name: str, schema: Mapping[str, Any] | None) -> str:
    """Give the property that names a record in links: that of the first unique key but the id."""
    usual = {"project": "code", "program": "name"}.get(name, "submitter_id")
    for entry in listed((schema or {}).get("uniqueKeys")):
        parts = [str(part) for part in listed(entry) if part not in {"id", "project_id"}]
        if parts:
            return usual if usual in parts else parts[0]
    return usual


def _links(entries: Any, source: str, schemas: Mapping[str, Mapping[str, Any]]) -> Iterable[Link | LinkGroup]:
    for entry in listed(entries):
        if not isinstance(entry, Mapping):
            continue
        if "subgroup" in entry:
            members = tuple(_links(entry["subgroup"], source, schemas))
            if members:
                yield LinkGroup(members, bool(entry.get("exclusive")), bool(entry.get("required")))
        elif entry.get("name"):
            target = str(entry.get("target_type") or "")
            yield Link(
                name=str(entry["name"]),
                source=source,
                target=target,
                backref=str(entry.get("backref") or ""),
                label=str(entry.get("label") or ""),
                multiplicity=str(entry.get("multiplicity") or "many_to_many"),
                required=bool(entry.get("required")),
                key=_key(target, schemas.get(target)),
            )
