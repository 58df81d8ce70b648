"""Files and their records: sent and submitted in one call, registered, found without a record, described."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from gen3nb import errors
from gen3nb.transfer.manifest import read_manifest

PROPERTIES = {
    "data_category": "Sequencing Data",
    "data_format": "BAM",
    "data_type": "Aligned Reads",
    "experimental_strategy": "WGS",
}
NODE = "submitted_aligned_reads"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch, commons) -> Iterator[None]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield
    commons.sandbox.faults.clear()
    commons.sandbox.settings(indexing=True)


def authz_of(commons, project: str) -> str:
    return commons.project_id(project).resource


def made(tmp_path: Path, count: int) -> pd.DataFrame:
    paths = []
    for at in range(count):
        path = tmp_path / "files" / f"{at}.bam"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(100 + at))
        paths.append(str(path))
    return pd.DataFrame({"submitter_id": [f"reads-{at}" for at in range(count)], "path": paths})


def test_upload_register_and_submit_in_one_call(commons, project, tmp_path):
    frame = made(tmp_path, 3).assign(**PROPERTIES)
    report = commons.files.upload(frame, project=project, node=NODE, progress=False)
    assert report.ok, report.submission
    assert "records: 4 new" in str(report)
    records = commons.read(NODE, project=project, progress=False).sort_values("submitter_id")
    assert records["object_id"].tolist() == report.to_frame()["guid"].tolist()
    assert records["file_size"].tolist() == [100, 101, 102]
    assert records["md5sum"].iloc[0] == hashlib.md5(Path(frame["path"][0]).read_bytes()).hexdigest()
    # the dictionary wants a parent, and files without one belong to a collection
    assert len(commons.read("core_metadata_collection", project=project, progress=False)) == 1
    again = commons.files.upload(frame, project=project, node=NODE, progress=False)
    assert again.ok
    assert (again.counts, again.submission.counts["unchanged"]) == ({"already there": 3}, 4)


def test_paths_with_properties_for_all(commons, project, tmp_path):
    made(tmp_path, 2)
    report = commons.files.upload(
        tmp_path / "files",
        project=project,
        node=NODE,
        properties=PROPERTIES,
        collection="mine",
        progress=False,
    )
    assert report.ok
    records = commons.read(NODE, project=project, progress=False)
    assert sorted(records["submitter_id"]) == ["0.bam", "1.bam"]
    assert set(records["core_metadata_collections.submitter_id"].map(str)) <= {"mine", "['mine']"}


def test_records_that_are_wrong_are_found_before_any_file_is_sent(commons, project, tmp_path):
    frame = made(tmp_path, 2).assign(**{**PROPERTIES, "data_format": ["BAM", "VCF"]})
    before = commons.indexd.stats()
    with pytest.raises(errors.ValidationError, match=r"Nothing was sent.*Row 3, data_format"):
        commons.files.upload(frame, project=project, node=NODE, progress=False)
    with pytest.raises(errors.TransferError, match="describes no files"):
        commons.files.upload(frame, project=project, node="case", progress=False)
    with pytest.raises(errors.TransferError, match="project="):
        commons.files.upload(frame, node=NODE, progress=False)
    assert commons.indexd.stats() == before


def test_the_frame_of_records_is_one_that_can_be_submitted(commons, project, tmp_path):
    report = commons.files.upload(made(tmp_path, 2), project=project, progress=False)
    rows = report.records().assign(**PROPERTIES)
    rows["core_metadata_collections.submitter_id"] = "c"
    above = pd.DataFrame({"submitter_id": ["c"], "projects.code": [project.removeprefix("TEST-")]})
    frames = {"core_metadata_collection": above, NODE: rows}
    assert commons.submit(frames, project=project, progress=False).ok


def test_a_file_that_the_commons_has_not_looked_at(commons, project, tmp_path):
    commons.sandbox.settings(indexing=False)
    report = commons.files.upload(
        made(tmp_path, 1).assign(**PROPERTIES), project=project, node=NODE, wait=0.1, progress=False
    )
    assert report.ok, report.submission


def test_unmapped_and_mapped(commons, project, tmp_path):
    frame = made(tmp_path, 3)
    commons.files.upload(frame[:1].assign(**PROPERTIES), project=project, node=NODE, progress=False)
    report = commons.files.upload(frame[1:], project=project, progress=False)
    left = commons.files.unmapped(project)
    assert sorted(left["object_id"]) == sorted(report.to_frame()["guid"])
    assert left["ready"].all()
    assert left["file_size"].tolist() == [100 + int(name[0]) for name in left["file_name"]]
    with pytest.raises(errors.ValidationError, match="data_format"):
        commons.files.map(left, node=NODE, project=project, progress=False)
    done = commons.files.map(left, node=NODE, project=project, properties=PROPERTIES, progress=False)
    assert done.ok
    assert commons.files.unmapped(project).empty
    assert len(commons.read(NODE, project=project, progress=False)) == 3


def test_files_of_nobody_but_their_uploader(commons, project, tmp_path):
    report = commons.files.upload(made(tmp_path, 1), progress=False)
    (guid,) = report.to_frame()["guid"]
    assert guid in set(commons.files.unmapped()["object_id"])
    assert guid in set(commons.files.unmapped(project)["object_id"])
    frame = pd.DataFrame({"object_id": [guid]}).assign(**PROPERTIES)
    assert commons.files.map(frame, node=NODE, project=project, progress=False).ok
    assert commons.indexd.get(guid)["authz"] == [authz_of(commons, project)]
    assert guid not in set(commons.files.unmapped()["object_id"])


def test_what_cannot_be_mapped(commons, project, tmp_path):
    (guid,) = commons.files.upload(made(tmp_path, 1), project=project, progress=False).to_frame()["guid"]
    blank = commons.indexd.create_blank(file_name="b", uploader="x", authz=[authz_of(commons, project)])[
        "did"
    ]
    frame = pd.DataFrame(
        {"object_id": [guid, blank, "nope", None, guid], "file_size": [100, None, None, None, 7]}
    ).assign(**PROPERTIES)
    with pytest.raises(errors.TransferError) as caught:
        commons.files.map(frame, node=NODE, project=project, progress=False)
    assert caught.value.problems == [
        f"row 3: the index has no size and md5 of {blank} yet; try again later",
        "row 4: the index has no file nope",
        "row 5: no GUID",
        "row 6: its size is 100 bytes, not 7",
    ]
    assert not commons.files.unmapped(project).set_index("object_id")["ready"][blank]


# --- register ---------------------------------------------------------------------------------------------


def entry(**facts) -> dict:
    name = uuid.uuid4().hex
    return {
        "file_name": f"{name}.bam",
        "size": 5,
        "md5": hashlib.md5(name.encode()).hexdigest(),
        "urls": [f"s3://commons-data/there/{name}.bam"],
        **facts,
    }


def test_a_manifest_is_registered_once(commons, project):
    authz = authz_of(commons, project)
    manifest = [entry(guid=f"dg.TEST/{uuid.uuid4()}"), entry(), entry(md5=None, sha1="a" * 40)]
    dry = commons.files.register(manifest, project=project, dry_run=True, progress=False)
    assert (dry.ok, dry.counts) == (True, {"registered": 3})
    assert "dry run" in str(dry)
    assert list(commons.indexd.records(authz=[authz])) == []
    done = commons.files.register(manifest, project=project, progress=False)
    assert (done.ok, done.counts) == (True, {"registered": 3})
    for one, outcome in zip(manifest, done, strict=True):
        record = commons.indexd.get(outcome.guid)
        assert (record["size"], record["authz"], record["urls"]) == (5, [authz], one["urls"])
        assert record["file_name"] == one["file_name"]
    assert done.to_frame()["guid"][0] == manifest[0]["guid"]
    again = commons.files.register(manifest, project=project, progress=False)
    assert again.counts == {"already there": 3}
    assert again.to_frame()["guid"].tolist() == done.to_frame()["guid"].tolist()
    assert len(list(commons.indexd.records(authz=[authz]))) == 3


def test_what_is_wrong_is_a_manifest_to_repair(commons, project, tmp_path):
    good = entry()
    bad = [
        entry(size=None),
        entry(md5="xyz"),
        entry(urls=[]),
        entry(urls=["there/a.bam"]),
        entry(urls=["https://b.s3.amazonaws.com/k?X-Amz-Signature=abc"]),
        entry(guid="my-file"),
        entry(authz=["programs/P"]),
    ]
    report = commons.files.register([good, *bad], project=project, progress=False)
    assert report.counts == {"registered": 1, "failed": 7}
    words = ["size", "hash", "url", "no place", "presigned", "no GUID", "no resource"]
    for outcome, word in zip(list(report)[1:], words, strict=True):
        assert word in outcome.why
    path = tmp_path / "repair.tsv"
    assert report.to_manifest(path) == 7
    assert [one.file_name for one in read_manifest(path)] == [one["file_name"] for one in bad]
    table = pd.read_csv(path, sep="\t")
    assert table["why"].str.len().min() > 10
    table = table.assign(size=5, md5="b" * 32, guid=None, authz=None)
    table["md5"] = [uuid.uuid4().hex for _ in bad]
    table["urls"] = [f"s3://b/{at}" for at in range(7)]
    table.to_csv(path, sep="\t", index=False)
    assert commons.files.register(path, project=project, progress=False).counts == {"registered": 7}
    assert commons.files.register([good], project=project, progress=False).to_manifest(path) == 0


def test_nobody_could_read_it(commons):
    (outcome,) = commons.files.register([entry()], progress=False)
    assert "no authz" in outcome.why


def test_the_index_says_otherwise(commons, project):
    guid = f"dg.TEST/{uuid.uuid4()}"
    first = entry(guid=guid)
    commons.files.register([first], project=project, progress=False)
    (outcome,) = commons.files.register([{**first, "size": 6}], project=project, progress=False)
    assert "its size there is 5, not 6" in outcome.why
    (outcome,) = commons.files.register([{**first, "md5": "b" * 32}], project=project, progress=False)
    assert "its hash there is another one" in outcome.why
    more = {**first, "urls": [*first["urls"], "gs://b/k"]}
    (outcome,) = commons.files.register([more], project=project, progress=False)
    assert (outcome.status, outcome.why) == ("registered", "its places are added")
    assert commons.indexd.get(guid)["urls"] == more["urls"]
    twice = commons.files.register([first, first], project=project, progress=False)
    assert [one.status for one in twice] == ["already there", "failed"]


@pytest.mark.parametrize("kind", ["504-after-commit", "drop-after", "503", "500", "429"])
def test_an_answer_that_is_lost_registers_nothing_twice(commons, project, kind, monkeypatch):
    monkeypatch.setattr("gen3nb.transfer.register.PAUSE", 0.01)
    commons.sandbox.faults.add(kind, path="/index/index/", method="POST", times=1, retry_after=0)
    report = commons.files.register([entry(), entry()], project=project, progress=False)
    assert report.counts == {"registered": 2}, report.failed["why"].tolist()
    assert len(list(commons.indexd.records(authz=[authz_of(commons, project)]))) == 2


def test_who_may_not_register(commons):
    with (
        commons.sandbox.as_user("reader") as reader,
        pytest.raises(errors.PermissionDenied, match="'create' on /programs/P"),
    ):
        reader.files.register([entry(), entry()], authz="/programs/P", progress=False)


def test_pickled(commons, project):
    import pickle

    report = commons.files.register([entry(), entry(size=None)], project=project, progress=False)
    again = pickle.loads(pickle.dumps(report))
    assert again.to_frame().equals(report.to_frame())
