"""The data dictionary: reads the schemas that node types are defined by, and resolves their references.

The schemas come from a folder of YAML files (the form that Gen3 dictionaries are written in), from one JSON
document (the answer of ``/v0/submission/_dictionary/_all``), or, when nothing is named, from the files of the
installed ``gen3dictionary`` package, which is found but never imported.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

#: Documents that stand among the schemas and are no node types, by the name under which they are published.
SUPPORTING = {
    "_definitions.yaml": "_definitions",
    "_terms.yaml": "_terms",
    "_settings.yaml": "_settings",
    "metaschema.yaml": "metaschema",
}
#: The order in which the recorded service lists the default dictionary's types; types of others follow by
#: name.
ORDER = [
    "root",
    "data_release",
    "project",
    "slide",
    "read_group_qc",
    "program",
    "slide_image",
    "experimental_metadata",
    "treatment",
    "keyword",
    "diagnosis",
    "slide_count",
    "demographic",
    "publication",
    "submitted_methylation",
    "clinical_test",
    "exposure",
    "submitted_aligned_reads",
    "read_group",
    "case",
    "submitted_somatic_mutation",
    "submitted_copy_number",
    "core_metadata_collection",
    "acknowledgement",
    "aligned_reads_index",
    "experiment",
    "family_history",
    "sample",
    "aliquot",
    "submitted_unaligned_reads",
]


class SchemaError(Exception):
    """A dictionary that cannot be read; the message names the file."""


@dataclass(frozen=True, slots=True)
class LinkDef:
    """One link of a node type, as its schema defines it.

    ``source`` is the type that holds the link (the child), ``target`` the type it points to (the parent).
    """

    name: str
    source: str
    target: str
    backref: str
    label: str
    multiplicity: str
    required: bool

    @property
    def to_many(self) -> bool:
        """Whether one record may have several targets."""
        return self.multiplicity in ("many_to_many", "one_to_many")


class Schemas:
    """All schemas of a commons, resolved.

    Attributes
    ----------
    nodes
        Node type → its schema with every ``$ref`` replaced, in the order in which the files were read.
    supporting
        ``_definitions``, ``_terms``, ``_settings`` and ``metaschema``, resolved.
    """

    def __init__(self, nodes: dict[str, dict[str, Any]], supporting: dict[str, Any]) -> None:
        self.nodes = nodes
        self.supporting = supporting
        self._links = {
            name: tuple(_flatten(name, schema.get("links") or ())) for name, schema in nodes.items()
        }
        back: dict[str, list[LinkDef]] = {name: [] for name in nodes}
        for links in self._links.values():
            for link in links:
                back.setdefault(link.target, []).append(link)
        self._backrefs = {name: tuple(links) for name, links in back.items()}
        self._nullable: dict[str, dict[str, Any]] = {}
        self._stored: dict[str, dict[str, dict[str, Any]]] = {}
        self._unique: dict[str, list[list[str]]] = {}
        self._class_names = {class_name(name): name for name in nodes}

    @property
    def all(self) -> dict[str, Any]:
        """Everything, as ``/v0/submission/_dictionary/_all`` publishes it."""
        return {**self.nodes, **self.supporting}

    @property
    def settings(self) -> dict[str, Any]:
        """The dictionary's global settings."""
        settings = self.supporting.get("_settings")
        return settings if isinstance(settings, dict) else {}

    def links_of(self, node: str) -> tuple[LinkDef, ...]:
        """Links that records of this type hold, those of subgroups included."""
        return self._links.get(node, ())

    def backrefs_of(self, node: str) -> tuple[LinkDef, ...]:
        """Links of other types that point to this one."""
        return self._backrefs.get(node, ())

    def link(self, node: str, name: str) -> LinkDef | None:
        """Return the link of that name, or None."""
        return next((link for link in self.links_of(node) if link.name == name), None)

    def unique_keys(self, node: str) -> list[list[str]]:
        """Return the sets of properties that tell records of this type apart, the id left out."""
        if node not in self._unique:
            listed = self.nodes[node].get("uniqueKeys") or ()
            self._unique[node] = [list(keys) for keys in listed if "id" not in keys]
        return self._unique[node]

    def stored(self, node: str) -> dict[str, dict[str, Any]]:
        """Return the stored properties (all but links, id and type) with their schemas, in their order."""
        if node not in self._stored:
            left_out = {link.name for link in self.links_of(node)} | {"id", "type"}
            properties = self.nodes[node].get("properties") or {}
            self._stored[node] = {name: prop for name, prop in properties.items() if name not in left_out}
        return self._stored[node]

    def properties_of(self, node: str) -> list[str]:
        """Names of the stored properties: all but links, id and type, in the schema's order."""
        return list(self.stored(node))

    def is_file(self, node: str) -> bool:
        """Whether records of this type describe a file, which the index service then knows."""
        return str(self.nodes[node].get("category")) in ("data_file", "metadata_file", "index_file")

    def nullable(self, node: str) -> dict[str, Any]:
        """Return the schema that submissions are checked with: what is not required may be null too."""
        if node not in self._nullable:
            schema = deepcopy(self.nodes[node])
            required = set(schema.get("required") or ())
            required |= {link.name for link in self.links_of(node) if link.required}
            for name, prop in (schema.get("properties") or {}).items():
                if name not in required:
                    _allow_null(prop)
            self._nullable[node] = schema
        return self._nullable[node]


def load(source: str | Path | None = None) -> Schemas:
    """Read a dictionary.

    Parameters
    ----------
    source
        A folder of ``*.yaml`` schemas, or a JSON file with the answer of ``_dictionary/_all`` (or one schema
        per YAML file name). None means the default Gen3 dictionary, from the files of the ``gen3dictionary``
        package.

    Raises
    ------
    SchemaError
        If there is no such folder or file, a schema cannot be read, or a reference leads nowhere.
    """
    if source is None:
        return _load_default()
    path = Path(source)
    if path.is_dir():
        raw = _read_folder(path)
        if not raw:
            raise SchemaError(f"There is no schema (*.yaml) in {path}.")
    elif path.is_file():
        raw = _read_document(path)
    else:
        raise SchemaError(f"There is no dictionary at {path}.")
    return _assemble({**_built_in(), **raw})


@cache
def _load_default() -> Schemas:
    return _assemble({**_built_in(), **_read_folder(_package_folder("gdcdictionary", "gen3dictionary"))})


@cache
def _built_in() -> dict[str, Any]:
    """Schemas that every dictionary has without writing them: root, data_release and the metaschema."""
    return _read_folder(_package_folder("dictionaryutils", "dictionaryutils"))


def _package_folder(module: str, distribution: str) -> Path:
    found = importlib.util.find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise SchemaError(f"The default dictionary needs the package {distribution}, which is not installed.")
    return Path(found.submodule_search_locations[0]) / "schemas"


def _read_folder(folder: Path) -> dict[str, Any]:
    raw = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8")
            raw[path.name] = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SchemaError(f"The schema {path} cannot be read: {error}") from error
    return raw


@cache
def _loader() -> type[Any]:
    """Return the safe loader, in its compiled form where the machine has it (ten times as fast)."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SchemaError(f"The dictionary {path} cannot be read: {error}") from error
    if not isinstance(document, dict) or not all(
        isinstance(value, dict | None) for value in document.values()
    ):
        raise SchemaError(f"The dictionary {path} is not one JSON object of schemas.")
    return {name if name.endswith(".yaml") else f"{name}.yaml": schema for name, schema in document.items()}


def _assemble(raw: dict[str, Any]) -> Schemas:
    resolver = _Resolver(raw)
    nodes = {}
    for name, schema in raw.items():
        if name not in SUPPORTING and isinstance(schema, dict) and "id" in schema:
            nodes[str(schema["id"])] = resolver.resolve(schema, name)
    nodes = {name: nodes[name] for name in [*ORDER, *sorted(nodes)] if name in nodes}
    supporting = {key: resolver.as_used(name) for name, key in SUPPORTING.items() if name in raw}
    if not isinstance(supporting.get("_settings"), dict):
        supporting["_settings"] = {}
    return Schemas(nodes, supporting)


class _Resolver:
    """Replaces ``{"$ref": "_definitions.yaml#/UUID"}`` by what it points to, across files."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.used: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.open: set[tuple[str, tuple[str, ...]]] = set()

    def resolve(self, value: Any, file: str) -> Any:
        if isinstance(value, dict):
            resolved = {
                k: self.resolve(inner, file) for k, inner in value.items() if not k.startswith("$ref")
            }
            for key, reference in value.items():
                if key.startswith("$ref"):
                    resolved.update(deepcopy(self._follow(str(reference), file)))
            return resolved
        if isinstance(value, list):
            return [self.resolve(inner, file) for inner in value]
        return value

    def as_used(self, file: str) -> Any:
        """Return a supporting document as published: parts that a node refers to are resolved."""
        document = deepcopy(self.raw[file])
        for (base, steps), resolved in self.used.items():
            if base == file and steps:
                holder = document
                for step in steps[:-1]:
                    holder = holder[step]
                holder[steps[-1]] = resolved
        return document

    def _follow(self, reference: str, file: str) -> Any:
        base, _, pointer = reference.partition("#")
        base = base or file
        steps = tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/") if step)
        if (base, steps) in self.used:
            return self.used[base, steps]
        if (base, steps) in self.open:
            raise SchemaError(f"The schema {file} refers to {reference}, which leads back to itself.")
        target: Any = self.raw.get(base)
        for step in steps:
            target = target.get(step) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise SchemaError(f"The schema {file} refers to {reference}, which does not exist.")
        self.open.add((base, steps))
        try:
            self.used[base, steps] = self.resolve(target, base)
        finally:
            self.open.discard((base, steps))
        return self.used[base, steps]


def _flatten(source: str, links: Any) -> Iterator[LinkDef]:
    for link in links:
        if "subgroup" in link:
            yield from _flatten(source, link["subgroup"])
        else:
            yield LinkDef(
                name=link["name"],
                source=source,
                target=link["target_type"],
                backref=link["backref"],
                label=link["label"],
                multiplicity=link.get("multiplicity", "many_to_many"),
                required=bool(link.get("required")),
            )


def _allow_null(prop: dict[str, Any]) -> None:
    """Let a property be null, as the service's checks do: it is how an update clears a value.

    One keyword is widened, the first that needs it; a property with both a type and an enum stays as narrow
    as its enum.
    """
    if "type" in prop and "null" not in prop["type"]:
        prop["type"] = [*(prop["type"] if isinstance(prop["type"], list) else [prop["type"]]), "null"]
    elif "enum" in prop and None not in prop["enum"]:
        prop["enum"] = [*(prop["enum"] if isinstance(prop["enum"], list) else [prop["enum"]]), None]
    else:
        for keyword in ("anyOf", "oneOf"):
            if keyword in prop and {"type": "null"} not in prop[keyword]:
                prop[keyword] = [*prop[keyword], {"type": "null"}]
                break


def class_name(node: str) -> str:
    """Name a type as messages do: ``core_metadata_collection`` becomes ``CoreMetadataCollection``."""
    return "".join(part.capitalize() for part in node.split("_"))
