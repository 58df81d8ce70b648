"""Pages of a list that changes meanwhile: what is there all the time comes, and comes once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen3nb.errors import IntegrityError
from gen3nb.frames import exporting, looking, nesting, paging
from gen3nb.frames.exporting import by_pages
from gen3nb.frames.looking import Look
from gen3nb.frames.paging import Paging

if TYPE_CHECKING:
    from gen3nb import Commons


def names(count: int) -> list[str]:
    return [f"{number:05}" for number in range(count)]


def asking(held: list[str]) -> Callable[[int, int], list[dict[str, str]]]:
    return lambda first, offset: [{"id": one} for one in held[offset : offset + first]]


def read(held: list[str], size: int, meanwhile: Callable[[int], None]) -> list[str]:
    """Read a list page by page; after each page something happens to it."""
    pages = Paging(asking(held), "case")
    given_: list[str] = []
    number = 0
    while not pages.ended:
        given_ += [record["id"] for record in pages.next(size)]
        meanwhile(number)
        number += 1
    return given_


@given(
    count=st.integers(0, 30),
    size=st.integers(1, 7),
    changes=st.lists(
        st.tuples(st.lists(st.integers(0, 40), max_size=6), st.lists(st.integers(0, 40_000), max_size=6)),
        max_size=8,
    ),
)
def test_what_is_there_all_the_time_comes_once(
    count: int, size: int, changes: list[tuple[list[int], list[int]]]
) -> None:
    held = names(count)
    staying = set(held)

    def change(number: int) -> None:
        if number < len(changes):
            going, coming = changes[number]
            for at in sorted(set(going), reverse=True):
                if at < len(held):
                    staying.discard(held.pop(at))
            held.extend({f"{one / 1000:09.3f}" for one in coming} - set(held))
            held.sort()

    try:
        found = read(held, size, change)
    except IntegrityError:
        return  # too much at once: said, and not hidden
    assert len(found) == len(set(found))
    assert staying <= set(found)


@pytest.mark.parametrize("going", [1, 2, 3, 7, 9])
def test_some_may_go_without_an_error(going: int) -> None:
    held = names(40)
    found = read(held, 10, lambda number: held.__delitem__(slice(0, going)) if number == 1 else None)
    assert found == names(40)


def test_many_may_come_and_none_is_given_twice() -> None:
    held = names(40)

    def come(number: int) -> None:
        if number == 1:
            held[:0] = [f"+{one}" for one in range(9)]

    assert read(held, 10, come) == names(40)


def test_a_lost_place_and_a_record_that_comes_twice_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_KNOWN", 5)
    held = names(40)
    with pytest.raises(IntegrityError, match="The case records changed while they were read: the place is"):
        read(held, 10, lambda number: held.__delitem__(slice(0, 20)) if number == 1 else None)
    with pytest.raises(IntegrityError, match="some came twice"):
        list(Paging(lambda first, offset: [{"id": "a"}, {"id": "a"}], "case").pages(10))
    orders = iter([["a", "b"], ["b", "c", "a"], ["a", "c", "a"]])
    with pytest.raises(IntegrityError, match="some came twice"):  # in an order that is none
        list(Paging(lambda first, offset: [{"id": one} for one in next(orders)], "case").pages(2))
    with pytest.raises(IntegrityError, match="again and again"):
        list(Paging(lambda first, offset: [{"id": str(one)} for one in range(first)], "c").pages(2))
    pages = Paging(asking(names(3)), "case")
    assert len(next(pages.pages(10))) == 3
    pages.check(4, 3)
    with pytest.raises(IntegrityError, match="3 came, and the commons counts 5"):
        pages.check(4, 5)


# --- the places that page --------------------------------------------------------------------------------


@pytest.fixture
def moving(commons: Commons, project: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Ten cases; after the first page the first of them goes, and one comes behind all others."""
    rows = pd.DataFrame(
        {"submitter_id": [f"c{number}" for number in range(10)], "experiments.submitter_id": "exp"}
    )
    assert rows.gen3.submit("case", project=project, commons=commons, progress=False).ok
    ids = sorted(commons.read("case", project=project)["id"])
    ask = commons.peregrine.query
    where = commons.project_id(project)
    waiting = [True]
    late = {
        "type": "case",
        "submitter_id": "late",
        "id": "ffffffff" + ids[-1][8:],
        "experiments": {"submitter_id": "exp"},
    }

    def query(text: str, variables: Any = None, **options: Any) -> Any:
        answer = ask(text, variables, **options)
        if waiting and variables and "offset" in variables:
            waiting.clear()
            commons.sheepdog.delete(where, [ids[0]])
            assert commons.sheepdog.submit(where, [late]).ok
        return answer

    monkeypatch.setattr(commons.peregrine, "query", query)
    yield ids[1:]
    assert not waiting


def test_by_pages(commons: Commons, project: str, moving: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    node, where = commons.dictionary["case"], commons.project_id(project)
    found = [record["id"] for page in by_pages(commons, node, where, ["submitter_id"]) for record in page]
    assert set(moving) <= set(found)
    assert len(found) == len(set(found)) == 11


def test_dates_are_read_by_pages(
    commons: Commons, project: str, moving: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 3)
    frame = commons.read("case", project=project, columns=["id", "created_datetime"])
    assert set(moving) <= set(frame["id"])


def test_selections(commons: Commons, project: str, moving: list[str]) -> None:
    pages = list(commons.select("case", project=project).pages(3))
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert set(moving) <= set(pd.concat(pages)["id"])


def test_look_ups(commons: Commons, project: str, moving: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PAGE", 3)
    found = [one.id for one in Look(commons, commons.project_id(project))._all("case")]
    assert set(moving) <= set(found)


def test_joins(commons: Commons, project: str, moving: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nesting, "PAGE", 3)
    joined = commons.join("case", "experiment", project=project, way="query")
    assert set(moving) <= set(joined["id"])
