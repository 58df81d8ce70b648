"""Files out of a commons: their bytes and their records in the index."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gen3nb.errors import Gen3Error, TransferError
from gen3nb.transfer.report import TransferReport
from gen3nb.transfer.spool import Outcome, Spool

if TYPE_CHECKING:
    from gen3nb.transfer.upload import UploadConnection

__all__ = ["delete_files"]

PARALLEL = 8


def delete_files(guids: str | Iterable[str], *, connection: UploadConnection) -> TransferReport:
    """Delete files: their bytes and their records in the index (fence, ``DELETE /user/data/{guid}``).

    Records of the graph that describe them stay: see ``commons.delete``.

    Parameters
    ----------
    guids : str or iterable of str
    connection : UploadConnection

    Returns
    -------
    TransferReport
        One row per GUID: ``deleted``, or ``failed`` and why.

    Raises
    ------
    TransferError
        No GUID is named, or what is named is none.
    """
    listed = list(dict.fromkeys([guids] if isinstance(guids, str) else guids))
    if not listed or not all(isinstance(one, str) and one.strip() for one in listed):
        raise TransferError("Name the GUIDs of the files to delete.")
    started = time.monotonic()
    names = {guid: str(record["file_name"] or "") for guid, record in connection.indexd.bulk(listed).items()}

    def delete(guid: str) -> Outcome:
        why = ""
        try:
            connection.fence.delete_file(guid)
        except Gen3Error as error:
            why = str(error)
        return Outcome(guid, names.get(guid, ""), 0, 0.0, "", "failed" if why else "deleted", why)

    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="gen3nb-delete") as pool:
        spool = Spool(pool.map(delete, listed))
    return TransferReport(
        spool, verb="deleted", where=connection.endpoint, seconds=time.monotonic() - started
    )
