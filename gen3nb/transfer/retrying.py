"""Lists of files that other calls or clients left behind: manifests with GUIDs, and failed uploads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.errors import TransferError
from gen3nb.transfer.manifest import Source, read_manifest
from gen3nb.transfer.sources import SIDECAR
from gen3nb.transfer.upload_journal import UploadJournal
from gen3nb.transfer.upload_log import Failure, read_failures

if TYPE_CHECKING:
    from gen3nb.transfer.upload import UploadConnection

__all__ = ["files_of_manifest", "groups_of_failures"]


def files_of_manifest(manifest: Source, folder: str | os.PathLike[str]) -> tuple[pd.DataFrame, list[str]]:
    """Find the files of a manifest in a folder: by their names, else by GUID.

    Parameters
    ----------
    manifest : str, path, DataFrame or iterable
        GUIDs and file names.
    folder : str or path

    Returns
    -------
    tuple
        A frame with path, file_name and guid, as ``files.upload`` takes it; and what is to be said of entries
        that name no GUID.

    Raises
    ------
    TransferError
        There is no such folder, or the manifest names no files.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise TransferError(f"There is no folder {root} with the files of the manifest.")
    rows, notes = [], []
    for entry in read_manifest(manifest):
        if not entry.guid:
            notes.append(
                f"entry {entry.row} ({entry.file_name or 'without a name'}) has no GUID: it is left out"
            )
            continue
        name = entry.file_name or entry.guid
        path = root / name
        if not path.exists() and (root / Path(name).name).exists():
            path = root / Path(name).name
        rows.append({"path": str(path), "file_name": name, "guid": entry.guid})
    if not rows:
        raise TransferError("The manifest names no file with a GUID.")
    return pd.DataFrame(rows, dtype=object), notes


def groups_of_failures(
    path: str | os.PathLike[str], connection: UploadConnection
) -> list[tuple[pd.DataFrame, dict[str, Any]]]:
    """Read failed uploads, those together that go to one place.

    A record that was made for a file is used again if it is still there.

    Returns
    -------
    list of tuple
        Frames as ``files.upload`` takes them, each with its options.
    """
    failures = read_failures(path)
    guids = [one.guid for one in failures if one.guid]
    there = connection.indexd.bulk(guids) if guids else {}
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    with UploadJournal(connection.endpoint, connection.auth.username or "") as journal:
        for one in failures:
            # what was begun goes on under its GUID only if it is given as it was then
            wished = journal.wished(one.path, one.guid) if one.guid in there else None
            guid, again = wished if wished is not None else (one.guid if one.guid in there else "", False)
            # what stands beside it by now, which may be put right since then; else what the log says
            sidecar = one.sidecar and os.path.exists(os.path.splitext(one.path)[0] + SIDECAR)
            row = {"path": one.path, "file_name": one.name, "guid": guid or None, "of": one}
            groups.setdefault((one.authz, one.bucket, one.multipart, sidecar, again), []).append(row)
    found = []
    for (authz, bucket, multipart, sidecar, again), rows in groups.items():
        held: list[Failure] = [row.pop("of") for row in rows]
        told = {
            one.path: {name: said for name, said in one.metadata.items() if said}
            for one in held
            if any(one.metadata.values())
        }
        options: dict[str, Any] = {
            "authz": list(authz),
            "bucket": bucket or None,
            "multipart": multipart or None,
            "metadata": sidecar or told,
            "again": again,
            "retries": max(one.retries for one in held) + 1,
        }
        # as objects: Arrow's texts cannot hold a name that is no text, which then fails alone
        found.append((pd.DataFrame(rows, dtype=object), options))
    return found
