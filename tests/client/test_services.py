"""The thin clients on a real practice commons: what they give, and what their errors say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gen3nb
from gen3nb import errors
from gen3nb.client.project import ProjectId

Commons = gen3nb.Commons


@pytest.fixture(scope="module")
def reader(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("reader") as reader:
        yield reader


@pytest.fixture(scope="module")
def nobody(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("nobody") as nobody:
        yield nobody


def case(name: str) -> dict[str, object]:
    return {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}}


@pytest.fixture
def here(commons: Commons, project: str) -> ProjectId:
    return commons.project_id(project)


def test_submit_look_export_delete(commons: Commons, here: ProjectId) -> None:
    made = commons.sheepdog.submit(here, [case("a"), case("b")], method="POST")
    assert (made.ok, made.code, made.created, made.updated) == (True, 201, 2, 0)
    assert made.problems() == []
    again = commons.sheepdog.submit(here, [case("a")])
    assert (again.ok, again.code, again.updated) == (True, 200, 1)
    with commons.sheepdog.export(here, "case") as answer:
        rows = answer.json()["data"]
    assert sorted(row["submitter_id"] for row in rows) == ["a", "b"]
    ids = [row["id"] for row in rows]
    with commons.sheepdog.export(here, "case", format="tsv") as answer:
        assert answer.text.startswith("type\tid\tproject_id\tsubmitter_id")
    found = commons.sheepdog.entities(here, ids)
    assert {item["properties"]["submitter_id"] for item in found} == {"a", "b"}
    with commons.sheepdog.export(here, ids=ids) as answer:
        assert len(answer.json()) == 2
    assert commons.sheepdog.delete(here, ids, dry_run=True).deleted == 2
    assert commons.sheepdog.delete(here, ids).deleted == 2
    assert not commons.sheepdog.delete(here, ids).ok


def test_a_dry_run_stores_nothing(commons: Commons, here: ProjectId) -> None:
    assert commons.sheepdog.submit(here, [case("a")], dry_run=True).ok
    with commons.sheepdog.export(here, "case") as answer:
        assert answer.json() == {"data": []}


def test_rows_that_are_wrong_are_named(commons: Commons, here: ProjectId) -> None:
    wrong = {**case("bad"), "consent_codes": 7, "colour": "red"}
    answer = commons.sheepdog.submit(here, [case("good"), wrong])
    assert not answer.ok
    assert answer.created == 0
    problems = answer.problems()
    assert all(problem.startswith("case 'bad': ") for problem in problems)
    assert any("colour" in problem for problem in problems)
    assert [entity["valid"] for entity in answer.entities] == [True, False]


def test_a_whole_request_that_is_wrong(commons: Commons, here: ProjectId) -> None:
    answer = commons.sheepdog.submit(here, [{"type": "nope", "submitter_id": "x"}])
    assert not answer.ok
    assert any("nope" in problem for problem in answer.problems())
    with pytest.raises(errors.ServiceError, match="Unable to parse json") as caught:
        commons.sheepdog.submit_text(here, "not json", "application/json")
    assert caught.value.status == 400


def test_tsv(commons: Commons, here: ProjectId) -> None:
    text = "type\tsubmitter_id\texperiments.submitter_id\ncase\tt1\texp\n"
    assert commons.sheepdog.submit_text(here, text).created == 1


def test_templates_and_manifest(commons: Commons, here: ProjectId) -> None:
    assert commons.sheepdog.template("case").startswith("*type\tproject_id\t*submitter_id")
    with pytest.raises(errors.NotFound, match="nope"):
        commons.sheepdog.template("nope")


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_no_permission_to_write(reader: Commons, here: ProjectId, method: str) -> None:
    with pytest.raises(errors.PermissionDenied) as caught:
        reader.sheepdog.submit(here, [case("a")], method=method)
    error = caught.value
    assert isinstance(error, PermissionError)
    assert error.resource == here.resource
    assert error.method == "create"
    assert error.methods == (("create",) if method == "POST" else ("create", "update"))
    words = str(error)
    assert f"records in {here}" in words
    assert "'create'" in words
    assert here.resource in words
    assert "reader" in words
    assert "ask the data access contact" in words


def test_only_what_is_missing_is_asked_for(commons: Commons, here: ProjectId) -> None:
    commons.sandbox.grant("nobody", {str(here): ["create", "read"]})
    try:
        with commons.sandbox.as_user("nobody") as user, pytest.raises(errors.PermissionDenied) as caught:
            user.sheepdog.submit(here, [case("a")])
        assert caught.value.methods == ("update",)
        assert "the method 'update' on" in str(caught.value)
    finally:
        commons.sandbox.grant("nobody", {})


def test_no_permission_to_read_or_delete(nobody: Commons, reader: Commons, here: ProjectId) -> None:
    with pytest.raises(errors.PermissionDenied, match="'read'"):
        nobody.sheepdog.export(here, "case")
    with pytest.raises(errors.PermissionDenied, match="'delete'"):
        reader.sheepdog.delete(here, ["00000000-0000-0000-0000-000000000000"])


def test_no_permission_to_make_programs_and_projects(reader: Commons) -> None:
    with pytest.raises(errors.PermissionDenied, match=r"create the program 'X'.*/services/sheepdog"):
        reader.sheepdog.create_program("X")
    with pytest.raises(errors.PermissionDenied, match="create the project TEST-x"):
        reader.sheepdog.create_project("TEST", {"code": "x", "dbgap_accession_number": "x"})


def test_unknown_program_project_node(commons: Commons, here: ProjectId) -> None:
    with pytest.raises(errors.NotFound, match="program NOPE not found"):
        commons.sheepdog.projects("NOPE")
    with pytest.raises(errors.NotFound, match="nope not found"):
        commons.sheepdog.submit(ProjectId("TEST", "nope"), [case("a")])
    with pytest.raises(errors.ServiceError, match="does not have node with type nope"):
        commons.sheepdog.export(here, "nope")


def test_a_closed_project(commons: Commons, here: ProjectId) -> None:
    assert commons.sheepdog.transition(here, "review").ok
    with pytest.raises(errors.Conflict, match=r"the project is closed.*'review'.*administrator") as caught:
        commons.sheepdog.submit(here, [case("a")])
    assert caught.value.status == 400
    assert commons.sheepdog.transition(here, "open").ok
    assert commons.sheepdog.submit(here, [case("a")]).ok
    with pytest.raises(errors.Conflict):
        commons.sheepdog.transition(here, "open")
    with pytest.raises(ValueError, match="'review'"):
        commons.sheepdog.transition(here, "closed")


def test_projects_that_are_not_empty_or_taken(commons: Commons, here: ProjectId) -> None:
    with pytest.raises(errors.Conflict, match="not empty"):
        commons.sheepdog.delete_project(here)
    commons.sheepdog.create_program("OTHER")
    with pytest.raises(errors.Conflict, match="already exists"):
        commons.sheepdog.create_project("OTHER", {"code": here.code, "dbgap_accession_number": "n"})
    commons.sheepdog.delete_program("OTHER")
    assert "OTHER" not in commons.sheepdog.programs()


def test_names_with_odd_characters(commons: Commons) -> None:
    program, code = "Größe 1?#%&", "a b+ü"
    commons.sheepdog.create_program(program)
    commons.sheepdog.create_project(program, {"code": code, "dbgap_accession_number": code})
    try:
        assert program in commons.sheepdog.programs()
        assert commons.sheepdog.projects(program) == [code]
        with commons.sheepdog.export(ProjectId(program, code), "case") as answer:
            assert answer.json() == {"data": []}
    finally:
        commons.sheepdog.delete_project(ProjectId(program, code))
        commons.sheepdog.delete_program(program)


def test_keys(commons: Commons) -> None:
    with commons.sandbox.as_user("submitter") as user:
        before = len(user.fence.api_keys())
        key = user.fence.create_api_key(expires_in=3600)
        assert len(user.fence.api_keys()) == before + 1
        with gen3nb.connect(commons.endpoint, credentials=key) as again:
            assert again.auth.username == user.auth.username
        user.fence.delete_api_key(key["key_id"])
        with pytest.raises(errors.AuthError, match="has been deleted"):
            gen3nb.connect(commons.endpoint, credentials=key)
        with pytest.raises(errors.NotFound):
            user.fence.delete_api_key(key["key_id"])
    assert commons.fence.keys()


def test_fences_pages_become_words(commons: Commons) -> None:
    with pytest.raises(errors.TokenExpired) as caught:
        gen3nb.connect(commons.endpoint, access_token=commons.sandbox.token("reader", expires_in=-60))
    assert "<" not in str(caught.value)
    assert "valid until" in str(caught.value)


def test_an_expired_key(commons: Commons) -> None:
    for age in (-30, -86400):
        key = commons.sandbox.api_key("reader", expires_in=age)
        with pytest.raises(errors.KeyExpired, match=r"valid until \d{4}"):
            gen3nb.connect(commons.endpoint, credentials=key)


def test_queries(commons: Commons, here: ProjectId) -> None:
    commons.sheepdog.submit(here, [case("a")])
    answer = commons.peregrine.query(
        "query ($p: [String]) { case(project_id: $p) { submitter_id } }", {"p": [str(here)]}
    )
    assert answer == {"case": [{"submitter_id": "a"}]}
    assert commons.peregrine.datasets(["case", "experiment"])[str(here)] == {"case": 1, "experiment": 1}
    assert "data" in commons.peregrine.schema()


def test_a_syntax_error_has_line_and_column(commons: Commons) -> None:
    with pytest.raises(errors.QueryError) as caught:
        commons.peregrine.query("{\n  case(first: 0) {\n    id\n")
    assert (caught.value.line, caught.value.column) is not None
    assert caught.value.line in (3, 4)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says", "place"),
    [
        ("{project{id}", "Expected Name", (1, 13)),
        ("{\n  kase { id }\n}", 'Cannot query field "kase"', (2, 3)),
        ('{ case(colour: "x") { id } }', 'Unknown argument "colour"', (1, 8)),
        ('{ case(first: "ten") { id } }', 'expected type "int"', None),
        ("query ($p: String) { case(project_id: $p) { id } }", "used in position", None),
        ('{ case(order_by_asc: "colour") { id } }', "Cannot order by colour", (1, 23)),
        ("mutation { a }", "mutations", None),
    ],
)
def test_query_errors(commons: Commons, text: str, says: str, place: tuple[int, int] | None) -> None:
    with pytest.raises(errors.QueryError) as caught:
        commons.peregrine.query(text)
    error = caught.value
    assert says.lower() in str(error).lower()
    if place is not None:
        assert (error.line, error.column) == place
        assert str(error).splitlines()[-1].index("^") - 2 == place[1] - 1
    assert error.errors
    assert "query failed" in str(error)


def test_partial_data_comes_along(commons: Commons) -> None:
    with pytest.raises(errors.QueryError) as caught:
        commons.peregrine.query('{ a: case(order_by_asc: "colour") { id } b: experiment(first: 1) { id } }')
    assert caught.value.data is not None


def test_projects_as_people_write_them() -> None:
    known = [ProjectId("A", "b-c"), ProjectId("A-b", "c"), ProjectId("DEMO", "alpha")]
    assert ProjectId.parse("DEMO-alpha", known) == known[2]
    assert ProjectId.parse(("DEMO", "alpha"), known) == known[2]
    assert ProjectId.parse(["DEMO", "alpha"], known) == known[2]  # type: ignore[arg-type]
    assert ProjectId.parse(known[2], known).resource == "/programs/DEMO/projects/alpha"
    for wrong, says in (
        ("alpha", "write the full id, 'DEMO-alpha'"),
        ("A-b-c", r"2 ways: give the pair, \('A', 'b-c'\) or \('A-b', 'c'\)"),
        ("demo-Alpa", "did you mean 'DEMO-alpha'"),
        (("DEMO", "beta"), "has no project 'DEMO-beta'"),
        (7, "written 'PROGRAM-PROJECT'"),
    ):
        with pytest.raises(errors.NotFound, match=says):
            ProjectId.parse(wrong, known)  # type: ignore[arg-type]
    assert ProjectId.parse("P-Q-R") == ProjectId("P", "Q-R")
    with pytest.raises(errors.NotFound, match="names no program"):
        ProjectId.parse("alpha")
    with pytest.raises(errors.NotFound, match="no projects yet"):
        ProjectId.parse("x-y", [])


@pytest.mark.parametrize(
    "kind", ["html", "html-after", "half-json", "html-in-middle", "truncated", "drop-after"]
)
def test_broken_answers_in_words(commons: Commons, here: ProjectId, kind: str) -> None:
    """Each act ends in an exception of ours that tells a lost write from a lost read."""
    with commons.sandbox.as_user("admin") as user:
        user.transport.retries = 0
        for act, path, may_be_done in (
            (lambda: user.sheepdog.submit(here, [case("a")]), "/api/v0/submission/TEST/*", True),
            (lambda: user.sheepdog.export(here, "experiment").json(), "*export*", False),
            (lambda: user.peregrine.query("{ experiment { id } }"), "*graphql*", False),
            (lambda: user.sheepdog.dictionary(), "*_dictionary*", False),
            (lambda: user.fence.user(), "/user/user", False),
        ):
            with commons.sandbox.faults as faults:
                faults.add(kind, path=path)
                with pytest.raises(errors.ServiceError) as caught:
                    act()
            assert ("whether it did what was asked is unknown" in str(caught.value)) is may_be_done
            assert "<" not in str(caught.value)


def test_a_lost_answer_to_a_write(commons: Commons, here: ProjectId) -> None:
    with commons.sandbox.faults as faults:
        faults.add("504-after-commit", path="/api/v0/submission/TEST/*", times=1)
        with pytest.raises(errors.TimedOut, match="look at what is stored"):
            commons.sheepdog.submit(here, [case("a")])
    with commons.sheepdog.export(here, "case") as answer:
        assert len(answer.json()["data"]) == 1


def test_a_dry_run_is_committed_or_closed(commons: Commons, here: ProjectId) -> None:
    tried = commons.sheepdog.submit(here, [case("later")], dry_run=True)
    assert tried.id is not None
    assert commons.sheepdog.commit(here, tried.id).created == 1
    with pytest.raises(errors.Conflict, match="committed already"):
        commons.sheepdog.commit(here, tried.id)
    other = commons.sheepdog.submit(here, [case("never")], dry_run=True)
    assert other.id is not None
    commons.sheepdog.close_transaction(here, other.id)
    with pytest.raises(errors.NotFound):
        commons.sheepdog.close_transaction(here, 10**6)


def test_a_manifest_is_for_files(commons: Commons, here: ProjectId) -> None:
    made = commons.sheepdog.submit(here, [case("a")])
    with pytest.raises(errors.ServiceError, match="not a data file"):
        commons.sheepdog.manifest(here, [made.entities[0]["id"]])


def test_the_workspace_of_a_practice_commons(commons: Commons) -> None:
    assert isinstance(commons.workspace.providers(), list)
    token = commons.workspace.token("practice")
    with gen3nb.connect(commons.endpoint, access_token=token) as again:
        assert again.auth.username == commons.auth.username
    assert token[:10] not in repr(commons.workspace)
