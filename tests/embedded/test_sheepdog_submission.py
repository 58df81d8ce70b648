"""What becomes of submitted records: stored, refused, or lost without a word, as in the real service."""

from __future__ import annotations

import concurrent.futures
import uuid

import pytest
import requests
from submitting import Hand

EXISTS = "{} with {} already exists in the DB"


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


def idat(name, **more):
    record = {"type": "submitted_methylation", "submitter_id": name, "file_name": "a", "file_size": 10}
    record |= {"md5sum": uuid.uuid4().hex, "data_category": "Methylation Data", "data_format": "IDAT"}
    record |= {
        "data_type": "Methylation Intensity Values",
        "core_metadata_collections": {"submitter_id": "cmc"},
    }
    return record | more


# -- all or nothing --


def test_one_bad_record_keeps_all_out(hand):
    body = hand.send(case("a"), case("b", colour="red"), case("c", experiments={"submitter_id": "nope"}))
    assert body["message"] == "Transaction aborted due to 2 invalid entities."
    assert [entity["valid"] for entity in body["entities"]] == [True, False, False]
    assert [entity["action"] for entity in body["entities"]] == ["create", None, "create"]
    assert hand.stored("case") == {}


def test_a_dry_run_stores_nothing_and_can_be_committed(hand):
    dry = hand.send(case("a"), path="/_dry_run")
    assert dry["success"]
    assert hand.stored("case") == {}
    number = dry["transaction_id"]
    done = hand.here("PUT", f"/transactions/{number}/commit").json()
    assert done["entities"][0]["id"] != dry["entities"][0]["id"]
    assert list(hand.stored("case")) == ["a"]
    again = hand.here("PUT", f"/transactions/{number}/commit")
    words = f"This transaction_log was committed already by transaction '{done['transaction_id']}'."
    assert (again.status_code, again.json()["message"]) == (400, words)


def test_a_closed_dry_run_cannot_be_committed(hand):
    number = hand.send(case("a"), path="/_dry_run")["transaction_id"]
    assert hand.here("PUT", f"/transactions/{number}/close").json()["message"] == "Closed transaction."
    assert hand.here("PUT", f"/transactions/{number}/close").status_code == 400
    answer = hand.here("PUT", f"/transactions/{number}/commit")
    assert answer.json()["message"] == "Unable to commit closed transaction log."


def test_parents_and_children_in_any_order(hand):
    hand.put(sample("s", "c"), case("c"))
    assert hand.stored("sample")["s"]["cases"][0]["submitter_id"] == "c"


# -- updates --


def test_updates_merge_null_clears_and_empty_text_stays(hand):
    hand.put(case("a", primary_site="Lung", disease_type="x"))
    hand.put(case("a", disease_type=None))
    record = hand.stored("case")["a"]
    assert (record["primary_site"], record["disease_type"]) == ("Lung", None)
    hand.put(case("a", primary_site=""))
    assert hand.stored("case")["a"]["primary_site"] == ""


def test_a_null_that_was_given_is_sorted_otherwise_than_what_is_absent(hand):
    hand.put(case("a", primary_site="Lung"), case("absent"), case("given", primary_site=None))
    hand.put(case("cleared", primary_site="Skin"))
    hand.put(case("cleared", primary_site=None))
    query = (
        'query ($p: [String]) {case(project_id: $p, order_by_asc: "primary_site", first: 0) {submitter_id}}'
    )
    body = {"query": query, "variables": {"p": [hand.project_id]}}
    answer = hand.call("POST", "/graphql", json=body).json()
    names = [one["submitter_id"] for one in answer["data"]["case"]]
    assert (set(names[:2]), names[2:]) == ({"given", "cleared"}, ["a", "absent"])
    exported = hand.here("GET", "/export", params={"node_label": "case", "format": "json"}).json()["data"]
    assert [one["submitter_id"] for one in exported if "primary_site" in one] == ["a"]


def test_an_unchanged_update_moves_no_date_and_a_change_does(hand):
    hand.put(case("a", primary_site="x"))
    before = hand.stored("case")["a"]
    hand.put(case("a", primary_site="x"))
    assert hand.stored("case")["a"] == before
    hand.put(case("a", primary_site="y"))
    after = hand.stored("case")["a"]
    assert after["created_datetime"] == before["created_datetime"] < after["updated_datetime"]


def test_links_to_many_are_added_and_never_replaced(hand):
    hand.put(case("c"), sample("s1", "c"), sample("s2", "c"))
    hand.put({"type": "aliquot", "submitter_id": "a", "samples": [{"submitter_id": "s1"}]})
    hand.put({"type": "aliquot", "submitter_id": "a", "samples": [{"submitter_id": "s2"}]})
    assert [one["submitter_id"] for one in hand.stored("aliquot")["a"]["samples"]] == ["s1", "s2"]


def test_a_required_link_cannot_be_moved(hand):
    hand.put(case("c1"), case("c2"), sample("s", "c1"))
    assert hand.errors(sample("s", "c2")) == [
        ("INVALID_LINK", ["cases"], "'cases' link has to be many_to_one")
    ]
    assert hand.stored("sample")["s"]["cases"][0]["submitter_id"] == "c1"


def test_a_type_that_holds_one_record_is_found_without_a_key(hand, practice):
    # without a submitter_id the service asks for all records of the type: of several it cannot choose
    hand.put(case("a"), case("b"))
    keys = ((hand.project_id, None),)
    words = f"Entity is not unique, multiple entities found with {keys}"
    assert hand.errors(case(None)) == [("NOT_UNIQUE", [], words)]
    words = words.replace(str(keys), str(((None, "a"),)))
    assert hand.errors(case("a", project_id=None)) == [("NOT_UNIQUE", [], words)]


# -- spellings and ids --


def test_spellings_are_one_record(hand):
    (first,) = hand.put(case("Kp-É"))
    (second,) = hand.put(case("kP-é"))
    assert (second["action"], second["id"]) == ("update", first["id"])
    assert list(hand.stored("case")) == ["kP-é"]
    hand.put(sample("s", "KP-É"))


def test_two_spellings_of_a_new_one_lose_the_whole_request(hand):
    body = hand.send(case("Du"), case("dU"), case("third"))
    assert body["success"]
    assert body["created_entity_count"] == 3
    assert hand.stored("case") == {}
    body = hand.table(
        "type\tsubmitter_id\texperiments.submitter_id\ncase\tx\te\ncase\tX\te\ncase\ty\te\n",
    )
    assert body["success"]
    assert hand.stored("case") == {}


def test_posting_what_exists(hand):
    hand.put(case("a", primary_site="x"))
    keys = {"project_id": hand.project_id, "submitter_id": "a"}
    answer = hand.here("POST", json=case("a"))
    assert answer.status_code == 400
    assert answer.json()["entities"][0]["errors"] == [
        {"keys": ["project_id", "submitter_id"], "message": EXISTS.format("case", keys), "type": "ERROR"}
    ]
    answer = hand.here("POST", json=[case("A"), case("new")])
    assert (answer.status_code, answer.json()["created_entity_count"]) == (201, 2)
    assert list(hand.stored("case")) == ["a"]


def test_one_spelling_twice(hand):
    body = hand.send(case("a"), case("a"))
    keys = ((hand.project_id, "a"),)
    assert body["transactional_errors"] == [
        {"message": f"Entity is not unique, {keys}", "type": "NOT_UNIQUE"}
    ]
    assert all(entity["valid"] for entity in body["entities"])
    hand.put(case("a"))
    (first, second) = hand.put(case("a", primary_site="1"), case("A", primary_site="2"))
    assert first["unique_keys"] == second["unique_keys"]
    assert hand.stored("case")["A"]["primary_site"] == "2"


def test_an_id_of_another_record_is_answered_well_and_stores_nothing(hand):
    (known,) = hand.put(case("a", primary_site="x"))
    (entity,) = hand.put(case("b", id=known["id"]))
    assert (entity["action"], entity["id"]) == ("create", known["id"])
    assert list(hand.stored("case")) == ["a"]
    new = str(uuid.uuid4())
    keys = {"project_id": hand.project_id, "submitter_id": "a"}
    assert [error[2] for error in hand.errors(case("a", id=new))] == [EXISTS.format("case", keys)]
    # another type may share the id
    (shared,) = hand.put(sample("s", "a", id=known["id"]))
    assert {one["type"] for one in hand.by_id(shared["id"])} == {"case", "sample"}


def test_the_same_request_at_the_same_moment_makes_one_record(hand):
    def put(_):
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(hand.session.headers)
            url = f"{hand.base}/P/{hand.code}"
            return session.put(url, json=[case(f"r{n}") for n in range(5)], timeout=60).json()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        bodies = list(pool.map(put, range(4)))
    assert all(body["success"] for body in bodies)
    assert sorted(body["created_entity_count"] for body in bodies) == [0, 0, 0, 5]
    assert len({body["entities"][0]["id"] for body in bodies}) == 1
    assert len(hand.stored("case")) == 5


# -- what cannot be stored --


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_the_database_cannot_hold(hand, text):
    body = hand.send(case("a", primary_site=text), case("b"))
    assert body["transactional_errors"] == ["Internal server error. Sorry, something unexpected went wrong!"]
    assert [entity["action"] for entity in body["entities"]] == [None, None]
    assert hand.stored("case") == {}


def test_odd_text_is_stored_as_sent(hand):
    names = [
        "a ",
        " a",
        "a",
        "e\u0301",
        "\u00e9",
        "tab\tand\nline",
        '"q"',
        "\\u0000",
        "x" * 3000,
        "🌸",
        "\x07",
    ]
    hand.put(*(case(name, primary_site=name) for name in names))
    stored = hand.stored("case")
    assert {name: one["primary_site"] for name, one in stored.items()} == {name: name for name in names}


# -- access and state --


def test_a_project_in_review_takes_nothing(hand):
    assert hand.here("PUT", "/review").status_code == 200
    answer = hand.here("PUT", json=case("a"))
    words = f"Project is in state 'review', which prevents /v0/submission/P/{hand.code}."
    assert (answer.status_code, answer.json()["message"][: len(words)]) == (400, words)
    assert hand.here("DELETE", f"/entities/{uuid.uuid4()}").status_code == 400
    assert hand.here("PUT", "/submit").status_code == 500
    assert hand.here("PUT", "/open").status_code == 200
    hand.put(case("a"))


def test_reading_users_cannot_write(hand, practice):
    for user in ("reader", "nobody"):
        hand.session.headers["Authorization"] = f"bearer {practice.token(user)}"
        for method, path in (
            ("PUT", ""),
            ("POST", ""),
            ("PUT", "/_dry_run"),
            ("DELETE", "/entities/x"),
            ("PUT", "/review"),
        ):
            answer = hand.here(method, path, json=case("a"))
            words = {"message": "You don't have access to this resource: user is unauthorized"}
            assert (answer.status_code, answer.json()) == (403, words)


# -- files --


@pytest.fixture
def files(hand):
    hand.put({"type": "core_metadata_collection", "submitter_id": "cmc", "projects": {"code": hand.code}})
    return hand


def index(hand, did):
    answer = hand.session.get(f"{hand.server.endpoint}/index/index/{did}", timeout=60)
    return answer.json() if answer.ok else None


def test_a_file_gets_an_index_record(files):
    files.put(idat("f", urls="s3://b/a,s3://b/b", consent_codes=["HMB"]))
    stored = files.stored("submitted_methylation")["f"]
    document = index(files, stored["object_id"])
    assert document["urls"] == ["s3://b/a", "s3://b/b"]
    assert document["authz"] == [f"/programs/P/projects/{files.code}", "/consents/HMB"]
    assert set(document["acl"]) == {"P", files.code}
    assert (document["size"], document["hashes"]) == (10, {"md5": stored["md5sum"]})
    assert document["file_name"] is None
    # a new size changes the record, and the index keeps the old one
    files.put(idat("f", md5sum=stored["md5sum"], file_size=11))
    assert files.stored("submitted_methylation")["f"]["file_size"] == 11
    assert index(files, stored["object_id"])["size"] == 10


def test_one_file_may_stand_for_two_records(files):
    md5 = uuid.uuid4().hex
    files.put(idat("f", md5sum=md5))
    files.put(idat("g", md5sum=md5))
    stored = files.stored("submitted_methylation")
    assert stored["f"]["object_id"] == stored["g"]["object_id"]
    assert stored["f"]["id"] != stored["g"]["id"]


def test_an_object_id_of_ones_own(files):
    did = str(uuid.uuid4())
    files.put(idat("f", object_id=did))
    assert index(files, did)["did"] == did
    (error,) = files.errors(idat("g", object_id=did))
    assert error[0] == "INVALID_VALUE"
    assert f"do not match those of indexed file of id {did}." in error[2]


def test_a_dry_run_leaves_its_index_record_and_a_deletion_keeps_it(files):
    md5 = uuid.uuid4().hex
    files.send(idat("f", md5sum=md5), path="/_dry_run")
    (entity,) = files.put(idat("f", md5sum=md5))
    did = files.stored("submitted_methylation")["f"]["object_id"]
    assert files.here("DELETE", f"/entities/{entity['id']}").status_code == 200
    assert index(files, did)["hashes"] == {"md5": md5}
