"""Records and frames are each other's image; nothing is lost either way."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import ijson
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import assert_same_cells, frames_of
from pandas.testing import assert_frame_equal

from gen3nb.dictionary import Dictionary, Node
from gen3nb.errors import ValidationError
from gen3nb.frames import decoding
from gen3nb.frames.codec import UnexpectedValue, read_columns, to_frame, to_records
from gen3nb.frames.refusing import refused_cells


def through_a_service(records: list[dict[str, Any]], node: Node) -> list[dict[str, Any]]:
    """What the export gives for records that were sent: links as lists, null and absent alike."""
    links = {link.name for link in node.links}
    exported = []
    for number, record in enumerate(records):
        kept = {name: value for name, value in record.items() if value is not None}
        for name in links & kept.keys():
            ends = kept[name] if isinstance(kept[name], list) else [kept[name]]
            kept[name] = [{"node_id": f"n-{number}", **end} for end in ends]
        exported.append({**kept, "id": f"id-{number}", "project_id": "P-Q"})
    text = json.dumps({"data": exported}, allow_nan=False).encode()
    return list(ijson.items(io.BytesIO(text), "data.item"))


@given(data=st.data())
def test_what_is_sent_comes_back(dictionary: Dictionary, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([name for name in dictionary if name not in {"program"}]))
    node = dictionary[name]
    frame = data.draw(frames_of(node))
    before = frame.copy(deep=True)
    refused = {(cell.position, cell.column) for cell in refused_cells(frame, node)}
    assert not refused
    back = to_frame(through_a_service(to_records(frame, node), node), node)
    assert_same_cells(back[list(frame.columns)], frame)
    assert_same_cells(frame, before)


@given(data=st.data())
def test_records_are_json_and_never_hold_what_the_commons_fills_in(
    dictionary: Dictionary, data: st.DataObject
) -> None:
    node = dictionary[data.draw(st.sampled_from(list(dictionary)))]
    frame = data.draw(frames_of(node)).assign(
        id="x", state="released", created_datetime="2026-01-01", updated_datetime=float("nan")
    )
    for missing in ("keep", "clear"):
        records = to_records(frame, node, missing=missing)  # type: ignore[arg-type]
        json.dumps(records, allow_nan=False)
        for record in records:
            assert record["type"] == node.name
            assert not {"id", "state", "created_datetime", "updated_datetime"} & record.keys()
            assert missing == "clear" or None not in record.values()


def test_every_node_has_its_types_also_when_empty(dictionary: Dictionary) -> None:
    for node in dictionary.values():
        frame = to_frame([], node)
        assert list(frame.columns) == read_columns(node)
        for name in frame:
            if name in node.properties:
                assert frame[name].dtype == node.properties[name].dtype, (node.name, name)
        assert to_records(frame, node) == []


def test_types_by_the_dictionary(default: Dictionary) -> None:
    frame = to_frame(
        [{"submitter_id": "d", "vital_status": "dead", "lymph_nodes_positive": 3}], default["diagnosis"]
    )
    vocabulary = list(default["diagnosis"].properties["vital_status"].enum or ())
    assert list(frame["vital_status"].cat.categories) == vocabulary
    assert frame["lymph_nodes_positive"].dtype == "Int64"
    assert frame["age_at_diagnosis"].dtype == "Float64"
    assert frame["submitter_id"].dtype == "string"


def test_a_clear_sends_null_and_an_absent_column_nothing(default: Dictionary) -> None:
    frame = pd.DataFrame(
        {"submitter_id": ["a"], "age_at_diagnosis": [None], "cases.submitter_id": [None], "morphology": ["x"]}
    )
    node = default["diagnosis"]
    assert to_records(frame, node) == [{"type": "diagnosis", "submitter_id": "a", "morphology": "x"}]
    assert to_records(frame, node, missing="clear") == [
        {"type": "diagnosis", "submitter_id": "a", "morphology": "x", "age_at_diagnosis": None, "cases": None}
    ]


@pytest.mark.parametrize(
    "cells",
    [
        [51.0, None],
        np.array([51.0, np.nan]),
        pd.array([51, None], dtype="Int64"),
        [np.int64(51), pd.NA],
        ["51", None][:0],
    ],
)
def test_whole_numbers_that_pandas_made_floats_are_whole_again(default: Dictionary, cells: Any) -> None:
    frame = pd.DataFrame({"lymph_nodes_positive": cells})
    sent = [record.get("lymph_nodes_positive") for record in to_records(frame, default["diagnosis"])]
    assert sent == [51, None][: len(cells)]
    assert not sent or type(sent[0]) is int


def test_links_by_key_by_id_or_both(default: Dictionary) -> None:
    node = default["aliquot"]
    frame = pd.DataFrame(
        {
            "*submitter_id": ["a", "b", "c"],
            "samples.submitter_id": [["s1", "s2"], "s3", None],
            "samples.id": [["1", "2"], None, "9"],
        }
    )
    sent = [record.get("samples") for record in to_records(frame, node)]
    assert sent == [
        [{"submitter_id": "s1"}, {"submitter_id": "s2"}],
        [{"submitter_id": "s3"}],
        [{"id": "9"}],
    ]
    one = to_records(pd.DataFrame({"cases.submitter_id": ["c"], "cases.id": ["7"]}), default["sample"])
    assert one == [{"type": "sample", "cases": {"submitter_id": "c", "id": "7"}}]


def test_columns_of_one_name_and_multi_indexes_are_refused(default: Dictionary) -> None:
    node = default["case"]
    with pytest.raises(ValidationError, match="two columns named 'submitter_id'"):
        to_records(pd.DataFrame([["a", "b"]], columns=["submitter_id", "*submitter_id "]), node)
    with pytest.raises(ValidationError, match="MultiIndex"):
        to_records(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), node)
    with pytest.raises(ValidationError, match="reset_index"):
        to_records(pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])), node)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("morphology", "a\x00b", "NUL"),
        ("morphology", "a\ud800", "surrogate"),
        ("age_at_diagnosis", math.inf, "finite"),
        ("age_at_diagnosis", 2**53 + 1, "more digits"),
        ("lymph_nodes_positive", 2**63, "64 bits"),
        ("lymph_nodes_positive", b"7", "bytes"),
        ("morphology", ["x", None], "empty item"),
        ("morphology", ["x", "\x00"], "NUL"),
        ("morphology", {"a": math.inf}, "finite"),
        ("morphology", {"a\x00": 1}, "NUL"),
        ("morphology", [{"a": [2**63]}], "64 bits"),
        ("cases.submitter_id", "\x00", "NUL"),
    ],
)
def test_what_no_service_carries_is_named(default: Dictionary, column: str, value: Any, why: str) -> None:
    frame = pd.DataFrame({"submitter_id": ["a", "b"], column: pd.Series([None, value], dtype=object)})
    (cell,) = refused_cells(frame, default["diagnosis"])
    assert (cell.position, cell.column, cell.value) == (1, column, value)
    assert why in cell.why


def test_nothing_else_is_refused(default: Dictionary) -> None:
    frame = pd.DataFrame(
        {
            "lymph_nodes_positive": pd.array([2**63 - 1, -(2**63)], dtype="Int64"),
            "age_at_diagnosis": [2**60, -1.5e308],
            "hpv_status": pd.Categorical(["Negative", None]),
            "id": ["\x00", "\x00"],
        }
    )
    assert refused_cells(frame, default["diagnosis"]) == []


def test_numbers_in_lists_come_back_to_the_last_bit(garden: Dictionary) -> None:
    node = garden["seed_lot"]
    numbers = [1.2345678901234567e16, 1e22, 0.1, -0.0, 5.0, 5, 2**53, 5e-324]
    frame = pd.DataFrame({"submitter_id": ["a"], "sieve_sizes_mm": pd.Series([numbers], dtype=object)})
    back = to_frame(through_a_service(to_records(frame, node), node), node)
    assert [*map(repr, back["sieve_sizes_mm"][0])] == [*map(repr, numbers)]


# --- what a dictionary did not expect ------------------------------------------------------------------


def diagnosis(**properties: Any) -> dict[str, Any]:
    return {"type": "diagnosis", "id": "1", "submitter_id": "d", **properties}


def test_a_value_off_the_vocabulary_extends_it(default: Dictionary) -> None:
    with pytest.warns(UnexpectedValue, match=r"vital_status: 1 of 2 records .* 'robot' in 'd'"):
        frame = to_frame(
            [diagnosis(vital_status="robot"), diagnosis(vital_status="dead")], default["diagnosis"]
        )
    assert list(frame["vital_status"]) == ["robot", "dead"]
    known = list(default["diagnosis"].properties["vital_status"].enum or ())
    assert list(frame["vital_status"].cat.categories) == [*known, "robot"]


@pytest.mark.parametrize(
    ("column", "values", "texts"),
    [
        ("age_at_diagnosis", [1, 2.5, "old", None], ["1", "2.5", "old", None]),
        ("lymph_nodes_positive", [1, 2**70, 2.5], ["1", str(2**70), "2.5"]),
        ("age_at_diagnosis", [1.5, True], ["1.5", "true"]),
        ("morphology", ["x", 5, {"a": [1]}], ["x", "5", '{"a": [1]}']),
    ],
)
@pytest.mark.parametrize("chunk", [1, 100])
def test_a_value_of_another_type_makes_the_column_text(
    default: Dictionary,
    monkeypatch: pytest.MonkeyPatch,
    column: str,
    values: list[Any],
    texts: list[Any],
    chunk: int,
) -> None:
    built = decoding.ColumnsOf(default["diagnosis"])
    for part in decoding.chunks_of([diagnosis(**{column: value}) for value in values], chunk):
        built.add(part)
    with pytest.warns(UnexpectedValue, match=column):
        frame = built.finish()
    assert frame[column].dtype == "string"
    assert [None if value is pd.NA else value for value in frame[column]] == texts


def test_whole_numbers_come_as_floats_from_queries(default: Dictionary) -> None:
    frame = to_frame([diagnosis(lymph_nodes_positive=3.0), diagnosis()], default["diagnosis"])
    assert frame["lymph_nodes_positive"].dtype == "Int64"
    assert frame["lymph_nodes_positive"][0] == 3


def test_a_property_that_the_dictionary_does_not_know_is_kept(default: Dictionary) -> None:
    with pytest.warns(UnexpectedValue, match="1 diagnosis record holds 'colour'"):
        frame = to_frame([diagnosis(), diagnosis(colour="blue")], default["diagnosis"])
    assert list(frame["colour"]) == [None, "blue"]


def test_links_repeat_in_the_export_but_not_in_the_frame(default: Dictionary) -> None:
    end = {"node_id": "1", "submitter_id": "s1"}
    frame = to_frame(
        [{"type": "aliquot", "id": "a", "samples": [end, end, {"node_id": "2", "submitter_id": "s2"}]}],
        default["aliquot"],
    )
    assert list(frame["samples.submitter_id"]) == [["s1", "s2"]]
    with pytest.warns(UnexpectedValue, match="several targets"):
        odd = to_frame([diagnosis(cases=[end, {"submitter_id": "c2"}])], default["diagnosis"])
    assert list(odd["cases.submitter_id"]) == [["c2", "s1"]]


def test_a_chunk_at_a_time_is_the_same_as_all_at_once(default: Dictionary) -> None:
    records = [
        diagnosis(age_at_diagnosis=number / 3, vital_status="alive", cases=[{"submitter_id": "c"}])
        for number in range(25)
    ]
    whole = to_frame(records, default["diagnosis"])
    built = decoding.ColumnsOf(default["diagnosis"])
    for part in decoding.chunks_of(records, 4):
        built.add(part)
    assert_frame_equal(built.finish(), whole)
