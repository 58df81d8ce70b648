"""How many small files go at a time: as many as wait for the store, since threads share one interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from test_download import fetched, hurry, small

import gen3nb
from gen3nb.transfer import fetching, pace
from gen3nb.transfer.fetching import Result
from gen3nb.transfer.pace import LEAST, REMEMBERED, Pace


@pytest.fixture(scope="module")
def commons() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox() as commons:
        yield commons


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    hurry(monkeypatch)


def answered(waited: float) -> Result:
    return Result(fetching.DONE, waited=waited)


def begun(one: Pace) -> int:
    """Begin as many jobs as there is room for."""
    count = 0
    while one.room:
        one.begun()
        count += 1
    return count


def test_until_the_first_answer_all_threads_are_used():
    assert begun(Pace(32)) == 32


@pytest.mark.parametrize(
    ("waited", "most"), [(0.0005, LEAST + 1), (0.006, LEAST + 4), (0.025, LEAST + 17), (0.1, 32)]
)
def test_the_longer_the_store_lets_wait_the_more_go_at_a_time(waited, most):
    one = Pace(32)
    one.begun()
    one.over([answered(waited)])
    assert begun(one) == most


def test_the_fastest_of_the_last_answers_counts():
    one = Pace(32)
    for waited in (0.0005, 0.02, 0.03):  # the slower ones waited for each other
        one.begun()
        one.over([answered(waited)])
    assert begun(one) == LEAST + 1
    one.over([answered(0.1)] * REMEMBERED)  # the store has become slow
    assert begun(one) == 32 - LEAST


def test_what_never_got_an_answer_says_nothing():
    one = Pace(32)
    one.begun()
    one.over([Result(fetching.FAILED)])
    assert not one.known


def noted(monkeypatch) -> list[int]:
    """Note how many jobs run, whenever one is begun and the store is known."""
    running: list[int] = []
    real = Pace.begun

    def begin(self: Pace) -> None:
        real(self)
        if self.known:
            running.append(self._running)

    monkeypatch.setattr(Pace, "begun", begin)
    return running


def test_small_files_from_a_store_that_answers_at_once(commons, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "EACH", 1000.0)  # whatever this machine takes for an answer is little
    running = noted(monkeypatch)
    guids = [small(commons, f"{number}.bin")[0] for number in range(60)]
    assert fetched(commons, guids, tmp_path / "in", parallel=8).counts == {"downloaded": 60}
    assert running
    assert max(running) <= LEAST + 1


def test_processes_do_not_share_an_interpreter(commons, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "LEAST", -1000)
    guids = [small(commons, f"p{number}.bin")[0] for number in range(12)]
    with ProcessPoolExecutor(2) as executor:
        report = fetched(commons, guids, tmp_path / "in", executor=executor, parallel=1)
    assert report.counts == {"downloaded": 12}
