"""Lists of files and folders as people really give them: each works, or says what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_download import fetched, files_in, small, uploaded

import gen3nb
from gen3nb.errors import TransferError
from gen3nb.transfer import fetching
from gen3nb.transfer.manifest import read_manifest
from gen3nb.transfer.names import part_name


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.fixture(scope="module")
def guids(commons: gen3nb.Commons) -> list[str]:
    return [uploaded(commons, name.encode(), f"{name}.bin") for name in ("one", "two")]


def names(source: object) -> list[str]:
    return [one.guid for one in read_manifest(source)]


# --- lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        lambda one, two: pd.Categorical([one, two, one, None]),
        lambda one, two: pd.array([one, two, None], dtype="string[pyarrow]"),
        lambda one, two: [f" {one} ", f"{two}\n", "", " "],
        lambda one, two: [one, two, np.nan, None, pd.NA],
    ],
    ids=["categorical", "arrow", "spaces", "missing"],
)
def test_columns_of_every_kind(commons, guids, tmp_path, column):
    frame = pd.DataFrame({"object_id": column(*guids)})
    frame.index = [0] * len(frame)
    report = commons.files.download(frame, tmp_path, progress=False)
    assert (report.ok, report.to_frame()["guid"].tolist()) == (True, guids)
    assert gen3nb.of(frame).download(tmp_path, commons=commons, progress=False).counts == {"already there": 2}


def test_lists_of_every_kind(guids):
    one, two = guids
    for given in (
        (one, two),
        pd.Series(guids),
        pd.Index(guids),
        np.array(guids),
        iter(guids),
        [f" {one}", two],
    ):
        assert names(given) == guids
    assert names([one, "\t", "", None, np.nan]) == [one, "", "", "", ""]
    assert names(f"drs://commons.test/{one}") == [one]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"abc", "not as a bytes"),
        (None, "not as a NoneType"),
        ({"dg.T/1": 1}, "The record names no file: it has no object_id, guid or did. It has: dg.T/1"),
        ([1], "Entry 1: it is no GUID: 1"),
        ("a\ud800", r"no GUID and no manifest: 'a\\ud800'"),
        (["x", "a\ud800"], r"Entry 2: it is no GUID: 'a\\ud800'"),
        (pd.DataFrame(), "names no files: it has no column object_id .* Its columns: none"),
        (pd.DataFrame({"x": [1]}, index=pd.Index(["g"], name="object_id")), r"frame\.reset_index\(\)"),
        (
            pd.DataFrame({"a.object_id": ["g"], "b.object_id": ["h"]}),
            r"several columns of GUIDs: a\.object_id, b\.object_id\. .*frame\['a\.object_id'\]",
        ),
        (pd.DataFrame([["g", "h"]], columns=["object_id"] * 2), "several columns called object_id"),
        (
            pd.DataFrame({"object_id": ["g", "h"], "guid": ["g", "i"]}),
            "Row 3 of the frame: it names two files: object_id is h, and guid is i",
        ),
        (
            pd.DataFrame({"object_id": ["g"], "size": [1.5]}),
            "Row 2 of the frame: its size is no number",
        ),
    ],
)
def test_what_is_no_list_of_files(given, words):
    with pytest.raises(TransferError, match=words):
        names(given)


def test_an_open_file_is_no_list_of_guids(tmp_path):
    (tmp_path / "guids.txt").write_text("g\n")
    with (
        open(tmp_path / "guids.txt") as file,
        pytest.raises(TransferError, match=r"the path of a manifest.*not as a TextIOWrapper"),
    ):
        names(file)
    with pytest.raises(TransferError, match="is a folder, not a manifest"):
        names(str(tmp_path))


def test_two_names_of_one_file_are_one():
    frame = pd.DataFrame(
        {
            "object_id": ["dg.T/1", None, "2"],
            "guid": ["1", "dg.T/3", "dg.T/2"],
            "drs_uri": ["drs://h/dg.T/1"] * 1 + [None] * 2,
            "file_id": ["an id of somebody's own"] * 3,
        }
    )
    assert names(frame) == ["dg.T/1", "dg.T/3", "2"]


def test_a_file_that_is_called_by_its_guid_is_no_manifest(commons, guids, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for status in ("downloaded", "already there"):
        report = commons.files.download(guids[0], filename_format="guid", progress=False)
        assert report.to_frame()[["guid", "status"]].to_numpy().tolist() == [[guids[0], status]]


def test_a_guid_in_capitals_is_another_one(commons, guids, tmp_path):
    report = fetched(commons, guids[0].upper(), tmp_path)
    assert "no file of this GUID (capitals count" in report.failed["why"].item()


# --- names ------------------------------------------------------------------------------------------------


def test_a_file_and_a_folder_of_one_name(commons, tmp_path):
    file, inner = uploaded(commons, b"file", "X"), uploaded(commons, b"inner", "x/y/z")
    first = fetched(commons, [inner, file], tmp_path / "1")
    assert "its name is that of a folder of other files; rename=True" in first.failed["why"].item()
    assert fetched(commons, [inner, file], tmp_path / "1", rename=True).ok
    assert (tmp_path / "1" / "X_2").read_bytes() == b"file"
    second = fetched(commons, [file, inner], tmp_path / "2", rename=True)
    assert f"its folder is called as {file} is" in second.failed["why"].item()
    assert fetched(commons, [file, inner], tmp_path / "2", filename_format="combined").ok
    assert fetched(commons, [inner], tmp_path / "3").ok
    assert (
        "is a folder"
        in fetched(commons, [uploaded(commons, b"f", "x/y")], tmp_path / "3").failed["why"].item()
    )


def test_a_file_in_the_place_of_a_folder_stays(commons, tmp_path):
    (tmp_path / "x").write_text("mine")
    guid = uploaded(commons, b"inner", "x/y/z")
    report = fetched(commons, guid, tmp_path, overwrite=True)
    assert f"a file is in the place of the folder {tmp_path}/x" in report.failed["why"].item()
    assert (tmp_path / "x").read_text() == "mine"


def test_no_file_is_called_as_another_is_on_its_way(commons, tmp_path):
    victim, content = small(commons, "a.bin")
    hostile = uploaded(commons, b"hostile", part_name("a.bin", victim))
    report = fetched(commons, [hostile, victim], tmp_path)
    assert report.ok
    assert files_in(tmp_path) == ["a.bin", f"{part_name('a.bin', victim)}_"]
    assert (tmp_path / "a.bin").read_bytes() == content


def test_a_link_to_nowhere_holds_its_name(commons, tmp_path):
    guid, content = small(commons)
    (tmp_path / "a.bin").symlink_to(tmp_path / "nowhere")
    report = fetched(commons, guid, tmp_path)
    assert "another file of this name is there; overwrite=True" in report.failed["why"].item()
    assert report.bytes == 0
    assert fetched(commons, guid, tmp_path, rename=True).ok
    assert (tmp_path / "a_2.bin").read_bytes() == content
    assert fetched(commons, guid, tmp_path, overwrite=True).ok
    assert not (tmp_path / "a.bin").is_symlink()
    assert not (tmp_path / "nowhere").exists()


# --- folders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        (None, "into None: .*not NoneType"),
        (5, "into 5"),
        (b"x", "into b'x'"),
        ("a\0b", "null byte"),
        ("x" * 300, "File name too long"),
        ("~nobody-of-this-name/x", "home directory"),
    ],
)
def test_what_is_no_folder(commons, guids, tmp_path, monkeypatch, folder, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TransferError, match=words):
        commons.files.download(guids, folder, progress=False)
    assert files_in(tmp_path) == []


def test_folders_as_people_write_them(commons, guids, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for folder, place in (("a/../b", "b"), ("~/c", "home/c"), (Path("d"), "d"), ("link", "real"), ("", "")):
        assert commons.files.download(guids[0], folder, progress=False).ok
        assert (tmp_path / place / "one.bin").read_bytes() == b"one"
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(TransferError, match="cannot be made: it is a link to where nothing is"):
        commons.files.download(guids, "dangling", progress=False)


def test_a_folder_that_goes_away_in_the_middle(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"sub/{number}.bin")[0] for number in range(6)]
    folder, real, taken = tmp_path / "in", fetching.finish, []

    def finish(job: fetching.Job) -> fetching.Result:
        taken.append(job)
        if len(taken) == 3:
            folder.rename(tmp_path / "moved away")
        return real(job)

    monkeypatch.setattr(fetching, "finish", finish)
    report = fetched(commons, guids, folder, parallel=1)
    assert report.counts == {"downloaded": 2, "failed": 4}
    assert "it cannot get its name" in report.failed["why"].iloc[0]
    assert "No such file or directory" in report.failed["why"].iloc[-1]
    assert fetched(commons, guids, folder).ok
    assert len(files_in(folder)) == 6


@pytest.mark.parametrize("shard", [3, "3/16", (1, 2, 3), (1.0, 2)])
def test_a_shard_that_is_none(commons, tmp_path, shard):
    with pytest.raises(TransferError, match=r"such as \(3, 16\)"):
        fetched(commons, [], tmp_path, shard=shard)


def test_an_executor_that_is_none(commons, tmp_path):
    with pytest.raises(TransferError, match=r"one of concurrent\.futures, not a int"):
        fetched(commons, [], tmp_path, executor=5)


def test_a_folder_of_another_device(commons, tmp_path):
    """The part is beside the file, so that its name comes by a rename, not by a copy."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("one device only")
    guid, content = small(commons, "sub/a.bin")
    (shared / f"gen3nb-{os.getpid()}").mkdir()
    (tmp_path / "sub").symlink_to(shared / f"gen3nb-{os.getpid()}")
    try:
        report = fetched(commons, guid, tmp_path)
        assert "is a link that leads out" in report.failed["why"].item()
        assert fetched(commons, guid, tmp_path / "sub").ok
        assert (tmp_path / "sub" / "sub" / "a.bin").read_bytes() == content
    finally:
        for path in sorted((tmp_path / "sub").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (shared / f"gen3nb-{os.getpid()}").rmdir()
