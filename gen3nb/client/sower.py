"""sower: jobs that run in the commons itself, such as exports and ingestions."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gen3nb.client.failures import Needs
from gen3nb.client.job_record import JobRecord, KnownJob
from gen3nb.client.jobs import GONE, Job, gone
from gen3nb.client.transport import Transport
from gen3nb.errors import Gen3Error, NotFound, ServiceError

__all__ = ["Sower"]

logger = logging.getLogger("gen3nb.client")

SERVICE = "sower"
RESOURCE = "/sower"


class Sower:
    """The job service (``/job``).

    Parameters
    ----------
    transport : Transport
        To the commons.
    commons : object, optional
        What a pickled job is reopened with: a Commons, whose pickle holds no key.
    record : JobRecord, optional
        Where the jobs that were started are noted; by default in the user's state folder.
    """

    def __init__(self, transport: Transport, *, commons: Any = None, record: JobRecord | None = None) -> None:
        self.transport = transport
        self.commons = commons
        self.record = record if record is not None else JobRecord(transport.endpoint)

    def __repr__(self) -> str:
        return f"Sower({self.transport.endpoint})"

    def actions(self) -> pd.DataFrame:
        """Give the actions that are known here; the service has no list of them.

        Known are those that you started before, and those that your permissions name (arborist,
        ``GET /authz/mapping``: resources below ``/sower``). Others may exist: ask the commons' operators.

        Returns
        -------
        pandas.DataFrame
            ``action``, and ``source``: ``"started before"`` or ``"your permissions"``.
        """
        found = {job.action: "started before" for job in self.record.jobs() if job.action}
        found |= dict.fromkeys(self._granted(), "your permissions")
        return pd.DataFrame(
            {
                "action": pd.array(sorted(found), dtype="string"),
                "source": pd.array([found[name] for name in sorted(found)], dtype="string"),
            }
        )

    def _granted(self) -> list[str]:
        """Give the actions that are resources of their own in the user's grants."""
        try:
            mapping = self.transport.json("GET", "/authz/mapping", service="arborist")
        except Gen3Error as error:
            logger.debug("the permissions could not be asked: %s", error)
            return []
        paths = mapping if isinstance(mapping, Mapping) else {}
        return sorted(path[len(RESOURCE) + 1 :] for path in paths if path.startswith(RESOURCE + "/"))

    def run(
        self, action: str, input: Mapping[str, Any] | None = None, *, access_format: str | None = None
    ) -> Job:
        """Start a job (``POST /job/dispatch``).

        The input may hold secrets: it is sent, and neither kept nor written down anywhere.

        Parameters
        ----------
        action : str
            Which, as the commons' operators have named it.
        input : Mapping, optional
            What it works on; which keys it takes is the action's own matter.
        access_format : str, optional
            In which form it gives files: ``"presigned_url"`` unless said otherwise.

        Returns
        -------
        Job
            It goes on also when this program ends; ``sower.job(uid)`` finds it again.

        Raises
        ------
        NotFound
            The commons has no such action, or no job service.
        PermissionDenied
            You may not run jobs here.
        TimedOut
            No answer came, so it may run: look at :meth:`jobs`.
        """
        if input is not None and not isinstance(input, Mapping):
            raise ServiceError(
                f"the input of a job is a dict (a JSON object), not {type(input).__name__}: not started",
                service=SERVICE,
            )
        body: dict[str, Any] = {"action": action, "input": dict(input or {})}
        if access_format is not None:
            body["access_format"] = access_format
        needs = Needs(f"run the job {action!r}", RESOURCE, ("access",), "job")
        answer = self.transport.json("POST", "/job/dispatch", service=SERVICE, json=body, needs=needs)
        if answer is None:
            raise self._unknown(action)
        if not isinstance(answer, Mapping) or not answer.get("uid"):
            raise ServiceError(
                "the job service did not say which job it started: look at the list of jobs", service=SERVICE
            )
        username = self.transport.auth.username if self.transport.auth is not None else ""
        job = KnownJob(
            str(answer["uid"]),
            str(answer.get("name") or ""),
            action,
            username,
            status=str(answer.get("status") or ""),
        )
        self.record.started(job)
        return Job(self, job.uid, name=job.name, action=action, last=job.status)

    def _unknown(self, action: str) -> NotFound:
        known = [str(name) for name in self.actions()["action"]]
        near = difflib.get_close_matches(action, known, n=3)
        hint = ""
        if near:
            hint = f"; did you mean {' or '.join(map(repr, near))}?"
        elif known:
            hint = f"; known here: {', '.join(known)}"
        return NotFound(
            f"{self.transport.endpoint} has no job action {action!r}, so nothing was started{hint} "
            "(the job service has no list of its actions: ask the commons' operators)",
            service=SERVICE,
            action=action,
        )

    def jobs(self) -> pd.DataFrame:
        """Give your jobs (``GET /job/list``), and those that were started here and have gone since.

        The service forgets a job about half an hour after it has ended: that is ``Gone``, not ``Failed``.

        Returns
        -------
        pandas.DataFrame
            ``uid``, ``name``, ``action`` and ``started`` (where it was started from this computer),
            ``status``, and ``last_status``: the last one seen, also of a job that is gone.
        """
        answer = self.transport.json("GET", "/job/list", service=SERVICE)
        listed = [dict(row) for row in answer or [] if isinstance(row, Mapping)] if answer is not None else []
        username = self.transport.auth.username if self.transport.auth is not None else ""
        known = {job.uid: job for job in self.record.jobs() if job.username == username}
        rows: list[tuple[str, ...]] = []
        for row in listed:
            uid, status = str(row.get("uid") or ""), str(row.get("status") or "")
            noted = known.pop(uid, None)
            if noted is not None and noted.status != status:
                self.record.saw(uid, status)
            action, started = (noted.action, noted.started) if noted else ("", "")
            rows.append((uid, str(row.get("name") or ""), action, started, status, status))
        rows += [(job.uid, job.name, job.action, job.started, GONE, job.status) for job in known.values()]
        rows.sort(key=lambda row: row[3], reverse=True)
        return _table(rows)

    def job(self, uid: str) -> Job:
        """Give a job by its UID (``GET /job/status``), also one that another program has started.

        Parameters
        ----------
        uid : str

        Raises
        ------
        NotFound
            There is none of this UID, and none was started from here.
        """
        noted = self.record.find(uid)
        job = Job(self, uid, name=noted.name if noted else "", action=noted.action if noted else "")
        job.refresh()
        return job

    def look(self, uid: str) -> dict[str, Any]:
        """Give ``uid``, ``name`` and ``status`` of a job (``GET /job/status``).

        Raises
        ------
        NotFound
            The service does not know it, or not any more; ``gone`` tells which, if it was started here.
        """
        failed: ServiceError | None = None
        try:
            answer = self.transport.json("GET", "/job/status", service=SERVICE, params={"UID": uid})
        except ServiceError as error:
            failed = error
        if failed is not None:
            raise self._forgotten(uid, failed)
        if not isinstance(answer, Mapping):
            raise ServiceError("the job service did not give a status", service=SERVICE)
        self.record.saw(uid, str(answer.get("status") or ""))
        return dict(answer)

    def output(self, uid: str) -> str:
        """Give the output of a job that you have started (``GET /job/output``): one line, maybe empty.

        Raises
        ------
        NotFound
            The service does not know the job, not any more, or as another user's.
        """
        failed: ServiceError | None = None
        try:
            answer = self.transport.json("GET", "/job/output", service=SERVICE, params={"UID": uid})
        except ServiceError as error:
            failed = error
        if failed is not None:
            raise self._others(uid) or self._forgotten(uid, failed)
        value = answer.get("output") if isinstance(answer, Mapping) else None
        return "" if value is None else str(value)

    def _others(self, uid: str) -> NotFound | None:
        """Say so if the job is there, which only its status tells: its output is for its owner."""
        try:
            status = self.look(uid).get("status")
        except Gen3Error:
            return None
        return NotFound(
            f"the output of the job {uid} ({status}) is for the user who started it, or is not there yet",
            service=SERVICE,
            uid=uid,
        )

    def _forgotten(self, uid: str, error: ServiceError) -> Gen3Error:
        """Tell a job that is gone from one that never was, where the service says that there is none."""
        if "not found" not in str(error.facts.get("said") or "").lower() or error.facts.get("absent"):
            return error
        return gone(uid, self.record.find(uid), self.transport.endpoint)


def _table(rows: list[tuple[str, ...]]) -> pd.DataFrame:
    names = ("uid", "name", "action", "started", "status", "last_status")
    columns: dict[str, Any] = {}
    for place, name in enumerate(names):
        values = [row[place] or None for row in rows]
        if name == "started":
            columns[name] = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
        else:
            columns[name] = pd.array(values, dtype="string")
    return pd.DataFrame(columns)
