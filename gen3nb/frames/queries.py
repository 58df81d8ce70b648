"""Any GraphQL, and a warning wherever the server cut a list at its default of 10 rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gen3nb.errors import QueryError
from gen3nb.frames.connection import Connection

if TYPE_CHECKING:
    from graphql import FieldNode, FragmentDefinitionNode, SelectionSetNode

__all__ = ["CutAtDefaultLimit", "query"]

#: How many rows a list has at most where the query says no ``first``.
DEFAULT_LIMIT = 10


class CutAtDefaultLimit(UserWarning):
    """A list came back with exactly as many rows as the server gives by default; there may be more."""


def query(connection: Connection, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run any GraphQL query and give its data (peregrine ``POST /v0/submission/graphql``).

    Parameters
    ----------
    connection : Connection
        The commons.
    text : str
        The query. Lists have 10 rows at every level unless ``first:`` says otherwise; ``first: 0`` is all.
    variables : Mapping, optional
        Values of its variables. Filters are lists: declare them ``[String]``.

    Returns
    -------
    dict
        The answer's ``data``.

    Raises
    ------
    QueryError
        GraphQL refused it: with the service's words, line and column.

    Warns
    -----
    CutAtDefaultLimit
        A list without ``first`` came back with exactly 10 rows; the level is named.
    """
    if variables is not None and not isinstance(variables, Mapping):
        raise QueryError("The variables of a query come by name: {'id': 'case-1'} for $id.")
    data = connection.peregrine.query(text, variables)
    for level, count in cut_levels(text, data, variables or {}).items():
        several = f" ({count} times)" if count > 1 else ""
        warnings.warn(
            f"{level} came back with exactly {DEFAULT_LIMIT} rows{several}, which is where the commons stops "
            f"by default; there are probably more. Add (first: 0) to {level.rpartition('.')[2]!r} for all.",
            CutAtDefaultLimit,
            stacklevel=3,
        )
    return data


def cut_levels(text: str, data: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, int]:
    """Find the lists that have exactly 10 rows and no ``first``.

    Parameters
    ----------
    text : str
        The query.
    data : Mapping
        Its answer.
    variables : Mapping

    Returns
    -------
    dict of str to int
        Level (``"case.diagnoses"``) → how many lists of it.
    """
    from graphql import GraphQLSyntaxError, OperationDefinitionNode, parse
    from graphql.language import FragmentDefinitionNode

    try:
        document = parse(text, no_location=True)
    except GraphQLSyntaxError:
        return {}  # the services speak an older GraphQL and took it: nothing to say
    fragments = {
        one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
    }
    found: dict[str, int] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            # what the query itself gives a variable that nobody gives a value
            usual = {
                one.variable.name.value: one.default_value
                for one in operation.variable_definitions or ()
                if one.default_value is not None
            }
            walk = _Walk(fragments, {**usual, **variables}, found)
            walk.into(operation.selection_set, [data], "")
    return found


class _Walk:
    """Goes through query and answer side by side."""

    def __init__(
        self,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
        found: dict[str, int],
    ) -> None:
        self._fragments = fragments
        self._variables = variables
        self._found = found

    def into(self, selections: SelectionSetNode, rows: list[Any], path: str) -> None:
        for field in self._fields(selections):
            if field.selection_set is None:
                continue  # a list of plain values is never cut
            key = field.alias.value if field.alias else field.name.value
            name = field.name.value if key == field.name.value else f"{key}: {field.name.value}"
            level = f"{path}.{name}" if path else name
            below: list[Any] = []
            for row in rows:
                value = row.get(key) if isinstance(row, Mapping) else None
                if isinstance(value, list):
                    below += value
                    if len(value) == DEFAULT_LIMIT and not self._limited(field):
                        self._found[level] = self._found.get(level, 0) + 1
                elif value is not None:
                    below.append(value)
            if below:
                self.into(field.selection_set, below, level)

    def _fields(
        self, selections: SelectionSetNode, seen: frozenset[str] = frozenset()
    ) -> Iterator[FieldNode]:
        from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

        for one in selections.selections:
            if isinstance(one, FieldNode):
                yield one
            elif isinstance(one, InlineFragmentNode):
                yield from self._fields(one.selection_set, seen)
            elif isinstance(one, FragmentSpreadNode) and one.name.value not in seen:
                fragment = self._fragments.get(one.name.value)
                if fragment is not None:
                    yield from self._fields(fragment.selection_set, seen | {one.name.value})

    def _limited(self, field: FieldNode) -> bool:
        """Say whether the query names a limit here; a variable without a value names none."""
        from graphql import VariableNode

        for argument in field.arguments or ():
            if argument.name.value in {"first", "last"}:
                value = argument.value
                return (
                    not isinstance(value, VariableNode) or self._variables.get(value.name.value) is not None
                )
        return False
