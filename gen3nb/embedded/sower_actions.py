"""What sower can run here: export a project, count its records, fail."""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .access import User
from .jobs import Failed, Job
from .sheepdog_export import LabelExport
from .state import State
from .storage import BUCKETS


@dataclass(frozen=True)
class Order:
    """What a job was dispatched with: who asked, the input, and the form of the output."""

    user: User
    input: Any
    access_format: str


Action = Callable[[State, Order, Job], None]


def export(state: State, order: Order, job: Job) -> None:
    """Write the records of a project to a ZIP file, a TSV table for each node that has some.

    Input: ``{"project_id": "PROGRAM-PROJECT"}``. Output: a presigned URL of the file.
    """
    project_id = _project(state, order)
    if order.access_format != "presigned_url":
        raise Failed(f"access_format {order.access_format!r} is not supported, only 'presigned_url'")
    counts = _counts(state, project_id)
    handle, name = tempfile.mkstemp(dir=state.settings.folder, suffix=".zip")
    os.close(handle)
    written = Path(name)
    try:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for node in counts:
                job.say(f"exporting {node}")
                table = LabelExport(state.graph, state.schemas, node, project_id, "tsv", without_id=False)
                table.joinable = True  # the job needs no joins, so none breaks off here
                with archive.open(f"{node}.tsv", "w") as file:
                    for text in table.chunks():
                        job.check()
                        file.write(text.encode())
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        key = f"{job.uid}/{project_id}_{moment}.zip"
        state.storage.bucket(BUCKETS[0]).keep(written, key)
    finally:
        written.unlink(missing_ok=True)
    job.say(f"{sum(counts.values())} records of {len(counts)} nodes")
    url = state.storage.url("GET", BUCKETS[0], key, 3600, state.access.clock.now())
    job.say(f"[out] {url}")


def count(state: State, order: Order, job: Job) -> None:
    """Count the records of a project.

    Input: ``{"project_id": "PROGRAM-PROJECT"}``. Output: ``{node: count, …}`` as JSON.
    """
    counts = _counts(state, _project(state, order))
    for node, number in counts.items():
        job.say(f"{node}: {number}")
    job.say(f"[out] {json.dumps(counts)}")


def fail(state: State, order: Order, job: Job) -> None:
    """Fail, after some lines of log, as a job does whose container breaks.

    Input: ``{"message": …}``, what the last line says.
    """
    message = order.input.get("message") if isinstance(order.input, Mapping) else None
    job.say("starting")
    job.say("half of the work is done")
    raise Failed(str(message or "this action always fails"))


ACTIONS: dict[str, Action] = {"export": export, "count": count, "fail": fail}


def _project(state: State, order: Order) -> str:
    """Read which project is meant, if the user may read it.

    Raises
    ------
    Failed
        If the input names none, or one that is not there for this user.
    """
    given = order.input.get("project_id") if isinstance(order.input, Mapping) else None
    if not isinstance(given, str) or not given:
        raise Failed('the input has to name a project: {"project_id": "PROGRAM-PROJECT"}')
    program, _, code = given.partition("-")
    if not state.access.allowed(order.user, "read", f"/programs/{program}/projects/{code}"):
        raise Failed(f"you may not read the project {given}")
    if state.graph.project(program, code) is None:
        raise Failed(f"there is no project {given}")
    return given


def _counts(state: State, project_id: str) -> dict[str, int]:
    """Count records by node, those without any left out."""
    query = "SELECT type, COUNT(*) FROM node WHERE project_id = ? GROUP BY type ORDER BY type"
    return {node: number for node, number in state.graph.query(query, (project_id,)) if node in _nodes(state)}


def _nodes(state: State) -> set[str]:
    return {
        name
        for name, node in state.schemas.nodes.items()
        if node.get("category") != "internal" and "project_id" in state.schemas.stored(name)
    }
