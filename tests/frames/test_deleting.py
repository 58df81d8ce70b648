"""Records out of a commons: children first, nothing by mistake, and looked up afterwards."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_up import CASES, new_project, patients, put

from gen3nb.errors import (
    Conflict,
    DictionaryError,
    Gen3Error,
    NotConnected,
    NotFound,
    PermissionDenied,
    SubmissionError,
    ValidationError,
)
from gen3nb.frames.deleting import DeletionReport

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture
def hospital(commons: Commons) -> str:
    """A project of the test's own with the 25 patients."""
    project = new_project(commons, f"del{uuid.uuid4().hex[:8]}")
    experiment, *rest = patients(commons.dictionary)
    put(commons, project, [{**experiment, "projects": {"code": project.removeprefix("TEST-")}}, *rest])
    return project


def counts(commons: Commons, project: str) -> dict[str, int]:
    table = commons.counts(project)
    return dict(zip(table["node"], table["records"], strict=True))


def delete(commons: Commons, frames: Any, *args: Any, **options: Any) -> DeletionReport:
    return commons.delete(frames, *args, progress=False, **options)


def read(commons: Commons, node: str, project: str, **options: Any) -> pd.DataFrame:
    return commons.read(node, project=project, progress=False, **options)


def test_a_frame_that_was_read_is_deleted(commons: Commons, hospital: str) -> None:
    aliquots = read(commons, "aliquot", hospital).head(3)
    report = delete(commons, aliquots)
    assert report.ok
    assert report.counts["deleted"] == 3
    assert counts(commons, hospital)["aliquot"] == CASES - 3
    table = report.to_frame()
    assert table["row"].tolist() == [2, 3, 4]
    assert table["id"].tolist() == aliquots["id"].tolist()
    again = delete(commons, aliquots)
    assert again.ok
    assert again.to_frame()["status"].tolist() == ["not there"] * 3


def test_what_hangs_on_a_record_is_named_and_nothing_deleted(commons: Commons, hospital: str) -> None:
    before = counts(commons, hospital)
    cases = read(commons, "case", hospital)
    with pytest.raises(
        ValidationError, match=r"24 demographic, 24 diagnosis, 50 sample and 25 aliquot"
    ) as it:
        delete(commons, cases)
    assert counts(commons, hospital) == before
    report = it.value.report
    assert len(report.dependents) == 24 + 24 + 50 + 25
    reasons = report.to_frame().set_index("submitter_id")["reason"]
    assert reasons["c00"] == "2 sample cannot stay without it: delete them too"
    assert "1 demographic" in reasons["c02"]
    assert "2 diagnosis" in reasons["c02"]


def test_a_dry_run_shows_what_would_go_and_sends_nothing(commons: Commons, hospital: str) -> None:
    before = counts(commons, hospital)
    case = read(commons, "case", hospital, ids=["c02"])
    held = delete(commons, case, dry_run=True)
    assert not held.ok
    assert held.counts["rejected"] == 1
    free = delete(commons, case, dry_run=True, with_children=True)
    assert free.ok
    assert str(free) == (
        "dry run, nothing deleted: 7 would go (1 case, 1 demographic, 2 diagnosis, 2 sample and 1 aliquot)"
    )
    assert free.to_frame()["row"].isna().sum() == 6
    assert counts(commons, hospital) == before
    assert "dry run" in free._repr_html_()


def test_all_that_hangs_on_a_record_goes_along(commons: Commons, hospital: str) -> None:
    report = delete(
        commons, pd.DataFrame({"submitter_id": ["c02"]}), "case", project=hospital, with_children=True
    )
    assert report.ok
    assert report.counts["deleted"] == 7
    left = counts(commons, hospital)
    assert left["case"] == CASES - 1
    assert left["aliquot"] == CASES - 1
    assert left["sample"] == 2 * CASES - 2


def test_frames_of_several_nodes_go_in_reverse_order(commons: Commons, hospital: str) -> None:
    nodes = ["experiment", "case", "demographic", "diagnosis", "sample", "aliquot"]
    frames = {node: read(commons, node, hospital) for node in nodes}
    report = delete(commons, frames)
    assert report.ok
    assert report.counts["deleted"] == sum(map(len, frames.values()))
    assert counts(commons, hospital) == {}


def test_more_than_one_request_line_holds(commons: Commons, project: str) -> None:
    names = [f"case-{number:04}" for number in range(400)]
    rows = [{"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}} for name in names]
    put(commons, project, rows)
    report = delete(commons, pd.DataFrame({"submitter_id": names}), "case", project=project)
    assert report.counts["deleted"] == 400
    assert counts(commons, project) == {"experiment": 1}
    assert report.journal is not None
    assert report.journal.read_text().count('"event": "delete"') == 5


def test_each_row_says_what_became_of_it(commons: Commons, hospital: str, clinic: str) -> None:
    other = read(commons, "aliquot", clinic).iloc[0]["id"]
    mine = read(commons, "aliquot", hospital).set_index("submitter_id")["id"]
    frame = pd.DataFrame(
        {
            "submitter_id": ["C00-A", "nowhere", None, "c01-a", "c02-a", "c03-a", "c00-a", None],
            "id": [None, None, None, str(uuid.uuid4()), other, mine["c04-a"], None, mine["c05-a"]],
        }
    )
    report = delete(commons, frame, "aliquot", project=hospital)
    table = report.to_frame()
    assert table["status"].tolist() == [
        "deleted",
        "not there",
        "rejected",
        "rejected",
        "rejected",
        "rejected",
        "deleted",
        "deleted",
    ]
    assert "no record is meant" in table["reason"][2]
    assert "made anew" in table["reason"][3]
    assert f"belongs to {clinic}" in table["reason"][4]
    assert "that of 'c04-a'" in table["reason"][5]
    assert counts(commons, hospital)["aliquot"] == CASES - 2
    assert len(read(commons, "aliquot", clinic)) == CASES
    with pytest.raises(ValueError, match="ambiguous"):
        bool(report)


def test_rows_of_another_project_or_node_stay(commons: Commons, hospital: str, clinic: str) -> None:
    elsewhere = read(commons, "aliquot", clinic).head(1)
    assert "belongs to" in delete(commons, elsewhere, project=hospital).to_frame()["reason"][0]
    wrong = read(commons, "aliquot", hospital).head(1)
    assert "is a aliquot" in delete(commons, wrong, "sample", project=hospital).to_frame()["reason"][0]
    assert counts(commons, hospital)["aliquot"] == counts(commons, clinic)["aliquot"] == CASES


def test_without_knowing_where_or_what_nothing_begins(commons: Commons, hospital: str) -> None:
    frame = pd.DataFrame({"submitter_id": ["c00"]})
    with pytest.raises(DictionaryError, match="of which node"):
        delete(commons, frame, project=hospital)
    with pytest.raises(NotFound, match="which project"):
        delete(commons, frame, "case")
    with pytest.raises(NotConnected, match="come from"):
        delete(commons, frame.gen3.tag(node="case", project=hospital, commons="https://elsewhere.example"))
    with pytest.raises(ValidationError, match="DataFrame"):
        delete(commons, [1], "case", project=hospital)
    with pytest.raises(ValidationError, match="delete_project"):
        delete(commons, frame, "project", project=hospital)
    assert delete(commons, frame.iloc[:0], "case", project=hospital).to_frame().empty


def test_who_may_not_delete_is_told_so(commons: Commons, hospital: str) -> None:
    frame = pd.DataFrame({"submitter_id": ["c00-a"]})
    with commons.sandbox.as_user("reader") as reader, pytest.raises(PermissionDenied, match="'delete'"):
        delete(reader, frame, "aliquot", project=hospital)
    assert counts(commons, hospital)["aliquot"] == CASES


def test_a_closed_project_stays_whole(commons: Commons, hospital: str) -> None:
    commons.sheepdog.transition(commons.project_id(hospital), "review")
    with pytest.raises(Conflict, match="closed"):
        delete(commons, pd.DataFrame({"submitter_id": ["c00-a"]}), "aliquot", project=hospital)
    assert counts(commons, hospital)["aliquot"] == CASES


@pytest.mark.parametrize(
    "kind", ["drop-before", "drop-after", "504", "504-after-commit", "html-after", "500"]
)
def test_a_lost_answer_is_looked_up(commons: Commons, hospital: str, kind: str) -> None:
    frame = read(commons, "aliquot", hospital)
    fault = commons.sandbox.faults.add(kind, method="DELETE", times=1)
    try:
        report = delete(commons, frame)
    finally:
        commons.sandbox.faults.remove(fault)
    assert report.counts["deleted"] == CASES
    assert "aliquot" not in counts(commons, hospital)


def test_an_answer_that_lies_is_found_out(
    commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commons.sheepdog.delete

    def lie(project: Any, ids: Any, **options: Any) -> Any:
        return real(project, ids, dry_run=True)

    monkeypatch.setattr(commons.sheepdog, "delete", lie)
    report = delete(commons, read(commons, "aliquot", hospital).head(2))
    assert report.counts["rejected"] == 2
    assert "still has the record" in report.to_frame()["reason"][0]


def test_children_that_come_meanwhile_are_not_orphaned(
    commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that somebody else makes between the look and the deletion."""
    from gen3nb.frames.dependents import Dependents, Family

    links = read(commons, "aliquot", hospital)["samples.submitter_id"].tolist()
    monkeypatch.setattr(Family, "dependents", lambda self, going: Dependents())
    with pytest.raises(Conflict, match="have come since"):
        delete(commons, read(commons, "sample", hospital))
    monkeypatch.undo()
    assert counts(commons, hospital)["sample"] == 2 * CASES
    assert read(commons, "aliquot", hospital)["samples.submitter_id"].tolist() == links


def test_one_that_went_meanwhile_costs_nothing(
    commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commons.sheepdog.delete

    def first_another(project: Any, ids: Any, **options: Any) -> Any:
        monkeypatch.setattr(commons.sheepdog, "delete", real)
        real(project, [next(iter(ids))])
        return real(project, ids, **options)

    monkeypatch.setattr(commons.sheepdog, "delete", first_another)
    report = delete(commons, read(commons, "aliquot", hospital))
    assert report.ok
    assert report.counts["not_there"] == 1
    assert report.counts["deleted"] == CASES - 1


def test_it_stops_and_goes_on(commons: Commons, hospital: str) -> None:
    stop = threading.Event()
    stop.set()
    frame = read(commons, "aliquot", hospital)
    report = delete(commons, frame, stop=stop)
    assert report.counts["not_sent"] == CASES
    assert set(report.to_frame()["reason"]) == {"stopped"}
    assert delete(commons, frame).counts["deleted"] == CASES


def test_ctrl_c_says_what_is_gone(commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = commons.sheepdog.delete

    def interrupted(project: Any, ids: Any, **options: Any) -> Any:
        real(project, ids, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(commons.sheepdog, "delete", interrupted)
    frames = {node: read(commons, node, hospital) for node in ("aliquot", "diagnosis")}
    with pytest.raises(SubmissionError, match="Interrupted") as it:
        delete(commons, frames)
    monkeypatch.undo()
    assert it.value.report.counts["deleted"] == CASES
    assert it.value.report.counts["not_sent"] == 24
    assert counts(commons, hospital)["diagnosis"] == 24


def test_the_end_of_the_service_ends_it(
    commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionDenied("no more", method="delete")

    monkeypatch.setattr(commons.sheepdog, "delete", denied)
    with pytest.raises(Gen3Error, match="no more"):
        delete(commons, read(commons, "aliquot", hospital))
    assert counts(commons, hospital)["aliquot"] == CASES


# --- links of other shapes ---------------------------------------------------------------------------------


@pytest.fixture
def beds(gardens: Commons) -> str:
    """A garden; plants cut from each other in a chain and in a circle; crosses, shows, a photo."""
    code = f"beds{uuid.uuid4().hex[:8]}"
    project = new_project(gardens, code)

    def to(name: str) -> dict[str, str]:
        return {"submitter_id": name}

    plants = [{"type": "plant", "submitter_id": "p0", "species": "rosa", "gardens": to("g")}]
    plants += [
        {"type": "plant", "submitter_id": f"p{n}", "species": "rosa", "plants": to(f"p{n - 1}")}
        for n in range(1, 200)
    ]
    circle = [("a", "c"), ("b", "a"), ("c", "b")]
    plants += [
        {"type": "plant", "submitter_id": one, "species": "rosa", "plants": to(mother)}
        for one, mother in circle
    ]
    records = [
        {"type": "garden", "submitter_id": "g", "projects": {"code": code}},
        *plants,
        {"type": "cross", "submitter_id": "x", "mothers": to("p0"), "fathers": to("p1")},
        {"type": "flowerShow", "submitter_id": "show", "gardens": to("g"), "plants": [to("p0"), to("p5")]},
        {"type": "bouquet", "submitter_id": "bunch", "stems": [to("p7"), to("p8")]},
    ]
    done = gardens.sheepdog.submit(gardens.project_id(project), records)
    assert done.ok, done.problems()
    return project


def test_a_chain_within_one_node_goes_leaf_by_leaf(gardens: Commons, beds: str) -> None:
    plants = read(gardens, "plant", beds)
    with pytest.raises(ValidationError, match=r"1 (bouquet|cross) and 1"):
        delete(gardens, plants)
    report = delete(gardens, plants, with_children=True)
    assert report.ok, report.to_frame().query("status != 'deleted'")
    assert counts(gardens, beds) == {"garden": 1, "flowerShow": 1}
    assert any("1 flowerShow stay, and lose a link" in note for note in report.notes)


def test_optional_links_are_in_nobodys_way(gardens: Commons, beds: str) -> None:
    father = pd.DataFrame({"submitter_id": ["p199", "x"]})
    assert delete(gardens, father.head(1), "plant", project=beds).ok
    hanging = delete(gardens, pd.DataFrame({"submitter_id": ["p1"]}), "plant", project=beds, dry_run=True)
    # the father of a cross may go; what was cut from the plant may not stay
    assert set(hanging.dependents["node"]) == {"plant", "bouquet"}


def test_a_circle_goes_at_once(gardens: Commons, beds: str) -> None:
    circle = pd.DataFrame({"submitter_id": ["a", "b", "c"]})
    with pytest.raises(ValidationError, match="2 plant cannot stay"):
        delete(gardens, circle.head(1), "plant", project=beds)
    assert delete(gardens, circle, "plant", project=beds).counts["deleted"] == 3


def test_a_link_of_many_holds_until_its_last_target(gardens: Commons, beds: str) -> None:
    one = delete(gardens, pd.DataFrame({"submitter_id": ["p199"]}), "plant", project=beds, dry_run=True)
    assert one.ok
    both = delete(gardens, pd.DataFrame({"submitter_id": ["p7"]}), "plant", project=beds, dry_run=True)
    assert "bouquet" in set(both.dependents["node"])  # p8 was cut from p7, so both stems go


def test_children_are_asked_for_by_parent_and_not_all_read(
    commons: Commons, hospital: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gen3nb.client.sheepdog import Sheepdog
    from gen3nb.frames import dependents

    asked: list[int] = []
    whole: list[str] = []
    real = Sheepdog.export

    def export(self: Sheepdog, project: Any, node: str | None = None, **options: Any) -> Any:
        whole.extend([node] if node else [])
        asked.extend([len(options["ids"])] if options.get("ids") is not None else [])
        return real(self, project, node, **options)

    monkeypatch.setattr(Sheepdog, "export", export)
    monkeypatch.setattr(dependents, "FEW", 5)
    monkeypatch.setattr(dependents, "CHILDREN", 1)  # every further child is on a page of its own
    rows = pd.DataFrame({"submitter_id": ["c02", "c03"]})
    by_parent = delete(commons, rows, "case", project=hospital, dry_run=True, with_children=True)
    assert whole == []
    assert 0 < sum(asked) <= len(by_parent.dependents)
    monkeypatch.setattr(dependents, "FEW", 1_000)
    passing = delete(commons, rows, "case", project=hospital, dry_run=True, with_children=True)
    assert by_parent.to_frame().equals(passing.to_frame())
    assert whole
