"""``gen3nb retry-upload``: what a log of any of the clients lists as failed goes once more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gen3nb.cli.download import facts_of_transfer
from gen3nb.cli.output import AsJson, failed, show, show_json
from gen3nb.cli.target import Credentials, Endpoint, Profile, connected
from gen3nb.cli.upload import sent
from gen3nb.errors import Gen3Error, PermissionDenied, TransferError

if TYPE_CHECKING:
    from gen3nb.transfer.upload_report import UploadReport

__all__ = ["retry_upload"]


def retry_upload(
    failed_log_path: Annotated[
        Path,
        typer.Option(
            "--failed-log-path", metavar="FILE", help="A log of failures in ~/.gen3/logs, of any client."
        ),
    ],
    profile: Profile = None,
    endpoint: Endpoint = None,
    cred: Credentials = None,
    as_json: AsJson = False,
) -> None:
    """Upload what a log lists as failed; what is there by now is not sent again."""
    from gen3nb.transfer.retrying import groups_of_failures

    errors: list[Gen3Error] = []
    reports: list[UploadReport] = []
    with connected(profile, endpoint, cred) as commons:
        groups = groups_of_failures(failed_log_path, commons)
        if not groups:
            show("There is nothing to try again: the log is empty.")
            return
        for frame, options in groups:
            try:
                reports.append(sent(commons, frame, options, as_json=as_json, quiet=as_json))
            except (TransferError, PermissionDenied) as error:  # the others may go elsewhere
                held = error.facts.get("report")
                reports += [held] if held is not None else []
                errors.append(error)
                if error.facts.get("interrupted"):
                    break
    if as_json:
        show_json(_together([facts_of_transfer(report, every=True) for report in reports]))
    if errors:
        for earlier in errors[:-1]:
            failed(str(earlier))
        raise errors[-1]
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _together(several: list[dict[str, Any]]) -> dict[str, Any]:
    """Give what became of several uploads as of one."""
    counts: Counter[str] = Counter()
    for one in several:
        counts.update(one["counts"])
    return {
        "ok": all(one["ok"] for one in several),
        "where": "; ".join(dict.fromkeys(one["where"] for one in several)),
        "dry_run": False,
        "counts": dict(counts),
        **{name: sum(one[name] for one in several) for name in ("bytes", "seconds")},
        **{name: [row for one in several for row in one[name]] for name in ("failed", "notes", "files")},
    }
