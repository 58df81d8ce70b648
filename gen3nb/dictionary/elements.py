"""What a dictionary is made of: properties, links, groups of links, and nodes.

All of these are frozen and hold plain values; they are made in :mod:`gen3nb.dictionary.parsing`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from gen3nb.errors import DictionaryError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pandas.api.extensions import ExtensionDtype

__all__ = ["Kind", "Link", "LinkGroup", "Node", "Properties", "Property", "Step", "nearest", "submitted"]

Kind = Literal["string", "enum", "integer", "number", "boolean", "array", "object", "mixed"]

# Multiplicities read from the record that holds the link: "many_to_one" is many records to one target.
_TO_MANY = {"many_to_many", "one_to_many"}


def nearest(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...], count: int = 3) -> list[str]:
    """Give the known words most like a mistyped one, best first, without regard to case.

    Parameters
    ----------
    word : str
        What was asked for.
    known : Mapping or list of str
        What there is.
    count : int
        How many to give at most.

    Returns
    -------
    list of str
    """
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    return [
        folded[match] for match in difflib.get_close_matches(word.casefold(), folded, n=count, cutoff=0.55)
    ]


@dataclass(frozen=True)
class Property:
    """One property of a node, as the dictionary describes it.

    Attributes
    ----------
    name, description : str
    types : tuple of str
        The JSON types it may have, without ``"null"``; empty where the dictionary names none.
    kind : str
        ``"string"``, ``"enum"``, ``"integer"``, ``"number"``, ``"boolean"``, ``"array"``, ``"object"``,
        or ``"mixed"`` (several types, or none named).
    enum : tuple or None
        The values it may have, in the dictionary's order, without null.
    deprecated : tuple
        Values of ``enum`` that the dictionary asks not to use any more.
    nullable, required, system : bool
        May it be null; must a record have it; is it the commons' own (dates, state, id)?
    minimum, maximum : float or None
    exclusive_minimum, exclusive_maximum : bool
        Whether the bound itself is out of range (draft 4 of JSON Schema).
    pattern, format : str or None
    items : Property or None
        What an item of an array is.
    default : Any
        The dictionary's default, which the services do not fill in.
    schema : Mapping
        The property's JSON Schema (draft 4), references resolved.
    """

    name: str
    description: str = ""
    types: tuple[str, ...] = ()
    kind: Kind = "mixed"
    enum: tuple[Any, ...] | None = None
    deprecated: tuple[Any, ...] = ()
    nullable: bool = True
    required: bool = False
    system: bool = False
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    pattern: str | None = None
    format: str | None = None
    items: Property | None = None
    default: Any = None
    schema: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def other_than_text(self) -> dict[str, Any]:
        """The values of the vocabulary that are no text, by the text that queries give for them."""
        return {str(value): value for value in self.enum or () if not isinstance(value, str)}

    @property
    def dtype(self) -> np.dtype[Any] | ExtensionDtype:
        """The pandas dtype of a column of this property.

        An enum is categorical with its whole vocabulary in the dictionary's order, whole numbers are
        ``Int64``, numbers ``Float64``, yes/no values ``boolean``, text ``string``; lists, objects and
        properties of several types are ``object``.
        """
        import numpy as np
        import pandas as pd

        if self.kind == "enum" and _categories_fit(self.enum or ()):
            return pd.CategoricalDtype(list(self.enum or ()))
        plain = {
            "integer": pd.Int64Dtype,
            "number": pd.Float64Dtype,
            "boolean": pd.BooleanDtype,
            "string": pd.StringDtype,
        }.get(self.kind)
        return plain() if plain else np.dtype(object)

    @property
    def type_label(self) -> str:
        """The type in words: ``"text"``, ``"one of 7 values"``, ``"list of whole numbers"``."""
        from gen3nb.dictionary.wording import type_label

        return type_label(self)

    def _repr_html_(self) -> str:
        from gen3nb.dictionary.display import property_html

        return property_html(self)


def _categories_fit(values: tuple[Any, ...]) -> bool:
    """Say whether pandas can hold these values as distinct categories (1, 1.0 and True are one to it)."""
    try:
        return len(set(values)) == len(values)
    except TypeError:
        return False


@dataclass(frozen=True)
class Link:
    """A link from a node (the child, ``source``) to another (the parent, ``target``).

    Attributes
    ----------
    name : str
        The link's name in records of the source node: ``"cases"``.
    source, target : str
        Nodes.
    backref : str
        The name under which the target's records list the source's (GraphQL).
    label : str
        What the link means: ``"describes"``.
    multiplicity : str
        ``"many_to_one"``, ``"one_to_one"``, ``"many_to_many"`` or ``"one_to_many"``, read from the source.
    required : bool
        Must a record have it? (A member of a group may be required by the group alone.)
    key : str
        The target's property that names a record: ``submitter_id``; ``code`` for projects, ``name`` for
        programs.
    """

    name: str
    source: str
    target: str
    backref: str = ""
    label: str = ""
    multiplicity: str = "many_to_many"
    required: bool = False
    key: str = "submitter_id"

    @property
    def to_many(self) -> bool:
        """Whether one record may link to several targets."""
        return self.multiplicity in _TO_MANY

    @property
    def column(self) -> str:
        """The link's column in a frame or a TSV: ``"cases.submitter_id"``."""
        return f"{self.name}.{self.key}"

    def __str__(self) -> str:
        return f"{self.source} → {self.target} ({self.name})"


@dataclass(frozen=True)
class LinkGroup:
    """Links of which a record needs one (``required``), or may have one only (``exclusive``).

    Attributes
    ----------
    members : tuple of Link or LinkGroup
    exclusive, required : bool
    """

    members: tuple[Link | LinkGroup, ...]
    exclusive: bool = False
    required: bool = False

    def links(self) -> Iterator[Link]:
        """Give every link of the group, those of inner groups included."""
        for member in self.members:
            if isinstance(member, Link):
                yield member
            else:
                yield from member.links()

    def __str__(self) -> str:
        words = [str(m) if isinstance(m, LinkGroup) else m.name for m in self.members]
        joined = (" or " if self.exclusive else " and/or ").join(words)
        return f"({joined})" if len(words) > 1 else joined


@dataclass(frozen=True)
class Step:
    """One step along a link: up to the parent, or down to the children.

    Attributes
    ----------
    link : Link
    up : bool
        From child to parent?
    """

    link: Link
    up: bool

    @property
    def start(self) -> str:
        """The node that the step leaves."""
        return self.link.source if self.up else self.link.target

    @property
    def end(self) -> str:
        """The node that the step reaches."""
        return self.link.target if self.up else self.link.source

    @property
    def names(self) -> tuple[str, ...]:
        """What ``via=`` may call it; a link from a node to itself has one name for each direction."""
        link = self.link
        if self.up or not link.backref:
            return (link.name,)
        return (link.backref,) if link.source == link.target else (link.name, link.backref)

    @property
    def to_many(self) -> bool:
        """Whether one record may reach several by this step."""
        if self.up:
            return self.link.to_many
        return not self.link.multiplicity.startswith("one_to")

    def __str__(self) -> str:
        arrow = "→" if self.up else "←"
        return f"{self.start} {arrow} {self.end} ({self.link.name})"


class Properties(dict[str, Property]):
    """The properties of a node by name; asking for one that is not there names the nearest."""

    def __missing__(self, name: object) -> Property:
        close = nearest(str(name), self)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {', '.join(self)}."
        raise DictionaryError(
            f"There is no property {name!r}; {hint}", property=str(name), suggestions=tuple(close)
        )


@dataclass(frozen=True, eq=False)
class Node:
    """A node of the dictionary: a type of records.

    Attributes
    ----------
    name, title, category, description : str
    properties : Properties, a dict of str to Property
        All of them, the commons' own included, without the links, in the dictionary's order.
    links : tuple of Link
        Links to parents, those in groups included.
    link_groups : tuple of Link or LinkGroup
        The same, grouped as the dictionary groups them.
    required : tuple of str
        Names of the properties and links that every record must have.
    unique_keys : tuple of tuple of str
    system_properties : tuple of str
        What the commons fills in itself.
    submittable : bool
        The dictionary's flag (services do not enforce it).
    is_file : bool
        Do its records describe files (category ``data_file``, ``metadata_file``, ``index_file`` …)?
    key : str
        The property that names a record: ``submitter_id``; ``code`` for projects, ``name`` for programs.
    schema : Mapping
        The node's schema, references resolved.
    """

    name: str
    title: str
    category: str
    description: str
    properties: Properties = field(repr=False)
    links: tuple[Link, ...]
    link_groups: tuple[Link | LinkGroup, ...] = field(repr=False)
    required: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...] = field(repr=False)
    system_properties: tuple[str, ...] = field(repr=False)
    submittable: bool
    is_file: bool
    key: str
    schema: Mapping[str, Any] = field(repr=False)

    @cached_property
    def columns(self) -> list[str]:
        """The columns of a submission, ordered as in the service's template (sheepdog ``GET /template``)."""
        from gen3nb.dictionary.templates import header

        return [column for column, _ in header(self)]

    def link(self, name: str) -> Link:
        """Give a link by its name or by one of its columns.

        Parameters
        ----------
        name : str
            ``"experiments"``, ``"experiments.submitter_id"`` or ``"experiments.id"``.

        Returns
        -------
        Link

        Raises
        ------
        DictionaryError
            This node has no such link; the message names those that it has.
        """
        head, _, tail = name.partition(".")
        for link in self.links:
            if link.name == head and tail in {"", "id", "submitter_id", link.key}:
                return link
        has = ", ".join(link.name for link in self.links) or "none"
        raise DictionaryError(
            f"The node {self.name!r} has no link {name!r}; its links: {has}.", node=self.name, link=name
        )

    def template(self) -> pd.DataFrame:
        """Give an empty frame with this node's columns, typed."""
        from gen3nb.dictionary.templates import frame

        return frame(self)

    def _repr_html_(self) -> str:
        from gen3nb.dictionary.display import node_html

        return node_html(self)


def submitted(node: Node) -> dict[str, Property]:
    """Give the properties that a person fills in: all but type and what the commons fills in itself.

    Parameters
    ----------
    node : Node

    Returns
    -------
    dict of str to Property
        In the dictionary's order.
    """
    hidden = {"type", "id", "project_id", *node.system_properties}
    return {name: prop for name, prop in node.properties.items() if name not in hidden}
