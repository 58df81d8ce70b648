"""Jobs on a real practice commons: started, waited for, found again, forgotten."""

from __future__ import annotations

import io
import json
import pickle
import stat
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import gen3nb
from gen3nb import errors
from gen3nb.client.jobs import GONE

Commons = gen3nb.Commons


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "gen3nb" / "jobs.jsonl"


@pytest.fixture(autouse=True)
def quick(commons: Commons) -> Iterator[None]:
    commons.sandbox.settings(job_delay=0.05, job_duration=0, job_lifetime=1800)
    yield
    commons.sandbox.settings(job_delay=0.3, job_duration=0, job_lifetime=1800)


def test_a_job_from_its_start_to_its_output(commons: Commons, project: str) -> None:
    told: list[str] = []
    job = commons.sower.run("count", {"project_id": project})
    assert job.wait(30, progress=lambda seconds, total, status: told.append(status)) is job
    assert (job.status, job.last_status, told[-1]) == ("Completed", "Completed", "Completed")
    assert json.loads(job.output)
    assert "[out]" in job.log
    again = commons.sower.job(job.uid)
    assert (again.output, again.action) == (job.output, "count")


def test_an_export_can_be_downloaded(commons: Commons, project: str) -> None:
    job = commons.sower.run("export", {"project_id": project}).wait(30, progress=False)
    with zipfile.ZipFile(io.BytesIO(requests.get(job.output, timeout=30).content)) as archive:
        assert "experiment.tsv" in archive.namelist()


def test_one_that_fails_says_why(commons: Commons) -> None:
    job = commons.sower.run("fail", {"message": "no room"})
    with pytest.raises(errors.ServiceError, match=r"\(fail\) failed.*no room"):
        job.wait(30, progress=False)
    assert job.status == "Failed"


def test_a_link_in_what_a_failed_job_said_is_not_shown(commons: Commons) -> None:
    link = "https://store.example.org/a?X-Amz-Signature=0123456789abcdef"
    job = commons.sower.run("fail", {"message": f"[out] {link}"})
    with pytest.raises(errors.ServiceError, match=r"store\.example\.org") as caught:
        job.wait(30, progress=False)
    assert "0123456789abcdef" not in f"{caught.value} {caught.value.facts}"
    assert job.output.endswith(link)


def test_what_there_is_not(commons: Commons, project: str) -> None:
    commons.sower.run("count", {"project_id": project})
    with pytest.raises(errors.NotFound, match=r"no job action 'cuont'.*did you mean 'count'"):
        commons.sower.run("cuont")
    with pytest.raises(errors.NotFound, match="none of this UID was started from this computer"):
        commons.sower.job(str(uuid.uuid4()))
    with pytest.raises(errors.ServiceError, match="a dict"):
        commons.sower.run("count", ["a"])  # type: ignore[arg-type]
    with commons.sandbox.as_user("nobody") as nobody, pytest.raises(errors.PermissionDenied, match="/sower"):
        nobody.sower.run("count")


def test_a_job_that_the_service_forgot_is_gone_and_not_failed(commons: Commons, project: str) -> None:
    job = commons.sower.run("count", {"project_id": project}).wait(30, progress=False)
    output = job.output
    other = commons.sower.run("count", {"project_id": project})
    commons.sandbox.settings(job_lifetime=0)
    assert (job.status, job.last_status, job.output) == (GONE, "Completed", output)
    with pytest.raises(errors.NotFound, match=r"gone.*does not mean that it failed"):
        other.wait(30, progress=False)
    table = commons.sower.jobs().set_index("uid")
    assert table.loc[job.uid, "status"] == GONE
    assert table.loc[job.uid, "last_status"] == "Completed"
    assert "Failed" not in table["status"].tolist()
    fresh = commons.sower.job(job.uid)  # as after a restart
    assert fresh.status == GONE


def test_it_survives_a_restart_without_a_secret(commons: Commons, project: str, state: Path) -> None:
    job = commons.sower.run("count", {"project_id": project, "token": "very-secret-token"})
    held = pickle.dumps(job)
    assert commons.auth.get_access_token().encode() not in held
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert "very-secret" not in state.read_text()
    assert job.uid in state.read_text()
    assert job.uid in commons.sower.jobs()["uid"].tolist()


def test_time_runs_out_and_the_job_goes_on(commons: Commons, project: str) -> None:
    commons.sandbox.settings(job_duration=1.5)
    job = commons.sower.run("count", {"project_id": project})
    with pytest.raises(errors.TimedOut, match="it goes on"):
        job.wait(0.1, progress=False)
    assert job.wait(30, progress=False).status == "Completed"


def test_it_cannot_be_cancelled_and_says_so(commons: Commons, project: str) -> None:
    job = commons.sower.run("count", {"project_id": project})
    with pytest.raises(errors.ServiceError, match="cannot stop a job"):
        job.cancel()


def test_actions_are_those_seen(commons: Commons, project: str) -> None:
    assert commons.sower.actions().empty
    commons.sower.run("count", {"project_id": project})
    assert commons.sower.actions()["action"].tolist() == ["count"]


def test_a_commons_without_jobs_and_requests_says_so() -> None:
    with gen3nb.sandbox(without=["sower", "requestor"]) as commons:
        with pytest.raises(errors.NotFound, match="does not seem to run the job service"):
            commons.sower.run("count")
        with pytest.raises(errors.NotFound, match="does not seem to run the access request service"):
            commons.requestor.requests()
        assert commons.whoami().admin, "the rest goes on"


def test_a_denial_names_the_way_to_ask(commons: Commons, project: str) -> None:
    with commons.sandbox.as_user("reader") as reader, pytest.raises(errors.PermissionDenied) as caught:
        reader.sheepdog.submit(reader.project_id(project), [{"type": "case", "submitter_id": "a"}])
    assert "gen3nb request create --resource /programs/TEST/projects/" in str(caught.value)
