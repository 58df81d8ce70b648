"""Every node and property type of both dictionaries, there and back over real HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_up import assert_same_cells, put, values_of

from gen3nb.dictionary import Dictionary, Link, LinkGroup, Node, Property
from gen3nb.dictionary.referee import referee
from gen3nb.frames.codec import to_records

if TYPE_CHECKING:
    from gen3nb import Commons

COUNT = 3
PLAIN = [
    "x",
    "a" * 32,
    0,
    1,
    5,
    7.5,
    1000,
    True,
    "2026-11-21T00:00:00Z",
    "2026-11-21",
    str(uuid.UUID(int=1)),
    "AB12",
    "AB-1234",
    [],
    ["x"],
]


def fitting(prop: Property) -> list[Any]:
    """Plain values that the property takes."""
    dates = {"date": ["2026-11-21"], "date-time": ["2026-11-21T00:00:00Z"]}
    if prop.format is not None:
        return dates[prop.format]
    fits = referee(prop).is_valid
    return [value for value in [*(prop.enum or ())[:3], *PLAIN] if value is not None and fits(value)]


def needed_links(node: Node) -> Iterator[Link]:
    """Links that make a record complete: the required ones, and the first of each required group."""
    for member in node.link_groups:
        if isinstance(member, Link):
            if member.required:
                yield member
        elif isinstance(member, LinkGroup) and member.required:
            yield next(member.links())


def complete(
    dictionary: Dictionary, node: Node, name: str, code: str, made: dict[str, Any]
) -> dict[str, Any]:
    """A record with all it needs; its parents are put into ``made`` before it."""
    record: dict[str, Any] = {"type": node.name, "submitter_id": name}
    for key in node.required:
        prop = node.properties.get(key)
        if prop is not None and key not in record:
            record[key] = fitting(prop)[0]
    for key in {part for keys in node.unique_keys for part in keys} - {"id", "project_id", "submitter_id"}:
        if node.properties[key].kind == "string" and node.properties[key].pattern is None:
            record[key] = name
    for link in needed_links(node):
        if link.target == "project":
            record[link.name] = {"code": code}
            continue
        parent = f"{name}.{link.target}"
        if parent not in made:
            made[parent] = complete(dictionary, dictionary[link.target], parent, code, made)
        record[link.name] = {"submitter_id": parent}
    return record


def submittable(dictionary: Dictionary) -> list[str]:
    return [name for name in dictionary if name not in {"program", "project"}]


# a failure is small enough as it is; to make it smaller would take minutes of requests
@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
@pytest.mark.parametrize("home", ["commons", "gardens"])
def test_there_and_back(request: pytest.FixtureRequest, home: str, data: st.DataObject) -> None:
    commons: Commons = request.getfixturevalue(home)
    node = commons.dictionary[data.draw(st.sampled_from(submittable(commons.dictionary)))]
    project = str(commons.create_project(("TEST", f"n{uuid.uuid4().hex[:10]}")))
    made: dict[str, Any] = {}
    rows = [complete(commons.dictionary, node, f"r{number}", project[5:], made) for number in range(COUNT)]
    put(commons, project, list(made.values()))
    columns: dict[str, pd.Series[Any]] = {
        "submitter_id": pd.Series([row["submitter_id"] for row in rows], dtype="string")
    }
    for name in node.columns:
        prop = node.properties.get(name)
        if prop is None or name in {"type", "project_id", "submitter_id", "object_id", "id"}:
            continue
        some = st.sampled_from(fitting(prop)) if fitting(prop) else st.none()
        if fitting(prop) and prop.format is None and prop.pattern is None:
            some = st.one_of(some, values_of(prop).filter(referee(prop).is_valid))
        if any(name in row for row in rows):
            cells = [
                data.draw(some) if len(node.unique_keys) < 3 and name not in _keys(node) else row[name]
                for row in rows
            ]
        else:
            cells = data.draw(st.lists(st.one_of(st.none(), some), min_size=COUNT, max_size=COUNT))
        columns[name] = pd.Series(cells, dtype=prop.dtype)
    for link in node.links:
        ends = [row.get(link.name) for row in rows]
        keys = [end[link.key] if end else None for end in ends]
        cells = [[key] if key else None for key in keys] if link.to_many else keys
        columns[link.column] = pd.Series(cells, dtype=object if link.to_many else "string")
    frame = pd.DataFrame(columns)
    put(commons, project, to_records(frame, node))
    back = commons.read(node.name, project=project, columns=list(frame.columns), progress=False)
    back = back.sort_values("submitter_id", ignore_index=True)
    assert_same_cells(back, frame)


def _keys(node: Node) -> set[str]:
    return {part for keys in node.unique_keys for part in keys}


def test_every_property_has_values_to_try(default: Dictionary, garden: Dictionary) -> None:
    for dictionary in (default, garden):
        for name in submittable(dictionary):
            node = dictionary[name]
            missing = [
                key for key in node.required if key in node.properties and not fitting(node.properties[key])
            ]
            assert not missing, (name, missing)
