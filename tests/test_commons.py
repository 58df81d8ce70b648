"""Commons: who, what, how many, and what comes of it when it is closed or pickled."""

from __future__ import annotations

import gc
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import gen3nb
from gen3nb import errors
from gen3nb.commons import open_commons

Commons = gen3nb.Commons


@pytest.fixture(scope="module")
def reader(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("reader") as reader:
        yield reader


def test_whoami(commons: Commons, reader: Commons, project: str) -> None:
    me = reader.whoami()
    assert me.username.startswith("reader")
    assert me.endpoint == commons.endpoint
    assert me.source == f"the API key file {commons.sandbox.credentials('reader')}"
    assert me.profile is None
    assert not me.admin
    assert commons.whoami().admin
    assert ": everything" in str(commons.whoami())
    assert me.expires is not None
    assert me.key_expires is not None
    assert me.expires < me.key_expires
    assert me.projects[project] == ("read",)
    for text in (str(me), repr(me), me._repr_html_()):
        assert me.username in text
        assert me.source in text
        assert f"{me.key_expires:%Y-%m-%d %H:%M}" in text


def test_access_and_may(commons: Commons, reader: Commons, project: str) -> None:
    table = reader.access().set_index("project")
    assert list(reader.access().columns[:6]) == ["program", "project", "create", "read", "update", "delete"]
    assert table.loc[project, ["create", "read", "update", "delete"]].tolist() == [False, True, False, False]
    assert commons.access().set_index("project").loc[project, ["create", "delete"]].tolist() == [True, True]
    assert reader.may("read", project)
    assert not reader.may("create", project)
    assert commons.may("anything", project)
    with commons.sandbox.as_user("nobody") as nobody:
        assert not nobody.access()[["create", "read", "update", "delete"]].any(axis=None)
        assert "to no project" in str(nobody.whoami())
    with pytest.raises(errors.NotFound, match="has no project 'TEST-none'"):
        reader.may("read", "TEST-none")


def test_programs_and_projects(commons: Commons, project: str) -> None:
    programs = commons.programs().set_index("program")
    projects = commons.projects()
    assert programs.loc["TEST", "projects"] == (projects["program"] == "TEST").sum() >= 1
    row = projects.set_index("project").loc[project]
    assert (row["program"], row["code"], row["state"]) == ("TEST", project.partition("-")[2], "open")
    assert row["name"] == project
    assert isinstance(projects["project"].dtype, pd.StringDtype)


def test_counts(commons: Commons, project: str) -> None:
    here = commons.project_id(project)
    cases = [
        {"type": "case", "submitter_id": f"c{n}", "experiments": {"submitter_id": "exp"}} for n in range(3)
    ]
    assert commons.sheepdog.submit(here, cases).ok
    counts = commons.counts(project)
    assert counts.to_dict("list") == {
        "project": [project] * 2,
        "node": ["experiment", "case"],
        "records": [1, 3],
    }
    everything = commons.counts()
    assert everything[everything["project"] == project]["records"].tolist() == [1, 3]
    with commons.sandbox.as_user("nobody") as nobody:
        assert project not in set(nobody.counts()["project"])


def test_counts_without_the_datasets_route(
    commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gen3nb.client.peregrine import Peregrine

    def missing(self: Peregrine, nodes: object) -> None:
        raise errors.NotFound("no such route")

    usual = commons.counts(project)
    monkeypatch.setattr(Peregrine, "datasets", missing)
    pd.testing.assert_frame_equal(commons.counts(project), usual)


def test_project_ids(commons: Commons, project: str) -> None:
    code = project.partition("-")[2]
    assert str(commons.project_id(project)) == project
    assert str(commons.project_id(("TEST", code))) == project
    with pytest.raises(errors.NotFound, match=f"write the full id, '{project}'"):
        commons.project_id(code)
    with pytest.raises(errors.NotFound, match="did you mean"):
        commons.project_id(project + "x")


def test_a_project_that_someone_else_has_just_made_is_found(commons: Commons, reader: Commons) -> None:
    reader.project_id(("TEST", reader.projects()["code"].iloc[0]))
    made = commons.create_project(("TEST", "justmade"))
    try:
        assert reader.project_id("TEST-justmade") == made
    finally:
        commons.sheepdog.delete_project(made)


def test_making_is_said_looked_up_and_refused(
    commons: Commons, reader: Commons, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gen3nb")
    commons.create_program("MADE")
    made = commons.create_project("MADE-one", availability_type="Open")
    assert f"create the project MADE-one on {commons.endpoint}" in caplog.text
    assert commons.projects().set_index("project").loc["MADE-one", "availability_type"] == "Open"
    commons.sheepdog.delete_project(made)
    commons.sheepdog.delete_program("MADE")
    with pytest.raises(errors.PermissionDenied, match="create the project TEST-two"):
        reader.create_project("TEST-two")
    with pytest.raises(errors.PermissionDenied, match="create the program 'TWO'"):
        reader.create_program("TWO")
    with pytest.raises(errors.Gen3Error, match="colour"):
        commons.create_project("TEST-three", colour="red")
    with pytest.raises(errors.NotFound):
        commons.create_project(("NOPE", "four"))


def test_what_is_said_to_be_made_but_is_not(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(commons.sheepdog), "programs", lambda self: [])
    with pytest.raises(errors.SubmissionError, match="but it is not there"):
        commons.create_program("TEST")


def test_the_dictionary_is_read_once(commons: Commons) -> None:
    assert commons.dictionary is commons.dictionary
    assert "case" in commons.dictionary


def test_open_commons_is_a_weak_list(commons: Commons) -> None:
    before = open_commons()
    assert commons in before
    first = commons.sandbox.as_user("reader")
    second = commons.sandbox.as_user("reader")
    assert open_commons() == [*before, first, second]
    first.close()
    assert open_commons() == [*before, second]
    del second
    if sys.implementation.name != "cpython":
        gc.collect()
    assert open_commons() == before


def test_a_closed_one_says_so(commons: Commons) -> None:
    with commons.sandbox.as_user("reader") as reader:
        assert "reader" in repr(reader)
    reader.close()
    assert "closed" in repr(reader)
    with pytest.raises(errors.NotConnected, match="has been closed: connect again"):
        reader.programs()
    assert commons.fence.user(), "the practice commons goes on"


def test_pickles(commons: Commons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with commons.sandbox.as_user("reader") as reader:
        stored = pickle.dumps(reader)
    with pytest.raises(errors.NotConnected, match="came out of a pickle"):
        pickle.loads(stored)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gen3").mkdir()
    key = commons.sandbox.api_key("reader")
    file = tmp_path / ".gen3" / "gen3_client_config.ini"
    file.write_text(f"[mine]\napi_key={key['api_key']}\napi_endpoint={commons.endpoint}\n")
    file.chmod(0o600)
    with gen3nb.connect("mine") as mine:
        stored = pickle.dumps(mine)
    assert b"eyJ" not in stored
    assert len(stored) < 300
    with pickle.loads(stored) as again:
        assert (again.endpoint, again.profile) == (commons.endpoint, "mine")
        assert again.whoami().username == reader.auth.username
    file.write_text(file.read_text().replace(commons.endpoint, "http://127.0.0.1:9"))
    with pytest.raises(errors.NotConnected, match="could not be opened again"):
        pickle.loads(stored)


def test_a_commons_that_lacks_services(commons: Commons) -> None:
    """It connects; what needs the absent one says which it is."""
    sandbox = commons.sandbox
    with sandbox.faults as faults, sandbox.as_user("reader") as reader:
        faults.add("html", path="/api/*")
        faults.add("html", path="/authz/*")
        with sandbox.as_user("reader") as lacking:
            assert lacking.fence.user()
            assert lacking.whoami().username == reader.auth.username
            for use, service in (
                (lacking.programs, "sheepdog"),
                (lambda: lacking.dictionary, "sheepdog"),
                (lambda: lacking.peregrine.query("{ a }"), "peregrine"),
                (lacking.arborist.mapping, "arborist"),
            ):
                with pytest.raises(errors.NotFound, match=f"does not seem to run .* \\({service}\\)"):
                    use()


def test_queries(commons: Commons, project: str) -> None:
    answer = commons.query(
        "query ($p: [String]) { experiment(project_id: $p) { submitter_id } }", {"p": [project]}
    )
    assert answer == {"experiment": [{"submitter_id": "exp"}]}
    with pytest.raises(errors.QueryError, match="line 1, column 3"):
        commons.query("{ kase { id } }")


def test_the_verbs_on_frames(commons: Commons, project: str) -> None:
    cases = pd.DataFrame({"submitter_id": ["c1", "c2"], "experiments.submitter_id": ["exp", "exp"]})
    assert commons.validate(cases, "case", project=project, progress=False).ok
    report = commons.submit({"case": cases}, project=project, progress=False)
    assert report.ok
    assert report.counts["created"] == 2
    read = commons.read("case", project=project, progress=False)
    assert sorted(read["submitter_id"]) == ["c1", "c2"]
    assert commons.select("case", project=project, columns=["submitter_id"]).count() == 2
    assert len(commons.join("case", "experiment", project=project, progress=False)) == 2
    assert len(commons.diff(read, "case", project=project, progress=False).unchanged) == 2


def test_every_write_says_where(commons: Commons, project: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gen3nb")
    frame = pd.DataFrame({"submitter_id": ["c1"], "experiments.submitter_id": ["exp"]})
    commons.submit({"case": frame}, project=project, progress=False)
    assert f"submit to {project} on {commons.endpoint}" in caplog.text


def test_grants_come_from_fence_where_there_is_no_arborist(commons: Commons, project: str) -> None:
    with commons.sandbox.as_user("reader") as reader, commons.sandbox.faults as faults:
        faults.add("html", path="/authz/*")
        assert reader.may("read", project)
        assert not reader.may("create", project)
