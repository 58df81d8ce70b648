"""What people get wrong: every time a clear error of gen3nb, nothing lost, and no secret shown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gen3nb
from gen3nb import Commons, errors

LINK = "experiments.submitter_id"


def cases(*names: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": list(names), LINK: "exp", **columns})


def refused(call: Callable[[], Any], kind: type[Exception], *words: str) -> Any:
    """See that a call ends in the error, with the words, and with no library's error behind it."""
    with pytest.raises(kind) as caught:
        call()
    error: Any = caught.value
    assert isinstance(error, errors.Gen3Error)
    for word in words:
        assert word in str(error)
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert behind is None or isinstance(behind, errors.Gen3Error)
    return error


@pytest.fixture(scope="module")
def key(commons: Commons) -> Path:
    return Path(commons.sandbox.credentials("admin"))


@pytest.fixture(scope="module")
def nobody(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("nobody") as opened:
        yield opened


# --- connecting


@pytest.mark.parametrize("form", ["whole", "key", "cut", "list"])
def test_a_key_given_as_text_is_shown_nowhere(commons: Commons, key: Path, form: str) -> None:
    text = key.read_text(encoding="utf-8")
    secret = json.loads(text)["api_key"]
    given = {"whole": text, "key": secret, "cut": text[:300], "list": f"[{text}]"}[form]
    error = refused(
        lambda: gen3nb.connect(commons.endpoint, credentials=given), errors.ProfileError, "the key itself"
    )
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    own = shown.split("connecting.py", 1)[1]  # this test's own locals hold it, of course
    assert secret[:40] not in own
    assert secret[:40] not in str(error)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"<html>login</html>", "not JSON"),
        (b"[" * 90_000, "not JSON"),
        (b'{"api_key": 5}', "no 'api_key'"),
        (b'{"api_key": " "}', "no 'api_key'"),
        (b"null", "JSON null"),
    ],
)
def test_key_files_that_are_none(commons: Commons, tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_bytes(content)
    refused(lambda: gen3nb.connect(commons.endpoint, credentials=file), errors.ProfileError, says, str(file))


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"target": 5}, errors.NotConnected, "by its address"),
        ({"target": " "}, errors.NotConnected, "is empty"),
        ({"target": "https://a b"}, errors.NotConnected, "not the address"),
        ({"target": '{"api_key": "x"}'}, errors.ProfileError, "credentials="),
        ({"credentials": 5}, errors.ProfileError, "not a int"),
        ({"timeout": "ten"}, errors.NotConnected, "number of seconds"),
        ({"timeout": -1}, errors.NotConnected, "more than 0"),
        ({"timeout": (1, 2, 3)}, errors.NotConnected, "a pair"),
        ({"verify": 3}, errors.NotConnected, "CA bundle"),
        ({"proxies": "http://proxy"}, errors.NotConnected, "by scheme"),
    ],
)
def test_arguments_of_connect(
    commons: Commons, key: Path, options: dict[str, Any], kind: type[Exception], says: str
) -> None:
    given = {"target": commons.endpoint, "credentials": key, **options}
    refused(lambda: gen3nb.connect(**given), kind, says)


@pytest.mark.parametrize("page", ["/login", "/user/", "/api/v0/submission", "/TEST-alpha", "/?a=b"])
def test_a_page_of_the_commons(commons: Commons, key: Path, page: str) -> None:
    refused(
        lambda: gen3nb.connect(commons.endpoint + page, credentials=key),
        errors.NotConnected,
        "is a page",
        repr(commons.endpoint),
    )


# --- names that are not there


@pytest.mark.parametrize("name", ["alpha", "TEST-nope", "TEST", 5, "", ("TEST",), ("TEST", "nope")])
@pytest.mark.parametrize("verb", ["read", "submit", "counts", "select", "may", "diff", "validate"])
def test_projects_that_are_not_there(commons: Commons, verb: str, name: Any) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "read": lambda: commons.read("case", project=name, progress=False),
        "submit": lambda: commons.submit({"case": cases("c")}, project=name, progress=False),
        "counts": lambda: commons.counts(name),
        "select": lambda: commons.select("case", project=name),
        "may": lambda: commons.may("read", name),
        "diff": lambda: commons.diff(cases("c"), "case", project=name, progress=False),
        "validate": lambda: commons.validate(cases("c"), "case", project=name, progress=False),
    }
    error = refused(calls[verb], errors.NotFound)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_bare_code_names_the_full_id(commons: Commons, project: str) -> None:
    code = project.removeprefix("TEST-")
    refused(lambda: commons.read("case", project=code), errors.NotFound, "full id", repr(project))


@pytest.mark.parametrize("node", ["caes", "Case", "case ", "", None, 5, ["case"]])
def test_nodes_that_are_not_there(commons: Commons, project: str, node: Any) -> None:
    for call in (
        lambda: commons.read(node, project=project, progress=False),
        lambda: commons.select(node, project=project),
        lambda: commons.validate(cases("c"), node, project=project, progress=False),
        lambda: commons.dictionary[node],
    ):
        error = refused(call, errors.DictionaryError, "no node")
        assert ("'case'" in str(error)) == (str(node).strip().lower() in {"caes", "case", "['case']"})


def test_properties_and_links_that_are_not_there(commons: Commons, project: str) -> None:
    node = commons.dictionary["demographic"]
    for call in (
        lambda: node.properties["gendr"],
        lambda: commons.read("demographic", project=project, columns=["gendr"]),
        lambda: commons.read("demographic", project=project, where={"gendr": "male"}),
        lambda: commons.select("demographic", columns=["gendr"]),
    ):
        refused(call, errors.DictionaryError, "'gender'")
    assert "gendr" not in node.properties
    assert node.properties.get("gendr") is None
    refused(lambda: node.link("case"), errors.DictionaryError, "cases")
    refused(
        lambda: commons.select("demographic", columns=["case.submitter_id"]),
        errors.DictionaryError,
        "'cases'",
    )


@pytest.mark.parametrize("where", [["gender"], "gender == 'male'", 5])
def test_conditions_that_are_none(commons: Commons, where: Any) -> None:
    refused(lambda: commons.read("demographic", where=where), errors.QueryError, "where={")


def test_one_id_is_not_its_letters(commons: Commons, project: str) -> None:
    commons.submit({"case": cases("c1", "c2")}, project=project, progress=False)
    assert list(commons.read("case", project=project, ids="c1", progress=False)["submitter_id"]) == ["c1"]
    refused(lambda: commons.read("case", project=project, ids="nope"), errors.NotFound, "1 of 1", "'nope'")


# --- permissions


@pytest.mark.parametrize("verb", ["read", "where", "select", "count", "validate", "diff", "join", "submit"])
def test_what_is_not_shown_is_not_said_to_be_empty(
    commons: Commons, nobody: Commons, project: str, verb: str
) -> None:
    commons.submit({"case": cases("c1")}, project=project, progress=False)
    calls: dict[str, Callable[[], Any]] = {
        "read": lambda: nobody.read("case", project=project, progress=False),
        "where": lambda: nobody.read("case", project=project, where={"submitter_id": "c1"}, progress=False),
        "select": lambda: nobody.select("case", project=project).to_frame(progress=False),
        "count": lambda: nobody.select("case", project=project).count(),
        "validate": lambda: nobody.validate(cases("c1"), "case", project=project, progress=False),
        "diff": lambda: nobody.diff(cases("c1"), "case", project=project, progress=False),
        "join": lambda: nobody.join("case", "experiment", project=project, progress=False),
        "submit": lambda: nobody.submit({"case": cases("c2")}, project=project, progress=False),
    }
    error = refused(calls[verb], errors.PermissionDenied, "'read'", f"/projects/{project[5:]}")
    assert error.method == "read"
    assert len(commons.read("case", project=project, progress=False)) == 1


def test_somebody_who_may_read_nothing() -> None:
    # of a commons of its own: an open project of another test would be there to read for everybody
    with gen3nb.sandbox() as commons, commons.sandbox.as_user("nobody") as nobody:
        commons.create_program("DEMO")
        commons.create_project("DEMO-closed")
        refused(lambda: nobody.read("case", progress=False), errors.PermissionDenied, "no project")
        refused(lambda: nobody.select("case").count(), errors.PermissionDenied, "no project")


def test_what_is_empty_is_empty(commons: Commons, project: str) -> None:
    assert commons.select("case", project=project).count() == 0
    assert commons.read("case", project=project, progress=False).empty
    assert commons.read("sample", progress=False).empty


# --- frames


@pytest.mark.parametrize("frame", [None, {"submitter_id": ["c"]}, [1], pd.Series(["c"]), "case.tsv"])
def test_rows_that_are_no_frame(commons: Commons, project: str, frame: Any) -> None:
    for call in (
        lambda: commons.validate(frame, "case", project=project, progress=False),
        lambda: commons.diff(frame, "case", project=project, progress=False),
        lambda: commons.submit({"case": frame}, project=project, progress=False),
    ):
        refused(call, errors.ValidationError, "DataFrame", type(frame).__name__)


@pytest.mark.parametrize("frames", [cases("c"), [("case", cases("c"))], None])
def test_frames_that_are_not_by_node(commons: Commons, project: str, frames: Any) -> None:
    refused(
        lambda: commons.submit(frames, project=project, progress=False), errors.ValidationError, "by node"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"chunk": 0}, "1 or more"),
        ({"chunk": "a"}, "'a'"),
        ({"missing": "x"}, "keep"),
        ({"verify": 1}, "keys"),
    ],
)
def test_options_of_a_submission(commons: Commons, project: str, options: dict[str, Any], says: str) -> None:
    call = lambda: commons.submit({"case": cases("c")}, project=project, progress=False, **options)  # noqa: E731
    refused(call, errors.ValidationError, says)
    assert commons.select("case", project=project).count() == 0


FLAT = cases("c1", "c2")
SHAPES = {
    "columns twice": (FLAT.set_axis(["submitter_id", "submitter_id"], axis=1), "two columns named"),
    "columns in levels": (
        FLAT.set_axis(pd.MultiIndex.from_tuples([("a", "submitter_id"), ("b", LINK)]), axis=1),
        "MultiIndex",
    ),
    "rows in levels": (FLAT.assign(a=1, b=[1, 2]).set_index(["a", "b"]), "MultiIndex"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_that_no_records_have(commons: Commons, project: str, shape: str) -> None:
    frame, says = SHAPES[shape]
    refused(
        lambda: commons.submit({"case": frame}, project=project, progress=False), errors.ValidationError, says
    )


def test_a_frame_without_rows(commons: Commons, project: str) -> None:
    for empty in (pd.DataFrame(), FLAT.head(0)):
        report = commons.submit({"case": empty}, project=project, progress=False)
        assert report.ok
        assert str(report) == "nothing to submit: there are no rows"


def test_columns_of_odd_names_are_named_in_the_report(commons: Commons, project: str) -> None:
    frame = FLAT.assign(**{"Unnamed: 2": 1})
    frame[5] = 2
    frame[np.nan] = 3
    problems = commons.validate(frame, "case", project=project, progress=False).problems
    assert set(problems["column"].map(str)) == {"Unnamed: 2", "5", "nan"}
    assert set(problems["rule"]) == {"unknown"}


def test_the_key_as_index_is_seen(commons: Commons, project: str) -> None:
    report = commons.validate(FLAT.set_index("submitter_id"), "case", project=project, progress=False)
    assert report.problems["message"].str.contains(r"reset_index\(\)").all()


def test_rows_keep_their_numbers(commons: Commons, project: str) -> None:
    frame = cases("r0", "r1", "r2", "r3", "r4")
    frame.loc[[1, 3], LINK] = "nope"
    for changed, rows in (
        (frame, [3, 5]),
        (frame[frame[LINK] == "nope"], [3, 5]),
        (frame.sort_values("submitter_id", ascending=False), [5, 3]),
        (frame[frame[LINK] == "nope"].reset_index(drop=True), [2, 3]),
        (frame.set_axis(list("abcde")), [3, 5]),
        (frame.set_axis([0, 0, 0, 1, 1]), [3, 5]),
    ):
        report = commons.validate(changed, "case", project=project, progress=False)
        assert list(report.problems["row"]) == rows
        assert report.problems["message"].str.contains("no experiment 'nope'").all()


def test_spellings_of_one_key(commons: Commons, project: str) -> None:
    frame = cases("Ab", "aB", "other")
    report = commons.submit({"case": frame}, project=project, progress=False)
    assert list(report.to_frame()["status"]) == ["rejected", "rejected", "created"]
    again = commons.submit({"case": cases("OTHER")}, project=project, progress=False).to_frame()
    assert again["status"].item() == "rejected"
    assert "'other'" in again["reason"].item()
    # of two nodes: two records, and a link finds its target in any spelling
    both = {
        "case": cases("K"),
        "demographic": pd.DataFrame({"submitter_id": ["k"], "cases.submitter_id": ["k"]}),
    }
    assert commons.submit(both, project=project, progress=False).counts["created"] == 2


YEARS: list[tuple[Any, Any]] = [
    (1950, 1950),
    (1950.0, 1950),
    (np.int8(5), 5),
    (np.nan, None),
    (None, None),
    (pd.NA, None),
    (pd.NaT, None),
    ("1950", "rejected"),
    ("1950.0", "rejected"),
    (np.inf, "rejected"),
    (True, "rejected"),
    ("", "rejected"),
    (pd.Timestamp("1950"), "rejected"),
    ([1950], "rejected"),
    ({"a": 1}, "rejected"),
    (object(), "rejected"),
    (b"1950", "rejected"),
]


def test_cells_of_every_kind(commons: Commons, project: str) -> None:
    names = [f"y{number}" for number in range(len(YEARS))]
    people = pd.DataFrame(
        {
            "submitter_id": names,
            "cases.submitter_id": names,
            "year_of_birth": pd.Series([value for value, _ in YEARS], dtype=object),
        }
    )
    report = commons.submit(
        {"case": cases(*names), "demographic": people}, project=project, progress=False
    ).to_frame()
    told = report[report["node"] == "demographic"].set_index("submitter_id")
    kept = commons.read("demographic", project=project, progress=False).set_index("submitter_id")
    for name, (value, stored) in zip(names, YEARS, strict=True):
        if isinstance(stored, str):
            assert told.loc[name, "status"] == "rejected", value
            assert told.loc[name, "reason"].startswith("year_of_birth: "), value
            assert name not in kept.index
        else:
            assert told.loc[name, "status"] == "created", value
            found = kept.loc[name, "year_of_birth"]
            assert pd.isna(found) if stored is None else found == stored


# --- which commons


@pytest.mark.parametrize("given", ["https://data.example.org", 5])
def test_a_commons_that_is_none(given: Any) -> None:
    refused(lambda: gen3nb.of(cases("c")).submit("case", commons=given), errors.NotConnected, "commons= is")


def test_several_are_open_and_none_is_named(commons: Commons, nobody: Commons, project: str) -> None:
    refused(
        lambda: gen3nb.of(cases("c")).submit("case", project=project), errors.NotConnected, "commons are open"
    )


def test_without_project_or_node(commons: Commons) -> None:
    frame = gen3nb.of(cases("c"))
    refused(lambda: frame.submit("case", commons=commons), errors.NotFound, "project='PROGRAM-PROJECT'")
    refused(lambda: frame.submit(commons=commons), errors.DictionaryError, "node='case'")


def test_a_closed_commons(commons: Commons, project: str) -> None:
    with commons.sandbox.as_user("submitter") as other:
        frame = other.read("experiment", project=project, progress=False)
    for call in (
        lambda: other.read("case", project=project, progress=False),
        lambda: other.submit({"case": cases("c")}, project=project, progress=False),
        lambda: other.query("{ case { id } }"),
        lambda: other.whoami(),
        lambda: gen3nb.of(frame).submit(commons=other, project=project),
    ):
        refused(call, errors.NotConnected, "closed", "connect again")


# --- queries


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{ case { id }", 1, 14),
        ("{\n  case {\n    gendr\n  }\n}", 3, 5),
        ("{ caes { id } }", 1, 3),
        ("", 1, 1),
    ],
)
def test_a_query_that_is_wrong_shows_where(commons: Commons, text: str, line: int, column: int) -> None:
    error = refused(lambda: commons.query(text), errors.QueryError, f"line {line}, column {column}")
    assert (error.line, error.column) == (line, column)
    *_, shown, caret = str(error).split("\n")
    assert shown == "  " + (text.split("\n")[line - 1] if text else "")
    assert caret == "  " + " " * (column - 1) + "^"


def test_variables_that_have_no_names(commons: Commons) -> None:
    values: Any = [1]
    refused(lambda: commons.query("{ case { id } }", values), errors.QueryError, "by name")


# --- a server that answers something else, at every stage


@pytest.mark.parametrize("kind", ["html", "half-json"])
def test_answers_that_are_none(commons: Commons, key: Path, project: str, kind: str) -> None:
    frame = cases("c1", "c2")
    commons.submit({"case": frame}, project=project, progress=False)
    fresh = commons.sandbox.as_user("admin")
    calls: list[Callable[[], Any]] = [
        lambda: gen3nb.connect(commons.endpoint, credentials=key),
        lambda: fresh.dictionary,
        lambda: commons.read("case", project=project, progress=False),
        lambda: commons.select("case", project=project).to_frame(progress=False),
        lambda: commons.query("{ case { id } }"),
        lambda: commons.whoami(),
        lambda: commons.projects(),
        lambda: commons.validate(cases("x"), "case", project=project, progress=False),
        lambda: commons.diff(frame, "case", project=project, progress=False),
    ]
    with commons.sandbox.faults as faults:
        faults.add(kind)
        for call in calls:
            error = refused(call, errors.Gen3Error)
            assert "<" not in str(error)
    assert len(commons.read("case", project=project, progress=False)) == 2


@pytest.mark.parametrize("kind", ["html-after", "half-json", "drop-after", "504-after-commit"])
def test_a_submission_survives_its_answers(commons: Commons, project: str, kind: str) -> None:
    frame = cases(*(f"c{number}" for number in range(250)))
    with commons.sandbox.faults as faults:
        faults.add(kind, path="/api/v0/submission/TEST/*", method="POST", times=1, after=1)
        report = commons.submit({"case": frame}, project=project, progress=False)
    assert report.counts["created"] == 250
    assert commons.submit({"case": frame}, project=project, progress=False).counts["unchanged"] == 250


# --- Ctrl-C

SESSION = """
import signal, sys
import numpy as np
import pandas as pd
import gen3nb
signal.signal(signal.SIGINT, signal.default_int_handler)
commons = gen3nb.connect(sys.argv[1], credentials=sys.argv[2])
frame = pd.DataFrame({"submitter_id": [f"c{i}" for i in range(1000)], "experiments.submitter_id": "exp"})
begun = lambda done, total, label: done and label.startswith("Submitting") and print("begun", flush=True)
print(commons.submit({"case": frame}, project=sys.argv[3], progress=begun))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to all of a console")
def test_ctrl_c_in_the_middle_of_a_submission(commons: Commons, key: Path, project: str) -> None:
    with commons.sandbox.faults as faults:
        faults.add("latency", path="/api/v0/submission/TEST/*", method="POST", seconds=0.4)
        with subprocess.Popen(
            [sys.executable, "-c", SESSION, commons.endpoint, str(key), project],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "begun\n"
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=60)
    assert child.returncode != 0
    last = said.strip().splitlines()[-1]
    assert "SubmissionError: Interrupted: " in last
    assert last.endswith("The same call again goes on where this one stopped.")
    frame = cases(*(f"c{number}" for number in range(1000)))
    stored = commons.select("case", project=project).count()
    assert 0 < stored < 1000
    counts = commons.submit({"case": frame}, project=project, progress=False).counts
    assert (counts["unchanged"], counts["created"]) == (stored, 1000 - stored)
