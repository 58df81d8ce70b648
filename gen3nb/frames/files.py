"""Files of records: which node each holds, read by their ending, written by their ending."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen3nb.dictionary.elements import nearest
from gen3nb.errors import Gen3Error, MissingExtra, ValidationError
from gen3nb.frames.casting import cast, typed_by_origin
from gen3nb.frames.codec import plain_column
from gen3nb.frames.origin import tag
from gen3nb.frames.record_files import read_records
from gen3nb.frames.tsv import cell_text, node_of_cells, read_tsv
from gen3nb.frames.workbooks import read_workbook

if TYPE_CHECKING:
    from gen3nb.dictionary import Dictionary, Node

__all__ = ["ENDINGS", "READABLE", "properties_of", "read_files", "where_of", "write_frame"]

TABLES = (".tsv", ".csv", ".txt")
# what lies beside the records in a folder that was exported, or is a snapshot
_LISTS = ("export.json", "manifest.json", "dictionary.json")
READABLE = (*TABLES, ".xlsx", ".parquet", ".json")
ENDINGS = (".parquet", ".tsv", ".csv", ".xlsx", ".json", ".jsonl")


def read_files(
    paths: Iterable[str | os.PathLike[str]], dictionary: Dictionary, node: str | None = None
) -> dict[str, pd.DataFrame]:
    """Read files of records, and find the node of each.

    The column ``type`` tells; else a file's name (``case.tsv``) or a sheet's title.

    Parameters
    ----------
    paths : iterable of path
        TSV, CSV, XLSX, Parquet or JSON files; of a folder all such files in it.
    dictionary : Dictionary
        Knows the nodes, and types the cells.
    node : str, optional
        The node of all records, where the files do not tell.

    Returns
    -------
    dict of str to pandas.DataFrame
        By node, in the order of submission (parents first). Each frame remembers the rows of its file.

    Raises
    ------
    ValidationError
        There is no such file, it is none of these, its node cannot be told, or two hold records of one node.
    """
    held: dict[str, tuple[str, pd.DataFrame]] = {}
    for file in _expanded(paths):
        for name, frame in _read(file, dictionary, node).items():
            if name in held:
                raise ValidationError(
                    f"{held[name][0]} and {file} both hold records of {name}: put them in one file, so that "
                    "its row numbers can name them, or take one after the other"
                )
            held[name] = (str(file), frame)
    return {name: held[name][1] for name in dictionary.order if name in held}


def _expanded(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Give the files, those of a folder in the order of their names."""
    found: list[Path] = []
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in READABLE and _shown(one))
            if not inside:
                raise ValidationError(f"the folder {path} holds no file of records ({', '.join(READABLE)})")
            found += inside
        elif not path.exists():
            raise ValidationError(f"there is no file {path}")
        elif path.suffix.lower() not in READABLE:
            raise ValidationError(
                f"{path} is none of {', '.join(READABLE)}: rows of records come in one of these"
            )
        else:
            found.append(path)
    return found


def _shown(path: Path) -> bool:
    """Leave out hidden files, those that a spreadsheet keeps while it is open, and lists of what is there."""
    return path.is_file() and not path.name.startswith((".", "~$")) and not _lists_the_others(path)


def _lists_the_others(path: Path) -> bool:
    """Tell whether a file is what ``export`` and ``snapshot`` write beside the records."""
    if path.name not in _LISTS:
        return False
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False  # whoever reads it says what is wrong
    return isinstance(found, dict) and "type" not in found and "data" not in found


def _read(file: Path, dictionary: Dictionary, node: str | None) -> dict[str, pd.DataFrame]:
    ending = file.suffix.lower()
    if ending == ".json":
        records = read_records(file, dictionary)  # each says of which node it is
        if node is not None and set(records) != {node}:
            raise ValidationError(f"{file} holds records of {', '.join(records)}, not of {node}")
        return records
    if ending == ".xlsx":
        sheets = read_workbook(file, dictionary)
        if not sheets:
            raise ValidationError(
                f"{file} has no sheet with records of a node: a sheet's title names its node"
            )
        if node is not None and set(sheets) != {node}:
            raise ValidationError(f"{file} holds records of {', '.join(sheets)}, not of {node}")
        return sheets
    if ending == ".parquet":
        problem = ""
        try:
            frame = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        if problem:
            raise ValidationError(f"{file} cannot be read as Parquet: {problem}")
        name = node or _node_of(file, frame, dictionary)
        return {name: typed_by_origin(tag(frame, node=name), dictionary[name])}
    frame = read_tsv(file)
    name = node or _node_of(file, frame, dictionary)
    return {name: read_tsv(file, name, dictionary)}


def _node_of(file: Path, frame: pd.DataFrame, dictionary: Dictionary) -> str:
    """Find which node's records a file holds: by the column ``type``, else by the file's name."""
    told = node_of_cells(frame) if "type" in frame.columns else None
    if told is not None:
        return dictionary[told].name
    stem = file.stem.lower()
    if stem in dictionary:
        return stem
    # 2026-03_case.tsv, case-final.csv
    words = {word for word in re.split(r"[^a-z0-9_]+|_(?=\d)|(?<=\d)_", stem) if word}
    named = [name for name in dictionary if name in words]
    if len(named) == 1:
        return named[0]
    near = nearest(stem, list(dictionary))
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ValidationError(
        f"{file} does not say which node its records are of: name it after the node{hint}, give it a column "
        "type, or name the node (node=, --node)"
    )


def write_frame(
    frame: pd.DataFrame, path: str | os.PathLike[str], dictionary: Dictionary, node: str | None = None
) -> Path:
    """Write records to one file, whole or not at all; its ending says how.

    Parquet keeps types, lists and missing values; R and everything else read it. JSON is a list of records,
    JSONL a line for each. TSV, CSV and XLSX hold text of cells: lists with commas (in CSV with ``#``, as the
    service has it), and no difference between an empty text and a missing one.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : path
        Ending in ``.parquet``, ``.tsv``, ``.csv``, ``.xlsx``, ``.json`` or ``.jsonl``.
    dictionary : Dictionary
    node : str, optional
        Whose records they are, where they are of one node.

    Returns
    -------
    Path

    Raises
    ------
    ValidationError
        The ending is none of these.
    Gen3Error
        The file cannot be written; what was there before is as it was.
    """
    target = Path(path).expanduser()
    ending = target.suffix.lower()
    if ending not in _WRITERS:
        raise ValidationError(
            f"{target.name} ends in {ending or 'nothing'!r}: a file of records ends in {', '.join(ENDINGS)}"
        )
    problem = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".gen3nb-") as folder:
            file = Path(folder) / target.name
            _WRITERS[ending](frame, file, dictionary, node)
            os.replace(file, target)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise Gen3Error(f"{target} cannot be written: {problem}")
    return target


def _to_parquet(frame: pd.DataFrame, file: Path, dictionary: Dictionary, node: str | None) -> None:
    plain = frame.copy(deep=False)
    plain.attrs = {}  # where it came from is nobody's business in a file
    plain.to_parquet(file, index=False)


def _to_text(frame: pd.DataFrame, file: Path, dictionary: Dictionary, node: str | None) -> None:
    separator = "," if file.suffix.lower() == ".tsv" else "#"
    texts = {
        str(name): [cell_text(value, separator, str(name), row) for row, value in enumerate(values)]
        for name, values in _plain(frame).items()
    }
    table = pd.DataFrame(texts, columns=list(texts), dtype=object)
    table.to_csv(file, sep="\t" if file.suffix.lower() == ".tsv" else ",", index=False, lineterminator="\r\n")


def _to_json(frame: pd.DataFrame, file: Path, dictionary: Dictionary, node: str | None) -> None:
    columns = _plain(frame)
    lines = file.suffix.lower() == ".jsonl"
    with file.open("w", encoding="utf-8") as out:
        out.write("" if lines else "[")
        for number, values in enumerate(zip(*columns.values(), strict=True)):
            record = {
                str(name): value for name, value in zip(columns, values, strict=True) if value is not None
            }
            text = json.dumps(record, ensure_ascii=False, default=str)
            out.write(f"{text}\n" if lines else f"{',' if number else ''}\n{text}")
        out.write("" if lines else "\n]\n")


def _to_xlsx(frame: pd.DataFrame, file: Path, dictionary: Dictionary, node: str | None) -> None:
    if node is not None:
        from gen3nb.frames.workbooks import to_workbook

        to_workbook({node: frame}, file, dictionary)
        return
    try:
        import openpyxl  # noqa: F401
    except ImportError:
        raise MissingExtra.named("excel", "Writing a workbook") from None
    texts = {name: [_cell(value) for value in values] for name, values in _plain(frame).items()}
    pd.DataFrame(texts, dtype=object).to_excel(file, index=False)


def _plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Give plain Python values by column; ``None`` is missing."""
    return {str(name): list(plain_column(frame[name], None)) for name in frame.columns}


def _cell(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value


_WRITERS: Mapping[str, Callable[[pd.DataFrame, Path, Dictionary, str | None], None]] = {
    ".parquet": _to_parquet,
    ".tsv": _to_text,
    ".csv": _to_text,
    ".json": _to_json,
    ".jsonl": _to_json,
    ".xlsx": _to_xlsx,
}


def where_of(texts: Sequence[str], dictionary: Dictionary, node: str) -> dict[str, Any]:
    """Read conditions as they are typed: ``gender=female``, ``vital_status=dead,alive``, ``age=18000..``.

    Parameters
    ----------
    texts : sequence of str
        ``column=value``; several values with commas, a range with two dots (open where a side is empty), a
        pattern after ``~``, and nothing for missing.
    dictionary : Dictionary
    node : str
        Whose records; its properties tell numbers from text.

    Returns
    -------
    dict
        As ``where=`` takes it.

    Raises
    ------
    ValidationError
        A text is no condition.
    """
    from gen3nb.frames.filtering import conditions_of

    found: dict[str, Any] = {}
    for text in texts:
        column, equals, wanted = text.partition("=")
        column = column.strip()
        if not equals or not column:
            raise ValidationError(f"{text!r} is no condition: write column=value, such as gender=female")
        (condition,) = conditions_of(dictionary, dictionary[node], {column: None})
        kind = condition.prop.kind
        if not wanted:
            found[column] = None
        elif wanted.startswith("~"):
            found[column] = _pattern(wanted[1:], text)
        elif ".." in wanted:
            low, _, high = wanted.partition("..")
            found[column] = (
                _value(low, kind, text) if low else None,
                _value(high, kind, text) if high else None,
            )
        else:
            found[column] = [_value(one.strip(), kind, text) for one in wanted.split(",")]
    return found


def properties_of(texts: Sequence[str], node: Node) -> dict[str, Any]:
    """Read properties and links as they are typed: ``data_format=BAM``, ``experiments.submitter_id=exp``.

    Parameters
    ----------
    texts : sequence of str
        ``name=value``, the value as a cell of a TSV has it.
    node : Node
        Types the values.

    Returns
    -------
    dict

    Raises
    ------
    ValidationError
        A text is not of this form, or a name is given twice.
    """
    cells: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name or not value.strip():
            raise ValidationError(f"{text!r} is no property: write name=value, such as data_format=BAM")
        if name in cells:
            raise ValidationError(f"the property {name} is given twice: {cells[name]!r} and {value!r}")
        cells[name] = value
    row = pd.DataFrame({name: pd.array([value], dtype="string") for name, value in cells.items()})
    typed = cast(row, node) if cells else row
    return {str(name): plain_column(typed[name], None)[0] for name in typed.columns}


def _pattern(text: str, whole: str) -> re.Pattern[str]:
    problem = ""
    try:
        return re.compile(text)
    except re.error as error:
        problem = str(error)
    raise ValidationError(f"{whole!r} is no condition: the pattern is wrong ({problem})")


def _value(text: str, kind: str, whole: str) -> Any:
    """Read a value of the kind that the property is of."""
    if kind == "boolean" and text.lower() in ("true", "false", "yes", "no"):
        return text.lower() in ("true", "yes")
    if kind in ("integer", "number"):
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text)
        except ValueError:
            raise ValidationError(f"{whole!r} is no condition: {text!r} is no number") from None
    return text
