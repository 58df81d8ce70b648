"""The metadata service, on a real practice commons."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gen3nb
from gen3nb import errors


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.fixture(autouse=True)
def empty(commons: gen3nb.Commons) -> Iterator[None]:
    yield
    commons.sandbox.reset()


def test_add_look_change_delete(commons):
    metadata = commons.metadata
    metadata.create("g/1", {"a": 1, "b": {"c": "x"}})
    assert metadata.get("g/1") == {"a": 1, "b": {"c": "x"}}
    with pytest.raises(errors.Conflict, match="g/1"):
        metadata.create("g/1", {})
    metadata.create("g/1", {"a": 2, "b": 3}, overwrite=True)
    assert metadata.update("g/1", {"a": 4}, merge=True) == {"a": 4, "b": 3}
    assert metadata.update("g/1", {"a": 5}) == {"a": 5}
    assert metadata.delete("g/1") == {"a": 5}
    for act in (metadata.get, metadata.delete, metadata.aliases, lambda guid: metadata.update(guid, {})):
        with pytest.raises(errors.NotFound, match="has no metadata of g/1"):
            act("g/1")


def test_many_and_pages_of_them(commons, monkeypatch):
    monkeypatch.setattr("gen3nb.client.metadata.LARGEST_PAGE", 3)
    monkeypatch.setattr("gen3nb.client.metadata.AT_ONCE", 2)
    metadata = commons.metadata
    data = {f"g{number}": {"n": number, "study": {"id": f"s{number % 2}"}} for number in range(7)}
    assert set(metadata.create_many(data)["created"]) == set(data)
    again = metadata.create_many({"g0": {"n": 0}, "new": {}})
    assert (again["conflict"], again["created"]) == (["g0"], ["new"])
    assert metadata.create_many({"g0": data["g0"]}, overwrite=True)["updated"] == ["g0"]
    assert dict(metadata.query({"n": "*"})) == data
    assert set(metadata.guids()) == {*data, "new"}
    assert len(list(metadata.query(limit=4))) == 4
    assert {guid for guid, _ in metadata.query({"study.id": "s1"})} == {"g1", "g3", "g5"}
    assert set(metadata.guids({"n": [1, 2]})) == {"g1", "g2"}


def test_other_names(commons):
    metadata = commons.metadata
    metadata.create("g1", {"a": 1})
    metadata.create("g2", {"a": 2})
    metadata.add_aliases("g1", ["one", "eins"])
    assert set(metadata.aliases("g1")) == {"one", "eins"}
    assert metadata.get("eins") == {"a": 1}
    with pytest.raises(errors.Conflict):
        metadata.add_aliases("g2", ["one"])
    metadata.remove_alias("g1", "one")
    assert metadata.aliases("g1") == ["eins"]
    with pytest.raises(errors.NotFound):
        metadata.remove_alias("g1", "one")


def test_who_may_not_change_it(commons):
    with (
        commons.sandbox.as_user("reader") as reader,
        pytest.raises(errors.PermissionDenied, match=r"'access' on /mds_gateway"),
    ):
        reader.metadata.create("g1", {})


def test_a_commons_without_it(commons):
    with gen3nb.sandbox(without=["metadata"]) as other:
        for act in (
            lambda: other.metadata.get("g1"),
            lambda: list(other.metadata.query()),
            lambda: other.metadata.create("g1", {}),
        ):
            with pytest.raises(errors.NotFound, match="does not seem to run the metadata service"):
                act()
