"""Files into a folder, from a real object store that fails in all the ways that such stores do."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import requests

import gen3nb
from gen3nb.errors import TransferError
from gen3nb.transfer import downloader, fetching, journal, large, presigning
from gen3nb.transfer.journal import Part
from gen3nb.transfer.names import part_name

AUTHZ = "/programs/DEMO/projects/alpha"
OTHER = "/programs/DEMO/projects/beta"
UNIT = 100_000  # bytes of a range in these tests


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    users = {
        "submitter": {AUTHZ: ["create", "read", "update", "delete"], "/data_file": ["file_upload"]},
        "reader": {AUTHZ: ["read"]},
    }
    with gen3nb.sandbox(users=users) as commons:
        yield commons


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ranges small and pauses short."""
    monkeypatch.setattr(large, "RANGE", UNIT)
    monkeypatch.setattr(downloader, "LARGE", 2 * UNIT)
    monkeypatch.setattr(fetching, "BLOCK", UNIT // 4)
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.01)


@pytest.fixture(autouse=True)
def quick(commons: gen3nb.Commons, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small ranges, short pauses, no faults left behind."""
    hurry(monkeypatch)
    yield
    commons.sandbox.faults.clear()


def uploaded(commons: gen3nb.Commons, content: bytes, name: str = "a.bin", authz: str = AUTHZ) -> str:
    made = commons.fence.start_upload(name, authz=[authz])
    assert requests.put(str(made.url), data=content, timeout=30).ok
    return made.guid


def small(commons: gen3nb.Commons, name: str = "a.bin") -> tuple[str, bytes]:
    content = os.urandom(1000)
    return uploaded(commons, content, name), content


def big(commons: gen3nb.Commons, name: str = "big.bin") -> tuple[str, bytes]:
    content = os.urandom(5 * UNIT + 17)
    return uploaded(commons, content, name), content


def fetched(commons: gen3nb.Commons, files: object, folder: Path, **options: object) -> gen3nb.TransferReport:
    return commons.files.download(files, folder, **{"parallel": 4, "progress": False, **options})


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


# --- as it should be --------------------------------------------------------------------------------------


def test_files_are_whole_and_checked(commons, tmp_path):
    contents = {
        "a.bin": b"abc",
        "sub/ä b.txt": os.urandom(5000),
        "empty": b"",
        "big.bin": os.urandom(5 * UNIT),
    }
    guids = [uploaded(commons, content, name) for name, content in contents.items()]
    report = fetched(commons, guids, tmp_path / "new" / "folder")
    assert report.ok
    table = report.to_frame()
    assert table["guid"].tolist() == guids
    assert table["name"].tolist() == list(contents)
    assert table["bytes"].tolist() == [len(content) for content in contents.values()]
    assert set(table["hash"]) == {"sha256"}
    assert set(table["status"]) == {"downloaded"}
    for name, content in contents.items():
        assert (tmp_path / "new" / "folder" / name).read_bytes() == content
    assert files_in(tmp_path / "new" / "folder") == sorted(contents)


def test_the_same_call_again_fetches_and_reads_nothing(commons, tmp_path, monkeypatch):
    guids = [small(commons)[0], big(commons)[0]]
    fetched(commons, guids, tmp_path)
    commons.sandbox.faults.add("storage-500")
    monkeypatch.setattr(fetching, "hash_file", lambda *_: pytest.fail("a checked file was read again"))
    report = fetched(commons, guids, tmp_path)
    assert report.counts == {"already there": 2}
    assert report.bytes == 0


def test_without_the_notes_what_is_there_is_checked_not_fetched(commons, tmp_path, monkeypatch):
    guid, _ = small(commons)
    fetched(commons, guid, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another home"))
    commons.sandbox.faults.add("storage-500")
    report = fetched(commons, guid, tmp_path)
    assert report.to_frame()[["status", "hash"]].to_numpy().tolist() == [["already there", "sha256"]]


def test_what_was_noted_shortly_before_a_power_cut_is_checked(commons, tmp_path, monkeypatch):
    (early, _), (late, content) = small(commons, "early.bin"), small(commons, "late.bin")
    started, now = journal._boot(), time.time()
    monkeypatch.setattr(journal.time, "time", lambda: now - 1_000)
    monkeypatch.setattr(journal, "_boot", lambda: started - 5_000)
    fetched(commons, early, tmp_path)
    monkeypatch.setattr(journal.time, "time", lambda: now - 500)
    fetched(commons, late, tmp_path)
    # the disk kept the file's size and time, and lost its bytes
    path = tmp_path / "late.bin"
    times = path.stat()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    monkeypatch.undo()
    read = []
    real = fetching.hash_file
    monkeypatch.setattr(fetching, "hash_file", lambda path, kinds: read.append(path) or real(path, kinds))
    report = fetched(commons, [early, late], tmp_path, overwrite=True)
    assert report.to_frame()["status"].tolist() == ["already there", "downloaded"]
    assert read == [str(path)]
    assert path.read_bytes() == content


def test_a_file_that_changed_here_is_never_taken_for_the_right_one(commons, tmp_path):
    guid, content = small(commons)
    fetched(commons, guid, tmp_path)
    mine = bytes(1000)
    (tmp_path / "a.bin").write_bytes(mine)  # of the same size
    report = fetched(commons, guid, tmp_path)
    assert report.failed["why"].tolist() == [
        "another file of this name is there; overwrite=True replaces it, rename=True keeps both"
    ]
    assert (tmp_path / "a.bin").read_bytes() == mine
    assert fetched(commons, guid, tmp_path, rename=True).ok
    assert (tmp_path / "a.bin").read_bytes() == mine
    assert (tmp_path / "a_2.bin").read_bytes() == content
    again = fetched(commons, guid, tmp_path, rename=True)
    assert (again.counts, again.to_frame()["name"].tolist()) == ({"already there": 1}, ["a_2.bin"])
    assert fetched(commons, guid, tmp_path, overwrite=True).counts == {"downloaded": 1}
    assert (tmp_path / "a.bin").read_bytes() == content


def test_a_file_is_replaced_only_by_one_that_is_right(commons, tmp_path):
    guid, _ = small(commons)
    (tmp_path / "a.bin").write_bytes(b"mine")
    commons.sandbox.faults.add("storage-corrupt")
    assert fetched(commons, guid, tmp_path, overwrite=True).counts == {"failed": 1}
    assert (tmp_path / "a.bin").read_bytes() == b"mine"
    assert files_in(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(
    ("form", "name"), [("original", "a.bin"), ("guid", "{guid}"), ("combined", "{guid}_a.bin")]
)
def test_what_files_are_called(commons, tmp_path, form, name):
    guid, content = small(commons)
    fetched(commons, guid, tmp_path, filename_format=form)
    assert (tmp_path / name.format(guid=guid)).read_bytes() == content


def test_two_files_of_one_name(commons, tmp_path):
    first, one = small(commons, "Twin.bin")
    second, other = small(commons, "twin.BIN")  # one name on macOS and Windows
    report = fetched(commons, [first, second], tmp_path)
    assert report.counts == {"downloaded": 1, "failed": 1}
    assert f"its name is that of {first} too" in report.failed["why"].item()
    assert fetched(commons, [first, second], tmp_path, rename=True).ok
    assert (tmp_path / "Twin.bin").read_bytes() == one
    assert (tmp_path / "twin_2.BIN").read_bytes() == other


def test_a_frame_a_selection_and_a_manifest(commons, tmp_path):
    guid, content = small(commons)
    frame = pd.DataFrame({"object_id": [guid, None], "md5sum": [hashlib.md5(content).hexdigest(), None]})
    report = fetched(commons, frame, tmp_path / "frame")
    assert report.ok
    assert len(report) == 1
    assert "1 of a frame of 2 rows left out, having no GUID" in report.notes
    commons.files.manifest(frame.iloc[:1], tmp_path / "manifest.json")
    assert fetched(commons, tmp_path / "manifest.json", tmp_path / "manifest").ok


def test_guids_with_and_without_prefix_are_one_file(commons, tmp_path):
    guid, _ = small(commons)
    bare = guid.removeprefix("dg.TEST/")
    report = fetched(commons, [bare, guid, bare], tmp_path)
    assert report.to_frame()["guid"].tolist() == [guid]
    assert report.notes == ["2 GUIDs given more than once, downloaded once"]


def test_a_dry_run_writes_nothing(commons, tmp_path):
    report = fetched(commons, [small(commons)[0], "nope"], tmp_path / "x", dry_run=True)
    assert report.counts == {"downloaded": 1, "failed": 1}
    assert str(report) == f"dry run, nothing moved: 1 would be downloaded, 1 failed, {report.bytes:,} B"
    assert report.bytes == report.to_frame()["bytes"].max() > 0
    assert not (tmp_path / "x").exists()


def test_an_empty_list(commons, tmp_path):
    report = fetched(commons, [], tmp_path)
    assert report.ok
    assert str(report) == "no files: there is nothing to do"


def test_whoever_is_asked_may_decline(commons, tmp_path):
    guid, _ = small(commons)
    seen = []
    with pytest.raises(TransferError, match="Nothing was downloaded"):
        fetched(commons, guid, tmp_path, confirm=lambda plan: seen.append(str(plan)))
    assert seen[0].startswith("1 file to download into")
    assert files_in(tmp_path) == []


def test_progress_counts_every_byte(commons, tmp_path):
    guids = [small(commons)[0], big(commons)[0]]
    told: list[tuple[int, int | None, str]] = []
    fetched(commons, guids, tmp_path, progress=lambda *facts: told.append(facts))
    total = 1000 + 5 * UNIT + 17
    assert told[-1][:2] == (total, total)


def test_shards_share_a_folder(commons, tmp_path):
    guids = [small(commons, f"{number}.bin")[0] for number in range(6)]
    reports = [fetched(commons, guids, tmp_path, shard=(number, 3)) for number in (1, 2, 3)]
    assert sum(map(len, reports)) == 6
    assert len(files_in(tmp_path)) == 6


def test_another_executor_does_the_work(commons, tmp_path):
    guids = [small(commons, f"{number}.bin")[0] for number in range(5)] + [big(commons)[0]]
    with ProcessPoolExecutor(2) as executor:
        report = fetched(commons, guids, tmp_path, executor=executor)
    assert report.ok, report.failed
    assert report.bytes == 5 * 1000 + 5 * UNIT + 17


def test_an_executor_that_takes_no_more_work(commons, tmp_path):
    there, other = small(commons, "there.bin")[0], small(commons, "other.bin")[0]
    fetched(commons, there, tmp_path)
    os.utime(tmp_path / "there.bin")  # it has to be checked
    executor = ProcessPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(TransferError, match="the executor takes no more work") as caught:
        fetched(commons, [there, other, big(commons)[0]], tmp_path, executor=executor)
    assert caught.value.report.counts == {"not started": 3}


# --- as it often is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [small, big])
@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("storage-429", {"times": 2, "retry_after": "0"}),
        ("storage-503", {"times": 2, "retry_after": "0"}),
        ("storage-500", {"times": 2}),
        ("storage-drop", {"times": 3}),
        ("storage-truncated", {"times": 3}),
        ("storage-corrupt", {"times": 1}),
        ("storage-expired", {"times": 2}),
        ("storage-no-range", {}),
        ("storage-slow-start", {"times": 1, "seconds": 0.1}),
        ("storage-latency", {"times": 1, "seconds": 0.1}),
        ("storage-other-etag", {"times": 1, "after": 2}),
    ],
)
def test_what_goes_wrong_once_costs_no_file(commons, tmp_path, make, kind, facts):
    guid, content = make(commons)
    commons.sandbox.faults.add(kind, **facts)
    report = fetched(commons, guid, tmp_path)
    assert report.ok, report.failed["why"].tolist()
    assert (tmp_path / report.to_frame()["name"].item()).read_bytes() == content
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize("make", [small, big])
@pytest.mark.parametrize(
    ("kind", "words", "left"),
    [
        ("storage-corrupt", "its sha256 is", 0),
        ("storage-503", "is not available", 0),
        ("storage-truncated", "broke off", None),
        ("storage-expired", "Request has expired", 0),
    ],
)
def test_what_stays_wrong_fails_that_file_alone(commons, tmp_path, make, kind, words, left):
    guid, _ = make(commons)
    fine, content = small(commons, "fine.bin")
    path = f"*{guid}*"
    commons.sandbox.faults.add(kind, path=path, **({"retry_after": "0"} if "503" in kind else {}))
    report = fetched(commons, [guid, fine], tmp_path)
    assert words in report.failed["why"].item()
    assert "X-Amz" not in report.failed.to_string()
    assert (tmp_path / "fine.bin").read_bytes() == content
    if left == 0:
        assert files_in(tmp_path) == ["fine.bin"]
    commons.sandbox.faults.clear()
    assert fetched(commons, [guid, fine], tmp_path).ok
    assert len(files_in(tmp_path)) == 2


def test_a_large_file_goes_on_where_it_stopped(commons, tmp_path):
    guid, content = big(commons)
    # its last two ranges cannot be had
    commons.sandbox.faults.add("storage-drop", after=4)
    report = fetched(commons, guid, tmp_path, parallel=1)
    assert not report.ok
    [left] = files_in(tmp_path)
    assert left.endswith(".part")
    commons.sandbox.faults.clear()
    report = fetched(commons, guid, tmp_path)
    assert report.ok
    assert 0 < report.bytes < len(content)
    assert "went on after" in report.to_frame()["why"].item()
    assert (tmp_path / "big.bin").read_bytes() == content
    assert files_in(tmp_path) == ["big.bin"]


@pytest.mark.parametrize("number", [0, 1])  # of the range: with the first, the object is not known yet
def test_what_came_of_a_range_stays_when_the_url_ends(commons, tmp_path, number):
    guid, content = big(commons)
    commons.sandbox.faults.add("storage-truncated", times=1, after=number)
    commons.sandbox.faults.add("storage-expired", times=1, after=number + 1)
    report = fetched(commons, guid, tmp_path, parallel=1)
    assert report.ok
    assert report.bytes == len(content)
    assert (tmp_path / "big.bin").read_bytes() == content


def test_what_is_written_over_after_its_hash_was_taken_is_read_again(commons, tmp_path, monkeypatch):
    guid, content = big(commons)
    # half of the first range comes; then the store knows no ranges, and all of it comes, its start spoiled
    commons.sandbox.faults.add("storage-truncated", times=1)
    commons.sandbox.faults.add("storage-no-range", times=1, after=1)
    starts = []
    real = fetching._written

    def spoiled(file, block):
        if os.lseek(file, 0, os.SEEK_CUR) == 0:
            starts.append(block)
            time.sleep(0.2)  # what came before is hashed meanwhile
            if len(starts) == 2:
                return real(file, bytes(len(block)))
        return real(file, block)

    monkeypatch.setattr(fetching, "_written", spoiled)
    report = fetched(commons, guid, tmp_path, parallel=1)
    assert report.ok
    assert len(starts) == 3
    assert (tmp_path / "big.bin").read_bytes() == content


def test_the_hash_follows_what_comes_out_of_order(tmp_path):
    content = os.urandom(1000)
    path = tmp_path / "a.part"
    path.write_bytes(content)
    follower = large.Follower(str(path), "md5", len(content))
    for at in (500, 100, 700, 600, 0, 300, 200, 400, 900, 800):
        follower.grown(at, at + 100)
    assert follower.hash() == hashlib.md5(content).hexdigest()
    assert not follower.outdated


def test_ranges_go_side_by_side_where_one_connection_is_slow(commons, tmp_path, monkeypatch):
    guid, _ = big(commons)
    most = []
    real = large.LargeFile.next

    def noted(self):
        job = real(self)
        most.append(self.running)
        return job

    monkeypatch.setattr(large.LargeFile, "next", noted)
    assert fetched(commons, guid, tmp_path / "slow", parallel=8).ok
    assert max(most) == 5  # all but the first
    monkeypatch.setattr(large, "ENOUGH", 1)
    most.clear()
    assert fetched(commons, guid, tmp_path / "fast", parallel=8).ok
    assert max(most) == 2  # one that comes, and the next, which is asked for before its turn


def test_parts_of_another_object_are_not_used(commons, tmp_path):
    guid, content = big(commons)
    part = tmp_path / part_name("big.bin", guid)
    part.write_bytes(bytes(len(content)))
    with journal.opened(tmp_path, commons.endpoint) as notes:
        notes.note_part(Part(guid, "big.bin", len(content), '"another"', ((0, 4 * UNIT),)))
    report = fetched(commons, guid, tmp_path)
    assert report.ok
    assert report.bytes >= len(content)
    assert (tmp_path / "big.bin").read_bytes() == content


def test_parts_that_were_spoiled_here_are_fetched_again(commons, tmp_path):
    guid, content = big(commons)
    etag = f'"{hashlib.md5(content).hexdigest()}"'
    part = tmp_path / part_name("big.bin", guid)
    part.write_bytes(bytes(len(content)))
    with journal.opened(tmp_path, commons.endpoint) as notes:
        notes.note_part(Part(guid, "big.bin", len(content), etag, ((0, 4 * UNIT),)))
    report = fetched(commons, guid, tmp_path)
    assert report.ok
    assert (tmp_path / "big.bin").read_bytes() == content


def test_urls_are_renewed_before_they_end(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)] + [big(commons)[0]]
    asked, real = [], presigning.Presigner.another
    monkeypatch.setattr(
        presigning.Presigner, "another", lambda self, file: asked.append(file.guid) or real(self, file)
    )
    assert fetched(commons, guids, tmp_path / "lasting").ok
    assert asked == []
    monkeypatch.setattr(presigning.Presigner, "margin", 1e9)
    assert fetched(commons, guids, tmp_path / "ending").ok
    assert set(asked) == set(guids)


def test_urls_that_live_shortly_are_used_as_they_come(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)]
    real = commons.fence.download_urls

    def shortly(guids, **more):
        urls, refused = real(guids, **more)
        return {guid: replace(url, ends=time.monotonic() + 20) for guid, url in urls.items()}, refused

    monkeypatch.setattr(commons.fence, "download_urls", shortly)
    monkeypatch.setattr(presigning.Presigner, "another", lambda *_: pytest.fail("asked again"))
    assert fetched(commons, guids, tmp_path).ok


def test_an_older_commons_signs_one_url_a_request(commons, tmp_path):
    guids = [small(commons, f"{number}.bin")[0] for number in range(3)]
    commons.sandbox.faults.add("404", path="/user/data/download/bulk")
    commons.fence._in_bulk = True
    assert fetched(commons, guids, tmp_path).ok
    commons.fence._in_bulk = True


# --- as it should not be ----------------------------------------------------------------------------------


def test_unknown_guids_and_no_permission(commons, tmp_path):
    secret = uploaded(commons, b"secret", "secret.bin", OTHER)
    fine, _ = small(commons)
    with commons.sandbox.as_user("reader") as reader:
        report = fetched(reader, ["nope", secret, fine], tmp_path)
    assert report.counts == {"failed": 2, "downloaded": 1}
    nope, denied = report.failed["why"]
    assert nope == "the file index has no file of this GUID"
    assert "read-storage" in denied
    assert files_in(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"urls": []}, "names no place where its bytes are"),
        ({"urls": ["s3://commons-data/nothing/here"]}, "not in the storage"),
        ({"size": 999}, "999 bytes in the file index, and 1,000 in the storage"),
        ({"size": 3 * UNIT}, "300,000 bytes in the file index, and 1,000 in the storage"),
        ({"hashes": {"md5": "0" * 32}}, f"and {'0' * 32} in the file index, twice"),
    ],
)
def test_records_that_lie(commons, tmp_path, facts, words):
    guid, _ = small(commons)
    record = commons.indexd.get(guid)
    given = {name: record[name] for name in ("size", "hashes", "urls", "authz", "file_name")}
    lying = commons.indexd.create(**{**given, **facts})["did"]
    report = fetched(commons, lying, tmp_path)
    assert words in report.failed["why"].item()
    assert files_in(tmp_path) == []


def test_records_that_know_little(commons, tmp_path):
    guid, content = small(commons)
    record = commons.indexd.get(guid)
    upper = {"md5": hashlib.md5(content).hexdigest().upper(), "sha256": "not one"}
    facts = {"urls": record["urls"], "authz": record["authz"], "size": 1000}
    plain = commons.indexd.create(**facts, hashes={"crc": "00000000"})["did"]
    loud = commons.indexd.create(**facts, hashes={"md5": upper["md5"]}, file_name="loud.bin")["did"]
    report = fetched(commons, [plain, loud], tmp_path)
    assert report.ok
    assert report.to_frame()["name"].tolist() == ["a.bin", "loud.bin"]  # the last of its URL
    assert report.to_frame()["hash"].tolist() == ["", "md5"]
    assert "the index has no hash" in report.to_frame()["why"][0]
    # what has no hash is fetched again, unless its size is said to do
    (tmp_path / "a.bin").write_bytes(bytes(1000))
    assert fetched(commons, plain, tmp_path, skip_completed=True).counts == {"already there": 1}
    assert fetched(commons, plain, tmp_path, overwrite=True).counts == {"downloaded": 1}
    assert (tmp_path / "a.bin").read_bytes() == content


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
def test_what_cannot_be_understood_in_a_manifest_fails_its_row_alone(commons, tmp_path, dry_run):
    guids = [small(commons, f"{at}.bin")[0] for at in range(4)]
    lines = [
        "guid\tsize\tmd5",
        f"{guids[0]}\tmany\t",
        f"{guids[1]}\t1000\txyz",
        "...\t\t",
        f"{guids[2]}\t1000.0\t",
        f"{guids[0]}\t1000\t",
    ]
    (tmp_path / "files.tsv").write_text("\n".join(lines))
    report = fetched(commons, tmp_path / "files.tsv", tmp_path / "out", dry_run=dry_run)
    assert [one.status for one in report] == ["failed", "failed", "failed", "downloaded", "downloaded"]
    first, second, third, *_ = report.to_frame()["why"]
    assert first == f"line 2 of {tmp_path / 'files.tsv'}: its size is no number of bytes: 'many'"
    assert second.startswith("in the manifest its md5 'xyz' is no such hash")
    assert third == "the file index has no file of this GUID"
    assert not report.ok
    if not dry_run:
        assert {"0.bin", "2.bin"} <= set(files_in(tmp_path / "out"))


def test_what_cannot_be_understood_is_found_by_a_look_at_a_manifest(commons):
    guid = small(commons)[0]
    listed = [{"guid": guid, "size": "many"}, {"guid": guid, "md5": "xyz"}, 7, {"guid": guid}]
    found = commons.files.check_manifest(listed).to_frame()
    problems = found.groupby("row")["problem"].agg("; ".join).tolist()
    assert problems[0] == "its size is no number of bytes: 'many'"
    assert problems[1].startswith("its md5 'xyz' is no such hash")
    assert problems[2] == "it is no GUID: 7"
    assert (found.set_index("row").loc[4, "problem"]) == "the GUID stands in row 1 too"


def test_a_manifest_that_says_otherwise(commons, tmp_path):
    guid, _ = small(commons)
    report = fetched(commons, [{"guid": guid, "md5": "f" * 32}], tmp_path)
    assert "in the manifest" in report.failed["why"].item()
    report = fetched(commons, [{"guid": guid, "size": 5}], tmp_path)
    assert "1,000 bytes in the file index, and 5 in the manifest" in report.failed["why"].item()


def test_a_protocol_that_is_not_there(commons, tmp_path):
    guid, _ = small(commons)
    assert fetched(commons, guid, tmp_path, protocol="s3").ok
    report = fetched(commons, guid, tmp_path / "gs", protocol="gs")
    assert report.failed["why"].item() == "none of its places is reached by gs; there is: s3"


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x", "abs/x"),
        ("CON", "CON_"),
        ("a:b?.txt ", "a_b_.txt"),
        ("x" * 300 + ".fastq.gz", None),
        ("..", None),
    ],
)
def test_hostile_names_stay_in_the_folder(commons, tmp_path, name, here):
    guid, content = small(commons)
    record = commons.indexd.get(guid)
    facts = {fact: record[fact] for fact in ("size", "hashes", "urls", "authz")}
    hostile = commons.indexd.create(**facts, file_name=name)["did"]
    report = fetched(commons, hostile, tmp_path / "in")
    assert report.ok
    [found] = files_in(tmp_path)
    assert found == f"in/{report.to_frame()['name'].item()}"
    assert (tmp_path / found).read_bytes() == content
    [note] = report.notes
    assert " is called '" in note
    assert len(note) < 250
    if here is not None:
        assert found == f"in/{here}"
        assert note == f"{name!r} is called {here!r} here: not every system takes that name"
    if name.endswith("gz"):
        assert found.endswith(".fastq.gz")
        assert note.count(".fastq.gz'") == 2  # where the two differ


def test_links_that_lead_out_of_the_folder(commons, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "sub").symlink_to(tmp_path / "outside")
    guid, content = small(commons, "sub/a.bin")
    report = fetched(commons, guid, tmp_path / "in")
    assert "is a link that leads out of" in report.failed["why"].item()
    assert files_in(tmp_path / "outside") == []
    # a link in the place of the file, or of its part, is not written through
    guid, content = small(commons, "b.bin")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "in" / part_name("b.bin", guid)).symlink_to(tmp_path / "precious")
    report = fetched(commons, guid, tmp_path / "in")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    (tmp_path / "in" / "c.bin").symlink_to(tmp_path / "precious")
    guid, content = small(commons, "c.bin")
    assert fetched(commons, guid, tmp_path / "in", overwrite=True).ok
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "in" / "c.bin").read_bytes() == content


def test_folders_that_cannot_be(commons, tmp_path):
    guid, _ = small(commons)
    (tmp_path / "file").write_text("x")
    with pytest.raises(TransferError, match="is a file; files are downloaded into a folder"):
        fetched(commons, guid, tmp_path / "file")
    with pytest.raises(TransferError, match="cannot be made"):
        fetched(commons, guid, tmp_path / "file" / "below")
    (tmp_path / "a.bin").mkdir()
    assert "is a folder" in fetched(commons, guid, tmp_path).failed["why"].item()


def test_a_folder_that_is_read_only(commons, tmp_path, monkeypatch):
    guid, _ = small(commons)
    (tmp_path / "locked").mkdir(mode=0o500)
    if os.geteuid() == 0:  # root may write everywhere
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(TransferError, match="You may not write into"):
        fetched(commons, guid, tmp_path / "locked")


def test_too_little_room(commons, tmp_path, monkeypatch):
    guid, _ = small(commons)
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: os.terminal_size((10, 10)) and type("U", (), {"free": 10})
    )
    with pytest.raises(TransferError, match=r"too little room in .*: 1,000 B to download, 10 B free"):
        fetched(commons, guid, tmp_path)


def test_a_full_disk_ends_it_and_the_same_call_goes_on(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(20)]
    real = fetching._written

    def full(file, block):
        if len(files_in(tmp_path)) > 5:
            raise OSError(28, "No space left on device", "x")
        return real(file, block)

    monkeypatch.setattr(fetching, "_written", full)
    with pytest.raises(TransferError, match=r"ended early: .*No space left") as caught:
        fetched(commons, guids, tmp_path)
    assert caught.value.report.counts["not started"] > 0
    assert len(caught.value.report) == 20
    monkeypatch.setattr(fetching, "_written", real)
    assert fetched(commons, guids, tmp_path).ok
    assert len(files_in(tmp_path)) == 20


def test_two_downloads_into_one_folder(commons, tmp_path):
    guid, _ = small(commons)
    with (
        journal.opened(tmp_path, commons.endpoint),
        pytest.raises(TransferError, match=r"Another download into .* is under way"),
    ):
        fetched(commons, guid, tmp_path)


def test_it_can_be_stopped(commons, tmp_path):
    guids = [big(commons, f"{number}.bin")[0] for number in range(4)]
    stop = threading.Event()

    def told(done: int, total: int | None, label: str) -> None:
        if done > 3 * UNIT:
            stop.set()

    report = fetched(commons, guids, tmp_path, stop=stop, progress=told, parallel=2)
    assert report.counts["not started"] >= 1
    assert set(report.failed["why"]) == {"stopped"}
    assert fetched(commons, guids, tmp_path).ok
    assert files_in(tmp_path) == ["0.bin", "1.bin", "2.bin", "3.bin"]


def test_the_commons_goes_away_in_the_middle(commons, tmp_path, monkeypatch):
    guids = [small(commons, f"{number}.bin")[0] for number in range(4)]
    monkeypatch.setattr(presigning, "FIRST", 1)
    monkeypatch.setattr(presigning, "MOST", 1)
    commons.fence._in_bulk = True
    commons.sandbox.faults.add("500", path="/user/data/download/*", after=2)
    report = fetched(commons, guids, tmp_path)
    assert report.counts == {"downloaded": 2, "failed": 2}
    commons.sandbox.faults.clear()
    assert fetched(commons, guids, tmp_path).counts == {"already there": 2, "downloaded": 2}


def test_what_is_asked_for_wrongly(commons, tmp_path):
    with pytest.raises(TransferError, match="filename_format is one of original, guid, combined"):
        fetched(commons, [], tmp_path, filename_format="short")
    with pytest.raises(TransferError, match=r"parallel is how many requests"):
        fetched(commons, [], tmp_path, parallel=0)
    with pytest.raises(TransferError, match="1/3 to 3/3, not 4/3"):
        fetched(commons, [], tmp_path, shard=(4, 3))


def test_notes_that_are_damaged_are_begun_anew(commons, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    guid, content = small(commons)
    assert fetched(commons, guid, tmp_path / "in").ok
    [notes] = (tmp_path / "state").rglob("*.sqlite")
    damage = bytes(4096)
    notes.write_bytes(damage)
    log = Path(f"{notes}-wal")
    log.write_bytes(damage)
    report = fetched(commons, guid, tmp_path / "in")
    assert report.counts == {"already there": 1}
    assert not log.exists()
    assert fetched(commons, guid, tmp_path / "in").counts == {"already there": 1}
    assert stat.S_IMODE(notes.stat().st_mode) == 0o600
    assert (tmp_path / "in" / "a.bin").read_bytes() == content


# --- secrets ----------------------------------------------------------------------------------------------


def test_no_url_is_in_the_notes_and_only_the_user_reads_them(commons, tmp_path):
    guid, _ = big(commons)
    commons.sandbox.faults.add("storage-drop", after=3)
    report = fetched(commons, guid, tmp_path)
    place = journal.user_state_path("gen3nb", appauthor=False) / "downloads"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    notes = list(place.glob("*.sqlite"))
    for path in notes:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"Amz" not in path.read_bytes()
        assert b"http" not in path.read_bytes()
    assert notes
    assert "Amz" not in report.to_frame().to_string() + repr(report) + report._repr_html_()


def test_a_job_does_not_show_its_url():
    job = fetching.Job("g", "https://s/x?X-Amz-Signature=abc", "a", "a.part")
    assert "Amz" not in repr(job)
    assert "Amz" not in repr([job])


def test_the_commons_own_certificates_and_proxies_are_used(commons, tmp_path):
    with gen3nb.connect(
        commons.endpoint,
        credentials=commons.sandbox.credentials("reader"),
        verify="/no/such/ca.pem",
        proxies={"https": "http://proxy.test:3128"},
        timeout=(1.0, 2.0),
    ) as other:
        storage = other.transport.storage()
    assert (storage.verify, storage.proxies["https"], storage.timeout) == (
        "/no/such/ca.pem",
        "http://proxy.test:3128",
        (1.0, 2.0),
    )
