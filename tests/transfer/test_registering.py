"""Registering, describing and deleting while others do the same, while it is stopped, where facts clash."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from test_describing import NODE, PROPERTIES, authz_of, entry, made

from gen3nb import errors
from gen3nb.client.indexd import Indexd
from gen3nb.transfer import register
from gen3nb.transfer.entries import Entry
from gen3nb.transfer.hashing import known_hashes
from gen3nb.transfer.manifest import read_manifest


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch, commons) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(register, "PAUSE", 0.01)
    yield
    commons.sandbox.faults.clear()


def registered(commons, manifest: Any, project: str, **options: Any) -> Any:
    return commons.files.register(manifest, project=project, progress=False, **options)


def guid() -> str:
    return f"dg.TEST/{os.urandom(4).hex()}-0000-4000-8000-{os.urandom(6).hex()}"


# --- register ---------------------------------------------------------------------------------------------


def test_one_content_in_two_rows_is_not_registered_twice(commons, project):
    one = entry()
    report = registered(commons, [one, {**one, "urls": ["gs://b/k"]}], project)
    assert report.counts == {"registered": 1, "failed": 1}
    assert (
        "the same content as row 1: give it a GUID, or put both urls in one row"
        in report.failed["why"].item()
    )
    assert len(list(commons.indexd.records(authz=[authz_of(commons, project)]))) == 1


def test_who_else_may_read_it_is_not_changed(commons, project):
    one = entry(guid=guid())
    registered(commons, [one], project)
    report = registered(commons, [{**one, "authz": ["/programs/TEST"]}], project)
    assert "its authz there is /programs/TEST/projects/" in report.failed["why"].item()
    assert commons.indexd.get(one["guid"])["authz"] == [authz_of(commons, project)]


#: What stands in a row that cannot be registered, and what is said of it.
BAD_ROWS = [
    ({"size": "many"}, "its size is no number of bytes: 'many'"),
    ({"size": 1.5}, "its size is no number of bytes: 1.5"),
    ({"size": -3}, "its size is no number of bytes: -3"),
    ({"size": "9" * 5_000}, "its size is no number of bytes: '999"),
    ({"size": 2**63}, "its size is no number of bytes: 9223372036854775808"),
    ({"size": True}, "its size is no number of bytes: True"),
    ({"size": [5]}, "its size is no number of bytes: [5]"),
    ({"md5": "xyz"}, "its md5 'xyz' is no such hash"),
    ({"urls": ""}, "it has no url"),
    ({"urls": ["", None]}, "it has no url"),
    ({"urls": 5}, "'5' is no place"),
    ({"urls": ["https://[there/a.bam"]}, "is no place"),
    ({"guid": "..."}, "'...' is no GUID"),
    ({"guid": "a\ud800"}, r"its guid is no text: 'a\ud800'"),
    ({"file_name": "\udfff.bam"}, r"its file_name is no text: '\udfff.bam'"),
    ({"guid": "a", "did": "b"}, "it names two files: guid is a, and did is b"),
    ({"authz": 5}, "'5' is no resource"),
]


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
@pytest.mark.parametrize("source", ["list", "frame", "json"])
def test_what_cannot_be_understood_fails_its_row_alone(commons, project, tmp_path, source, dry_run):
    bad = [one for one in BAD_ROWS if source != "json" or "is no text" not in one[1]]  # JSON has no such text
    rows: list[Any] = [entry(), *({**entry(), **facts} for facts, _ in bad), entry()]
    words = ["", *(why for _, why in bad), ""]
    if source != "frame":
        rows, words = [*rows, 7], [*words, "it is no GUID: 7"]
    manifest: Any = pd.DataFrame(rows, dtype=object) if source == "frame" else rows
    if source == "json":
        manifest = tmp_path / "manifest.json"
        manifest.write_text(json.dumps(rows))
    report = registered(commons, manifest, project, dry_run=dry_run)
    assert [outcome.status for outcome in report] == ["failed" if why else "registered" for why in words]
    for outcome, why in zip(report, words, strict=True):
        assert why in outcome.why
    there = list(commons.indexd.records(authz=[authz_of(commons, project)]))
    assert len(there) == (0 if dry_run else 2)


def test_what_cannot_be_understood_is_written_down_and_repaired(commons, project, tmp_path):
    bad = [{**entry(), "size": "many"}, {**entry(), "md5": "xyz"}, {**entry(), "did": "a", "guid": "b"}]
    report = registered(commons, pd.DataFrame(bad), project)
    path = tmp_path / "repair.tsv"
    assert report.to_manifest(path) == 3
    table = pd.read_csv(path, sep="\t", dtype=str)
    assert table["size"].tolist() == ["many", "5", "5"]
    assert table["md5"].tolist() == [bad[0]["md5"], "xyz", bad[2]["md5"]]
    assert table[["guid", "did"]].iloc[2].tolist() == ["b", "a"]
    table = table.assign(size=["5.0", "5", "5"], md5=[bad[0]["md5"], "c" * 32, bad[2]["md5"]], guid=None)
    table.drop(columns="did").to_csv(path, sep="\t", index=False)
    assert registered(commons, path, project).counts == {"registered": 3}


@pytest.mark.parametrize(
    ("theirs", "status", "words"),
    [
        ({"size": 6}, "failed", "its size there is 6, not 5"),
        ({"hashes": {"md5": "a" * 32}}, "failed", "its hash there is another one"),
        ({}, "already there", ""),
        ({"urls": ["gs://theirs/k"]}, "registered", ""),
    ],
    ids=["another size", "another hash", "the same", "another place"],
)
def test_somebody_else_registers_it_at_this_moment(commons, project, monkeypatch, theirs, status, words):
    mine, real = entry(guid=guid()), Indexd.create

    def create(self: Indexd, **facts: Any) -> dict[str, Any]:
        monkeypatch.setattr(Indexd, "create", real)
        real(self, **{**facts, **theirs})
        return real(self, **facts)

    monkeypatch.setattr(Indexd, "create", create)
    (outcome,) = registered(commons, [mine], project)
    assert (outcome.status, words in outcome.why) == (status, True)
    record = commons.indexd.get(mine["guid"])
    assert record["size"] == theirs.get("size", 5)
    assert record["urls"] == (["gs://theirs/k", *mine["urls"]] if "urls" in theirs else mine["urls"])


def test_stopped_before_it_began(commons, project):
    stop = threading.Event()
    stop.set()
    report = registered(commons, [entry(), entry()], project, stop=stop)
    assert report.counts == {"not started": 2}
    assert report.failed["why"].tolist() == ["stopped"] * 2


def test_ctrl_c_says_what_is_registered_and_the_same_call_goes_on(commons, project, monkeypatch):
    monkeypatch.setattr(register, "BATCH", 2)
    manifest, real = [entry() for _ in range(7)], Indexd.create

    def create(self: Indexd, **facts: Any) -> dict[str, Any]:
        made = real(self, **facts)
        if facts["urls"] == tuple(manifest[2]["urls"]):
            os.kill(os.getpid(), 2)
            time.sleep(0.5)  # so that it is heard before the next one begins
        return made

    monkeypatch.setattr(Indexd, "create", create)
    with pytest.raises(errors.TransferError, match=r"Interrupted: .*The same call again goes on") as caught:
        registered(commons, manifest, project, parallel=1)
    report = caught.value.facts["report"]
    assert len(report) == 7
    assert report.counts == {"registered": 3, "not started": 4}
    assert set(report.failed["why"]) == {"interrupted"}
    monkeypatch.undo()
    done = registered(commons, manifest, project)
    assert done.counts["already there"] == report.counts["registered"]
    assert len(list(commons.indexd.records(authz=[authz_of(commons, project)]))) == 7


def test_ctrl_c_before_it_began(commons, project, monkeypatch, tmp_path):
    commons.files.upload(made(tmp_path, 1), project=project, progress=False)
    left = commons.files.unmapped(project)

    def press(*_: object, **__: object) -> None:
        os.kill(os.getpid(), 2)
        time.sleep(1)

    monkeypatch.setattr("gen3nb.transfer.upload.resources_of", press)
    with pytest.raises(
        errors.TransferError, match="before any file was registered; nothing was sent"
    ) as caught:
        registered(commons, [entry()], project)
    assert caught.value.facts["interrupted"]
    monkeypatch.setattr(Indexd, "bulk", press)
    with pytest.raises(errors.TransferError, match="no record was made") as caught:
        commons.files.map(left, node=NODE, project=project, properties=PROPERTIES, progress=False)
    assert caught.value.facts["interrupted"]
    monkeypatch.undo()
    assert len(commons.files.unmapped(project)) == 1


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "for good"])
def test_a_manifest_that_breaks_off_says_what_is_registered(commons, project, monkeypatch, tmp_path, dry_run):
    monkeypatch.setattr(register, "BATCH", 2)
    rows = [entry() for _ in range(3)]
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(rows)[:-1] + ', {"file_name": ')
    with pytest.raises(errors.TransferError, match=r"It ended early: .*not readable after entry 3") as caught:
        registered(commons, path, project, dry_run=dry_run)
    assert caught.value.report.counts == {"registered": 2, "not started": 1}
    path.write_text(json.dumps(rows))
    done = registered(commons, path, project)
    assert done.counts == ({"registered": 3} if dry_run else {"registered": 1, "already there": 2})


def test_an_index_that_goes_away_says_what_is_registered(commons, project, monkeypatch):
    monkeypatch.setattr(register, "BATCH", 2)
    manifest = [entry(guid=guid()) for _ in range(5)]
    manifest[3]["size"] = "many"
    commons.sandbox.faults.add("401-html", path="/index/bulk/documents", after=2)  # two a batch
    with pytest.raises(errors.TransferError, match=r"It ended early: .*So far: 2 registered") as caught:
        registered(commons, manifest, project)
    assert [one.status for one in caught.value.report] == ["registered"] * 2 + [
        "not started",
        "failed",
        "not started",
    ]
    commons.sandbox.faults.clear()
    assert registered(commons, manifest, project).counts == {"already there": 2, "registered": 2, "failed": 1}


def test_rights_that_end_in_the_middle(commons, project, monkeypatch, tmp_path):
    monkeypatch.setattr(register, "BATCH", 2)
    manifest = [entry() for _ in range(6)]
    commons.sandbox.faults.add("401-html", path="/index/index/", method="POST", after=2)
    with pytest.raises(errors.TransferError, match=r"It ended early: .*So far: 2 registered") as caught:
        registered(commons, manifest, project, parallel=1)
    report = caught.value.facts["report"]
    assert (len(report), report.counts["registered"]) == (6, 2)
    assert report.to_manifest(tmp_path / "rest.tsv") == 4
    commons.sandbox.faults.clear()
    assert registered(commons, tmp_path / "rest.tsv", project).counts == {"registered": 4}


# --- map --------------------------------------------------------------------------------------------------


def test_names_and_hashes_of_a_frame(commons, project, tmp_path):
    report = commons.files.upload(made(tmp_path, 3), project=project, progress=False)
    left = commons.files.unmapped(project).sort_values("file_name")
    wrong = left.assign(md5sum=["f" * 32, *left["md5sum"][1:]])
    with pytest.raises(errors.TransferError, match=f"row 2: its md5 is .*, not {'f' * 32}"):
        commons.files.map(wrong, node=NODE, project=project, properties=PROPERTIES, progress=False)
    frame = left.assign(file_name=["mine.bam", None, None], md5sum=left["md5sum"].str.upper())
    options = {"node": NODE, "project": project, "properties": PROPERTIES, "progress": False}
    assert commons.files.map(frame, **options).ok
    records = commons.read(NODE, project=project, progress=False)
    assert sorted(records["file_name"]) == ["1.bam", "2.bam", "mine.bam"]
    assert sorted(records["object_id"]) == sorted(report.to_frame()["guid"])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"file_size": "many"}, "row 3: its size is 101 bytes, not 'many', which is no number of bytes"),
        ({"file_size": 101.5}, "row 3: its size is 101 bytes, not 101.5, which is no number of bytes"),
        ({"md5sum": "xyz"}, "row 3: its md5 is [0-9a-f]{32}, not xyz"),
        ({"object_id": "..."}, r"row 3: the index has no file \.\.\."),
        ({"object_id": ""}, "row 3: no GUID"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named_and_nothing_is_mapped(
    commons, project, tmp_path, facts, words
):
    commons.files.upload(made(tmp_path, 2), project=project, progress=False)
    left = commons.files.unmapped(project).sort_values("file_size").astype(object)
    (name, value), second = *facts.items(), left.index[1]
    left.loc[second, name] = value
    with pytest.raises(errors.TransferError, match=words) as caught:
        commons.files.map(left, node=NODE, project=project, properties=PROPERTIES, progress=False)
    assert len(caught.value.facts["problems"]) == 1
    assert len(commons.files.unmapped(project)) == 2


def test_a_file_without_any_name_is_called_by_its_guid(commons, project):
    one = guid()
    facts = {"size": 5, "hashes": {"md5": os.urandom(16).hex()}, "urls": ["s3://b/k"]}
    commons.indexd.create(guid=one, authz=[authz_of(commons, project)], **facts)
    frame = pd.DataFrame({"object_id": [one]}).assign(**PROPERTIES)
    assert commons.files.map(frame, node=NODE, project=project, progress=False).ok
    assert commons.read(NODE, project=project, progress=False)["file_name"].tolist() == [one]


def test_unmapped_of_one_project_only(commons, project, tmp_path):
    commons.create_project(("TEST", f"{project.removeprefix('TEST-')}-other"))
    other = f"{project}-other"
    here = commons.files.upload(made(tmp_path, 2)[:1], project=project, progress=False).to_frame()["guid"]
    there = commons.files.upload(made(tmp_path, 2)[1:], project=other, progress=False).to_frame()["guid"]
    found = set(commons.files.unmapped(project)["object_id"])
    assert set(here) <= found
    assert not set(there) & found
    facts = {"uploader": commons.auth.username, "authz": [authz_of(commons, other)]}
    blank = commons.indexd.create_blank(file_name="x", **facts)["did"]
    assert not {*here, *there, blank} & set(commons.files.unmapped()["object_id"])


# --- delete -----------------------------------------------------------------------------------------------


def test_deleted_and_what_cannot_be(commons, project, tmp_path):
    guids = (
        commons.files.upload(made(tmp_path, 2), project=project, progress=False).to_frame()["guid"].tolist()
    )
    report = commons.files.delete([guids[0], "nope", "../../user", guids[0]])
    assert (report.ok, report.counts) == (False, {"deleted": 1, "failed": 2})
    assert report.failed["guid"].tolist() == ["nope", "../../user"]
    assert all(report.failed["why"])
    assert [one["did"] for one in commons.indexd.records(authz=[authz_of(commons, project)])] == [guids[1]]
    for nothing in ([], "", [" "], [None]):
        with pytest.raises(errors.TransferError, match="Name the GUIDs"):
            commons.files.delete(nothing)


# --- manifests --------------------------------------------------------------------------------------------


def test_a_manifest_that_breaks_off_while_it_is_written_leaves_the_old_one(commons, tmp_path):
    path = tmp_path / "m.json"
    commons.files.manifest([Entry("g1")], path)

    def broken() -> Iterator[Entry]:
        yield Entry("g2")
        raise errors.TransferError("the list ends here")

    with pytest.raises(errors.TransferError, match="the list ends here"):
        commons.files.manifest(broken(), path)
    assert [one.guid for one in read_manifest(path)] == ["g1"]
    assert list(tmp_path.glob("m.json*")) == [path]


def test_what_only_looks_like_a_hash_is_none():
    assert known_hashes({"md5": "z" * 32, "sha1": "g" * 40, "sha256": "a" * 63, "sha512": ""}) == {}
    assert known_hashes({"md5": f" {'A' * 32} "}) == {"md5": "a" * 32}


def test_a_text_that_is_too_long_for_a_path_is_a_guid():
    for text in ("x" * 5_000, "a\0b"):
        assert [one.guid for one in read_manifest(text)] == [text]
