"""The query builder: what it asks, what it checks itself, and that nothing is cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from graphql import FieldNode, Visitor, parse, visit
from made_up import CASES, a_record, put

from gen3nb.errors import DictionaryError, IntegrityError, NotFound

if TYPE_CHECKING:
    from gen3nb import Commons


def names(frame: pd.DataFrame) -> list[str]:
    return sorted(frame["submitter_id"])


def test_every_level_has_a_limit_and_an_order(commons: Commons, clinic: str) -> None:
    selection = commons.select(
        "sample",
        project=clinic,
        columns=["submitter_id", "cases.submitter_id", "cases.demographics.gender", "aliquots.id"],
    )

    class Limits(Visitor):
        seen = 0

        def enter_field(self, node: FieldNode, *_: Any) -> None:
            if node.selection_set is not None:
                Limits.seen += 1
                assert {"first", "order_by_asc"} <= {argument.name.value for argument in node.arguments}

    visit(parse(selection.graphql), Limits())
    assert Limits.seen == 4
    data = commons.query(selection.graphql, selection.variables)
    assert len(data["sample"]) == 2 * CASES


@pytest.mark.parametrize(
    ("where", "local", "expected"),
    [
        ({"vital_status": "dead"}, [], lambda row: row["vital_status"] == "dead"),
        ({"vital_status": ["dead", "alive"]}, [], lambda row: True),
        ({"morphology": "8500/3"}, [], lambda row: row["morphology"] == "8500/3"),
        (
            {"lymph_nodes_positive": 5},
            ["lymph_nodes_positive is 5"],
            lambda row: row["lymph_nodes_positive"] == 5,
        ),
        (
            {"lymph_nodes_positive": [5, 8]},
            ["lymph_nodes_positive is one of 5, 8"],
            lambda row: row["lymph_nodes_positive"] in (5, 8),
        ),
        (
            {"age_at_diagnosis": (5000, 8000)},
            ["5000 ≤ age_at_diagnosis ≤ 8000"],
            lambda row: 5000 <= row["age_at_diagnosis"] <= 8000,
        ),
        (
            {"age_at_diagnosis": (None, 5000.0)},
            ["age_at_diagnosis ≤ 5000.0"],
            lambda row: row["age_at_diagnosis"] <= 5000,
        ),
        (
            {"age_at_diagnosis": 5000.5},
            ["age_at_diagnosis is 5000.5"],
            lambda row: row["age_at_diagnosis"] == 5000.5,
        ),
        (
            {"submitter_id": re.compile("-d1$")},
            ["submitter_id matches /-d1$/"],
            lambda row: row["submitter_id"].endswith("-d1"),
        ),
        ({"prior_malignancy": None}, ["prior_malignancy is missing"], lambda row: True),
        (
            {"prior_malignancy": ["yes", None]},
            ['prior_malignancy is missing or one of "yes"'],
            lambda row: True,
        ),
        (
            {"cases.demographics.gender": ["male", None]},
            ['cases.demographics.gender is missing or one of "male"'],
            lambda row: int(row["submitter_id"][1:3]) % 2 == 0,
        ),
        (
            {"vital_status": "dead", "lymph_nodes_positive": (5, 7)},
            ["5 ≤ lymph_nodes_positive ≤ 7"],
            lambda row: row["vital_status"] == "dead" and 5 <= row["lymph_nodes_positive"] <= 7,
        ),
        (
            {"cases.submitter_id": "c05"},
            ['cases.submitter_id is "c05"'],
            lambda row: row["cases.submitter_id"] == "c05",
        ),
        (
            {"cases.demographics.gender": "male"},
            ['cases.demographics.gender is "male"'],
            lambda row: int(row["submitter_id"][1:3]) % 2 == 0,
        ),
    ],
)
def test_where(commons: Commons, clinic: str, where: dict[str, Any], local: list[str], expected: Any) -> None:
    whole = commons.read("diagnosis", project=clinic)
    wanted = names(whole[[bool(expected(row)) for _, row in whole.iterrows()]])
    selection = commons.select("diagnosis", project=clinic, columns=["submitter_id"], where=where)
    assert selection.local == local
    frame = selection.to_frame()
    assert names(frame) == wanted
    assert list(frame.columns) == ["submitter_id"]
    assert selection.count() == len(wanted)
    assert names(commons.read("diagnosis", project=clinic, where=where)) == wanted


def test_lists_and_yes_or_no(commons: Commons, clinic: str) -> None:
    assert names(commons.select("case", project=clinic, where={"consent_codes": "B7"}).to_frame()) == ["c07"]
    assert commons.select("case", project=clinic, where={"consent_codes": ["B7", "B8"]}).count() == 2
    assert commons.select("case", project=clinic, where={"consent_codes": "A"}).count() == CASES


def test_boolean_filters_are_the_services(gardens: Commons) -> None:
    project = str(gardens.create_project(("TEST", "truth")))
    code = project.removeprefix("TEST-")
    put(
        gardens,
        project,
        [
            {
                "type": "garden",
                "submitter_id": f"g{number}",
                "projects": {"code": code},
                "is_public": number > 0,
                "hardinessZone": number + 1,
            }
            for number in range(3)
        ],
    )
    selection = gardens.select("garden", project=project, where={"is_public": True})
    assert selection.local == []
    assert names(selection.to_frame()) == ["g1", "g2"]
    assert selection.count() == 2
    assert (
        gardens.select("garden", project=project, where={"is_public": True, "hardinessZone": 3}).count() == 1
    )


def test_ids_and_projects(commons: Commons, clinic: str) -> None:
    ids = commons.select("case", project=clinic, columns=["id", "submitter_id"]).to_frame()
    some = list(ids["id"][:3])
    assert names(commons.select("case", where={"id": some}).to_frame()) == sorted(ids["submitter_id"][:3])
    assert commons.select("case", where={"project_id": clinic}).count() == CASES
    assert commons.select("case", where={"id": []}).count() == 0
    with pytest.raises(NotFound):
        commons.select("case", project="TEST-nope")


def test_pages_hold_every_record_once(commons: Commons, clinic: str) -> None:
    selection = commons.select("case", project=clinic, columns=["submitter_id"])
    pages = list(selection.pages(10))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert names(pd.concat(pages)) == [f"c{number:02}" for number in range(CASES)]
    few = selection.filter({"submitter_id": re.compile("[02468]$")})
    assert [len(page) for page in few.pages(10)] == [10, 3]
    assert list(commons.select("treatment", project=clinic).pages(10)) == []
    with pytest.raises(ValueError, match="at least one row"):
        next(selection.pages(0))


def test_it_does_not_change(commons: Commons, clinic: str) -> None:
    first = commons.select("diagnosis", project=clinic)
    text = first.graphql
    second = first.filter({"vital_status": "dead"}).with_columns("morphology")
    assert first.graphql == text
    assert first.where == {}
    assert second.columns == ["morphology"]
    first.where["vital_status"] = "alive"
    first.columns.append("x")
    assert first.graphql == text
    assert repr(second) == f'<Selection of diagnosis in {clinic}: 1 columns; vital_status is "dead">'
    assert second.within(clinic).variables["project_id"] == [clinic]


def test_lists_where_there_may_be_several(commons: Commons, clinic: str) -> None:
    frame = commons.select(
        "case",
        project=clinic,
        columns=["submitter_id", "diagnoses.age_at_diagnosis", "samples.aliquots.submitter_id"],
    ).to_frame()
    row = frame.set_index("submitter_id").loc["c05"]
    assert sorted(row["diagnoses.age_at_diagnosis"]) == [5000.0, 5000.5]
    assert row["samples.aliquots.submitter_id"] == ["c05-a"]
    assert frame.set_index("submitter_id").loc["c03", "diagnoses.age_at_diagnosis"] == []
    whole = commons.select("case", project=clinic, columns=["diagnoses.lymph_nodes_positive"]).to_frame()
    assert {type(value) for cell in whole["diagnoses.lymph_nodes_positive"] for value in cell} == {int}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": ["morfology"]}, "no property 'morfology'.*'morphology'"),
        ({"columns": ["case.submitter_id"]}, r"no link 'case' \(in 'case.submitter_id'\).*'cases'"),
        ({"columns": ["cases.demographics.gendre"]}, "'demographic' has no property 'gendre'.*'gender'"),
        ({"where": {"vital_statu": "dead"}}, "Did you mean 'vital_status'"),
        ({"where": {"vital_status": "Dead"}}, "vital_status is never 'Dead'. Did you mean 'dead'"),
        ({"where": {"vital_status": ["dead", "robot"]}}, "vital_status is never 'robot'"),
        ({"where": {"age_at_diagnosis": "old"}}, "is a number, never 'old'"),
        ({"where": {"age_at_diagnosis": (1, 2, 3)}}, "a range is a pair"),
        ({"where": {"age_at_diagnosis": ("1", None)}}, "is a number, so the ends of a range are numbers"),
        ({"where": {"vital_status": (1, 2)}}, "is text, so the ends of a range are text"),
        ({"where": {"submitter_id": (None, 5)}}, "is text, so the ends of a range are text"),
        ({"where": {"age_at_diagnosis": (9, 1)}}, r"nothing is from 9 to 1; a range is \(low, high\)"),
        ({"where": {"age_at_diagnosis": re.compile("5")}}, "is no text, so no pattern fits it"),
        ({"where": {"submitter_id": len}}, "or a pattern, no function"),
        ({"where": {"cases": "c1"}}, r"no property 'cases'\. Did you mean 'cases.submitter_id'\?"),
        ({"columns": ["cases.samples"]}, "Did you mean 'samples.submitter_id'"),
    ],
)
def test_mistakes_are_named_before_anything_is_sent(
    commons: Commons, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(DictionaryError, match=says):
        commons.select("diagnosis", **options)


def test_records_that_come_while_it_reads(
    commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dictionary = commons.dictionary
    put(
        commons,
        project,
        [
            a_record(dictionary["case"], f"c{number}", experiments={"submitter_id": "exp"})
            for number in range(5)
        ],
    )
    asked = commons.peregrine.query
    numbers = iter(range(100))

    def meanwhile(text: str, variables: Any = None, **options: Any) -> Any:
        """Each page shows its first record again and again."""
        answer = asked(text, variables, **options)
        if "offset" in (variables or {}):
            answer["case"] = answer["case"][:1] * len(answer["case"])
            next(numbers)
        return answer

    monkeypatch.setattr(commons.peregrine, "query", meanwhile)
    with pytest.raises(IntegrityError, match="changed while they were read"):
        commons.select("case", project=project).to_frame()
    assert next(numbers) >= 2  # it tried again
    with pytest.raises(IntegrityError):
        list(commons.select("case", project=project).pages(2))


def test_what_queries_mix_up_is_read_from_the_export(gardens: Commons) -> None:
    project = str(gardens.create_project(("TEST", "mixed")))
    plants = [
        a_record(
            gardens.dictionary["plant"], f"p{number}", gardens={"submitter_id": "g"}, height=height, age=age
        )
        for number, (height, age) in enumerate([(40.5, "5"), ("tall", 6), (None, None)])
    ]
    cutting = a_record(gardens.dictionary["plant"], "q", plants={"submitter_id": "p1"})
    cross = {
        "type": "cross",
        "submitter_id": "x",
        "mothers": {"submitter_id": "p0"},
        "fathers": {"submitter_id": "p1"},
    }
    garden = {"type": "garden", "submitter_id": "g", "projects": {"code": "mixed"}}
    put(gardens, project, [garden, *plants, cutting, cross])
    crosses = gardens.select("cross", project=project, columns=["mothers.submitter_id", "fathers.height"])
    assert "mothers" not in crosses.graphql
    assert crosses.local == [
        "mothers.submitter_id is read from the export",
        "fathers.height is read from the export",
    ]
    assert crosses.to_frame().to_dict("list") == {"mothers.submitter_id": ["p0"], "fathers.height": ["tall"]}
    heights = gardens.select("plant", project=project, columns=["submitter_id", "height", "age"])
    rows = heights.to_frame().sort_values("submitter_id")
    assert rows["height"].tolist() == [40.5, "tall", None, None]
    assert rows["age"].tolist() == ["5", 6, None, None]
    assert heights.filter({"height": (40, 41)}).count() == 1
    assert [len(page) for page in heights.pages(3)] == [3, 1]
    cuttings = gardens.select("plant", project=project, columns=["submitter_id", "cuttings.submitter_id"])
    found = cuttings.to_frame().set_index("submitter_id")["cuttings.submitter_id"]
    assert found["p1"] == ["q"]
    assert found["q"] == []
