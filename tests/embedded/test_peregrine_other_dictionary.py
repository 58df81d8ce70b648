"""Queries on a dictionary that holds what the default one lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from asking import Ask
from submitting import Hand

from gen3nb.launch import start_server

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"


@pytest.fixture(scope="module")
def server():
    with start_server(dictionary=GARDEN) as server:
        yield server


@pytest.fixture(scope="module")
def ask(server):
    with requests.Session() as session:
        session.trust_env = False
        yield Ask(server, session)


def to(name):
    return {"submitter_id": name}


@pytest.fixture(scope="module", autouse=True)
def hand(server):
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(server, session)
        hand.put({"type": "garden", "submitter_id": "g", "projects": {"code": hand.code}, "hardinessZone": 7})
        plant = {"type": "plant", "species": "Rosa"}
        hand.put({**plant, "submitter_id": "mother", "gardens": to("g"), "height": 40.5, "rating": 3})
        more = {"petal_counts": [3, 5], "Label_Codes": ["a1", "b2"], "height": "tall", "age": "old"}
        hand.put({**plant, "submitter_id": "cutting", "plants": to("mother"), **more})
        hand.put({"type": "cross", "submitter_id": "x", "mothers": to("mother"), "fathers": to("cutting")})
        show = {"plants": [to("mother"), to("cutting")], "gardens": to("g"), "Held_On": "2026-05-01"}
        hand.put({"type": "flowerShow", "submitter_id": "show", **show})
        yield hand


def names(records):
    return [one["submitter_id"] for one in records]


def test_mixed_case_names(ask):
    data = ask(
        '{flowerShow(Held_On:"2026-05-01"){Held_On plants(order_by_asc:"submitter_id"){submitter_id'
        " flowerShows{submitter_id}}} _flowerShow_count garden{hardinessZone _flowerShows_count}}"
    )
    (show,) = data["flowerShow"]
    assert show["Held_On"] == "2026-05-01"
    assert names(show["plants"]) == ["cutting", "mother"]
    assert names(show["plants"][0]["flowerShows"]) == ["show"]
    assert data["_flowerShow_count"] == 1
    assert data["garden"] == [{"hardinessZone": 7.0, "_flowerShows_count": 1}]


def test_lists_are_lists_of_text(ask):
    (plant,) = ask('{plant(submitter_id:"cutting"){petal_counts Label_Codes age}}')["plant"]
    assert plant == {"petal_counts": ["3", "5"], "Label_Codes": ["a1", "b2"], "age": "old"}
    assert names(ask('{plant(Label_Codes:["a1","b2"]){submitter_id}}')["plant"]) == ["cutting"]
    assert ask('{plant(Label_Codes:["a1","zz"]){submitter_id}}')["plant"] == []
    assert ask('{plant(petal_counts:["3"]){submitter_id}}')["plant"] == []


def test_text_where_the_first_type_is_a_number(ask):
    data, errors = ask.wrong('{plant(order_by_asc:"submitter_id"){submitter_id height}}')
    assert data["plant"] == [
        {"submitter_id": "cutting", "height": None},
        {"submitter_id": "mother", "height": 40.5},
    ]
    assert errors == ["could not convert string to float: 'tall'"]


def test_a_vocabulary_of_numbers_is_text(ask):
    (plant,) = ask('{plant(rating:"3"){submitter_id rating}}')["plant"]
    assert plant == {"submitter_id": "mother", "rating": "3"}


def test_a_link_to_its_own_type_and_two_links_to_one(ask):
    (mother,) = ask(
        '{plant(submitter_id:"mother"){cuttings{submitter_id plants{submitter_id}} plants{id} _cuttings_count'
        " crosses_as_mother{submitter_id fathers{submitter_id}} crosses_as_father{id}}}"
    )["plant"]
    assert mother == {
        "cuttings": [{"submitter_id": "cutting", "plants": [{"submitter_id": "mother"}]}],
        "plants": [],
        "_cuttings_count": 1,
        "crosses_as_mother": [{"submitter_id": "x", "fathers": [{"submitter_id": "cutting"}]}],
        "crosses_as_father": [],
    }
    assert names(ask('{plant(with_links:"crosses_as_father"){submitter_id}}')["plant"]) == ["cutting"]


def test_files_have_what_all_file_types_share(ask):
    assert ask("{datanode{id type file_name file_size cropBox}}") == {"datanode": []}
