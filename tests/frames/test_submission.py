"""Rows into a commons, over real HTTP: each once, whatever goes wrong."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from gen3nb.errors import (
    Conflict,
    DictionaryError,
    NotFound,
    PermissionDenied,
    SubmissionError,
    ValidationError,
)
from gen3nb.frames import journal, planning, sending
from gen3nb.frames.comparing import diff
from gen3nb.frames.submission import SubmissionReport, submit

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long after a failed request."""
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.01)


def cases(*names: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": list(names), "experiments.submitter_id": "exp", **columns})


def many(count: int, start: int = 0) -> pd.DataFrame:
    return cases(*(f"c{number:04d}" for number in range(start, start + count)), disease_type="x")


def send(
    commons: Commons, project: str, frame: pd.DataFrame, node: str = "case", **options: Any
) -> SubmissionReport:
    """Submit one frame, which must stay as it is."""
    before = frame.copy(deep=True)
    options.setdefault("progress", False)
    try:
        return submit({node: frame}, connection=commons, project=project, **options)
    finally:
        pd.testing.assert_frame_equal(frame, before)


def stored(commons: Commons, project: str, node: str = "case") -> dict[str, dict[str, Any]]:
    """Give what is stored, as the export has it; each submitter_id must be there once."""
    with commons.sheepdog.export(commons.project_id(project), node) as answer:
        records = answer.json()["data"]
    held = {record["submitter_id"]: record for record in records}
    assert len(held) == len(records)
    return held


def put(commons: Commons, project: str, *records: dict[str, Any], method: str = "PUT") -> None:
    assert commons.sheepdog.submit(commons.project_id(project), list(records), method=method).ok


def when_sending(action: Callable[[], object]) -> Callable[[int, int | None, str], None]:
    """Do something after the plan is made and before anything is sent."""
    done: list[object] = []

    def tell(count: int, total: int | None, label: str) -> None:
        if label.startswith("Submitting") and not done:
            done.append(action())

    return tell


# --- what is sent ---------------------------------------------------------------------------------------


def test_new_rows_are_created_and_the_same_frame_again_sends_nothing(commons: Commons, project: str) -> None:
    frame = many(250)
    report = send(commons, project, frame)
    assert report.ok
    assert report.counts["created"] == 250
    assert str(report) == "250 new, 0 changed, 0 rejected, 0 unknown"
    held = stored(commons, project)
    assert set(held) == set(frame["submitter_id"])
    table = report.to_frame()
    assert list(table.columns) == ["node", "row", "submitter_id", "status", "id", "reason"]
    assert table["row"].tolist() == list(range(2, 252))
    assert table["id"].tolist() == [held[name]["id"] for name in frame["submitter_id"]]
    again = send(commons, project, frame)
    assert again.counts["unchanged"] == 250
    assert again.ok
    assert again.transactions == []
    assert again.journal is None


def test_only_what_changed_is_sent(commons: Commons, project: str) -> None:
    frame = many(30)
    send(commons, project, frame)
    frame.loc[3, "disease_type"] = "y"
    report = send(commons, project, pd.concat([frame, many(2, start=100)], ignore_index=True))
    assert {name: count for name, count in report.counts.items() if count} == {
        "created": 2,
        "updated": 1,
        "unchanged": 29,
    }
    assert len(report.transactions) == 2
    assert stored(commons, project)["c0003"]["disease_type"] == "y"


def test_several_nodes_go_parents_first(commons: Commons, project: str) -> None:
    experiments = pd.DataFrame({"submitter_id": ["e2"], "projects.code": [project.partition("-")[2]]})
    frame = cases("a", "b").assign(**{"experiments.submitter_id": "e2"})
    people = pd.DataFrame({"submitter_id": ["d"], "cases.submitter_id": ["a"], "gender": ["female"]})
    report = submit(
        {"demographic": people, "case": frame, "experiment": experiments},
        connection=commons,
        project=project,
        progress=False,
    )
    assert report.ok, report.to_frame()
    assert report.to_frame()["node"].tolist() == ["experiment", "case", "case", "demographic"]
    assert stored(commons, project, "demographic")["d"]["cases"][0]["submitter_id"] == "a"


def test_rows_with_problems_are_not_sent_nor_are_those_below_them(commons: Commons, project: str) -> None:
    frame = cases("good", "bad").assign(**{"experiments.submitter_id": ["exp", "nowhere"]})
    people = pd.DataFrame(
        {"submitter_id": ["d1", "d2", "d3"], "cases.submitter_id": ["good", "bad", "good2"], "gender": "male"}
    )
    report = submit(
        {"case": frame, "demographic": people}, connection=commons, project=project, progress=False
    )
    table = report.to_frame().set_index("submitter_id")
    assert table["status"].to_dict() == {
        "good": "created",
        "bad": "rejected",
        "d1": "created",
        "d2": "rejected",
        "d3": "rejected",
    }
    assert "nowhere" in table.loc["bad", "reason"]
    assert "problems itself" in table.loc["d2", "reason"]
    assert set(stored(commons, project)) == {"good"}
    assert set(stored(commons, project, "demographic")) == {"d1"}
    assert not report.ok
    assert "✗ rejected" in report._repr_html_()


def test_strict_sends_nothing_if_anything_is_wrong(commons: Commons, project: str) -> None:
    frame = cases("good", "bad").assign(**{"experiments.submitter_id": ["exp", "nowhere"]})
    with pytest.raises(ValidationError, match=r"Row 3: .*nowhere") as caught:
        send(commons, project, frame, strict=True)
    assert caught.value.report.problems["row"].tolist() == [3]
    assert stored(commons, project) == {}


def test_a_dry_run_sends_nothing(commons: Commons, project: str) -> None:
    report = send(commons, project, many(3), dry_run=True)
    assert report.dry_run
    assert report.counts["created"] == 3
    assert str(report).startswith("dry run, nothing sent: 3 new")
    assert stored(commons, project) == {}


def test_nothing_to_submit(commons: Commons, project: str) -> None:
    report = send(commons, project, many(0))
    assert report.ok
    assert "nothing to submit" in str(report)
    assert report.to_frame().empty


def test_a_column_alone_updates_it_and_keeps_the_rest(commons: Commons, project: str) -> None:
    send(commons, project, cases("a", "b", disease_type="x", primary_site="lung"))
    report = send(commons, project, pd.DataFrame({"submitter_id": ["a"], "disease_type": ["y"]}))
    assert report.counts["updated"] == 1, report.to_frame()
    held = stored(commons, project)["a"]
    assert (held["disease_type"], held["primary_site"]) == ("y", "lung")
    assert held["experiments"][0]["submitter_id"] == "exp"


def test_missing_cells_keep_or_clear(commons: Commons, project: str) -> None:
    send(commons, project, cases("a", "b", disease_type="x"))
    frame = cases("a", "b", disease_type=["y", None])
    kept = send(commons, project, frame)
    assert kept.counts["updated"] == 1
    assert (kept.kept, kept.cleared) == (1, 0)
    assert stored(commons, project)["b"]["disease_type"] == "x"
    cleared = send(commons, project, frame, missing="clear")
    assert cleared.counts["updated"] == 1
    assert cleared.cleared == 1
    assert "disease_type" not in stored(commons, project)["b"]
    assert send(commons, project, frame, missing="clear").counts["unchanged"] == 2


def test_values_may_be_looked_up_too(commons: Commons, project: str) -> None:
    report = send(commons, project, many(20), verify="values")
    assert report.ok
    assert report.counts["created"] == 20


# --- what a submission would change ---------------------------------------------------------------------


def test_diff(commons: Commons, project: str) -> None:
    put(commons, project, {"type": "experiment", "submitter_id": "exp2",
                           "projects": {"code": project.partition("-")[2]}})  # fmt: skip
    send(commons, project, cases("a", "b", "c", "d", disease_type="x"))
    frame = cases("a", "b", "new", "d", disease_type=["x", None, "z", "y"])
    frame.loc[3, "experiments.submitter_id"] = "exp2"
    found = diff(frame, "case", connection=commons, project=project, progress=False)
    assert found.new["submitter_id"].tolist() == ["new"]
    assert found.unchanged["submitter_id"].tolist() == ["a", "b"]
    assert found.only_in_commons["submitter_id"].tolist() == ["c"]
    assert found.cannot_change[["row", "column", "old", "new"]].to_numpy().tolist() == [
        [5, "experiments.submitter_id", "exp", "exp2"]
    ]
    assert "delete it and create it again" in found.cannot_change["reason"][0]
    assert found.counts["kept"] == 1
    assert not found.ok
    assert "1 new, 0 changed, 2 unchanged, 1 cannot change" in str(found)
    assert "✗ cannot change" in found._repr_html_()
    cleared = diff(
        frame.head(2), "case", connection=commons, project=project, missing="clear", progress=False
    )
    assert cleared.changed[["row", "submitter_id", "column", "old", "new"]].to_numpy().tolist() == [
        [3, "b", "disease_type", "x", None]
    ]
    assert cleared.counts["cleared"] == 1
    with pytest.raises(ValidationError, match="Rows 2 and 3"):
        diff(cases("a", "A"), "case", connection=commons, project=project, progress=False)


# --- who may, and when ----------------------------------------------------------------------------------


def test_no_permission_is_said_before_anything_is_sent(commons: Commons, project: str) -> None:
    assert commons.sandbox is not None
    with (
        commons.sandbox.as_user("reader") as reader,
        pytest.raises(PermissionDenied, match=r"create.*/programs/TEST/projects/"),
    ):
        send(reader, project, many(3))
    assert stored(commons, project) == {}


def test_who_may_not_read_may_not_submit_since_nobody_could_look(commons: Commons, project: str) -> None:
    assert commons.sandbox is not None
    commons.sandbox.grant("nobody", {project: ["create", "update"]})
    try:
        with commons.sandbox.as_user("nobody") as blind, pytest.raises(PermissionDenied, match="read"):
            send(blind, project, many(3))
    finally:
        commons.sandbox.grant("nobody", {})
    assert stored(commons, project) == {}


def test_a_closed_project_is_said_before_anything_is_sent(commons: Commons, project: str) -> None:
    commons.sheepdog.transition(commons.project_id(project), "review")
    with pytest.raises(Conflict, match="closed"):
        send(commons, project, many(3))


def test_a_project_closed_in_the_middle_ends_with_a_report(commons: Commons, project: str) -> None:
    target = commons.project_id(project)
    seen: list[int] = []

    def close(done: int, total: int | None, label: str) -> None:
        if label.startswith("Submitting") and done and not seen:
            seen.append(done)
            commons.sheepdog.transition(target, "review")

    with pytest.raises(SubmissionError, match="closed") as caught:
        send(commons, project, many(600), chunk=50, progress=close)
    commons.sheepdog.transition(target, "open")
    report = caught.value.report
    held = set(stored(commons, project))
    assert set(report.to_frame().query("status == 'created'")["submitter_id"]) == held
    assert 0 < len(held) < 600
    assert send(commons, project, many(600)).ok
    assert len(stored(commons, project)) == 600


def test_unknown_node_and_project(commons: Commons, project: str) -> None:
    with pytest.raises(DictionaryError, match="case"):
        send(commons, project, many(1), node="kase")
    with pytest.raises(NotFound):
        send(commons, "TEST-nowhere", many(1))
    with pytest.raises(ValidationError, match="by node"):
        submit(many(1), connection=commons, project=project)  # type: ignore[arg-type]


# --- what goes wrong on the way -------------------------------------------------------------------------

FAULTS = [
    "504-after-commit",
    "drop-after",
    "html-after",
    "half-json",
    "504",
    "502",
    "503",
    "429",
    "html",
    "drop-before",
]


@pytest.mark.parametrize("kind", FAULTS)
def test_every_row_arrives_once_whatever_the_answer(commons: Commons, project: str, kind: str) -> None:
    assert commons.sandbox is not None
    frame = many(250)
    send(commons, project, frame.head(40))
    frame.loc[:9, "disease_type"] = "y"
    path = f"/api/v0/submission/{project.replace('-', '/', 1)}"
    with commons.sandbox.faults as faults:
        for method in ("POST", "PUT"):
            faults.add(
                kind, method=method, path=path, times=2, after=1 if method == "POST" else 0, retry_after=0
            )
        report = send(commons, project, frame, chunk=50)
    assert report.ok, report.to_frame().query("reason != ''")
    assert report.counts["created"] == 210
    assert report.counts["updated"] == 10
    held = stored(commons, project)
    assert len(held) == 250
    assert {held[name]["disease_type"] for name in frame["submitter_id"].head(10)} == {"y"}
    assert send(commons, project, frame).counts["unchanged"] == 250


def test_a_commons_that_never_answers_leaves_rows_unknown_or_unsent(commons: Commons, project: str) -> None:
    assert commons.sandbox is not None
    frame = many(60)
    path = f"/api/v0/submission/{project.replace('-', '/', 1)}"
    with commons.sandbox.faults as faults:
        faults.add("504", method="POST", path=path, after=1)
        try:
            report = send(commons, project, frame, chunk=20)
        except SubmissionError as error:
            report = error.report
    assert not report.ok
    assert report.counts["created"] == 20
    assert report.counts["unknown"] + report.counts["not_sent"] == 40
    assert send(commons, project, frame).counts["created"] == 40
    assert len(stored(commons, project)) == 60


def test_one_bad_row_costs_one_row(commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _validate_nothing(monkeypatch)
    frame = many(400)
    frame.loc[123, "experiments.submitter_id"] = "nowhere"
    frame.loc[222, "disease_type"] = "a\x00b"  # the service does not say which row that is
    report = send(commons, project, frame)
    assert report.counts["created"] == 398
    bad = report.to_frame().query("status == 'rejected'")
    assert bad["submitter_id"].tolist() == ["c0123", "c0222"]
    assert "No link destination found" in bad["reason"].iloc[0]
    assert len(stored(commons, project)) == 398


def _validate_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = planning.validate

    def lenient(*given: Any, **options: Any) -> Any:
        report = real(*given, **options)
        report.found.clear()
        return report

    monkeypatch.setattr(planning, "validate", lenient)


def test_somebody_else_creates_a_record_meanwhile(commons: Commons, project: str) -> None:
    def theirs() -> None:
        link = {"experiments": {"submitter_id": "exp"}, "type": "case"}
        put(commons, project, {"submitter_id": "same", "disease_type": "x", **link},
            {"submitter_id": "other", "disease_type": "theirs", **link})  # fmt: skip

    frame = cases("same", "other", "mine", disease_type="x")
    report = send(commons, project, frame, progress=when_sending(theirs))
    table = report.to_frame().set_index("submitter_id")
    assert table["status"].to_dict() == {"same": "unchanged", "other": "rejected", "mine": "created"}
    assert "somebody else" in table.loc["other", "reason"]
    assert stored(commons, project)["other"]["disease_type"] == "theirs"
    assert send(commons, project, frame).counts["updated"] == 1


def test_answered_but_not_stored(commons: Commons, project: str) -> None:
    def theirs() -> None:
        put(commons, project, {"type": "case", "submitter_id": "ONE", "experiments": {"submitter_id": "exp"}})

    report = send(commons, project, cases("one", "two", "three"), progress=when_sending(theirs))
    table = report.to_frame().set_index("submitter_id")
    assert table["status"].to_dict() == {"one": "rejected", "two": "created", "three": "created"}
    assert "'ONE'" in table.loc["one", "reason"]
    assert set(stored(commons, project)) == {"ONE", "two", "three"}


def test_two_at_once_submit_the_same_frame(commons: Commons, project: str) -> None:
    frame = many(300)
    reports: list[SubmissionReport] = []
    threads = [
        threading.Thread(target=lambda: reports.append(send(commons, project, frame, chunk=50)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 2
    for report in reports:
        assert report.ok, report.to_frame().query("reason != ''")
    assert len(stored(commons, project)) == 300


# --- stopping -------------------------------------------------------------------------------------------


def test_an_interrupt_says_what_is_stored_and_the_same_call_goes_on(commons: Commons, project: str) -> None:
    frame = many(500)

    def interrupt(done: int, total: int | None, label: str) -> None:
        if label.startswith("Submitting") and done >= 100 and not struck:
            struck.append(done)
            raise KeyboardInterrupt

    struck: list[int] = []
    with pytest.raises(SubmissionError, match="Interrupted") as caught:
        send(commons, project, frame, chunk=50, progress=interrupt)
    report = caught.value.report
    held = set(stored(commons, project))
    created = set(report.to_frame().query("status == 'created'")["submitter_id"])
    assert created == held
    assert report.counts["unknown"] == 0
    assert report.counts["not_sent"] == 500 - len(held) > 0
    again = send(commons, project, frame)
    assert again.counts["created"] == 500 - len(held)
    assert len(stored(commons, project)) == 500


def test_an_event_stops(commons: Commons, project: str) -> None:
    stop = threading.Event()

    def enough(done: int, total: int | None, label: str) -> None:
        if label.startswith("Submitting") and done:
            stop.set()

    report = send(commons, project, many(500), chunk=50, stop=stop, progress=enough)
    assert 0 < report.counts["created"] < 500
    assert report.counts["not_sent"] == 500 - report.counts["created"]
    assert set(report.to_frame().query("status == 'not sent'")["reason"]) == {"stopped"}
    assert len(stored(commons, project)) == report.counts["created"]


# --- the journal ----------------------------------------------------------------------------------------


def test_the_journal_is_the_users_alone_and_holds_no_values(commons: Commons, project: str) -> None:
    report = send(commons, project, cases("a", disease_type="very private"))
    assert report.journal is not None
    assert stat.S_IMODE(report.journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(report.journal.parent.stat().st_mode) == 0o700
    text = report.journal.read_text("utf-8")
    assert "very private" not in text
    events = [json.loads(line) for line in text.splitlines()]
    assert [event["event"] for event in events] == ["start", "send", "answer", "end"]
    assert list(events[1]["rows"]) == ["a"]


def test_without_room_for_the_journal_nothing_is_sent(
    commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(journal, "journal_folder", lambda: tmp_path / "file" / "submissions")
    with pytest.raises(SubmissionError, match="nothing was sent"):
        send(commons, project, many(3))
    assert stored(commons, project) == {}


def test_a_full_disk_in_the_middle_ends_with_a_report(
    commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journal.os.write
    written: list[int] = []

    def write(handle: int, data: bytes) -> int:
        written.append(len(data))
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(journal.os, "write", write)
    with pytest.raises(SubmissionError, match="No space left") as caught:
        send(commons, project, many(500), chunk=50)
    monkeypatch.undo()
    held = set(stored(commons, project))
    assert set(caught.value.report.to_frame().query("status == 'created'")["submitter_id"]) == held
    assert send(commons, project, many(500)).ok


def test_an_interrupt_while_planning_says_that_nothing_was_sent(
    commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gen3nb.cli.app import INTERRUPTED, exit_code

    def interrupt(*given: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "compare", interrupt)
    with pytest.raises(SubmissionError, match="nothing was sent") as caught:
        send(commons, project, many(3))
    assert exit_code(caught.value) == INTERRUPTED == 130
    assert stored(commons, project) == {}
