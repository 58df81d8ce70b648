"""Ctrl-C as a note: nothing is left half done, and a second one still raises."""

from __future__ import annotations

import signal
import threading

import pytest

from gen3nb.frames.interrupts import noted


@pytest.fixture(autouse=True)
def usual_handler():
    """Some programs start their children with Ctrl-C ignored; here it is as in a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_is_noted_and_the_second_raises():
    notes = []
    with noted(lambda: notes.append("stop")):
        signal.raise_signal(signal.SIGINT)
        assert notes == ["stop"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert notes == ["stop"]


def test_afterwards_all_is_as_before():
    with noted(lambda: None):
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_somebody_else_stays():
    calls = []
    signal.signal(signal.SIGINT, lambda *_: calls.append("theirs"))
    with noted(lambda: calls.append("ours")):
        signal.raise_signal(signal.SIGINT)
    assert calls == ["theirs"]


def test_threads_are_left_alone():
    seen = []

    def work() -> None:
        with noted(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
