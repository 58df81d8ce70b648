"""Rows that cannot go: which, why and what next is said, the others are stored, and nothing else is sent."""

from __future__ import annotations

import random
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from making import valid_record
from plainly import case, frame, plain, send, stored

from gen3nb.dictionary import Node
from gen3nb.errors import PermissionDenied, ValidationError

if TYPE_CHECKING:
    from gen3nb import Commons


def rows_of(commons: Commons, node: Node, *names: str, code: str, **columns: Any) -> pd.DataFrame:
    """Rows of a node with all that is required; links lead to ``<target>-0``, or as the columns say."""
    record = valid_record(commons.dictionary, node, "x", code, random.Random(7))
    ends = {link.name: link for link in node.links}
    cells = {
        ends[name].column if name in ends else name: value[ends[name].key] if name in ends else value
        for name, value in record.items()
        if name != "type"
    }
    return pd.DataFrame({**cells, "submitter_id": list(names), **columns})


def see(commons: Commons, project: str, rows: pd.DataFrame, node: str, good: set[str], **said: str) -> None:
    """Submit; see that the good rows alone are stored, and what is said of the others."""
    before = sent_so_far(commons, project)
    table = send(commons, project, rows, node=node).to_frame()
    refused = table[table["status"] == "rejected"]
    assert set(table.loc[table["status"] == "created", "submitter_id"]) == good
    back = commons.read(node, project=project, columns=["submitter_id"], progress=False)
    assert set(back["submitter_id"]) == good
    assert set(refused["submitter_id"].fillna("")) == set(said)
    for name, words in said.items():
        reason = refused.loc[refused["submitter_id"].fillna("") == name, "reason"].iloc[0]
        assert words in reason
    # the refused rows were not even asked about: one request for the good ones, or none
    assert sent_so_far(commons, project) - before == bool(good)


def sent_so_far(commons: Commons, project: str) -> int:
    count = f'{{ _transaction_log_count(project: "{project.partition("-")[2]}") }}'
    return int(commons.query(count)["_transaction_log_count"])


def test_one_submitter_id_in_two_rows(commons: Commons, project: str) -> None:
    see(commons, project, frame("a", "b", "a"), "case", {"b"}, a="'a' stands in row 4 too")


def test_nothing_in_a_required_column(commons: Commons, project: str) -> None:
    rows = frame("a", np.nan, "c").assign(**{"experiments.submitter_id": ["exp", "exp", np.nan]})
    said = {"": "submitter_id: is empty, but required", "c": "every case must name its experiment"}
    see(commons, project, rows, "case", {"a"}, **said)


def test_an_enum_in_the_wrong_case(commons: Commons, project: str) -> None:
    assert plain(commons, project, case("c1"), case("c2")).ok
    rows = pd.DataFrame(
        {"submitter_id": ["a", "b"], "cases.submitter_id": ["c1", "c2"], "gender": ["Female", "male"]}
    )
    see(commons, project, rows, "demographic", {"b"}, a="did you mean 'female'?")
    report = commons.validate(rows, "demographic", project=project, progress=False)
    assert send(commons, project, report.fixed(), node="demographic").counts["created"] == 1


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (-1, "-1 is below the minimum of 0"),
        (99_999, "99999 is above the maximum of 32872"),
        ("old", "'old' is text, but a number is expected"),
        (True, "a number is expected"),
        (float("inf"), "is not a finite number"),
        (2**53 + 1, "it would store 9007199254740992"),
    ],
)
def test_numbers_out_of_range_and_mixed_types(commons: Commons, project: str, value: Any, says: str) -> None:
    assert plain(commons, project, case("c")).ok
    ages = pd.Series([value, 20_000], dtype=object)
    rows = rows_of(
        commons,
        commons.dictionary["diagnosis"],
        "a",
        "b",
        code=project[5:],
        **{"cases.submitter_id": "c", "age_at_diagnosis": ages},
    )
    see(commons, project, rows, "diagnosis", {"b"}, a=says)


@pytest.mark.parametrize("date", ["31.05.2024", "2024-02-30", "yesterday", "2024-5-1", "05/06/2024"])
def test_a_date_that_is_none(gardens: Commons, date: str) -> None:
    project = garden_project(gardens)
    rows = pd.DataFrame(
        {"submitter_id": ["a", "b"], "gardens.submitter_id": "g", "Held_On": [date, "2024-05-31"]}
    )
    see(gardens, project, rows, "flowerShow", {"b"}, a="is not a date as in 2024-05-31")


def garden_project(gardens: Commons) -> str:
    code = f"r{uuid.uuid4().hex[:8]}"
    project = str(gardens.create_project(("TEST", code)))
    garden = rows_of(gardens, gardens.dictionary["garden"], "g", code=code)
    assert send(gardens, project, garden, node="garden").ok
    return project


def test_a_link_to_nothing_and_to_another_project(commons: Commons, project: str) -> None:
    code = f"r{uuid.uuid4().hex[:8]}"
    other = str(commons.create_project(("TEST", code)))
    assert plain(commons, other, {"type": "experiment", "submitter_id": code, "projects": {"code": code}}).ok
    rows = frame("a", "b", "c").assign(**{"experiments.submitter_id": ["nope", code, "exp"]})
    said = {
        "a": f"there is no experiment 'nope' in {project}",
        "b": f"there is one in {other}, but links stay",
    }
    see(commons, project, rows, "case", {"c"}, **said)


def test_a_parent_that_is_missing_takes_its_children_along(gardens: Commons) -> None:
    project = garden_project(gardens)
    rows = rows_of(gardens, gardens.dictionary["plant"], "a", "b", "c", "d", code=project[5:])
    links = {link.column for link in gardens.dictionary["plant"].links}
    rows = rows.drop(columns=links & set(rows.columns))
    rows["plants.submitter_id"] = ["nowhere", "a", "b", None]
    rows["gardens.submitter_id"] = [None, None, None, "g"]
    said = {
        "a": "there is no plant 'nowhere'",
        "b": "the plant 'a' has problems itself",
        "c": "the plant 'b' has problems itself",
    }
    see(gardens, project, rows, "plant", {"d"}, **said)


@pytest.mark.parametrize("mothers", [["a"], ["b", "a"], ["c", "a", "b"]])
def test_parents_in_a_circle_are_what_the_service_makes_of_them(gardens: Commons, mothers: list[str]) -> None:
    project = garden_project(gardens)
    names = sorted(mothers)
    records = [
        {"type": "plant", "submitter_id": name, "species": "rosa", "plants": {"submitter_id": mother}}
        for name, mother in zip(names, mothers, strict=True)
    ]
    alone = garden_project(gardens)
    taken = plain(gardens, alone, *records).ok
    rows = pd.DataFrame({"submitter_id": names, "species": "rosa", "plants.submitter_id": mothers})
    report = send(gardens, project, rows, node="plant")
    assert report.ok is taken, report.to_frame()["reason"].tolist()
    back = gardens.read("plant", project=project, progress=False)
    assert set(back["submitter_id"]) == (set(names) if taken else set())
    if taken:
        assert dict(zip(back["submitter_id"], back["plants.submitter_id"], strict=True)) == dict(
            zip(names, mothers, strict=True)
        )


@pytest.mark.parametrize("node", ["program", "project"])
def test_a_node_that_cannot_be_submitted(commons: Commons, project: str, node: str) -> None:
    before = sent_so_far(commons, project)
    with pytest.raises(ValidationError, match=f"make one with commons.create_{node}"):
        send(commons, project, frame("a"), node=node)
    assert sent_so_far(commons, project) == before


def test_a_node_that_the_dictionary_says_is_not_submitted(gardens: Commons) -> None:
    project = garden_project(gardens)
    rows = pd.DataFrame({"submitter_id": ["t"], "gardens.submitter_id": "g", "serial": "1"})
    report = send(gardens, project, rows, node="tool")
    assert report.ok
    assert report.notes == [
        "tool: The dictionary says that tool is not submitted; services do not enforce it."
    ]


def test_a_dictionary_that_changed_since_the_rows_were_read(commons: Commons, gardens: Commons) -> None:
    project = garden_project(gardens)
    elsewhere = commons.read("case", progress=False).head(0)
    rows = pd.DataFrame({"submitter_id": ["s"], "gardens.submitter_id": ["g"], "soil": ["x"]})
    rows.attrs = elsewhere.attrs  # as if this node had been read before the dictionary had changed
    report = send(gardens, project, rows, node="flowerShow")
    assert report.to_frame()["reason"].tolist() == [
        "soil: flowerShow has no property 'soil'; drop the column"
    ]
    assert any("dictionary has changed since these rows were read" in note for note in report.notes)
    assert gardens.read("flowerShow", project=project, progress=False).empty


def test_no_permission_on_one_of_two_projects(commons: Commons, project: str) -> None:
    code = f"r{uuid.uuid4().hex[:8]}"
    other = str(commons.create_project(("TEST", code)))
    assert plain(commons, other, {"type": "experiment", "submitter_id": "exp", "projects": {"code": code}}).ok
    commons.sandbox.grant("nobody", {project: ["create", "read", "update"], other: ["read"]})
    try:
        with commons.sandbox.as_user("nobody") as half:
            assert send(half, project, frame("a")).counts["created"] == 1
            with pytest.raises(
                PermissionDenied, match=f"'create' on /programs/TEST/projects/{code}.*nothing was sent"
            ):
                send(half, other, frame("a"))
            table = half.access().set_index("project")
            assert (table.loc[project, "create"], table.loc[other, "create"]) == (True, False)
            assert set(half.read("experiment", progress=False)["project_id"]) >= {project, other}
    finally:
        commons.sandbox.grant("nobody", {})
    assert (set(stored(commons, project)), set(stored(commons, other))) == ({"a"}, set())


# --- programs of their own ------------------------------------------------------------------------------

PROGRAM = """
import sys
import pandas as pd
import gen3nb
import gen3nb.errors
if sys.argv[4] != "0":
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
commons = gen3nb.connect(sys.argv[1], credentials=sys.argv[2])
commons.dictionary
names = [f"c{number:04}" for number in range(600)]
frame = pd.DataFrame({"submitter_id": names, "experiments.submitter_id": "exp"})
print("ready", flush=True)
sys.stdin.readline()
try:
    report = commons.submit({"case": frame}, project=sys.argv[3], chunk=50, progress=False)
except gen3nb.errors.SubmissionError as error:
    print(error, flush=True)
    report = getattr(error, 'report', None)
    if report is None:
        sys.exit(3)
table = report.to_frame()
print("created", *table.loc[table["status"] == "created", "submitter_id"])
print("unchanged", *table.loc[table["status"] == "unchanged", "submitter_id"])
print("ok", report.ok)
"""


def started(commons: Commons, project: str, limit: int = 0) -> subprocess.Popen[str]:
    key = str(commons.sandbox.credentials("admin"))
    command = [sys.executable, "-c", PROGRAM, commons.endpoint, key, project, str(limit)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def told(child: subprocess.Popen[str]) -> dict[str, list[str]]:
    out, _ = child.communicate("go\n", timeout=120)
    return {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}


def test_two_programs_submit_the_same_frame_at_once(commons: Commons, project: str) -> None:
    children = [started(commons, project) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    reports = [told(child) for child in children]
    names = {f"c{number:04}" for number in range(600)}
    held = commons.read("case", project=project, progress=False)["submitter_id"].tolist()
    assert sorted(held) == sorted(names)
    for report in reports:
        assert report["ok"] == ["True"]
        assert {*report["created"], *report["unchanged"]} == names


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
@pytest.mark.parametrize("room", [20, 4_000, 12_000])
def test_a_disk_that_is_full_under_the_journal(commons: Commons, project: str, room: int) -> None:
    with started(commons, project, room) as child:
        out, _ = child.communicate("go\n", timeout=120)
    held = set(stored(commons, project))
    if room == 20:
        assert "nothing was sent" in out or "no more was sent" in out
        assert held == set()
    else:
        assert "cannot be written (File too large), so no more was sent. Make room" in out
        (created,) = [line.split()[1:] for line in out.splitlines() if line.startswith("created")]
        assert set(created) == held
        assert 0 < len(held) < 600
    with started(commons, project) as child:
        again = told(child)
    assert again["ok"] == ["True"]
    assert set(again["unchanged"]) == held
    assert len(stored(commons, project)) == 600
