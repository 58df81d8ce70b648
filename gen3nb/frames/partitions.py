"""Records that are too many for memory: one export, spooled to Parquet, as a Dask DataFrame.

The export is written down as it comes, a chunk at a time. Only at its end is it known what type each column
has and how many rows there are; then the chunks become the Parquet files of the partitions, again a chunk at
a time.
"""

from __future__ import annotations

import atexit
import json
import math
import shutil
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gen3nb.dictionary import Node
from gen3nb.errors import Gen3Error, IntegrityError, MissingExtra, ValidationError
from gen3nb.frames.builders import as_text, object_array, short
from gen3nb.frames.connection import Connection
from gen3nb.frames.decoding import ColumnsOf, frame_of_chunk
from gen3nb.frames.exporting import whole_project
from gen3nb.frames.progress import Progress, report
from gen3nb.frames.reading import is_own, never_exported, readable_projects, wanted_columns

if TYPE_CHECKING:
    import dask.dataframe as dd

    from gen3nb.client.project import ProjectLike

__all__ = ["Spool", "read_partitions"]


def read_partitions(
    connection: Connection,
    node: str,
    *,
    partitions: int,
    project: ProjectLike | None = None,
    columns: Iterable[str] | None = None,
    folder: str | Path | None = None,
    progress: Progress = True,
    **others: Any,
) -> dd.DataFrame:
    """Read all records of a node as a Dask DataFrame; memory holds one chunk of them.

    From sheepdog ``GET /v0/submission/{P}/{Q}/export``, checked against peregrine's count.

    Parameters
    ----------
    connection : Connection
    node : str
    partitions : int
        How many files, and partitions, of about the same size; fewer if there are fewer records.
    project : str, pair of str or ProjectId, optional
        Default: all that you may read.
    columns : iterable of str, optional
        Only these columns, in this order: properties, ``<link>.<key>`` and ``<link>.id``.
    folder : str or Path, optional
        Where the files go, a new or empty folder; by default a temporary one, which goes when Python ends.
    progress : bool or callable
    **others : Any
        What only whole frames can be read with (``ids``, ``where``, ``with_``, ``per``); refused.

    Returns
    -------
    dask.dataframe.DataFrame
        Columns typed as ``read`` types them; lists are lists. The rows of each partition count from 0.

    Raises
    ------
    MissingExtra
        Dask is not installed.
    ValidationError
        ``partitions`` is no number from 1, the folder holds something, or the columns are not the node's own.
    DictionaryError
        The node or a column is unknown.
    IntegrityError
        The records could not be read whole.
    Gen3Error
        The files could not be written.
    """
    if not isinstance(partitions, int) or isinstance(partitions, bool) or partitions < 1:
        raise ValidationError(f"partitions= is how many there are to be, from 1 up, not {partitions!r}.")
    kind = connection.dictionary[node]
    wanted = wanted_columns(connection, kind, columns)
    if others:
        raise ValidationError(
            f"{', '.join(others)}= cannot go with partitions=, which reads whole nodes; choose rows of the "
            "Dask DataFrame instead."
        )
    if never_exported(kind) or not all(is_own(kind, name) for name in wanted):
        raise ValidationError(
            f"partitions= reads own columns of nodes that are exported: not {node!r}, or not these columns."
        )
    try:
        import dask.dataframe as dd
    except ImportError:
        raise MissingExtra.named("dask", "Reading in partitions") from None
    projects = readable_projects(connection, kind, project)
    target = _target(folder)
    try:
        with tempfile.TemporaryDirectory(prefix="gen3nb-spool-", dir=target) as spooling:
            needed = list(dict.fromkeys(["id", *wanted]))
            spools = []
            with report(progress, None, f"Reading {kind.name}") as meter:
                for number, one in enumerate(projects):
                    sink = partial(Spool, kind, needed, Path(spooling) / str(number))
                    spools.append(whole_project(connection, kind, one, needed, meter, sink))
            _check_whole(spools, kind)
            shape = _shape(spools, kind, wanted)
            files = _write(spools, shape, target, partitions)
    except OSError as error:
        raise Gen3Error(
            f"The records of {kind.name} could not be written to {target}: "
            f"{error.strerror or type(error).__name__}. Make room, or name another folder.",
            path=str(target),
        ) from None
    stored = dd.read_parquet([str(file) for file in files], split_row_groups=False, aggregate_files=False)
    return stored.map_partitions(_typed, shape, meta=shape)


def _target(folder: str | Path | None) -> Path:
    if folder is None:
        made = Path(tempfile.mkdtemp(prefix="gen3nb-"))
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        return made
    target = Path(folder).expanduser()
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = next(target.iterdir(), None)
    except OSError as error:
        raise ValidationError(f"{target} cannot be used as a folder: {error.strerror}.") from None
    if held is not None:
        raise ValidationError(f"{target} is not empty (it holds {held.name}); name a new folder.")
    return target


class Spool:
    """A sink that writes chunks of records to files, and remembers what types they have together.

    Parameters
    ----------
    node : Node
    columns : sequence of str
        ``id`` among them.
    folder : Path
        A folder that is not there yet; one of a try before is replaced.
    """

    def __init__(self, node: Node, columns: Sequence[str], folder: Path) -> None:
        self._node = node
        self._columns = columns
        self._folder = folder
        self._rows = 0
        self._files: list[tuple[Path, pd.DataFrame]] = []
        self._ids = array("q")
        self._told: set[str] = set()
        self.shape: pd.DataFrame | None = None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)

    def __len__(self) -> int:
        return self._rows

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take in a chunk of records."""
        frame = frame_of_chunk(self._node, self._columns, records, self._told)
        if self.shape is not None and frame.dtypes.equals(self.shape.dtypes):
            shape = self.shape
        else:
            # made anew: a slice of the frame would keep all of it in memory
            shape = pd.DataFrame({name: pd.Series([], dtype=frame[name].dtype) for name in frame})
            self.shape = shape if self.shape is None else _wider(self.shape, shape)
        path = self._folder / f"{len(self._files)}.parquet"
        _storable(frame).to_parquet(path, index=False)
        self._files.append((path, shape))
        self._rows += len(frame)
        self._ids.extend(hash(one) for one in frame["id"])

    def finish(self) -> Spool:
        """Give itself: how many rows there are is known now."""
        return self

    @property
    def doubled(self) -> int:
        """How many rows repeat a record."""
        return len(self._ids) - len(np.unique(np.asarray(self._ids)))

    def chunks(self) -> Iterator[pd.DataFrame]:
        """Give the frames that were written, in order, each once."""
        for path, shape in self._files:
            frame = _typed(pd.read_parquet(path), shape)
            path.unlink()
            yield frame


def _check_whole(spools: Sequence[Spool], node: Node) -> None:
    """Refuse records that came in several rows, where nothing else has noticed."""
    doubled = sum(spool.doubled for spool in spools)
    if doubled:
        raise IntegrityError(
            f"{doubled:,} rows of the export repeat a {node.name} record, and the commons did not say how "
            "many there are. Read them without partitions=, which unites such rows.",
            node=node.name,
        )


def _write(spools: Sequence[Spool], shape: pd.DataFrame, target: Path, partitions: int) -> list[Path]:
    """Make the files of the partitions out of the chunks, and give their paths."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    total = sum(map(len, spools))
    size = max(1, math.ceil(total / partitions))
    schema = pa.Schema.from_pandas(_storable(shape), preserve_index=False)
    frames = (_as(frame, shape) for spool in spools for frame in spool.chunks())
    files: list[Path] = []
    rest = shape
    for number in range(max(1, math.ceil(total / size))):
        files.append(target / f"part-{number:05d}.parquet")
        with pq.ParquetWriter(files[-1], schema, compression="zstd") as writer:
            left = min(size, total - number * size)
            while True:
                part, rest = rest.iloc[:left], rest.iloc[left:]
                writer.write_table(pa.Table.from_pandas(_storable(part), schema=schema, preserve_index=False))
                left -= len(part)
                if left <= 0:
                    break
                rest = next(frames)
    return files


# --- types ---------------------------------------------------------------------------------------------


def _shape(spools: Sequence[Spool], node: Node, columns: Sequence[str]) -> pd.DataFrame:
    """Give an empty frame with the types that hold all chunks."""
    shape = ColumnsOf(node, columns, extra=False).finish()
    for spool in spools:
        if spool.shape is not None:
            shape = _wider(shape, spool.shape[list(columns)])
    return shape


def _wider(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Give an empty frame with types that hold the values of both."""
    data = {name: pd.Series([], dtype=_common(one[name].dtype, other[name].dtype)) for name in one}
    return pd.DataFrame(data)


def _common(one: Any, other: Any) -> Any:
    if one == other:
        return one
    if isinstance(one, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype):
        return pd.CategoricalDtype(list(dict.fromkeys([*one.categories, *other.categories])))
    return np.dtype(object) if np.dtype(object) in (one, other) else pd.StringDtype()


def _as(frame: pd.DataFrame, shape: pd.DataFrame) -> pd.DataFrame:
    """Give a chunk the types that hold all chunks; what becomes text is written as JSON writes it."""
    data: dict[str, pd.Series[Any]] = {}
    for name in shape:
        column, dtype = frame[name], shape[name].dtype
        if column.dtype == dtype or isinstance(dtype, pd.CategoricalDtype):
            data[str(name)] = column.astype(dtype)
            continue
        values = [None if value is pd.NA or value != value else value for value in column.astype(object)]
        if isinstance(dtype, pd.StringDtype):
            values = [None if value is None else as_text(short(value)) for value in values]
        data[str(name)] = pd.Series(object_array(values), dtype=dtype)
    return pd.DataFrame(data)


# --- files ---------------------------------------------------------------------------------------------


def _as_json(dtype: Any) -> bool:
    """Say whether Parquet has no type for a column."""
    if isinstance(dtype, pd.CategoricalDtype):
        return not all(isinstance(value, str) for value in dtype.categories)
    return bool(dtype == np.dtype(object))


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Write what Parquet has no type for (lists, values of several types) as JSON."""
    data: dict[str, pd.Series[Any]] = {}
    for name in frame:
        column = frame[name]
        if _as_json(column.dtype):
            values = column.astype(object)
            texts = [
                json.dumps(value) if held else None
                for value, held in zip(values, values.notna(), strict=True)
            ]
            column = pd.Series(texts, dtype="string", index=frame.index)
        data[str(name)] = column
    return pd.DataFrame(data, index=frame.index)


def _typed(frame: pd.DataFrame, shape: pd.DataFrame) -> pd.DataFrame:
    """Give what was stored its types again."""
    data: dict[str, pd.Series[Any]] = {}
    for name in shape:
        column, dtype = frame[name], shape[name].dtype
        if _as_json(dtype):
            values = [json.loads(value) if isinstance(value, str) else None for value in column]
            column = pd.Series(object_array(values), dtype=object, index=frame.index)
        data[str(name)] = column.astype(dtype)
    return pd.DataFrame(data, index=frame.index)
