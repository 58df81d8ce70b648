"""Lists of files, however they come, and back."""

from __future__ import annotations

import json
import pickle

import pandas as pd
import pytest

from gen3nb.errors import TransferError
from gen3nb.transfer.entries import Entry
from gen3nb.transfer.hashing import hash_file, known_hashes, strongest
from gen3nb.transfer.manifest import joined, read_manifest
from gen3nb.transfer.manifest_writing import write_manifest
from gen3nb.transfer.report import TransferReport, bytes_of
from gen3nb.transfer.spool import Outcome, Spool

MD5 = "a" * 32
ENTRIES = [
    Entry("dg.T/1", "a.bam", 3, {"md5": MD5}, ("s3://b/1", "s3://c/1"), ("/programs/P/projects/Q",)),
    Entry("dg.T/2", "ü/b c.txt", 0, {"sha256": "b" * 64}),
    Entry("dg.T/3"),
]


def facts(entries):
    return [(one.guid, one.file_name, one.size, dict(one.hashes)) for one in entries]


@pytest.mark.parametrize("form", ["portal", "data-client", "gen3"])
@pytest.mark.parametrize("ending", ["json", "tsv"])
def test_what_is_written_is_read_again(tmp_path, form, ending):
    path = tmp_path / f"manifest.{ending}"
    assert write_manifest(ENTRIES, path, form) == 3
    assert facts(read_manifest(path)) == facts(ENTRIES)
    assert facts(read_manifest(path)) == facts(read_manifest(str(path)))
    if form == "gen3":
        first = next(iter(read_manifest(path)))
        assert (first.urls, first.authz) == (ENTRIES[0].urls, ENTRIES[0].authz)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [
        '[{"object_id": "x", "subject_id": "s", "file_name": "f", "file_size": 3, "md5sum": "%s"}]',
        '[{"object_id": "x", "subject_id": "s", "title": "f", "size": "3", "md5": "%s"}]',
        '{"guid": "x", "file_name": "f", "size": 3, "hashes": {"md5": "%s", "crc": "1"}}',
        '\ufeff[{"did": "x", "file_name": "f", "size": 3, "hashes": {"md5": "%s"}}]',
        '[{"drs_uri": "drs://host.org/x", "name": "f", "size": 3, '
        '"checksums": [{"type": "md5", "checksum": "%s"}]}]',
        "guid\tmd5\tsize\tauthz\turls\tfile_name\nx\t%s\t3\t['/a']\t[s3://b/k]\tf\n",
        "\ufeffguid,md5,size,file_name\r\nx,%s,3,f\r\n",
    ],
)
def test_the_manifests_of_all_tools_are_understood(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_text(content.replace("%s", MD5.upper()), encoding="utf-8")
    assert facts(read_manifest(path)) == [("x", "f", 3, {"md5": MD5})]


def test_a_bare_list_of_guids(tmp_path):
    path = tmp_path / "guids.txt"
    path.write_text("dg.T/1\n\ndg.T/2\n")
    assert [one.guid for one in read_manifest(path)] == ["dg.T/1", "dg.T/2"]
    assert [one.guid for one in read_manifest("dg.T/1")] == ["dg.T/1"]
    assert [one.guid for one in read_manifest(["dg.T/1", None, ENTRIES[1]])] == ["dg.T/1", "", "dg.T/2"]


def test_a_frame_of_file_records():
    frame = pd.DataFrame(
        {
            "id": ["r1", "r2"],
            "object_id": ["g1", None],
            "file_name": ["a", "b"],
            "file_size": pd.array([3, None], dtype="Int64"),
            "md5sum": [MD5, None],
        }
    )
    # a record's own id is never taken for the GUID that it lacks
    assert facts(read_manifest(frame)) == [("g1", "a", 3, {"md5": MD5}), ("", "b", None, {})]
    joined_frame = frame.rename(columns={"object_id": "aligned_reads.object_id"})
    assert [one.guid for one in read_manifest(joined_frame)] == ["g1", ""]
    with pytest.raises(TransferError, match="no column object_id"):
        list(read_manifest(frame[["id", "file_name"]]))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page, not a manifest"),
        (b"", "is empty"),
        (b"PK\x03\x04\0\0\0", "it is not text"),
        (b'[{"object_id": "x"}, {"object_id', "not readable after entry 1"),
        (b'[{"object_id": "x", "file_size": "many"}]', "Entry 1: its size is no number of bytes: 'many'"),
        (b"name of it\tb\nx\ty\n", "no column is called object_id"),
        (b"guid\tsize\nx\t-3\n", "Line 2 of .*manifest.json: its size"),
        (b"[1, 2]", "Entry 1: it is no GUID: 1"),
    ],
)
def test_what_is_no_manifest(tmp_path, content, words):
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(TransferError, match=words):
        list(read_manifest(path))


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(TransferError, match="No such file"):
        read_manifest(tmp_path / "nope.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(TransferError, match="is a folder"):
        read_manifest(tmp_path / "folder.json")
    with pytest.raises(TransferError, match="not as a float"):
        read_manifest(3.5)
    with pytest.raises(TransferError, match=r"Did you mean 'portal'\?"):
        write_manifest(ENTRIES, tmp_path / "x.json", "Portal")
    with pytest.raises(TransferError, match="cannot be written"):
        write_manifest(ENTRIES, tmp_path / "nowhere" / "x.json")
    with pytest.raises(TransferError, match=r"JSON, or a table that ends in \.tsv"):
        write_manifest(ENTRIES, tmp_path / "x.xlsx")
    assert not (tmp_path / "x.xlsx").exists()


def test_shards_hold_each_file_once():
    guids = [f"g{number}" for number in range(1000)]
    parts = [[one.guid for one in part] for part in read_manifest(guids).split(16)]
    assert sorted(guid for part in parts for guid in part) == sorted(guids)
    assert min(map(len, parts)) > 30
    again = [one.guid for one in read_manifest(guids[::-1]).shard(3, 16)]
    assert sorted(again) == sorted(parts[2])
    with pytest.raises(TransferError, match="1/16 to 16/16, not 17/16"):
        read_manifest(guids).shard(17, 16)


def test_manifests_are_joined():
    both = joined([ENTRIES[:2], [Entry("dg.T/1", "other name")], ENTRIES])
    assert [one.guid for one in both] == ["dg.T/1", "dg.T/2", "dg.T/3"]
    with pytest.raises(TransferError, match=r"do not agree on dg\.T/1: its md5"):
        list(joined([ENTRIES, [Entry("dg.T/1", hashes={"md5": "f" * 32})]]))
    with pytest.raises(TransferError, match="its size is 3 and 4 bytes"):
        list(joined([ENTRIES, [Entry("dg.T/1", size=4)]]))


def test_an_entry_that_is_not_understood_goes_through_parts_and_joins():
    manifest = read_manifest([{"guid": "g", "size": "many"}, "h"])
    for one in (manifest, joined([manifest]), joined(manifest.split(2))):
        assert sorted((each.guid, each.wrong) for each in one.each()) == [
            ("g", "its size is no number of bytes: 'many'"),
            ("h", ""),
        ]
        with pytest.raises(TransferError, match="Entry 1: its size is no number of bytes: 'many'"):
            list(one)


@pytest.mark.parametrize(
    ("given", "size"), [("5", 5), (" 5.0 ", 5), ("5.", 5), (5.0, 5), ("0", 0), (2**63 - 1, 2**63 - 1)]
)
def test_sizes_as_tables_write_them(given, size):
    (one,) = read_manifest([{"guid": "g", "size": given}])
    assert one.size == size


@pytest.mark.parametrize("given", ["1_000", "1,000", "5 MB", "1e3", "٣", "", "-0.0"])
def test_what_is_no_size(given):
    (one,) = read_manifest([{"guid": "g", "size": given}]).each()
    assert (one.size, bool(one.wrong)) == (None, bool(given))


def test_hashes(tmp_path):
    assert known_hashes({"MD5": "A" * 32, "sha-256": "short", "crc": "1", "etag": "x", "sha1": "b" * 40}) == {
        "sha": "b" * 40,
        "md5": MD5,
    }
    assert strongest({"md5": MD5, "sha256": "c" * 64}) == ("sha256", "c" * 64)
    assert strongest({"md5": "no"}) is None
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert hash_file(path, ["md5", "sha"]) == (
        3,
        {"md5": "900150983cd24fb0d6963f7d28e17f72", "sha": "a9993e364706816aba3e25717850c26c9cd0d89d"},
    )


def test_a_report_says_what_became_of_each_file():
    outcomes = [
        Outcome("g1", "a", 3_000_000, 1.5, "md5", "downloaded"),
        Outcome("g2", "b", hash="md5", status="already there"),
        Outcome("g3", "c", status="failed", why="you may not read it"),
    ]
    spool = Spool()
    spool.put([(2, outcomes[2])])
    spool.put(enumerate(outcomes[:2]))
    assert spool.has(1)
    assert not spool.has(3)
    report = TransferReport(spool, verb="downloaded", where="data", seconds=2.0)
    assert str(report) == "1 downloaded, 1 already there, 1 failed, 2.9 MiB in 2 s (1.4 MiB/s)"
    assert list(report) == outcomes
    assert not report.ok
    assert report.failed["guid"].tolist() == ["g3"]
    assert list(report.to_frame().columns) == ["guid", "name", "bytes", "seconds", "hash", "status", "why"]
    assert "you may not read it" in report._repr_html_()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(report)
    error = pickle.loads(pickle.dumps(TransferError("some failed", report=report)))
    assert list(error.report) == outcomes
    assert TransferReport(Spool(outcomes[:2]), verb="downloaded", where="data").ok
    assert str(TransferReport(Spool(), verb="downloaded", where="data")).startswith("no files")


def test_bytes_as_people_write_them():
    assert [bytes_of(count) for count in (0, 1023, 1536, 1 << 30, 10 << 40)] == [
        "0 B",
        "1,023 B",
        "1.5 KiB",
        "1.0 GiB",
        "10.0 TiB",
    ]


def test_json_is_valid_when_empty(tmp_path):
    path = tmp_path / "empty.json"
    assert write_manifest([], path) == 0
    assert json.loads(path.read_text()) == []
    assert list(read_manifest(path)) == []
