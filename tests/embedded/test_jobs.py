"""sower by plain requests: what it runs, what it says, and what it forgets."""

from __future__ import annotations

import csv
import io
import json
import time
import zipfile

import pytest
import requests
from submitting import Hand

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def times(practice):
    """Give a hand to set the times of jobs, which are as at the start afterwards."""
    yield practice.settings
    practice.settings(job_delay=0.3, job_duration=0, job_lifetime=1800)


@pytest.fixture
def hand(practice):
    """Give a project with two cases."""
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(practice, session)
        hand.put({"type": "experiment", "submitter_id": "e", "projects": {"code": hand.code}})
        for name in ("a", "b"):
            hand.put({"type": "case", "submitter_id": name, "experiments": {"submitter_id": "e"}})
        yield hand


@pytest.fixture
def run(call):
    """Give ``run(action, input)``: what a job has become when it is over, and its output."""

    def send(action, given, user="submitter", **more):
        answer = call("POST", "/job/dispatch", user=user, json={"action": action, "input": given, **more})
        job = answer.json()
        assert (answer.status_code, job["status"]) == (200, "Unknown")
        assert job["name"].startswith(f"{action}-")
        until = time.monotonic() + 60
        while job["status"] in ("Unknown", "Running"):
            assert time.monotonic() < until
            time.sleep(0.05)
            job = call("GET", f"/job/status?UID={job['uid']}", user=user).json()
        output = call("GET", f"/job/output?UID={job['uid']}", user=user)
        assert output.headers["Content-Type"] == "text/plain; charset=utf-8"
        return job, output.json()["output"]

    return send


def test_an_export_is_a_zip_of_tables(practice, run, hand):
    job, url = run("export", {"project_id": hand.project_id})
    assert job["status"] == "Completed"
    assert not url.startswith(practice.endpoint), "another origin: no token belongs there"
    content = requests.get(url, timeout=30).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == ["case.tsv", "experiment.tsv"]
        rows = list(csv.DictReader(io.StringIO(archive.read("case.tsv").decode()), delimiter="\t"))
    assert sorted(row["submitter_id"] for row in rows) == ["a", "b"]
    assert {row["experiments.submitter_id"] for row in rows} == {"e"}


def test_a_presigned_url_is_for_one_object_and_for_a_time(practice, run, hand):
    _, url = run("export", {"project_id": hand.project_id})

    def get(url, **headers):
        answer = requests.get(url, headers=headers, timeout=30)
        return answer.status_code, answer.text

    assert get(url)[0] == 200
    assert get(url, Range="bytes=0-3")[0] == 206
    status, text = get(url, Authorization=f"bearer {practice.token('admin')}")
    assert (status, "Only one auth mechanism" in text) == (400, True)
    assert "SignatureDoesNotMatch" in get(url.replace("Expires=3600", "Expires=9999"))[1]
    assert "SignatureDoesNotMatch" in get(url.replace(".zip?", ".zap?"))[1]
    assert "AccessDenied" in get(url.partition("?")[0])[1]
    try:
        practice.settings(clock_offset=3700)
        assert "Request has expired" in get(url)[1]
    finally:
        practice.settings(clock_offset=0)


def test_a_count(run, hand):
    job, output = run("count", {"project_id": hand.project_id}, user="reader")
    assert job["status"] == "Completed"
    assert json.loads(output) == {"case": 2, "experiment": 1}


def test_a_job_that_fails_says_why(run, hand):
    job, output = run("fail", {"message": "no room &amp; no time"})
    assert (job["status"], output) == ("Failed", "ERROR: no room & no time")
    for given, said in (
        ({"project_id": "P-none"}, "there is no project P-none"),
        ({}, "has to name a project"),
        ("text", "has to name a project"),
    ):
        job, output = run("count", given)
        assert (job["status"], said in output) == ("Failed", True)
    job, output = run("export", {"project_id": hand.project_id}, access_format="guid")
    assert (job["status"], "access_format 'guid'" in output) == ("Failed", True)


def test_nobody_gets_by_a_job_what_they_may_not_read(practice, run, hand, call):
    practice.grant("nobody", {"P-other": ["read"]})
    try:
        job, output = run("export", {"project_id": hand.project_id}, user="nobody")
        assert (job["status"], output) == ("Failed", f"ERROR: you may not read the project {hand.project_id}")
    finally:
        practice.grant("nobody", {})
    body = {"action": "count", "input": {"project_id": hand.project_id}}
    for user, status in (("nobody", 403), (None, 401)):
        for method, path in (("POST", "/job/dispatch"), ("GET", "/job/list"), ("GET", "/job/_status")):
            answer = call(method, path, user=user, json=body)
            assert answer.status_code == status
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_oddities(call):
    def ask(method, path, **kwargs):
        answer = call(method, f"/job{path}", user="submitter", **kwargs)
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return answer.status_code, answer.text

    assert ask("POST", "/dispatch", json={"action": "nope", "input": {}}) == (200, "null")
    assert ask("POST", "/dispatch", data="no JSON") == (200, "null")
    assert ask("GET", "/dispatch") == (404, "Not Found\n")
    for path in ("/status", "/output", "/status?uid=1"):
        assert ask("GET", path) == (300, "Missing UID argument\n")
    for path in ("/status", "/output"):
        assert ask("GET", f"{path}?UID={UNKNOWN}") == (500, f"job with jobid {UNKNOWN} not found\n")
    assert ask("GET", "/_status") == (200, "Healthy")
    # there is no log and no cancelling, and it does not say so
    assert ask("GET", f"/log?UID={UNKNOWN}") == (200, "")
    assert ask("DELETE", f"/cancel?UID={UNKNOWN}") == (200, "")


def test_statuses_in_their_order_and_whose_jobs_are_whose(call, times):
    times(job_delay=0.5, job_duration=1)
    dispatched = call("POST", "/job/dispatch", user="submitter", json={"action": "count", "input": {}}).json()
    uid, seen = dispatched["uid"], [dispatched["status"]]
    early = call("GET", f"/job/output?UID={uid}", user="submitter")
    assert (early.status_code, early.text) == (500, "Pod not found\n")
    while seen[-1] != "Failed":
        status = call("GET", f"/job/status?UID={uid}", user="reader").json()["status"]  # of anybody's
        seen += [status] if status != seen[-1] else []
        time.sleep(0.05)
    assert seen == ["Unknown", "Running", "Failed"]
    assert uid in [job["uid"] for job in call("GET", "/job/list", user="submitter").json()]
    assert uid not in [job["uid"] for job in call("GET", "/job/list", user="reader").json()]
    assert call("GET", f"/job/output?UID={uid}", user="reader").status_code == 500


def test_a_job_that_is_over_is_forgotten_one_that_runs_is_not(call, run, times, hand):
    job, _ = run("count", {"project_id": hand.project_id})
    times(job_lifetime=0)
    answer = call("GET", f"/job/status?UID={job['uid']}", user="submitter")
    assert (answer.status_code, answer.text) == (500, f"job with jobid {job['uid']} not found\n")
    times(job_delay=0, job_duration=30)
    uid = call("POST", "/job/dispatch", user="submitter", json={"action": "count", "input": {}}).json()["uid"]
    time.sleep(0.3)
    assert call("GET", f"/job/status?UID={uid}", user="submitter").json()["status"] in ("Running", "Unknown")
    assert [one["uid"] for one in call("GET", "/job/list", user="submitter").json()] == [uid]


def test_a_commons_that_ends_does_not_wait_for_its_jobs(call):
    from gen3nb.launch import start_server

    with start_server() as server:
        server.settings(job_delay=0, job_duration=600)
        for _ in range(6):
            call("POST", "/job/dispatch", user="reader", server=server, json={"action": "fail"})
        begun = time.monotonic()
    assert server._process.returncode == 0
    assert time.monotonic() - begun < 300  # ten minutes if it waited
