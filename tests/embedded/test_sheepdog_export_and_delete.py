"""Records out again, and away."""

from __future__ import annotations

import io
import tarfile
import uuid

import pytest
import requests
import yaml
from submitting import Hand

DEPEND = (
    "Unable to delete entity because at least {} other(s) directly or indirectly depend on it. You can only "
    "delete this entity by deleting its dependents prior to, or during the same transaction as this one."
)


@pytest.fixture
def hand(practice):
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(practice, session)
        hand.put({"type": "experiment", "submitter_id": "e", "projects": {"code": hand.code}})
        yield hand


def case(name, **more):
    return {"type": "case", "submitter_id": name, "experiments": {"submitter_id": "e"}, **more}


def sample(name, parent, **more):
    return {"type": "sample", "submitter_id": name, "cases": {"submitter_id": parent}, **more}


def export(hand, **options):
    return hand.here("GET", "/export", params=options)


def test_a_table_of_a_type_is_not_quoted(hand):
    hand.put(case("a", primary_site="x\ty\nz", consent_codes=["A", "B"]))
    answer = export(hand, node_label="case")
    assert answer.headers["Content-Disposition"] == "attachment; filename=case.tsv"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    header, *rows = answer.text.splitlines()
    assert header.split("\t")[:5] == ["type", "id", "project_id", "submitter_id", "consent_codes"]
    assert rows[0].split("\t")[4:] == ["A,B", "", "x", "y"]


def test_json_of_a_type_leaves_absent_values_out_and_can_be_sent_back(hand):
    hand.put(case("a", consent_codes=["A"]), case("b"))
    data = export(hand, node_label="case", format="json").json()["data"]
    assert [set(one) for one in data if one["submitter_id"] == "b"] == [
        {"project_id", "submitter_id", "experiments", "id", "type"}
    ]
    body = hand.send(*data)
    assert body["updated_entity_count"] == 2
    short = export(hand, node_label="case", format="json", without_id="true").json()["data"]
    assert all("id" not in one and one["experiments"] == [{"submitter_id": "e"}] for one in short)


def test_a_table_of_a_type_can_be_sent_back(hand):
    hand.put(case("c"), sample("s", "c", is_ffpe=True, initial_weight=0.1, days_to_collection=3))
    before = hand.stored("sample")
    body = hand.table(export(hand, node_label="sample").text)
    assert body["updated_entity_count"] == 1
    assert hand.stored("sample") == before


def test_a_link_left_empty_keeps_a_record_in_one_row(hand):
    hand.put(case("c"), sample("s1", "c"), sample("s2", "c"))
    samples = [{"submitter_id": "s1"}, {"submitter_id": "s2"}]
    hand.put({"type": "aliquot", "submitter_id": "a", "samples": samples})
    (row,) = export(hand, node_label="aliquot", format="json").json()["data"]
    assert [one["submitter_id"] for one in row["samples"]] == ["s1", "s2"]
    line = export(hand, node_label="aliquot", format="csv").text.splitlines()[1]
    assert line.endswith(",s1#s2")


def test_many_records_come_as_one_document(hand):
    for start in range(0, 1200, 400):
        hand.put(*(case(f"c{n}") for n in range(start, start + 400)))
    data = export(hand, node_label="case", format="json").json()["data"]
    assert {one["submitter_id"] for one in data} == {f"c{n}" for n in range(1200)}
    assert len(export(hand, node_label="case").text.splitlines()) == 1201


def test_formats_and_types_that_there_are_not(hand):
    hand.put(case("a"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        export(hand, node_label="case", format="TSV")
    assert export(hand, node_label="nope").status_code == 400
    assert export(hand, node_label="root").json()["message"] == "cannot export node with category `internal`"
    answer = export(hand, node_label="project")
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (500, "text/html")


def test_by_id_absent_values_are_words(hand):
    (entity,) = hand.put(case("a", consent_codes=["A", "B"]))
    header, row = export(hand, ids=entity["id"]).text.split("\r\n")[:2]
    cells = dict(zip(header.split("\t"), row.split("\t"), strict=True))
    assert (cells["consent_codes"], cells["disease_type"]) == ("['A', 'B']", "None")
    (one,) = hand.here("POST", "/export", json={"ids": [entity["id"]], "format": "json"}).json()
    assert one["disease_type"] is None
    other = hand.put(sample("s", "a"))[0]["id"]
    assert export(hand, ids=f"{entity['id']},{other}").status_code == 500
    assert export(hand, ids=str(uuid.uuid4())).status_code == 404
    answer = export(hand, ids=entity["id"], format="xml")
    assert answer.json()["message"] == "Format xml not supported"


def test_a_manifest_of_files(hand):
    hand.put({"type": "core_metadata_collection", "submitter_id": "cmc", "projects": {"code": hand.code}})
    record = {"type": "submitted_methylation", "submitter_id": "f", "file_name": "a.idat", "file_size": 10}
    record |= {"md5sum": uuid.uuid4().hex, "data_category": "Methylation Data", "data_format": "IDAT"}
    record |= {
        "data_type": "Methylation Intensity Values",
        "core_metadata_collections": {"submitter_id": "cmc"},
    }
    (entity,) = hand.put(record)
    text = hand.here("GET", "/manifest", params={"ids": entity["id"]}).text
    (file,) = yaml.safe_load(text)["files"]
    assert (file["local_file_path"], file["id"], file["aliquots"]) == ("a.idat", entity["id"], [])


def test_all_templates_in_an_archive(hand):
    packed = hand.call("GET", "/template", params={"categories": "clinical", "exclude": "diagnosis"}).content
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        names = archive.getnames()
        text = archive.extractfile("demographic.tsv").read().decode()
    assert "diagnosis.tsv" not in names
    assert "case.tsv" not in names
    assert text.splitlines()[1].startswith("demographic\t")


def test_deleting_needs_the_dependents(hand):
    entities = hand.put(
        case("c"),
        sample("s", "c"),
        {"type": "aliquot", "submitter_id": "a", "samples": [{"submitter_id": "s"}]},
        sample("t", "c"),
    )
    top, middle, bottom, other = (entity["id"] for entity in entities)
    answer = hand.here("DELETE", f"/entities/{top}")
    assert answer.status_code == 400
    (entity,) = answer.json()["entities"]
    assert entity["errors"][0]["message"] == DEPEND.format(2)
    # one way down, not all dependents
    assert [one["type"] for one in entity["errors"][0]["dependents"]] == ["sample", "aliquot"]
    assert hand.here("DELETE", f"/entities/{top},{middle},{bottom}").status_code == 400
    assert set(hand.stored("sample")) == {"s", "t"}
    body = hand.here("DELETE", f"/entities/{top},{middle},{bottom},{other}").json()
    assert body["deleted_entity_count"] == 4
    assert hand.stored("case") == hand.stored("sample") == hand.stored("aliquot") == {}


def test_a_child_with_another_parent_stays(hand):
    first, *_ = hand.put(
        sample("s1", "c"),
        sample("s2", "c"),
        case("c"),
        {"type": "aliquot", "submitter_id": "a", "samples": [{"submitter_id": "s1"}, {"submitter_id": "s2"}]},
    )
    assert hand.here("DELETE", f"/entities/{first['id']}").json()["success"]
    assert [one["submitter_id"] for one in hand.stored("aliquot")["a"]["samples"]] == ["s2"]


def test_deleting_twice_and_in_vain(hand):
    (entity,) = hand.put(case("a"))
    body = hand.here("DELETE", f"/entities/_dry_run/{entity['id']}").json()
    assert body["message"] == "Dry run successful. Would have deleted 1 entities"
    assert hand.here("DELETE", f"/entities/{entity['id']},{uuid.uuid4()}").status_code == 400
    assert list(hand.stored("case")) == ["a"]
    number = body["transaction_id"]
    assert hand.here("PUT", f"/transactions/{number}/commit").json()["deleted_entity_count"] == 1
    assert (
        hand.here("DELETE", f"/entities/{entity['id']}").json()["entities"][0]["errors"][0]["type"]
        == "NOT_FOUND"
    )
    (again,) = hand.put(case("a"))
    assert (again["action"], again["id"] != entity["id"]) == ("create", True)


def test_ids_of_another_project_are_not_deleted(hand, practice):
    with requests.Session() as session:
        session.trust_env = False
        other = Hand(practice, session)
    (entity,) = hand.put(case("a"))
    assert other.code != hand.code
    answer = hand.session.delete(f"{hand.base}/P/{other.code}/entities/{entity['id']}", timeout=60)
    assert answer.json()["entities"][0]["errors"][0]["message"] == "Entity not found."
    assert list(hand.stored("case")) == ["a"]
