"""What the default dictionary lacks: links within one node, exclusive groups, further unique keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import gen3nb
from gen3nb.errors import DictionaryError
from gen3nb.frames.comparing import diff
from gen3nb.frames.submission import SubmissionReport, submit

if TYPE_CHECKING:
    from gen3nb import Commons

GARDEN = Path(__file__).parent.parent / "dictionary" / "schemas" / "garden"


@pytest.fixture(scope="module")
def gardens() -> Iterator[Commons]:
    with gen3nb.sandbox(dictionary=GARDEN) as practice:
        practice.create_program("TEST")
        yield practice


@pytest.fixture
def garden_project(gardens: Commons) -> str:
    code = f"g{uuid.uuid4().hex[:8]}"
    gardens.create_project(("TEST", code))
    frame = pd.DataFrame({"submitter_id": ["g"], "projects.code": [code]})
    required = [
        name for name in gardens.dictionary["garden"].required if name not in {*frame, "type", "projects"}
    ]
    assert required == []
    assert send(gardens, f"TEST-{code}", frame, "garden").ok
    return f"TEST-{code}"


def send(
    commons: Commons, project: str, frame: pd.DataFrame, node: str, **options: object
) -> SubmissionReport:
    return submit({node: frame}, connection=commons, project=project, progress=False, **options)  # type: ignore[arg-type]


def plants(rows: list[tuple[str, str | None, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "submitter_id": [name for name, _, _ in rows],
            "species": "rosa",
            "gardens.submitter_id": [garden for _, garden, _ in rows],
            "plants.submitter_id": [mother for _, _, mother in rows],
        }
    )


def test_rows_of_one_frame_link_to_each_other_in_any_order(gardens: Commons, garden_project: str) -> None:
    chain = [("p0", "g", None), *((f"p{number}", None, f"P{number - 1}") for number in range(1, 40))]
    frame = plants(chain[::-1])
    report = send(gardens, garden_project, frame, "plant", chunk=5)
    assert report.ok, report.to_frame().query("reason != ''")
    assert report.counts["created"] == 40
    assert send(gardens, garden_project, frame, "plant").counts["unchanged"] == 40


def test_a_circle_goes_in_one_request(gardens: Commons, garden_project: str) -> None:
    frame = plants([("a", None, "c"), ("b", None, "a"), ("c", None, "b")])
    assert send(gardens, garden_project, frame, "plant").counts["created"] == 3


def test_below_a_bad_row_nothing_is_sent(gardens: Commons, garden_project: str) -> None:
    frame = plants([("a", "nowhere", None), ("b", None, "a"), ("c", None, "b"), ("d", "g", None)])
    report = send(gardens, garden_project, frame, "plant")
    assert report.to_frame()["status"].tolist() == ["rejected", "rejected", "rejected", "created"]


def test_a_unique_key_that_is_taken(gardens: Commons, garden_project: str) -> None:
    def tools(*serials: str) -> pd.DataFrame:
        names = [f"t{serial}{len(serials)}" for serial in serials]
        return pd.DataFrame({"submitter_id": names, "serial": serials, "gardens.submitter_id": "g"})

    assert send(gardens, garden_project, tools("1"), "tool").ok
    report = send(gardens, garden_project, tools("1", "2"), "tool")
    assert report.to_frame()["status"].tolist() == ["rejected", "created"]
    assert "'t11' in the commons" in report.to_frame()["reason"][0]
    assert send(gardens, garden_project, tools("1"), "tool").counts["unchanged"] == 1


def test_a_target_that_one_record_alone_may_have(gardens: Commons, garden_project: str) -> None:
    assert send(gardens, garden_project, plants([("a", "g", None), ("b", "g", None)]), "plant").ok
    first = pd.DataFrame({"submitter_id": ["first"], "plants.submitter_id": ["a"]})
    assert send(gardens, garden_project, first, "graft").ok
    both = pd.DataFrame(
        {"submitter_id": ["first", "second", "third"], "plants.submitter_id": ["a", "a", "b"]}
    )
    table = send(gardens, garden_project, both, "graft").to_frame()
    assert table["status"].tolist()[1:] == ["rejected", "created"]
    alone = pd.DataFrame({"submitter_id": ["fourth"], "plants.submitter_id": ["a"]})
    report = send(gardens, garden_project, alone, "graft")
    assert "already has the graft 'first'" in report.to_frame()["reason"][0]


def test_an_optional_link_is_taken_away_and_another_follows(gardens: Commons, garden_project: str) -> None:
    assert send(
        gardens, garden_project, plants([("a", "g", None), ("b", "g", None), ("m", "g", None)]), "plant"
    ).ok
    crosses = pd.DataFrame(
        {"submitter_id": ["x"], "mothers.submitter_id": ["m"], "fathers.submitter_id": ["a"]}
    )
    assert send(gardens, garden_project, crosses, "cross").ok
    moved = crosses.assign(**{"fathers.submitter_id": "b"})
    found = diff(moved, "cross", connection=gardens, project=garden_project, progress=False)
    assert "taken away" in found.cannot_change["reason"][0]
    empty = crosses.assign(**{"fathers.submitter_id": None})
    assert send(gardens, garden_project, empty, "cross").counts["unchanged"] == 1
    assert send(gardens, garden_project, empty, "cross", missing="clear").counts["updated"] == 1
    assert send(gardens, garden_project, moved, "cross").counts["updated"] == 1
    assert send(gardens, garden_project, moved, "cross").counts["unchanged"] == 1


def test_a_vocabulary_of_numbers_is_found_by_numbers(gardens: Commons, garden_project: str) -> None:
    rated = plants([("a", "g", None), ("b", "g", None), ("c", "g", None)]).assign(rating=[5, 1, 5])
    assert send(gardens, garden_project, rated, "plant").ok
    # queries give the values of a vocabulary as text
    found = gardens.read("plant", project=garden_project, where={"rating": [5]}, progress=False)
    assert sorted(found["submitter_id"]) == ["a", "c"]
    assert list(found["rating"]) == [5, 5]
    assert gardens.select("plant", project=garden_project, where={"rating": [1]}).count() == 1


def test_both_directions_of_a_link_within_one_node_can_be_chosen(
    gardens: Commons, garden_project: str
) -> None:
    family = plants([("m", "g", None), ("a", None, "m"), ("b", None, "m")])
    assert send(gardens, garden_project, family, "plant").ok
    with pytest.raises(DictionaryError) as caught:
        gardens.join("plant", "plant", project=garden_project, progress=False)
    assert set(caught.value.ways) == {"plants", "cuttings"}
    up = gardens.join("plant", "plant", project=garden_project, via="plants", how="inner", progress=False)
    assert len(up) == 2
    down = gardens.join("plant", "plant", project=garden_project, via="cuttings", how="inner", progress=False)
    assert len(down) == 2
    assert set(up["submitter_id"]) == {"a", "b"}
    assert set(down["submitter_id"]) == {"m"}
