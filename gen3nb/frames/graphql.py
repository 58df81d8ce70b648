"""GraphQL of our own making: always an explicit ``first`` and an order by id, at every level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gen3nb.client.project import ProjectId
from gen3nb.dictionary import Dictionary, Link, Node, Property, Step
from gen3nb.dictionary.elements import nearest
from gen3nb.errors import DictionaryError
from gen3nb.frames.casting import read_text
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import OF_EVERY_RECORD
from gen3nb.frames.paging import PAGE, Paging

__all__ = [
    "EVERY",
    "count_records",
    "fields_text",
    "given_wrong",
    "graphql_pages",
    "mended",
    "resolve",
    "step_name",
    "two_links_to_one",
]

#: Arguments of a list below the root: all of it, in an order that stays.
EVERY = '(first: 0, order_by_asc: "id")'


def two_links_to_one(node: Node) -> bool:
    """Say whether a node has a link to itself or two to one node: neither export nor queries give those."""
    targets = [link.target for link in node.links]
    return node.name in targets or len(set(targets)) < len(targets)


def given_wrong(dictionary: Dictionary, steps: Sequence[Step], prop: Property) -> bool:
    """Say whether queries give a column wrong: they mix up two links to one node, and types of values.

    Parameters
    ----------
    dictionary : Dictionary
    steps : sequence of Step
        The way to the property.
    prop : Property

    Returns
    -------
    bool
    """
    children = (dictionary[step.link.source] for step in steps)
    return prop.kind == "mixed" or any(
        sum(other.target in {step.link.target, child.name} for other in child.links) > 1
        or step.link.target == child.name
        for step, child in zip(steps, children, strict=True)
    )


def count_records(connection: Connection, node: Node, project: ProjectId) -> int:
    """Count the records of a node in a project (peregrine ``_<node>_count``)."""
    answer = connection.peregrine.query(
        f"query ($project_id: [String]) {{ count: _{node.name}_count(project_id: $project_id) }}",
        {"project_id": [str(project)]},
    )
    return int(answer.get("count") or 0)


def fields_text(node: Node, columns: Sequence[str]) -> str:
    """Write the fields of a record's own columns, links one level deep.

    Parameters
    ----------
    node : Node
    columns : sequence of str
        Properties, ``<link>.<key>`` and ``<link>.id``.

    Returns
    -------
    str
    """
    links: dict[str, list[str]] = {}
    fields = ["id"]
    for name in columns:
        head, _, tail = name.partition(".")
        if tail:
            links.setdefault(head, ["id"]).append(tail)
        else:
            fields.append(name)
    nested = [f"{name} {EVERY} {{ {' '.join(dict.fromkeys(ends))} }}" for name, ends in links.items()]
    return " ".join([*dict.fromkeys(fields), *nested])


def graphql_pages(
    connection: Connection,
    node: Node,
    columns: Sequence[str],
    *,
    project: ProjectId,
    size: int = PAGE,
) -> Iterator[list[dict[str, Any]]]:
    """Give the records of a node in a project page by page, ordered by id (peregrine).

    Parameters
    ----------
    connection : Connection
    node : Node
    columns : sequence of str
        As for :func:`fields_text`.
    project : ProjectId
    size : int
        Records of a page.

    Yields
    ------
    list of dict
        Records as the export gives them.

    Raises
    ------
    IntegrityError
        So many records came or went meanwhile that the place is lost.
    """
    text = (
        "query ($first: Int, $offset: Int, $project_id: [String]) { "
        f'page: {node.name}(first: $first, offset: $offset, order_by_asc: "id", project_id: $project_id) '
        f"{{ {fields_text(node, columns)} }} }}"
    )

    def ask(first: int, offset: int) -> list[dict[str, Any]]:
        variables = {"first": first, "offset": offset, "project_id": [str(project)]}
        return connection.peregrine.query(text, variables).get("page") or []

    for page in Paging(ask, node.name).pages(size):
        yield [mended(record, node) for record in page]


def mended(record: dict[str, Any], node: Node) -> dict[str, Any]:
    """Undo what GraphQL does to values: items of arrays and values of vocabularies are text there."""
    for name, value in record.items():
        if name in node.properties:
            record[name] = mended_value(value, node.properties[name])
    return record


def mended_value(value: Any, prop: Property) -> Any:
    """Give a value of GraphQL as its property has it."""
    if isinstance(value, list) and prop.items is not None and "string" not in prop.items.types:
        return [read_text(item, prop.items) if isinstance(item, str) else item for item in value]
    if isinstance(value, str) and prop.enum is not None:
        return prop.other_than_text.get(value, value)
    if isinstance(value, float) and prop.kind == "integer" and value.is_integer():
        return int(value)
    return value


# --- paths ---------------------------------------------------------------------------------------------


def step_name(step: Step) -> str:
    """Give the name of a step in GraphQL: the link's own upwards, its backref downwards."""
    return step.link.name if step.up else step.link.backref


def steps_of(dictionary: Dictionary, node: Node) -> dict[str, Step]:
    """Give the steps that lead away from a node, by their names in GraphQL."""
    found = {link.name: Step(link, up=True) for link in node.links if link.target in dictionary}
    for link in dictionary.children(node.name):
        if link.backref:
            found.setdefault(link.backref, Step(link, up=False))
    return found


def resolve(dictionary: Dictionary, node: Node, column: str) -> tuple[list[Step], Property]:
    """Find what a column means: steps along links, and the property at their end.

    Parameters
    ----------
    dictionary : Dictionary
    node : Node
        Where the path starts.
    column : str
        ``"gender"``, ``"cases.submitter_id"``, ``"cases.demographics.gender"``.

    Returns
    -------
    (list of Step, Property)

    Raises
    ------
    DictionaryError
        A name is unknown; the message names the nearest.
    """
    *heads, last = column.split(".")
    steps: list[Step] = []
    here = node
    for head in heads:
        ways = steps_of(dictionary, here)
        if head not in ways:
            raise _unknown(here, head, list(ways), "link", column)
        steps.append(ways[head])
        here = dictionary[ways[head].end]
    if last in here.properties:
        return steps, here.properties[last]
    if last in OF_EVERY_RECORD:
        return steps, Property(name=last, types=("string",), kind="string", system=True)
    linked = {step.link.column for step in steps_of(dictionary, here).values() if step.up}
    if last in steps_of(dictionary, here):
        way = steps_of(dictionary, here)[last]
        # the link itself is no column: what it leads to is
        raise _unknown(here, last, [f"{last}.{dictionary[way.end].key}"], "property", column, is_link=True)
    raise _unknown(here, last, [*here.properties, *sorted(linked)], "property", column)


def _unknown(
    node: Node, name: str, known: Sequence[str], what: str, column: str, *, is_link: bool = False
) -> DictionaryError:
    close = list(known) if is_link else nearest(name, list(known))
    if close:
        hint = f"Did you mean {' or '.join(map(repr, close))}?"
    elif what == "link":
        hint = f"From there lead: {', '.join(sorted(known)) or 'none'}."
    else:
        hint = f"See dictionary[{node.name!r}].properties for all of them."
    where = f" (in {column!r})" if column != name else ""
    return DictionaryError(
        f"The node {node.name!r} has no {what} {name!r}{where}. {hint}",
        node=node.name,
        name=name,
        suggestions=tuple(close),
    )


def link_of(node: Node, column: str) -> Link | None:
    """Give the link that a column such as ``cases.submitter_id`` or ``cases.id`` holds, if it does."""
    head, _, tail = column.partition(".")
    return next((link for link in node.links if link.name == head and tail in {link.key, "id"}), None)
