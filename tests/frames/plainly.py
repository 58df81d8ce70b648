"""The plain calls, by requests and the gen3 SDK: what a person does without gen3nb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd
import requests
from gen3.submission import Gen3Submission

from gen3nb.frames.submission import SubmissionReport, submit
from gen3nb.frames.validation import validate

if TYPE_CHECKING:
    from gen3nb import Commons


class Answer(NamedTuple):
    """What the service says to a submission."""

    status: int
    created: int
    updated: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status in {200, 201}


def case(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "exp"}, **more}


def address(commons: Commons, project: str) -> str:
    return f"{commons.endpoint}/api/v0/submission/{project.replace('-', '/', 1)}"


def plain(commons: Commons, project: str, *records: dict[str, Any], method: str = "PUT") -> Answer:
    """Send records by requests."""
    return _answer(
        requests.request(method, address(commons, project), json=list(records), auth=commons.auth, timeout=60)
    )


def plain_text(commons: Commons, project: str, text: str) -> Answer:
    """Send a TSV by requests."""
    headers = {"Content-Type": "text/tab-separated-values"}
    url = address(commons, project)
    return _answer(requests.put(url, text.encode(), headers=headers, auth=commons.auth, timeout=60))


def _answer(response: requests.Response) -> Answer:
    body = response.json()
    created, updated = body.get("created_entity_count", 0), body.get("updated_entity_count", 0)
    return Answer(response.status_code, created, updated, body)


def sdk(commons: Commons) -> Gen3Submission:
    """Give the SDK's own client of the submission service."""
    return Gen3Submission(commons.auth)


def plain_query(commons: Commons, text: str) -> dict[str, Any]:
    """Ask by the SDK."""
    data: dict[str, Any] = sdk(commons).query(text)["data"]
    return data


def frame(*names: str, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"submitter_id": list(names), "experiments.submitter_id": "exp", **columns})


def send(
    commons: Commons, project: str, rows: pd.DataFrame, node: str = "case", **options: Any
) -> SubmissionReport:
    return submit({node: rows}, connection=commons, project=project, progress=False, **options)


def problems(commons: Commons, project: str, rows: pd.DataFrame, node: str = "case") -> pd.DataFrame:
    report = validate(
        rows, node, dictionary=commons.dictionary, project=project, connection=commons, progress=False
    )
    return report.problems


def stored(commons: Commons, project: str, node: str = "case") -> dict[str, dict[str, Any]]:
    """Give what is there by submitter_id, as the JSON export has it."""
    program, _, code = project.partition("-")
    records = sdk(commons).export_node(program, code, node, "json")["data"]
    return {record["submitter_id"]: record for record in records}
