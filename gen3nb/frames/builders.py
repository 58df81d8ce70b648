"""The columns of a frame in the making, one kind of property each; see :mod:`gen3nb.frames.decoding`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Link, Node, Property

__all__ = ["Builder", "as_text", "builder_of", "object_array", "plain", "property_builder", "short"]

_INT64 = range(-(2**63), 2**63)


def as_text(value: Any) -> str:
    """Write a JSON value as text: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any) -> Any:
    """Turn the decimals of a streaming parser into Python's numbers, also within lists and objects."""
    if isinstance(value, Decimal):
        # 1.2345678901234567e+16 is the float ...568; whole numbers come as int
        return float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


class Builder:
    """One column in the making."""

    why = ""
    consequence = ""

    def __init__(self, name: str, dtype: Any) -> None:
        self.name = name
        self.dtype = dtype
        self.odd = 0
        self.sample: tuple[Any, Mapping[str, Any]] = (None, {})
        self._chunks: list[Any] = []

    def values(self, records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Give the column's values in a chunk."""
        name = self.name
        return [record.get(name) for record in records]

    def skip(self, rows: int) -> None:
        """Leave so many rows empty."""
        if rows:
            self.add([{}] * rows)

    def note(self, value: Any, record: Mapping[str, Any]) -> None:
        """Count a value that the dictionary did not expect; keep the first as an example."""
        if not self.odd:
            self.sample = (plain(value), record)
        self.odd += 1

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        raise NotImplementedError

    def finish(self) -> Any:
        """Give the column's array."""
        raise NotImplementedError


def builder_of(node: Node, column: str) -> Builder:
    """Give what builds a column of a node: of a property, or of a link's ends."""
    if column in node.properties:
        return property_builder(node.properties[column])
    _, _, part = column.partition(".")
    if part:
        return _Links(node.link(column), part)
    return _Objects(column, None)


def property_builder(prop: Property) -> Builder:
    """Give what builds a column of a property."""
    if isinstance(prop.dtype, pd.CategoricalDtype):
        return _Enum(prop)
    if prop.kind in {"integer", "number", "boolean", "string"}:
        return _Scalars(prop)
    return _Objects(prop.name, prop)


class _Enum(Builder):
    why = "a value outside the vocabulary"
    consequence = "It is kept as a further category."

    def __init__(self, prop: Property) -> None:
        super().__init__(prop.name, prop.dtype)
        self._vocabulary: dict[Any, int] = {value: code for code, value in enumerate(prop.enum or ())}
        self._own = len(self._vocabulary)
        self._kinds = set(map(type, self._vocabulary))

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        values = self.values(records)
        codes = np.fromiter((self._code(value) for value in values), dtype=np.int32, count=len(values))
        for position in np.flatnonzero(codes >= self._own).tolist():
            self.note(values[position], records[position])
        narrow = np.min_scalar_type(-max(len(self._vocabulary), 1))  # memory, while the others come
        self._chunks.append(codes.astype(narrow))

    def _code(self, value: Any) -> int:
        if value is None:
            return -1
        if not isinstance(value, str):
            value = plain(value)
            # to Python 1 and True are one; to JSON they are not
            if isinstance(value, list | dict) or type(value) not in self._kinds:
                value = as_text(value)
        return self._vocabulary.setdefault(value, len(self._vocabulary))

    def finish(self) -> Any:
        codes = np.concatenate(self._chunks) if self._chunks else np.array([], dtype=np.int32)
        self._chunks.clear()
        if len(self._vocabulary) == self._own:
            return pd.Categorical.from_codes(codes, dtype=self.dtype)
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(self._vocabulary)))


class _Scalars(Builder):
    """Whole numbers, numbers, yes/no values and text, which become text if one value does not fit."""

    consequence = "The column is text, so that nothing is lost."
    _FITTING: dict[str, set[type]] = {  # noqa: RUF012
        "integer": {int},
        "number": {int, float, Decimal},
        "boolean": {bool},
        "string": {str},
    }
    _WHY = {  # noqa: RUF012
        "integer": "something other than a whole number of 64 bits",
        "number": "something other than a number that a float can hold",
        "boolean": "something other than true or false",
        "string": "something other than text",
    }

    def __init__(self, prop: Property) -> None:
        super().__init__(prop.name, prop.dtype)
        self.kind = str(prop.kind)
        self.why = self._WHY[self.kind]
        self._text = self.kind == "string"

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        values = self.values(records)
        kinds = set(map(type, values))
        if not (kinds - {type(None)} <= self._FITTING[self.kind] and self._exact(values, kinds)):
            values = self._fit(values, records)
        self._chunks.append(self._texts(values) if self._text else self._typed(values))

    def _exact(self, values: list[Any], kinds: set[type]) -> bool:
        """Say whether each number is held to its last digit."""
        if int not in kinds or self.kind not in {"integer", "number"}:
            return True
        whole = [value for value in values if type(value) is int]
        low, high = min(whole), max(whole)
        if self.kind == "integer":
            return low in _INT64 and high in _INT64
        return (low >= -(2**53) and high <= 2**53) or all(_float_holds(value) for value in whole)

    def _fit(self, values: list[Any], records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Mend what can be mended without loss; else the column turns to text from here on."""
        fitted: list[Any] = []
        for value, record in zip(values, records, strict=True):
            new, fits = _fitted(self.kind, value)
            if not fits:
                self.note(value, record)
            fitted.append(new)
        if self.odd:
            self._text = True
        return fitted

    def _typed(self, values: list[Any]) -> Any:
        missing = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
        if self.kind == "boolean":
            held = np.array([value is True for value in values], dtype=bool)
            return pd.arrays.BooleanArray(held, missing)
        if self.kind == "integer":
            whole = np.array([0 if value is None else value for value in values], dtype=np.int64)
            return pd.arrays.IntegerArray(whole, missing)
        numbers = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
        return pd.arrays.FloatingArray(numbers, missing)

    @staticmethod
    def _texts(values: list[Any]) -> Any:
        return _string_array([None if value is None else as_text(value) for value in values])

    def finish(self) -> Any:
        chunks, self._chunks = self._chunks, []
        if not chunks:
            return pd.array([], dtype=pd.StringDtype() if self._text else self.dtype)
        if self._text and self.kind != "string":
            chunks = [
                chunk
                if not isinstance(chunk.dtype, pd.Int64Dtype | pd.Float64Dtype | pd.BooleanDtype)
                else self._texts(_short(chunk))
                for chunk in chunks
            ]
        if any(chunk.dtype == object for chunk in chunks):
            return np.concatenate([np.asarray(chunk, dtype=object) for chunk in chunks])
        return type(chunks[0])._concat_same_type(chunks) if len(chunks) > 1 else chunks[0]


def short(value: Any) -> Any:
    """Give a whole float as a whole number, as the services write it; else the value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _short(chunk: Any) -> list[Any]:
    """Give the values of a typed chunk as Python's."""
    return [None if value is pd.NA else short(value) for value in chunk.astype(object)]


def _float_holds(value: int) -> bool:
    try:
        return int(float(value)) == value
    except OverflowError:
        return False


def _fitted(kind: str, value: Any) -> tuple[Any, bool]:
    """Give a value as its kind holds it, and whether it does."""
    if value is None:
        return None, True
    if kind == "integer":
        number = plain(value)
        if isinstance(number, float) and abs(number) < 2**53 and number.is_integer():
            return int(number), True  # GraphQL gives whole numbers as floats
        return number, type(number) is int and number in _INT64
    if kind == "number":
        if isinstance(value, Decimal | float):
            return float(value), True
        return plain(value), type(value) is int and _float_holds(value)
    return plain(value), type(value) is (bool if kind == "boolean" else str)


def _string_array(values: list[Any]) -> Any:
    try:
        return pd.array(values, dtype=pd.StringDtype())
    except UnicodeEncodeError:
        # Arrow holds UTF-8 alone; a lone surrogate stays what it is in an object column
        return np.array(values, dtype=object)


class _Objects(Builder):
    """Lists, objects and values of several types, as they are."""

    why = "something other than a list"
    consequence = "It is kept as it is."

    def __init__(self, name: str, prop: Property | None) -> None:
        super().__init__(name, np.dtype(object))
        self._lists = prop is not None and prop.kind == "array"

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        values = self.values(records)
        for position, value in enumerate(values):
            if value.__class__ in (list, dict, Decimal):
                values[position] = plain(value)
            if self._lists and value is not None and not isinstance(value, list):
                self.note(value, records[position])
        self._chunks.append(object_array(values))

    def finish(self) -> Any:
        chunks, self._chunks = self._chunks, []
        return np.concatenate(chunks) if chunks else np.array([], dtype=object)


def object_array(values: Sequence[Any]) -> Any:
    """Give values, lists among them, as an object array of one dimension."""
    return np.fromiter(values, dtype=object, count=len(values))


class _Links(Builder):
    """The submitter_ids (or ids) that a link points to: text, or lists where there may be several."""

    why = "several targets for a link that takes one"
    consequence = "The column holds lists there."

    def __init__(self, link: Link, part: str) -> None:
        super().__init__(f"{link.name}.{part}", pd.StringDtype())
        self.link = link
        self._keys = ("id", "node_id") if part == "id" else (part, part)
        self._lists = link.to_many

    def _targets(self, record: Mapping[str, Any]) -> list[Any] | None:
        held = record.get(self.link.name)
        if not held:
            return None
        first, second = self._keys
        ends = [end for end in (held if isinstance(held, list) else [held]) if isinstance(end, Mapping)]
        if len(ends) > 1:
            ends.sort(key=lambda end: str(end.get(self.link.key)))  # the services' order means nothing
        # the export joins all links of a node, so one target can come several times
        found = dict.fromkeys(end.get(first, end.get(second)) for end in ends)
        found.pop(None, None)
        return list(found) or None

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        values: list[Any] = [self._targets(record) for record in records]
        if not self._lists:
            several = [position for position, value in enumerate(values) if value and len(value) > 1]
            for position in several:
                self.note(values[position], records[position])
            if not several:
                self._chunks.append(_string_array([value[0] if value else None for value in values]))
                return
            values = [value[0] if value and len(value) == 1 else value for value in values]
        self._chunks.append(object_array(values))

    def finish(self) -> Any:
        chunks, self._chunks = self._chunks, []
        if not chunks:
            return np.array([], dtype=object) if self._lists else pd.array([], dtype=pd.StringDtype())
        if len(chunks) == 1:
            return chunks[0]
        if any(chunk.dtype == object for chunk in chunks):
            return np.concatenate([_none(np.asarray(chunk, dtype=object)) for chunk in chunks])
        return type(chunks[0])._concat_same_type(chunks)


def _none(values: Any) -> Any:
    values[[value is pd.NA for value in values]] = None
    return values
