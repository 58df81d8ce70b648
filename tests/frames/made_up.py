"""Values, frames and records made up from a dictionary, for the tests of the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from gen3nb.dictionary import Dictionary, Node, Property

if TYPE_CHECKING:
    from gen3nb import Commons


NASTY = [
    "",
    " ",
    "NA",
    "None",
    "null",
    "nan",
    "1e5",
    "007",
    "true",
    "a\tb",
    "a\nb",
    "a\rb",
    "\r",
    "a\r\nb",
    "a\x0bb",
    "a\x0cb",
    "a\x1cb",
    "a\x85b",
    '"',
    "a\u2028b",
    "\ufeffa",
    "é",
    "e\u0301",
]
TEXT = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12),
)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53),
    st.just(2**60),
    st.sampled_from([0.1, 0.1 + 0.2, -0.0, 5e-324, 1e5]),
)


def values_of(prop: Property) -> st.SearchStrategy[Any]:
    """Values that a property may have, whatever its pattern and range."""
    if prop.kind == "enum":
        return st.sampled_from(list(prop.enum or ()))
    if prop.kind == "array":
        return st.lists(values_of(prop.items) if prop.items is not None else TEXT, max_size=4)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "integer": WHOLE,
        "number": NUMBER,
        "boolean": st.booleans(),
        "string": TEXT,
        "object": st.dictionaries(st.text("ab", min_size=1), TEXT, max_size=2),
        "array": st.lists(TEXT, max_size=3),
    }
    return st.one_of([kinds[kind] for kind in prop.types] or [TEXT])


def own_properties(node: Node) -> list[Property]:
    """The properties that a person fills in."""
    return [
        node.properties[name]
        for name in node.columns
        if name in node.properties and name not in {"type", "project_id", "id", node.key}
    ]


@st.composite
def frames_of(draw: st.DrawFn, node: Node, most: int = 6) -> pd.DataFrame:
    """A frame of a node with typed columns, some cells missing, links included."""
    count = draw(st.integers(0, most))
    columns: dict[str, pd.Series[Any]] = {
        node.key: pd.Series([f"r{number}" for number in range(count)], dtype="string")
    }
    for prop in own_properties(node):
        cells = draw(st.lists(st.one_of(st.none(), values_of(prop)), min_size=count, max_size=count))
        columns[prop.name] = pd.Series(cells, dtype=prop.dtype)
    for link in node.links:
        if link.to_many:
            targets = st.lists(TEXT.filter(bool), max_size=3, unique=True).map(
                lambda ends: sorted(ends) or None
            )
            cells = draw(st.lists(targets, min_size=count, max_size=count))
            columns[link.column] = pd.Series(cells, dtype=object)
        else:
            cells = draw(st.lists(st.one_of(st.none(), TEXT.filter(bool)), min_size=count, max_size=count))
            columns[link.column] = pd.Series(cells, dtype="string")
    return pd.DataFrame(columns)


def assert_same_cells(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """See that two frames are one: types, order, every value, and numbers to the last bit."""
    assert_frame_equal(left, right, check_exact=True, check_flags=False)
    for name in right:
        if pd.api.types.is_float_dtype(right[name].dtype):
            ours, theirs = (
                frame[name].to_numpy(float, na_value=0.0).view("int64") for frame in (left, right)
            )
            assert ours.tolist() == theirs.tolist(), name
        elif pd.api.types.is_object_dtype(right[name].dtype):
            # to Python 1, 1.0 and True are one
            assert [*map(repr, left[name])] == [*map(repr, right[name])], name


# --- a project to read from ------------------------------------------------------------------------------

CASES = 25


def a_record(node: Node, name: str, **values: Any) -> dict[str, Any]:
    """A record of a node with all that is required but its links."""
    record: dict[str, Any] = {"type": node.name, "submitter_id": name}
    for required in node.required:
        prop = node.properties.get(required)
        if prop is None or required in record:
            continue
        made = {"enum": (prop.enum or ("",))[0], "integer": 1, "number": 1.5, "boolean": True, "array": []}
        record[required] = made.get(prop.kind, "x")
    return {**record, **values}


def patients(dictionary: Dictionary) -> list[dict[str, Any]]:
    """25 cases; a demographic for 24; 0, 1 or 2 diagnoses each; two samples each, which share an aliquot."""
    records = [a_record(dictionary["experiment"], "exp")]
    for number in range(CASES):
        case = f"c{number:02}"
        records.append(
            a_record(
                dictionary["case"],
                case,
                experiments={"submitter_id": "exp"},
                consent_codes=["A", f"B{number}"],
            )
        )
        if number:
            records.append(
                a_record(
                    dictionary["demographic"],
                    f"{case}-g",
                    cases={"submitter_id": case},
                    gender="female" if number % 2 else "male",
                    year_of_birth=1940 + number,
                )
            )
        for which in range(number % 3):
            records.append(
                a_record(
                    dictionary["diagnosis"],
                    f"{case}-d{which}",
                    cases={"submitter_id": case},
                    age_at_diagnosis=1000 * number + which / 2,
                    lymph_nodes_positive=number,
                    vital_status="dead" if number < 9 else "alive",
                    morphology="8500/3" if which else "9999/9",
                )
            )
        for letter in "xy":
            records.append(a_record(dictionary["sample"], f"{case}-s{letter}", cases={"submitter_id": case}))
        records.append(
            a_record(
                dictionary["aliquot"],
                f"{case}-a",
                samples=[{"submitter_id": f"{case}-s{letter}"} for letter in "xy"],
            )
        )
    return records


def new_project(commons: Commons, code: str) -> str:
    """Make an empty project in the program TEST."""
    return str(commons.create_project(("TEST", code)))


def put(commons: Commons, project: str, records: list[dict[str, Any]]) -> None:
    """Store records as they are."""
    for start in range(0, len(records), 100):
        answer = commons.sheepdog.submit(commons.project_id(project), records[start : start + 100])
        assert answer.ok, answer.problems()
