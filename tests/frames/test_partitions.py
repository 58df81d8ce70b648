"""Nodes that are too large for memory, as Dask DataFrames over Parquet."""

from __future__ import annotations

import sys
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_up import a_record, new_project, put

from gen3nb.errors import DictionaryError, IntegrityError, MissingExtra, Unavailable, ValidationError
from gen3nb.frames import decoding, exporting, partitions
from gen3nb.frames.decoding import UnexpectedValue

if TYPE_CHECKING:
    from gen3nb import Commons

# Dask calls pandas in a way that pandas 3.1 is about to give up
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
ROWS = 57


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "chunks_of", lambda records: decoding.chunks_of(records, 10))


@pytest.fixture
def many(commons: Commons, project: str) -> str:
    cases = pd.DataFrame(
        {
            "submitter_id": [f"c{n:02d}" for n in range(ROWS)],
            "experiments.submitter_id": "exp",
            "primary_site": [None, "Lung", "Breast"] * (ROWS // 3),
        }
    )
    samples = pd.DataFrame(
        {
            "submitter_id": [f"s{n:02d}" for n in range(ROWS)],
            "cases.submitter_id": cases["submitter_id"],
            "sample_type": ["Primary Tumor", "Metastatic", "Solid Tissue Normal"] * (ROWS // 3),
            "days_to_collection": pd.Series([None, 2, 3] * (ROWS // 3), dtype="Int64"),
            "initial_weight": [0.1 * n for n in range(ROWS)],
            "is_ffpe": pd.Series([None, True, False] * (ROWS // 3), dtype="boolean"),
        }
    )
    assert commons.submit({"case": cases, "sample": samples}, project=project, progress=False).ok
    return project


def by_name(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("submitter_id", ignore_index=True)


def dask_of(commons: Commons, node: str, **options: Any) -> Any:
    pytest.importorskip("dask.dataframe")
    return commons.read(node, progress=False, **options)


@pytest.mark.parametrize("number", [1, 4, 1_000])
def test_the_same_as_a_frame(commons: Commons, many: str, number: int, tmp_path: Path) -> None:
    told = dask_of(commons, "sample", project=many, partitions=number, folder=tmp_path / "new")
    assert told.npartitions == min(number, ROWS)
    whole = commons.read("sample", project=many, progress=False)
    whole.attrs = {}
    computed = told.compute()
    pd.testing.assert_frame_equal(by_name(computed), by_name(whole))
    assert list(told.columns) == list(computed.columns)
    assert told.dtypes.equals(computed.dtypes)
    assert len(list((tmp_path / "new").iterdir())) == told.npartitions  # and nothing else is left


def test_a_temporary_folder_a_few_columns_and_no_records(commons: Commons, many: str) -> None:
    columns = ["submitter_id", "sample_type", "cases.submitter_id"]
    told = dask_of(commons, "sample", project=many, partitions=3, columns=columns)
    assert list(told.columns) == columns
    assert told["sample_type"].value_counts().compute()["Metastatic"] == ROWS // 3
    none = dask_of(commons, "aliquot", project=many, partitions=3)
    assert (len(none), none.npartitions) == (0, 1)


def test_lists_and_values_of_several_types(gardens: Commons) -> None:
    code = "parts" + uuid.uuid4().hex[:6]
    project = new_project(gardens, code)
    garden = {"type": "garden", "submitter_id": "g", "projects": {"code": code}}
    garden |= {"is_public": False, "soil_pH": 6.5, "hardinessZone": 7}
    values: list[dict[str, Any]] = [
        {"height": "tall", "petal_counts": [3, 4], "rating": 5},
        {"height": 12, "petal_counts": [5]},
        {},
    ]
    kind = gardens.dictionary["plant"]
    plants = [
        a_record(kind, f"p{number}", gardens={"submitter_id": "g"}, age=3, **held)
        for number, held in enumerate(values)
    ]
    put(gardens, project, [garden, *plants])
    told = dask_of(gardens, "plant", project=project, partitions=2)
    whole = gardens.read("plant", project=project, progress=False)
    whole.attrs = {}
    pd.testing.assert_frame_equal(by_name(told.compute()), by_name(whole))
    assert any(isinstance(value, list) and value for value in told["petal_counts"].compute())


def test_values_that_the_dictionary_does_not_expect(
    commons: Commons, many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk in the middle holds other types: all chunks get the type that holds them."""
    real = exporting._by_label

    def odd(*given: Any) -> Any:
        for number, chunk in enumerate(real(*given)):
            records = [dict(record) for record in chunk]
            if number == 2:
                records[0] |= {"sample_type": "Strange", "days_to_collection": "soon", "is_ffpe": "maybe"}
            yield records

    monkeypatch.setattr(exporting, "_by_label", odd)
    monkeypatch.setattr(exporting, "_ways", lambda node, columns: [odd])
    monkeypatch.setattr(exporting, "_NAMES", {odd: "export"})
    with pytest.warns(UnexpectedValue, match="first part"):
        told = dask_of(commons, "sample", project=many, partitions=4)
    with pytest.warns(UnexpectedValue):
        whole = commons.read("sample", project=many, progress=False)
    whole.attrs = {}
    pd.testing.assert_frame_equal(by_name(told.compute()), by_name(whole))


def test_a_short_export_is_never_given(commons: Commons, many: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*given: Any) -> Any:
        yield [{"id": "1", "submitter_id": "x"}]

    monkeypatch.setattr(exporting, "_ways", lambda node, columns: [short])
    monkeypatch.setattr(exporting, "_NAMES", {short: "export"})
    with pytest.raises(IntegrityError, match="gave 1 records"):
        dask_of(commons, "sample", project=many, partitions=2)


def test_what_cannot_be(commons: Commons, many: str, tmp_path: Path) -> None:
    for number in (0, -1, True, 2.5):
        with pytest.raises(ValidationError, match="from 1 up"):
            dask_of(commons, "sample", project=many, partitions=number)
    with pytest.raises(ValidationError, match="where= cannot go with partitions="):
        dask_of(commons, "sample", project=many, partitions=2, where={"is_ffpe": True})
    with pytest.raises(ValidationError, match="own columns"):
        dask_of(commons, "project", project=many, partitions=2)
    with pytest.raises(DictionaryError):
        dask_of(commons, "sample", project=many, partitions=2, columns=["sample_typo"])
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValidationError, match=r"not empty .*mine\.txt"):
        dask_of(commons, "sample", project=many, partitions=2, folder=tmp_path)
    with pytest.raises(ValidationError, match="cannot be used as a folder"):
        dask_of(commons, "sample", project=many, partitions=2, folder=tmp_path / "mine.txt")


def test_without_dask(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "dask"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(MissingExtra, match=r"pip install 'gen3nb\[dask\]'"):
        commons.read("case", partitions=2)


def test_memory_holds_a_chunk(
    commons: Commons, many: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is written at once is never more than a chunk, however few the partitions."""
    sizes: list[int] = []
    real = partitions._storable

    def storable(frame: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(frame))
        return real(frame)

    monkeypatch.setattr(partitions, "_storable", storable)
    dask_of(commons, "sample", project=many, partitions=1, folder=tmp_path / "new")
    assert max(sizes) == 10


def test_an_export_by_ids_that_breaks_off_is_asked_for_again(commons: Commons, many: str) -> None:
    assert commons.sandbox is not None
    path = f"/api/v0/submission/{many.replace('-', '/', 1)}/export"
    for kind in ("truncated", "half-json", "html-in-middle"):
        with commons.sandbox.faults as faults:
            faults.add(kind, path=path, method="POST", times=2)
            assert len(commons.read("sample", project=many, ids=["s01", "s02"], progress=False)) == 2
        with commons.sandbox.faults as faults, warnings.catch_warnings():
            faults.add(kind, path=path, method="POST")
            with pytest.raises(Unavailable, match="broke off 3 times"):
                commons.read("sample", project=many, ids=["s01", "s02"], progress=False)
