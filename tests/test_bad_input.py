"""What people get wrong: every time a clear error of gen3nb, nothing lost, and no secret shown."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


def test_somebody_who_may_read_nothing(nobody: Commons, project: str) -> None:
    refused(lambda: nobody.read("case", progress=False), errors.PermissionDenied, "no project")
    refused(lambda: nobody.select("case").count(), errors.PermissionDenied, "no project")


def test_what_is_empty_is_empty(commons: Commons, project: str) -> None:
    assert commons.select("case", project=project).count() == 0
    assert commons.read("case", project=project, progress=False).empty
    assert commons.read("sample", progress=False).empty
