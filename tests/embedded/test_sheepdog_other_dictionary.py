"""Submission with a dictionary that holds what the default one lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from submitting import Hand

from gen3nb.launch import start_server

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"


@pytest.fixture(scope="module")
def server():
    with start_server(dictionary=GARDEN) as server:
        yield server


@pytest.fixture
def hand(server):
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(server, session)
        hand.put({"type": "garden", "submitter_id": "g", "projects": {"code": hand.code}})
        hand.put(
            {
                "type": "seed_lot",
                "submitter_id": "lot",
                "lot_number": "AB-1234",
                "gardens": {"submitter_id": "g"},
            }
        )
        yield hand


def plant(name, **more):
    return {"type": "plant", "submitter_id": name, "species": "Rosa", **more}


def to(name):
    return {"submitter_id": name}


def test_a_nested_group_left_empty(hand):
    assert hand.errors(plant("p")) == [
        (
            "ERROR",
            ["seed_lots, plants", "gardens"],
            "Entity is missing a required link to seed_lots, plants or gardens",
        )
    ]


def test_exclusive_links(hand):
    words = "Links to ['seed_lots, plants', 'gardens'] are exclusive.  More than one was provided."
    both = plant("p", seed_lots=to("lot"), gardens=to("g"))
    assert hand.errors(both) == [("ERROR", ["seed_lots, plants", "gardens"], words)]
    photo = {"type": "photo", "submitter_id": "f", "file_name": "a", "file_size": 1, "md5sum": "a" * 32}
    photo |= {"data_format": "PNG", "gardens": to("g"), "plants": to("q")}
    hand.put(plant("q", gardens=to("g")))
    words = "Links to ['plants', 'gardens'] are exclusive.  More than one was provided."
    assert hand.errors(photo) == [("INVALID_LINK", ["plants", "gardens"], words)]


def test_null_removes_an_optional_link_and_another_may_follow(hand):
    hand.put(plant("p", seed_lots=to("lot")))
    hand.put(plant("p", seed_lots=[]))  # leaves it as it is
    (record,) = hand.by_id(hand.put(plant("p"))[0]["id"])
    assert [one["submitter_id"] for one in record["seed_lots"]] == ["lot"]
    (record,) = hand.by_id(hand.put(plant("p", seed_lots=None, gardens=to("g")))[0]["id"])
    assert "seed_lots" not in record
    assert [one["submitter_id"] for one in record["gardens"]] == ["g"]


def test_one_to_one_and_one_to_many(hand):
    hand.put(plant("p", gardens=to("g")), plant("q", gardens=to("g")))
    hand.put({"type": "graft", "submitter_id": "a", "plants": to("p")})
    words = "'plants' link has to be one_to_one, target node plant already has grafts"
    assert hand.errors({"type": "graft", "submitter_id": "b", "plants": to("p")}) == [
        ("INVALID_LINK", ["plants"], words)
    ]
    hand.put({"type": "bouquet", "submitter_id": "b", "stems": [to("p"), to("q")]})
    words = "'stems' link has to be one_to_many, target node plant already has bouquets"
    assert hand.errors({"type": "bouquet", "submitter_id": "c", "stems": [to("p")]}) == [
        ("INVALID_LINK", ["stems"], words)
    ]
    # two new ones of one request are in each other's way too
    both = [{"type": "graft", "submitter_id": name, "plants": to("q")} for name in "cd"]
    assert len(hand.errors(*both)) == 2


def test_another_project_cannot_be_linked(hand, server):
    with requests.Session() as session:
        session.trust_env = False
        other = Hand(server, session)
    words = f"Cannot link entity to project {other.code} under {hand.code} endpoint"
    found = hand.errors({"type": "garden", "submitter_id": "h", "projects": {"code": other.code}})
    assert ("INVALID_PERMISSIONS", [], words) in found


def test_what_the_database_refuses_is_an_internal_error(hand):
    hand.put(plant("p", gardens=to("g")))
    answer = hand.here("POST", json=plant("p", gardens=to("g")))
    assert (answer.status_code, answer.json()) == (500, {"message": "internal server error"})
    answer = hand.here("PUT", json=[plant("Two", gardens=to("g")), plant("tWO", gardens=to("g"))])
    assert answer.status_code == 500
    assert list(hand.stored("plant")) == []  # a type that links to itself cannot be exported
    assert hand.send(plant("two", gardens=to("g")))["entities"][0]["action"] == "create"


def test_a_further_unique_key(hand):
    tool = {"type": "tool", "gardens": to("g")}
    hand.put({**tool, "submitter_id": "t1", "serial": "S-1"}, {**tool, "submitter_id": "t2", "serial": "S-2"})
    (entity,) = hand.put({**tool, "submitter_id": "T1", "serial": "s-1"})
    assert entity["action"] == "update"
    (error,) = hand.errors({**tool, "submitter_id": "t3"})
    assert error[0] == "MISSING_PROPERTY"
    (error,) = hand.errors({**tool, "submitter_id": "t3", "serial": ""})
    keys = (hand.project_id, "t3"), (hand.project_id, "")
    assert error == ("NOT_UNIQUE", [], f"Entity is not unique, multiple entities found with {keys}")
    answer = hand.here("PUT", json={**tool, "submitter_id": "t4", "serial": "s-2"})
    assert answer.status_code == 500
    assert set(hand.stored("tool")) == {"T1", "t2"}


def test_cells_take_the_first_type_that_fits(hand):
    header = "type\tsubmitter_id\tgardens.submitter_id\tspecies\theight\tage\tpetal_counts\n"
    body = hand.table(header + "plant\tp\tg\tR\t40.5\t3\t5,1.5\nplant\tq\tg\tR\ttall\told\t\n")
    assert body["success"], body
    one, two = hand.by_id(*(entity["id"] for entity in body["entities"]))
    assert (one["height"], one["age"], one["petal_counts"]) == (40.5, "3", [5, 1])
    assert (two["height"], two["age"], two["petal_counts"]) == ("tall", "old", None)


def test_one_of_and_numbers_in_a_vocabulary_are_never_converted(hand):
    header = "type\tsubmitter_id\tgardens.submitter_id\tlot_number\tseed_count\tsieve_sizes_mm\n"
    body = hand.table(header + "seed_lot\tl2\tg\tAB-0001\t5\t1\n")
    assert [error["keys"] for error in body["entities"][0]["errors"]] == [["seed_count"]]
    body = hand.table(header + "seed_lot\tl2\tg\tAB-0001\t\t1,2\n")
    assert hand.by_id(body["entities"][0]["id"])[0]["sieve_sizes_mm"] == [1.0, 2.0]


def test_exports_of_links_that_cannot_be_joined_break_off(hand):
    hand.put(plant("p", gardens=to("g")))
    hand.put({"type": "cross", "submitter_id": "x", "mothers": to("p")})
    for node in ("plant", "cross"):
        for kind in ("tsv", "json"):
            with pytest.raises(requests.exceptions.ChunkedEncodingError):
                hand.here("GET", "/export", params={"node_label": node, "format": kind})


def test_a_record_with_links_of_two_kinds_can_come_in_two_rows(hand):
    hand.put(plant("p", gardens=to("g")), plant("q", gardens=to("g")))
    photo = {"type": "photo", "file_name": "a", "file_size": 1, "data_format": "PNG"}
    hand.put({**photo, "submitter_id": "f", "md5sum": "b" * 32, "plants": [to("p"), to("q")]})
    rows = hand.here("GET", "/export", params={"node_label": "photo", "format": "json"}).json()["data"]
    assert [one["submitter_id"] for one in rows] == ["f", "f"]
    assert [target["submitter_id"] for one in rows for target in one["plants"]] == ["p", "q"]
    show = {"type": "flowerShow", "submitter_id": "s", "plants": [to("p"), to("q")], "gardens": to("g")}
    hand.put(show)
    (row,) = hand.here("GET", "/export", params={"node_label": "flowerShow", "format": "json"}).json()["data"]
    assert [one["submitter_id"] for one in row["gardens"]] == ["g", "g"]


def test_the_template_of_a_type(hand):
    header = hand.call("GET", "/template/plant").text.splitlines()[0].split("\t")
    assert header == [
        *("*type", "project_id", "*submitter_id", "gardens.submitter_id", "plants.submitter_id"),
        *("seed_lots.submitter_id", "*species", "Label_Codes", "age", "colour", "height", "petal_counts"),
        *("planted_on", "rating"),
    ]
    photo = hand.call("GET", "/template/photo").text.splitlines()[0].split("\t")
    assert photo[-1] == "urls"
    garden = hand.call("GET", "/template/garden").text.splitlines()[0].split("\t")
    assert "*projects.code" in garden
