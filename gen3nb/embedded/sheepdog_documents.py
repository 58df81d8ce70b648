"""Documents as they come in: JSON, TSV and CSV, read the way the submission service reads them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from .schemas import Schemas, class_name

DELIMITERS = {"tsv": "\t", "csv": ","}
#: What stands between the targets of a link that has several.
LINK_DELIMITERS = {"tsv": ",", "csv": "#", "json": ","}
PYTHON_TYPES: dict[str | None, tuple[type, ...]] = {
    "string": (str,),
    "number": (float, int),
    "integer": (int,),
    "float": (float,),
    "null": (type(None),),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    None: (str,),
}


class UserError(Exception):
    """A request that the service refuses with a message of its own.

    Parameters
    ----------
    message : str
        The words.
    status : int
        The HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class InternalError(Exception):
    """Where the service fails in itself: ``internal server error``, status 500."""


def format_of(content_type: str) -> str:
    """Tell the format by the content type, which must be exactly one of three to be read as a table."""
    content_type = content_type.lower()
    if content_type == "text/csv":
        return "csv"
    return "tsv" if content_type in ("text/tab-separated-values", "text/tsv") else "json"


def decoded(body: bytes) -> str:
    """Decode a body.

    Raises
    ------
    UserError
        If it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"UnicodeDecodeError: {error}: unable to decode data: {body!r}") from None


def python_types(schema: dict[str, Any]) -> tuple[type, ...]:
    """Return the Python types that a property's values may have; the first is what text is turned into."""
    types = schema.get("type")
    listed = types if isinstance(types, list) else [types]
    return tuple(kind for name in listed for kind in PYTHON_TYPES.get(name, (str,)))


# -- JSON
# ------------------------------------------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: dict[str, int] = {}
        for name, _ in pairs:
            seen[name] = seen.get(name, 0) + 1
        names = ",".join(name for name, times in seen.items() if times > 1)
        raise ValueError(f"The document contains duplicate keys: {names}")
    return found


def _no_constant(name: str) -> Any:
    raise _Constant(name)


class _Constant(Exception):
    """NaN or Infinity, which are not JSON."""


def parse_json(text: str) -> Any:
    """Read JSON strictly.

    Raises
    ------
    UserError
        In the words of the parser that the service uses (simplejson), whose offsets are those of Python's
        own.
    """
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UserError(f"Unable to parse json: {_words(error)}") from None
    except _Constant as error:
        place = _outside_strings(text, str(error))
        words = json.JSONDecodeError("Expecting value", text, place)
        raise UserError(f"Unable to parse json: {words}") from None
    except RecursionError:
        raise UserError("Unable to parse json: maximum recursion depth exceeded") from None
    except ValueError as error:
        raise UserError(f"Unable to parse json: {error}") from None


def _outside_strings(text: str, word: str) -> int:
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|' + re.escape(word), text):
        if not found[0].startswith('"'):
            return found.start()
    return 0


def _container(text: str) -> str:
    """Say which bracket is open at the end of a piece of JSON."""
    stack = []
    for mark in re.sub(r'"(?:[^"\\]|\\.)*"', "", text):
        if mark in "[{":
            stack.append(mark)
        elif mark in "]}" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def _words(error: json.JSONDecodeError) -> str:
    text, place, words = error.doc, error.pos, error.msg
    before = text[:place].rstrip(" \t\n\r")
    if words == "Extra data":
        end = json.JSONDecodeError("", text, len(text))
        lines = f"line {error.lineno} column {error.colno} - line {end.lineno} column {end.colno}"
        return f"Extra data: {lines} (char {place} - {len(text)})"
    if words.startswith("Illegal trailing comma"):
        rest = text[place + 1 :]
        place += 1 + len(rest) - len(rest.lstrip(" \t\n\r"))
        words = "Expecting value" if "array" in words else "Expecting property name enclosed in double quotes"
    elif words == "Expecting property name enclosed in double quotes" and before.endswith("{"):
        words += " or '}'"
    elif words == "Expecting ',' delimiter":
        words += " or '}'" if _container(before) == "{" else " or ']'"
    elif words == "Expecting value" and before.endswith("[") and place >= len(text):
        words += " or ']'"
    elif words.startswith("Invalid control character"):
        words = f"Invalid control character {text[place : place + 1]!r} at"
    return str(json.JSONDecodeError(words, text, place))


def parse_document(body: bytes) -> Any:
    """Read a JSON body that must be an object or a list."""
    parsed = parse_json(decoded(body))
    if not isinstance(parsed, dict | list):
        raise UserError(f"JSON parsed from request is an invalid type: {type(parsed).__name__}")
    return parsed


# -- tables
# ----------------------------------------------------------------------------------------------------


def parse_table(text: str, kind: str, schemas: Schemas) -> list[dict[str, Any]]:
    """Turn the rows of a TSV or CSV text into records.

    Rows whose type is empty or unknown are left out without a word, as the service does; so is what follows
    one of Unicode's line breaks in a cell.

    Raises
    ------
    UserError
        If a row has too many cells, or a column names no link of the type.
    """
    lines = "\n".join(text.strip().splitlines())
    try:
        return list(_records(csv.DictReader(io.StringIO(lines), delimiter=DELIMITERS[kind]), kind, schemas))
    except (csv.Error, AttributeError) as error:
        raise UserError(f"Unable to parse document: {error}") from None


def _records(rows: csv.DictReader[str], kind: str, schemas: Schemas) -> Iterator[dict[str, Any]]:
    readers: dict[str, _RowReader] = {}
    for row in rows:
        if None in row:  # cells beyond the header
            raise AttributeError("'NoneType' object has no attribute 'lstrip'")
        cells = {
            name.strip().lstrip("*"): value.strip() if value is not None else None
            for name, value in row.items()
        }
        node = cells.get("type")
        if node and node in schemas.nodes:
            reader = readers.get(node)
            if reader is None:
                reader = readers[node] = _RowReader(node, kind, schemas)
            yield reader.read(cells)


class _RowReader:
    """Turns the cells of one node type's rows into values and links."""

    def __init__(self, node: str, kind: str, schemas: Schemas) -> None:
        self.node = node
        self.schemas = schemas
        self.delimiter = LINK_DELIMITERS[kind]
        self.properties = schemas.nodes[node].get("properties") or {}
        self.stored = set(schemas.properties_of(node))
        self.links = {link.name: link.target for link in schemas.links_of(node)}
        self.links.update({link.backref: link.source for link in schemas.backrefs_of(node)})

    def read(self, cells: dict[str, str | None]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        links: dict[str, list[dict[str, Any]]] = {}
        for name, value in cells.items():
            if "." in name:
                self._add_link(links, name, value)
            elif value == "" or value == "null":
                record[name] = None
            elif value is not None:
                schema = self.properties[name] if name in self.stored else {}
                record[name] = converted(schema, value)
        record.update(links)
        return record

    def _add_link(self, links: dict[str, list[dict[str, Any]]], name: str, value: str | None) -> None:
        link, _, key = name.partition(".")
        if not link or not key:
            return
        targets = links.setdefault(link, [])
        for part in value.split(self.delimiter) if value is not None else ():
            if part in ("", "null"):
                continue
            if link not in self.links:
                raise AttributeError(f"type object '{class_name(self.node)}' has no attribute '{link}'")
            properties = self.schemas.nodes[self.links[link]].get("properties") or {}
            target = converted(properties.get(key) or {}, part.strip())
            if target:
                targets.append({key: target})


def converted(schema: dict[str, Any], text: str) -> Any:
    """Turn a cell into a value of the first type that its property may have; leave it text if that fails."""
    kind = python_types(schema)[0]
    try:
        if kind is bool:
            return {"true": True, "false": False}.get(text.lower(), text)
        if kind is list:
            return _items(schema, text)
        if kind is float:
            number = float(text)
            return int(number) if number.is_integer() else number
        if kind is int:
            return int(text)
    except (ValueError, OverflowError):
        return text
    return text


def _items(schema: dict[str, Any], text: str) -> list[Any]:
    items: list[Any] = [item.strip() for item in text.split(",")]
    inner = schema.get("items")
    kind = python_types(inner)[0] if isinstance(inner, dict) else str
    try:
        if kind is float:
            return [float(item) for item in items]
        if kind is int:
            return [int(float(item)) for item in items]
    except (ValueError, OverflowError):
        return items
    return items
