"""Export: the records of several nodes as files, with counts and checksums."""

from __future__ import annotations

import html
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pandas as pd

from gen3nb.errors import Gen3Error, MissingExtra, ValidationError
from gen3nb.frames.connection import Connection
from gen3nb.frames.progress import Meter, Progress, report
from gen3nb.frames.reading import read, stored_records
from gen3nb.frames.tsv import to_tsv
from gen3nb.frames.written import Written, sum_of

if TYPE_CHECKING:
    from gen3nb.client.project import ProjectId, ProjectLike
    from gen3nb.dictionary import Node

__all__ = ["FORMATS", "LIST", "ExportReport", "Format", "export"]

Format: TypeAlias = Literal["tsv", "json", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = ("tsv", "json", "parquet", "xlsx")
#: The file that lists the others.
LIST = "export.json"

_SHEET_ROWS, _SHEET_CELL = 1_048_575, 32_767
_SHEET_NAME = 31


@dataclass(frozen=True)
class ExportReport(Written):
    """What was exported, and where it lies.

    Attributes
    ----------
    path : Path
        The ZIP, or the folder.
    endpoint, project, format : str
    table : pandas.DataFrame
        One row per file: node, file, records, bytes, sha256.
    frames : dict of str to DataFrame
        The records too, if they were asked for.
    """

    path: Path
    endpoint: str
    project: str
    format: str
    table: pd.DataFrame
    frames: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        size = int(self.table["bytes"].sum())
        files = f"{len(self.table)} file{'' if len(self.table) == 1 else 's'}"
        return f"{self.records:,} records in {files}, {_size(size)}: {self.path}"

    def _repr_html_(self) -> str:
        return f"<div><b>Export</b>: {html.escape(str(self))}</div>{self.table.to_html(index=False)}"


def export(
    connection: Connection,
    project: ProjectLike,
    nodes: Iterable[str],
    format: Format,
    path: str | os.PathLike[str],
    *,
    replace: bool = False,
    keep_frames: bool = False,
    progress: Progress = True,
) -> ExportReport:
    """Write the records of some nodes of a project to files (sheepdog, ``GET {P}/{Q}/export``).

    One file per node and ``export.json``, which lists counts and SHA-256 sums. Each count is checked against
    the commons' own (peregrine). What is written appears whole or not at all.

    Parameters
    ----------
    connection : Connection
        The commons.
    project : str, pair of str or ProjectId
        Which project.
    nodes : iterable of str
        Which nodes.
    format : {"tsv", "json", "parquet", "xlsx"}
        Parquet keeps types and lists; JSON is what the commons itself gives; TSV and XLSX cannot tell an
        empty text from a missing one.
    path : str or path
        A ``.zip`` to make, else a folder, which is made if need be. Missing parents are made too.
    replace : bool
        Whether to write over files that are there.
    keep_frames : bool
        Give the records as DataFrames too.
    progress : bool or callable
        A bar; or a function (done, total, label).

    Returns
    -------
    ExportReport

    Raises
    ------
    DictionaryError
        There is no such node.
    NotFound
        There is no such project.
    PermissionDenied
        You may not read there.
    IntegrityError
        The records could not be read whole.
    ValidationError
        The format is none of these, no node is named, files are in the way, or the records do not fit it.
    MissingExtra
        XLSX needs openpyxl.
    """
    wanted = list(dict.fromkeys(nodes))
    target = Path(path).expanduser()
    if format not in _WRITERS:
        raise ValidationError(f"{format!r} is no format: choose one of {', '.join(FORMATS)}")
    if not wanted:
        raise ValidationError("no node is named: nothing to export")
    kinds = [connection.dictionary[node] for node in wanted]
    where = connection.project_id(project)
    zipped = target.suffix.lower() == ".zip"
    _free(target, [f"{kind.name}.{format}" for kind in kinds], zipped=zipped, replace=replace)
    whole: Meter
    place = target.parent if zipped else target
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix=".gen3nb-export-") as held:
            folder = Path(held)
            rows, frames = [], {}
            with report(progress, None, f"Exporting {where}") as whole:
                for kind in kinds:
                    file = folder / f"{kind.name}.{format}"
                    count, frame = _write(connection, kind, where, format, file, whole, keep_frames)
                    rows.append((kind.name, file.name, count, file.stat().st_size, sum_of(file)))
                    if frame is not None and keep_frames:
                        frames[kind.name] = frame
            table = pd.DataFrame(rows, columns=["node", "file", "records", "bytes", "sha256"])
            (folder / LIST).write_text(_listed(connection, where, format, table), encoding="utf-8")
            _put(folder, [*table["file"], LIST], target, zipped=zipped)
    except OSError as error:
        raise Gen3Error(
            f"the export could not be written to {target}: {error.strerror or type(error).__name__}; "
            "choose another place",
            path=str(target),
        ) from None
    return ExportReport(target, connection.endpoint, str(where), format, table, frames)


def _free(target: Path, files: list[str], *, zipped: bool, replace: bool) -> None:
    """Look that nothing is in the way."""
    if target.is_dir() if zipped else target.is_file():
        other = "a folder" if zipped else "a file"
        raise ValidationError(f"{target} is {other}: choose another name", path=str(target))
    if replace:
        return
    there = [target] if zipped else [target / name for name in (*files, LIST)]
    taken = [file for file in there if file.exists()]
    if taken:
        raise ValidationError(
            f"{taken[0]} is there already: choose another name, or replace it",
            path=str(taken[0]),
            exists=True,
        )


def _write(
    connection: Connection,
    node: Node,
    project: ProjectId,
    format: Format,
    file: Path,
    whole: Meter,
    keep: bool,
) -> tuple[int, pd.DataFrame | None]:
    """Read one node and write its file; give how many records, and the frame if there is one."""
    before = whole.done

    def told(done: int, total: int | None, label: str) -> None:
        if before + done > whole.done:
            whole.label = label
            whole.advance(before + done - whole.done)

    frame: pd.DataFrame | None = None
    if format == "json":
        records = stored_records(connection, project, node)
        file.write_text(json.dumps(records, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
        count = len(records)
        if keep:
            frame = read(connection, node.name, project=project, progress=False)
    else:
        frame = read(connection, node.name, project=project, progress=told)
        count = len(frame)
        _WRITERS[format](frame, file, node)
    if before + count > whole.done:
        whole.label = f"Reading {node.name}"
        whole.advance(before + count - whole.done)
    return count, frame


def _parquet(frame: pd.DataFrame, file: Path, node: Node) -> None:
    plain = frame.copy()
    plain.attrs = {}  # a file that is handed on does not say by which profile it was read
    plain.to_parquet(file, index=False)


def _tsv(frame: pd.DataFrame, file: Path, node: Node) -> None:
    to_tsv(frame, file, node)


def _xlsx(frame: pd.DataFrame, file: Path, node: Node) -> None:
    """Write one sheet; a text stays a text, also one that begins with “=”."""
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.utils.exceptions import IllegalCharacterError
    except ImportError:
        raise MissingExtra.named("excel", "An Excel file") from None
    if len(frame) > _SHEET_ROWS:
        raise ValidationError(
            f"{node.name} has {len(frame):,} records and a sheet holds {_SHEET_ROWS:,}: export it as Parquet "
            "or TSV"
        )
    book = Workbook(write_only=True)
    sheet = book.create_sheet(node.name[:_SHEET_NAME])
    columns = [str(name) for name in frame.columns]
    sheet.append(columns)
    for number, values in enumerate(frame.itertuples(index=False, name=None), start=2):
        cells = []
        for name, value in zip(columns, values, strict=True):
            plain = _sheet_value(value)
            if isinstance(plain, str):
                if len(plain) > _SHEET_CELL:
                    raise ValidationError(
                        f"{node.name}, row {number}: {name} has {len(plain):,} letters and a cell of a sheet "
                        f"holds {_SHEET_CELL:,}: export it as Parquet or JSON",
                        row=number,
                        column=name,
                    )
                cell = WriteOnlyCell(sheet)
                try:
                    cell.value = plain
                except IllegalCharacterError:
                    raise ValidationError(
                        f"{node.name}, row {number}: {name} holds a control character, which a sheet cannot: "
                        "export it as Parquet or JSON",
                        row=number,
                        column=name,
                    ) from None
                cell.data_type = "s"
                cells.append(cell)
            else:
                cells.append(plain)
        sheet.append(cells)
    book.save(file)


def _sheet_value(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, bool | str):
        return value
    plain = value.item() if hasattr(value, "item") else value
    # beyond this a sheet rounds whole numbers
    return str(plain) if isinstance(plain, int) and abs(plain) >= 10**15 else plain


_WRITERS: Mapping[str, Callable[[pd.DataFrame, Path, Node], None]] = {
    "tsv": _tsv,
    "json": lambda frame, file, node: None,  # written from the records, not from a frame
    "parquet": _parquet,
    "xlsx": _xlsx,
}


def _listed(connection: Connection, project: ProjectId, format: Format, table: pd.DataFrame) -> str:
    """Write what the export holds, for those who get the files."""
    facts = {
        "commons": connection.endpoint,
        "project": str(project),
        "format": format,
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "dictionary": connection.dictionary.digest,
        "files": table.to_dict("records"),
    }
    return json.dumps(facts, indent=2) + "\n"


def _put(folder: Path, names: list[str], target: Path, *, zipped: bool) -> None:
    """Put finished files in their place."""
    if not zipped:
        for name in names:
            os.replace(folder / name, target / name)
        return
    packed = folder / "whole.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.write(folder / name, name)
    os.replace(packed, target)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count = count / 1000
    return f"{count:.1f} GB"
