"""A project into a folder and back: whole, checked, and to another project or commons."""

from __future__ import annotations

import json
import os
import resource
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from made_up import CASES, a_record, new_project, put

from gen3nb.errors import (
    DictionaryError,
    Gen3Error,
    IntegrityError,
    NotFound,
    PermissionDenied,
    ValidationError,
)
from gen3nb.frames.decoding import ColumnsOf
from gen3nb.frames.outcomes import SubmissionReport
from gen3nb.frames.parquet import read_parquet, write_parquet
from gen3nb.frames.parts import Parts
from gen3nb.frames.snapshots import MANIFEST, SnapshotReport

if TYPE_CHECKING:
    from gen3nb import Commons

NODES = ["experiment", "case", "demographic", "diagnosis", "sample", "aliquot"]
RECORDS = 1 + CASES + 24 + 24 + 2 * CASES + CASES


def snapshot(commons: Commons, project: str, folder: Path, **options: Any) -> SnapshotReport:
    return commons.snapshot(project, folder, progress=False, **options)


def restore(commons: Commons, folder: Path, **options: Any) -> SubmissionReport:
    return commons.restore(folder, progress=False, **options)


def records(commons: Commons, project: str, node: str) -> dict[str, dict[str, Any]]:
    """The records as the commons gives them, but for what differs from project to project."""
    from gen3nb.frames.reading import stored_records

    found = {}
    for record in stored_records(commons, commons.project_id(project), commons.dictionary[node]):
        kept = {name: value for name, value in record.items() if name not in {"id", "project_id", "projects"}}
        for link in commons.dictionary[node].links:
            if link.name in kept:
                kept[link.name] = sorted(end["submitter_id"] for end in kept[link.name])
        found[record["submitter_id"]] = kept
    return found


@pytest.fixture
def fresh(commons: Commons) -> str:
    """An empty project."""
    return new_project(commons, f"snap{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def taken(commons: Commons, clinic: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of the clinic; for reading alone."""
    folder = tmp_path_factory.mktemp("snapshots") / "clinic"
    snapshot(commons, clinic, folder)
    return folder


def copied(taken: Path, to: Path) -> Path:
    import shutil

    shutil.copytree(taken, to)
    return to


def test_a_snapshot_holds_everything(commons: Commons, clinic: str, tmp_path: Path) -> None:
    report = snapshot(commons, clinic, tmp_path / "deep" / "down")
    assert report.ok
    assert report.records == RECORDS
    assert report.to_frame()["node"].tolist() == NODES
    folder = report.path
    assert {path.name for path in folder.iterdir()} == {
        MANIFEST,
        "dictionary.json",
        *(f"{node}.parquet" for node in NODES),
    }
    assert [path.name for path in folder.parent.iterdir()] == ["down"]
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["project"] == clinic
    assert manifest["commons"] == commons.endpoint
    assert {one["node"]: one["records"] for one in manifest["files"]}["case"] == CASES
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0
    assert "6 nodes" in str(report)
    assert "<table" in report._repr_html_()
    text = pd.read_parquet(folder / "case.parquet")
    assert text["consent_codes"].iloc[0].tolist()[0] == "A"


def test_it_comes_back_into_another_project(commons: Commons, clinic: str, fresh: str, taken: Path) -> None:
    before = [records(commons, clinic, node) for node in NODES]
    tried = restore(commons, taken, project=fresh, dry_run=True)
    assert tried.counts["created"] == RECORDS
    assert commons.counts(fresh).empty
    report = restore(commons, taken, project=fresh)
    assert report.ok, report.to_frame().query("reason != ''")
    assert report.counts["created"] == RECORDS
    assert [records(commons, fresh, node) for node in NODES] == before
    experiment = commons.read("experiment", project=fresh, progress=False)
    assert experiment["projects.code"].tolist() == [fresh.removeprefix("TEST-")]
    assert [records(commons, clinic, node) for node in NODES] == before


def test_the_same_restore_again_sends_nothing(commons: Commons, fresh: str, taken: Path) -> None:
    assert restore(commons, taken, project=fresh).ok
    before = commons.peregrine.query("{ _transaction_log_count }")
    report = restore(commons, taken, project=fresh)
    assert report.counts["unchanged"] == RECORDS
    assert report.transactions == []
    assert commons.peregrine.query("{ _transaction_log_count }") == before


def test_what_was_changed_and_deleted_comes_back(commons: Commons, fresh: str, taken: Path) -> None:
    assert restore(commons, taken, project=fresh).ok
    commons.delete(
        pd.DataFrame({"submitter_id": ["c03", "c04"]}),
        "case",
        project=fresh,
        with_children=True,
        progress=False,
    )
    changed = commons.read("demographic", project=fresh, ids=["c01-g"], progress=False)
    changed["gender"] = "unknown"
    assert commons.submit({"demographic": changed}, project=fresh, progress=False).counts["updated"] == 1
    report = restore(commons, taken, project=fresh)
    assert report.ok
    assert report.counts["updated"] == 1
    # c03: a demographic, no diagnosis, two samples, an aliquot; c04: one diagnosis more
    assert report.counts["created"] == 5 + 6
    gender = commons.read("demographic", project=fresh, ids=["c01-g"], progress=False)["gender"].tolist()
    assert gender == ["female"]


def test_every_damaged_file_is_named_and_nothing_sent(
    commons: Commons, fresh: str, taken: Path, tmp_path: Path
) -> None:
    folder = copied(taken, tmp_path / "copy")
    data = bytearray((folder / "sample.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "sample.parquet").write_bytes(data)
    (folder / "case.parquet").unlink()
    with pytest.raises(IntegrityError) as it:
        restore(commons, folder, project=fresh)
    assert it.value.files == ("case.parquet", "sample.parquet")
    assert "case.parquet is missing" in str(it.value)
    assert "sample.parquet is damaged" in str(it.value)
    assert commons.counts(fresh).empty


@pytest.mark.parametrize("how", ["edited", "cut", "empty", "other", "newer"])
def test_a_damaged_manifest_is_named(
    commons: Commons, fresh: str, taken: Path, tmp_path: Path, how: str
) -> None:
    folder = copied(taken, tmp_path / "copy")
    file = folder / MANIFEST
    text = file.read_text()
    changes = {
        "edited": text.replace('"records": 25', '"records": 24', 1),
        "cut": text[: len(text) // 2],
        "empty": "",
        "other": "[]",
        "newer": text.replace("gen3nb snapshot 1", "gen3nb snapshot 9"),
    }
    file.write_text(changes[how])
    with pytest.raises(IntegrityError, match=r"manifest\.json"):
        restore(commons, folder, project=fresh)
    assert commons.counts(fresh).empty


def test_a_manifest_leads_nowhere_else(commons: Commons, fresh: str, taken: Path, tmp_path: Path) -> None:
    from gen3nb.frames.snapshots import sum_of_facts

    folder = copied(taken, tmp_path / "copy")
    facts = json.loads((folder / MANIFEST).read_text())
    (tmp_path / "case.parquet").write_bytes((folder / "case.parquet").read_bytes())
    facts["files"][1]["file"] = "../case.parquet"
    facts["sha256"] = sum_of_facts(facts)
    (folder / MANIFEST).write_text(json.dumps(facts))
    with pytest.raises(IntegrityError, match=r"\.\./case\.parquet"):
        restore(commons, folder, project=fresh)


def test_where_there_is_nothing(commons: Commons, fresh: str, taken: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no snapshot"):
        restore(commons, tmp_path, project=fresh)
    with pytest.raises(NotFound):
        restore(commons, taken, project="TEST-nowhere")
    with pytest.raises(NotFound):
        snapshot(commons, "TEST-nowhere", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_empty_project_is_a_snapshot_too(commons: Commons, fresh: str, tmp_path: Path) -> None:
    assert snapshot(commons, fresh, tmp_path / "x").records == 0
    assert restore(commons, tmp_path / "x").to_frame().empty


def test_other_files_are_left_alone(commons: Commons, clinic: str, fresh: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValidationError, match="other files"):
        snapshot(commons, fresh, tmp_path, replace=True)
    with pytest.raises(ValidationError, match="is a file"):
        snapshot(commons, fresh, tmp_path / "notes.txt")
    folder = tmp_path / "mine"
    snapshot(commons, clinic, folder)
    with pytest.raises(ValidationError, match="replace=True"):
        snapshot(commons, fresh, folder)
    assert len(list(folder.iterdir())) == 8
    assert snapshot(commons, fresh, folder, replace=True).records == 0
    assert sorted(path.name for path in folder.iterdir()) == ["dictionary.json", MANIFEST]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "notes.txt"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file grow larger, as on a full disk."""
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing_behind(commons: Commons, clinic: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    snapshot(commons, clinic, folder)
    was = (folder / MANIFEST).read_text()
    with files_of_at_most(3000), pytest.raises(Gen3Error, match="could not be written"):
        snapshot(commons, clinic, folder, replace=True)
    with files_of_at_most(3000), pytest.raises(Gen3Error, match="could not be written"):
        snapshot(commons, clinic, tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (folder / MANIFEST).read_text() == was


def test_a_place_that_is_not_ours(commons: Commons, clinic: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Gen3Error, match="could not be written"):
        snapshot(commons, clinic, tmp_path / "file" / "below")


def test_who_may_not_is_told_so(
    commons: Commons, clinic: str, fresh: str, taken: Path, tmp_path: Path
) -> None:
    with commons.sandbox.as_user("nobody") as nobody:
        with pytest.raises(PermissionDenied, match="'read'"):
            snapshot(nobody, clinic, tmp_path / "x")
        assert not (tmp_path / "x").exists()
    with commons.sandbox.as_user("reader") as reader, pytest.raises(PermissionDenied, match="'create'"):
        restore(reader, taken, project=fresh)


def test_records_that_come_meanwhile(
    commons: Commons, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(
        commons,
        fresh,
        [{"type": "experiment", "submitter_id": "e", "projects": {"code": fresh.removeprefix("TEST-")}}],
    )
    real = Parts.write

    def slowly(*args: Any) -> None:
        real(*args)
        put(commons, fresh, [{"type": "case", "submitter_id": "new", "experiments": {"submitter_id": "e"}}])

    monkeypatch.setattr(Parts, "write", slowly)
    with pytest.raises(IntegrityError, match=r"came or went .*\(case\)"):
        snapshot(commons, fresh, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


# --- other dictionaries ------------------------------------------------------------------------------------


def garden_records(code: str) -> list[dict[str, Any]]:
    """Records with what the default dictionary lacks: values of two types, lists, links of all kinds."""

    def to(*names: str) -> Any:
        ends = [{"submitter_id": name} for name in names]
        return ends if len(ends) > 1 else ends[0]

    return [
        {"type": "garden", "submitter_id": "g", "projects": {"code": code}},
        {"type": "seed_lot", "submitter_id": "s", "gardens": to("g"), "lot_number": "AB-1234",
         "seed_count": 7, "best_before": "never", "sieve_sizes_mm": [1, 2.5, 3.0]},
        {"type": "seed_lot", "submitter_id": "s2", "gardens": to("g"), "lot_number": "AB-1235",
         "best_before": "2031-05", "sieve_sizes_mm": []},
        {"type": "plant", "submitter_id": "p0", "species": "NA", "gardens": to("g"), "height": 40.5,
         "age": "007", "petal_counts": [1, 2], "rating": 3, "colour": "red", "Label_Codes": ["rose1", "b"],
         "planted_on": "2024-05-31T13:45:00+00:00"},
        {"type": "plant", "submitter_id": "p1", "species": 'a\tb\n"', "plants": to("p0"), "height": "tall",
         "age": 3},
        {"type": "plant", "submitter_id": "p2", "species": "", "plants": to("p1"), "seed_lots": to("s")},
        {"type": "plant", "submitter_id": "a", "species": "é", "plants": to("b")},
        {"type": "plant", "submitter_id": "b", "species": "é", "plants": to("a")},
        {"type": "cross", "submitter_id": "x", "mothers": to("p0"), "fathers": to("p1"), "success_rate": 0.1},
        {"type": "cross", "submitter_id": "y", "mothers": to("p1"), "seeds": 12},
        {"type": "graft", "submitter_id": "gr", "plants": to("p2"), "method": "bud"},
        {"type": "flowerShow", "submitter_id": "show", "gardens": to("g"), "plants": to("p0", "p2"),
         "Held_On": "2024-06-01"},
        {"type": "bouquet", "submitter_id": "bunch", "stems": to("p1", "p2"), "price": 2.5},
        {"type": "tool", "submitter_id": "t", "gardens": to("g"), "serial": "1"},
        {"type": "photo", "submitter_id": "f", "gardens": to("g"), "file_name": "f.png", "file_size": 11,
         "md5sum": "0123456789abcdef0123456789abcdef", "data_format": "PNG", "cropBox": [0, 0.5, 1, 1.0]},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def beds(gardens: Commons) -> str:
    code = f"beds{uuid.uuid4().hex[:8]}"
    project = new_project(gardens, code)
    put(gardens, project, garden_records(code))
    return project


GARDEN_NODES = ["garden", "seed_lot", "plant", "cross", "graft", "flowerShow", "bouquet", "tool", "photo"]


def test_links_and_lists_of_all_kinds_come_back(gardens: Commons, beds: str, tmp_path: Path) -> None:
    report = snapshot(gardens, beds, tmp_path / "x")
    assert report.records == 15
    other = new_project(gardens, f"other{uuid.uuid4().hex[:8]}")
    done = restore(gardens, tmp_path / "x", project=other)
    assert done.ok, done.to_frame().query("reason != ''")["reason"].tolist()
    ignored = {"object_id"}
    for node in GARDEN_NODES:
        before, after = records(gardens, beds, node), records(gardens, other, node)
        for name, record in before.items():
            assert {k: repr(v) for k, v in record.items() if k not in ignored} == {
                k: repr(v) for k, v in after[name].items() if k not in ignored
            }, node
        assert before.keys() == after.keys()
    assert restore(gardens, tmp_path / "x", project=other).counts["unchanged"] == 15


def test_another_dictionary_refuses_what_it_does_not_know(
    gardens: Commons, commons: Commons, beds: str, fresh: str, tmp_path: Path
) -> None:
    snapshot(gardens, beds, tmp_path / "x")
    with pytest.raises(DictionaryError, match="has no node 'garden'"):
        restore(commons, tmp_path / "x", project=fresh)


def test_a_dictionary_that_has_changed_checks_every_record(
    commons: Commons, fresh: str, taken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target takes what its own dictionary allows; the others are rejected, with the reason."""
    from gen3nb.dictionary import Dictionary

    document = json.loads((taken / "dictionary.json").read_text())
    genders = [value for value in document["demographic"]["properties"]["gender"]["enum"] if value != "male"]
    document["demographic"]["properties"]["gender"]["enum"] = genders
    monkeypatch.setattr(commons, "_dictionary", Dictionary.from_json(document))
    report = restore(commons, taken, project=fresh)
    table = report.to_frame()
    assert set(table.loc[table["status"] == "rejected", "node"]) == {"demographic"}
    assert report.counts["rejected"] == 12
    assert "gender" in table.loc[table["status"] == "rejected", "reason"].iloc[0]
    assert any("dictionary has changed" in note for note in report.validation["case"].notes)


def test_links_to_another_project_are_named(commons: Commons, taken: Path, fresh: str) -> None:
    from gen3nb.frames.restoring import for_project

    node = commons.dictionary["experiment"]
    frame = pd.DataFrame(
        {
            "submitter_id": ["own", "foreign"],
            "projects.code": ["old", "elsewhere"],
            "id": "x",
            "project_id": "T-old",
        }
    )
    target = commons.project_id(fresh)
    moved = for_project(frame, node, "old", target)
    assert moved["projects.code"].tolist() == [target.code, "elsewhere"]
    assert list(moved) == ["submitter_id", "projects.code"]
    assert frame["projects.code"].tolist() == ["old", "elsewhere"]
    table = commons.submit({"experiment": moved}, project=fresh, progress=False).to_frame()
    assert table["status"].tolist() == ["created", "rejected"]
    assert "links to the project 'elsewhere'" in table["reason"][1]


def test_parquet_keeps_each_value(garden: Any, tmp_path: Path) -> None:
    node = garden["plant"]
    frame = pd.DataFrame(
        {
            "submitter_id": pd.Series(["1", None, ""], dtype="string"),
            "height": pd.Series([1, 1.5, "tall"], dtype=object),
            "age": pd.Series(["1", None, 1], dtype=object),
            "petal_counts": pd.Series([[1, 2], None, []], dtype=object),
            "rating": pd.Series([1, None, 5], dtype=node.properties["rating"].dtype),
            "plants.submitter_id": pd.Series(["a", None, "007"], dtype="string"),
        }
    )
    write_parquet(frame, tmp_path / "x.parquet", node)
    back = read_parquet(tmp_path / "x.parquet", node)
    pd.testing.assert_frame_equal(back, frame)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(IntegrityError, match=r"x\.parquet"):
        read_parquet(tmp_path / "x.parquet", node)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_parts_make_the_file_that_a_whole_frame_makes(garden: Any, tmp_path: Path, size: int) -> None:
    node = garden["plant"]
    columns = [
        "id",
        "submitter_id",
        "height",
        "age",
        "petal_counts",
        "rating",
        "colour",
        "plants.submitter_id",
    ]
    records: list[dict[str, Any]] = [
        {"height": None, "petal_counts": []},
        {"height": 1, "age": 3, "petal_counts": [1, 2], "plants": [{"submitter_id": "a"}]},
        {"height": 1.5, "age": "007", "rating": 5, "colour": "red"},
        {"height": "tall", "age": None, "petal_counts": None, "plants": [{"submitter_id": "007"}]},
        {},
    ]
    for number, record in enumerate(records):
        record |= {"id": str(number), "submitter_id": f"p{number}"}
    parts = Parts(node, columns, tmp_path / "parts")
    for start in range(0, len(records), size):
        parts.add(records[start : start + size])
    assert len(parts.finish()) == 5
    assert not parts.doubled
    parts.write(tmp_path / "parts.parquet")
    assert list((tmp_path / "parts").iterdir()) == []
    whole = ColumnsOf(node, columns, extra=False)
    whole.add(records)
    write_parquet(whole.finish(), tmp_path / "whole.parquet", node)
    pd.testing.assert_frame_equal(
        read_parquet(tmp_path / "parts.parquet", node), read_parquet(tmp_path / "whole.parquet", node)
    )
    again = Parts(node, columns, tmp_path / "parts")
    again.add(records[:2])
    again.add(records[1:3])
    assert again.doubled
    assert len(again) == 3


def test_memory_holds_a_chunk_of_a_snapshot(
    commons: Commons, clinic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gen3nb.frames import decoding

    sizes: list[int] = []
    add = Parts.add

    def noted(self: Parts, chunk: Any) -> None:
        sizes.append(len(chunk))
        add(self, chunk)

    monkeypatch.setattr(Parts, "add", noted)
    monkeypatch.setattr(decoding.chunks_of, "__defaults__", (7,))
    monkeypatch.setattr("gen3nb.frames.snapshots.read", None)  # no whole frame
    assert snapshot(commons, clinic, tmp_path / "x").records == RECORDS
    assert max(sizes) == 7
    assert sum(sizes) == RECORDS


def test_records_that_the_export_parts_are_one_again(
    commons: Commons, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = fresh.removeprefix("TEST-")
    names = [f"cmc{number}" for number in range(3)]
    put(
        commons,
        fresh,
        [
            {"type": "experiment", "submitter_id": "e", "projects": {"code": code}},
            *(
                {"type": "core_metadata_collection", "submitter_id": name, "projects": {"code": code}}
                for name in names
            ),
            a_record(
                commons.dictionary["experimental_metadata"],
                "m",
                file_size=1,
                md5sum="0123456789abcdef0123456789abcdef",
                experiments=[{"submitter_id": "e"}],
                core_metadata_collections=[{"submitter_id": name} for name in names],
            ),
        ],
    )
    table = snapshot(commons, fresh, tmp_path / "x").to_frame().set_index("node")
    assert table.loc["experimental_metadata", "records"] == 1
    frame = read_parquet(
        tmp_path / "x" / "experimental_metadata.parquet", commons.dictionary["experimental_metadata"]
    )
    assert set(frame["core_metadata_collections.submitter_id"][0]) == set(names)
