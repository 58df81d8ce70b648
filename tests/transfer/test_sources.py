"""What is found to upload, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from gen3nb.errors import TransferError
from gen3nb.transfer.sources import find_files


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in (
        "a.bam",
        "b.txt",
        "x/c.bam",
        "x/y/d.bam",
        ".hidden",
        "~lock",
        ".git/e.bam",
        "x/.cache/f.bam",
    ):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def names(given, **options) -> list[str]:
    return [one.name for one in find_files(given, **options).files]


def test_a_folder_is_walked_without_what_is_hidden(data):
    assert names(data, include_subdirname=False) == ["a.bam", "b.txt", "c.bam", "d.bam"]
    assert names(str(data)) == ["a.bam", "b.txt", "x/c.bam", "x/y/d.bam"]


def test_a_hidden_file_that_is_named_is_taken(data):
    assert names(data / ".hidden") == [".hidden"]
    assert names(data / ".git") == ["e.bam"]


@pytest.mark.parametrize(
    ("pattern", "flat", "deep"),
    [
        ("*", ["a.bam", "b.txt", "c.bam", "d.bam"], ["a.bam", "b.txt", "x/c.bam", "x/y/d.bam"]),
        ("*.bam", ["a.bam"], ["a.bam"]),
        ("**/*.bam", ["a.bam", "c.bam", "d.bam"], ["a.bam", "x/c.bam", "x/y/d.bam"]),
        ("*/*.bam", ["c.bam"], ["x/c.bam"]),
        ("x/*/*.bam", ["d.bam"], ["y/d.bam"]),
        ("x/**", ["c.bam", "d.bam"], ["c.bam", "y/d.bam"]),
        ("[ab].*", ["a.bam", "b.txt"], ["a.bam", "b.txt"]),
    ],
)
def test_patterns(data, pattern, flat, deep):
    assert names(f"{data}/{pattern}", include_subdirname=False) == flat
    assert names(f"{data}/{pattern}") == deep


def test_home_is_understood(data, monkeypatch):
    monkeypatch.setenv("HOME", str(data))
    assert names("~/a.bam") == ["a.bam"]
    assert names("~/*.txt") == ["b.txt"]


def test_a_name_with_brackets_is_a_name_where_it_exists(data):
    (data / "scan[1].bam").write_text("1")
    assert names(data / "scan[1].bam") == ["scan[1].bam"]


def test_the_same_file_given_twice_is_one(data):
    os.symlink(data / "a.bam", data / "link.bam")
    found = names([data / "a.bam", data, f"{data}/x/../a.bam"])
    assert found == ["a.bam", "b.txt", "x/c.bam", "x/y/d.bam"]
    assert names([data / "link.bam", data / "a.bam"]) == ["link.bam"]


def test_what_is_no_file_is_named_with_the_reason(data):
    os.symlink(data / "x", data / "folder-link")
    os.symlink(data / "nowhere", data / "broken")
    os.mkfifo(data / "pipe")
    (data / "closed.txt").write_text("x")
    (data / "closed.txt").chmod(0)
    why = {one.name: one.why for one in find_files(data).files if one.why}
    assert "a link to the folder" in why["folder-link"]
    assert "where nothing is" in why["broken"]
    assert "a pipe" in why["pipe"]
    if os.geteuid():
        assert "Permission denied" in why["closed.txt"]
    assert names(data)[:2] == ["folder-link", "a.bam"]


def test_what_may_not_be_read_and_what_hides_its_size(data, monkeypatch):
    if os.path.exists("/proc/self/status"):
        assert "it has bytes although its size is 0" in find_files("/proc/self/status").files[0].why
    (data / "empty.txt").touch()
    os.symlink(data / "loop", data / "loop")
    assert [one.why for one in find_files(data / "empty.txt").files] == [""]
    assert "symbolic links" in find_files(data / "loop").files[0].why
    monkeypatch.setattr(os, "access", lambda *given: False)
    assert "you may not read it" in find_files(data / "a.bam").files[0].why


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.txt", "there is no file nowhere.txt"),
        (["nowhere.txt", "*.nothing"], r"no file nowhere.txt; no file fits \*.nothing"),
        ([], "list is empty"),
        ("", "no path"),
        ([b"a"], "no path"),
        (5, "not as a int"),
    ],
)
def test_nothing_to_upload(given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TransferError, match=words):
        find_files(given)


def test_an_empty_folder(tmp_path):
    (tmp_path / ".only").write_text("x")
    with pytest.raises(TransferError, match="holds no file that is not hidden"):
        find_files(tmp_path)


def test_names_that_no_store_takes(tmp_path):
    deep = tmp_path.joinpath(*["f" * 200] * 4)
    deep.mkdir(parents=True)
    (deep / ("g" * 250)).write_text("x")
    (one,) = find_files(tmp_path, include_subdirname=True).files
    assert "too long" in one.why
    (one,) = find_files(tmp_path, include_subdirname=False).files
    assert (one.why, len(one.name)) == ("", 250)
    (tmp_path / "a\nb").write_text("x")
    assert "control character" in find_files(tmp_path / "a\nb").files[0].why


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_that_is_no_text(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(path, "w") as file:
        file.write("x")
    assert "not UTF-8" in find_files(tmp_path).files[0].why


def test_a_frame(data):
    frame = pd.DataFrame(
        {
            "submitter_id": ["1", "2", "3", "4", "5"],
            "path": [str(data / "a.bam"), str(data / "x/c.bam"), str(data / "a.bam"), None, str(data / "x")],
            "file_name": [None, "C.bam", None, None, None],
            "guid": ["", "g-2", "g-1", None, None],
        }
    )
    found = find_files(frame)
    assert [(one.name, one.guid, one.rows) for one in found.files] == [
        ("a.bam", "g-1", (0, 2)),
        ("C.bam", "g-2", (1,)),
        ("row 5", "", (3,)),
        ("x", "", (4,)),
    ]
    assert [bool(one.why) for one in found.files] == [False, False, True, True]
    assert found.frame is frame
    deep = find_files(frame.drop(columns="file_name"), include_subdirname=True)
    assert [one.name for one in deep.files][:2] == ["a.bam", "x/c.bam"]


def test_a_frame_without_paths(data):
    with pytest.raises(TransferError, match="path_column="):
        find_files(pd.DataFrame({"where": [str(data / "a.bam")]}))
    assert names(pd.DataFrame({"where": [str(data / "a.bam")]}), path_column="where") == ["a.bam"]
    with pytest.raises(TransferError, match="no rows"):
        find_files(pd.DataFrame({"path": []}))


def test_one_file_for_two_guids(data):
    frame = pd.DataFrame({"path": [str(data / "a.bam")] * 2, "guid": ["g-1", "g-2"]})
    (one,) = find_files(frame).files
    assert "two GUIDs: g-1 and g-2" in one.why


def test_sidecars(data):
    (data / "a_metadata.json").write_text("{}")
    (data / "lonely_metadata.json").write_text("{}")
    assert "a_metadata.json" in names(data)
    found = names(data, sidecars=True)
    assert "a_metadata.json" not in found
    assert "lonely_metadata.json" in found
