"""By exports or by one nested query: the same rows, and the faster of the two."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_up import a_record, new_project, patients, put

from gen3nb.errors import DictionaryError, IntegrityError, QueryError
from gen3nb.frames import nesting
from gen3nb.frames.pace import Pace, Size, pace_of, seconds_words

if TYPE_CHECKING:
    from gen3nb import Commons


def said(frame: pd.DataFrame) -> str:
    return str(frame.attrs["gen3"]["join"])


def of_rows(frame: pd.DataFrame) -> str:
    """What was said of rows, without the way."""
    return said(frame).partition(" Read by ")[0]


@pytest.fixture(scope="module")
def tangled(commons: Commons) -> str:
    """A project of many samples and aliquots with links at random, values of all kinds, some without any."""
    chance = random.Random(11)
    project = new_project(commons, f"tangled{uuid.uuid4().hex[:8]}")
    experiment, *rest = patients(commons.dictionary)
    nodes = commons.dictionary
    samples = [
        a_record(
            nodes["sample"],
            f"s{chance.random()}\u00e9",
            cases={"submitter_id": f"c{chance.randrange(9):02}"},
            days_to_collection=chance.choice([None, 0, 7, 2**40]),
            initial_weight=chance.choice([None, 0.1, 3.0]),
        )
        for _ in range(60)
    ]
    aliquots = [
        a_record(
            nodes["aliquot"],
            f"a{number}",
            samples=[{"submitter_id": one["submitter_id"]} for one in chance.sample(samples, 1 + number % 3)],
        )
        for number in range(40)
    ]
    put(commons, project, [{**experiment, "projects": {"code": project.removeprefix("TEST-")}}, *rest])
    put(commons, project, [*samples, *aliquots])
    return project


SOME = ["submitter_id_sample", "sample_type", "submitter_id", "days_to_collection"]
JOINS: list[tuple[str, str, dict[str, Any]]] = [
    ("case", "sample", {}),
    ("case", "sample", {"columns": SOME, "how": "inner"}),
    ("case", "sample", {"columns": SOME, "where": {"submitter_id": ["c01", "c03", "c20"]}}),
    ("case", "diagnosis", {"how": "right", "where": {"diagnoses.age_at_diagnosis": (0, 5000)}}),
    ("sample", "case", {"how": "outer"}),
    ("sample", "case", {"where": {"days_to_collection": (1, None)}}),
    ("diagnosis", "demographic", {"how": "outer"}),
    ("aliquot", "sample", {}),
    ("sample", "aliquot", {"how": "right", "columns": ["submitter_id", "samples.submitter_id"]}),
    ("aliquot", "experiment", {"how": "inner"}),
    ("aliquot", "aliquot", {"via": "sample", "columns": ["submitter_id", "submitter_id_aliquot"]}),
    ("treatment", "case", {}),
    ("case", "treatment", {"how": "right"}),
]


@pytest.mark.parametrize(("left", "right", "options"), JOINS)
def test_both_ways_give_the_same(
    commons: Commons, tangled: str, left: str, right: str, options: dict[str, Any]
) -> None:
    exported = commons.join(left, right, project=tangled, way="export", **options)
    asked = commons.join(left, right, project=tangled, way="query", **options)
    pd.testing.assert_frame_equal(exported, asked, check_flags=False)
    assert of_rows(exported) == of_rows(asked)
    assert "Read by exports, merged here: as asked for." in said(exported)
    assert "Read by a nested query: as asked for." in said(asked)
    if right != "treatment" and left != "treatment":
        assert len(asked)


@pytest.mark.parametrize("how", ["left", "right", "inner", "outer"])
@pytest.mark.parametrize("framed", ["left", "right", "both"])
def test_frames_too(commons: Commons, tangled: str, how: Any, framed: str) -> None:
    sides: list[Any] = ["sample", "aliquot"]
    for at, name in enumerate(sides):
        if framed in ("both", "left" if at == 0 else "right"):
            frame = commons.read(name, project=tangled).sort_values("submitter_id", ascending=False)
            sides[at] = pd.concat([frame.iloc[:7], frame.iloc[2:4]])
            sides[at].attrs = frame.attrs
    exported = commons.join(*sides, project=tangled, how=how, way="export")
    asked = commons.join(*sides, project=tangled, how=how, way="query")
    pd.testing.assert_frame_equal(exported, asked, check_flags=False)
    assert of_rows(exported) == of_rows(asked)


def test_rows_stand_in_the_order_of_submitter_ids(commons: Commons, tangled: str) -> None:
    joined = commons.join("case", "sample", project=tangled)
    names = list(zip(joined["submitter_id"], joined["submitter_id_sample"].fillna(""), strict=True))
    assert names == sorted(names)


def test_all_projects(commons: Commons, tangled: str, clinic: str) -> None:
    few = {"columns": ["submitter_id", "project_id", "gender"], "where": {"project_id": [tangled, clinic]}}
    exported = commons.join("case", "demographic", way="export", **few)
    asked = commons.join("case", "demographic", way="query", **few)
    pd.testing.assert_frame_equal(exported, asked, check_flags=False)
    assert set(asked["project_id"]) == {tangled, clinic}


def test_columns_and_bad_input(commons: Commons, tangled: str) -> None:
    with pytest.raises(DictionaryError, match=r"no column 'submitter_id_sampel'.*'submitter_id_sample'"):
        commons.join("case", "sample", project=tangled, columns=["submitter_id_sampel"])
    with pytest.raises(DictionaryError, match="way= is 'export' or 'query', not 'nested'"):
        commons.join("case", "sample", project=tangled, way="nested")  # type: ignore[arg-type]
    cases = commons.read("case", project=tangled)
    with pytest.raises(DictionaryError, match="filter the rows of the frame itself"):
        commons.join(cases, "sample", where={"submitter_id": "c01"})
    twice = pd.concat([cases, cases[["id"]]], axis=1)
    twice.attrs = cases.attrs
    with pytest.raises(DictionaryError, match="several columns of one name: id"):
        commons.join(twice, "sample")
    only = cases.gen3.join("sample", columns="submitter_id_sample", way="query")
    assert list(only.columns) == ["submitter_id_sample"]


def test_what_queries_mix_up_is_exported(gardens: Commons) -> None:
    project = str(gardens.create_project(("TEST", f"way{uuid.uuid4().hex[:6]}")))
    with pytest.raises(DictionaryError, match="way='query' cannot give this join right: queries give cross"):
        gardens.join("cross", "plant", project=project, via="fathers", way="query")
    joined = gardens.join("cross", "plant", project=project, via="fathers")
    assert "Read by exports, merged here: queries give cross" in said(joined)


# --- which way ---------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """The pace of a connection that has shown none yet."""
    pace = pace_of(commons)
    monkeypatch.setattr(pace, "exported", None)
    monkeypatch.setattr(pace, "nested", None)
    return pace


def test_the_pace_that_was_seen_decides(
    commons: Commons, tangled: str, fresh: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.exported, fresh.nested = 1e4, 1e6
    # slower than it was: what is said is still what the way was chosen by
    monkeypatch.setattr(Pace, "saw_query", lambda self, *_: setattr(self, "nested", 20.0))
    quick = commons.join("case", "sample", project=tangled)
    assert "Read by a nested query: about 0.1 s for" in said(quick)
    assert "at the pace of this connection." in said(quick)
    fresh.exported, fresh.nested = 1e6, 10.0
    slow = commons.join("case", "sample", project=tangled)
    assert "Read by exports, merged here: about" in said(slow)
    pd.testing.assert_frame_equal(quick, slow, check_flags=False)


def test_a_few_records_at_hand_are_asked_for(commons: Commons, tangled: str, fresh: Pace) -> None:
    fresh.exported, fresh.nested = 100.0, 340.0
    one = commons.join("case", "sample", project=tangled, where={"submitter_id": "c03"}, columns=SOME)
    assert "Read by a nested query" in said(one)
    assert set(one["submitter_id"]) == {"c03"}


def test_a_slow_query_is_left_for_the_exports(
    commons: Commons, tangled: str, fresh: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.exported, fresh.nested = 1e3, 1e6  # it was quick once
    monkeypatch.setattr(nesting, "PAGE", 10)
    monkeypatch.setattr(Pace, "saw_query", lambda self, *_: setattr(self, "nested", 20.0))
    joined = commons.join("sample", "case", project=tangled)
    assert "Read by exports, merged here: the nested query gave 20 records/s, so all" in said(joined)
    pd.testing.assert_frame_equal(
        joined, commons.join("sample", "case", project=tangled, way="query"), check_flags=False
    )


def test_a_query_that_fails_is_no_failed_join(
    commons: Commons, tangled: str, fresh: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.nested = 1e6
    query = commons.peregrine.query

    def refuses(text: str, *rest: Any, **options: Any) -> Any:
        if "samples(" in text:
            raise QueryError("too deep")
        return query(text, *rest, **options)

    monkeypatch.setattr(commons.peregrine, "query", refuses)
    joined = commons.join("case", "sample", project=tangled)
    assert "Read by exports, merged here: the nested query failed (too deep)." in said(joined)
    with pytest.raises(QueryError, match="too deep"):
        commons.join("case", "sample", project=tangled, way="query")


def test_records_that_come_while_it_reads(
    commons: Commons, tangled: str, fresh: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = commons.peregrine.query
    counts = iter([99] * 4)  # of which no page shows most

    def moving(text: str, *rest: Any, **options: Any) -> Any:
        answer = query(text, *rest, **options)
        return {**answer, "case": next(counts)} if "case: _case_count" in text else answer

    monkeypatch.setattr(commons.peregrine, "query", moving)
    with pytest.raises(IntegrityError, match="changed while they were read"):
        commons.join("case", "sample", project=tangled, way="query")
    fresh.nested = 1e6
    assert "the nested query failed (The case records changed" in said(
        commons.join("case", "sample", project=tangled)
    )


def test_estimates() -> None:
    small, large = Size(exported=30_000, asked=20, nested=60), Size(12_500, 2_500, 12_500)
    unknown, quick, slow = Pace(), Pace(None, 60_000.0), Pace(None, 340.0)
    assert small.faster(unknown) == "query"
    assert large.faster(unknown) == large.faster(slow) == "export"
    assert large.faster(quick) == "query"
    assert large.worth_a_trial(unknown)
    assert not large.worth_a_trial(slow)
    assert not Size(100, 100, 400).worth_a_trial(unknown)
    assert large.gives_up(slow, rest=12_000, following=500)
    assert not large.gives_up(slow, rest=100, following=100)
    assert not large.gives_up(Pace(None, 10_000.0), rest=12_000, following=500)
    seen = Pace()
    seen.saw_query(50, 0.03, 0.025)
    assert seen.nested == pytest.approx(10_000)
    seen.saw_query(20, 1.0, 0.0)  # too few to change what is known
    assert seen.nested == pytest.approx(10_000)
    seen.saw_export(1_000, 0.5)
    assert seen.exported == 2_000
    assert [seconds_words(one) for one in (0.01, 2.34, 34, 600)] == ["0.1 s", "2.3 s", "34 s", "10 min"]
