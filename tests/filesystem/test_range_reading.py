"""Ranges by URLs that are renewed while they are used, on the practice commons' object store."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest

import gen3nb
from gen3nb import errors
from gen3nb.client.fence_files import Presigned
from gen3nb.client.storage import Storage
from gen3nb.transfer import reading
from gen3nb.transfer.reading import RangeReader

CONTENT = os.urandom(3_000_000)


class Signing:
    """Presigns and counts."""

    def __init__(self, commons: gen3nb.Commons, guid: str, **options: int) -> None:
        self.commons, self.guid, self.options = commons, guid, options
        self.count = 0

    def __call__(self) -> Presigned:
        self.count += 1
        return self.commons.fence.download_url(self.guid, **self.options)


@pytest.fixture
def reader(upload, submitter, monkeypatch) -> RangeReader:
    monkeypatch.setattr(reading, "FIRST_PAUSE", 0.01)
    signing = Signing(submitter, upload(CONTENT))
    made = RangeReader(signing, Storage(timeout=(5, 5)), "the file", len(CONTENT))
    made.signing = signing
    return made


def test_one_url_serves_many_ranges(reader):
    for first in range(0, 100, 10):
        assert reader.read(first, first + 10) == CONTENT[first : first + 10]
    assert b"".join(reader.blocks()) == CONTENT
    assert reader.read(5, 5) == b""
    assert reader.read(len(CONTENT) - 3, 10**9) == CONTENT[-3:]
    assert reader.signing.count == 1


@pytest.mark.parametrize(
    "kind",
    ["storage-truncated", "storage-drop", "storage-503", "storage-429", "storage-500", "storage-no-range"],
)
def test_what_goes_wrong_for_now_is_tried_again(reader, practice, kind):
    practice.sandbox.faults.add(kind, times=3, retry_after=0)
    assert reader.read(100, 2_000_000) == CONTENT[100:2_000_000]
    assert reader.signing.count == 1


@pytest.mark.parametrize("kind", ["storage-503", "storage-429"])
def test_a_store_that_says_when_to_come_again_is_believed(reader, practice, monkeypatch, kind):
    slept: list[float] = []
    monkeypatch.setattr(reading, "sleep", slept.append)
    practice.sandbox.faults.add(kind, times=2, retry_after=7)
    assert reader.read(100, 200) == CONTENT[100:200]
    assert slept == [7.0, 7.0]
    unsized = RangeReader(reader.signing, reader._storage, "the file")
    practice.sandbox.faults.clear()
    practice.sandbox.faults.add(kind, times=1, retry_after=9)
    assert unsized.size == len(CONTENT)
    assert slept[2:] == [9.0]
    practice.sandbox.faults.clear()
    practice.sandbox.faults.add("storage-500", times=2)  # says nothing: longer each time
    assert reader.read(100, 200) == CONTENT[100:200]
    assert slept[3] < slept[4] < 1


def test_what_goes_on_going_wrong_is_an_error(reader, practice):
    practice.sandbox.faults.add("storage-503", retry_after=0)
    with pytest.raises(errors.Unavailable):
        reader.read(0, 10)
    practice.sandbox.faults.clear()
    practice.sandbox.faults.add("storage-expired")
    with pytest.raises(errors.ServiceError, match="expired"):
        reader.read(0, 10)
    assert reader.signing.count == 1 + reading.RENEWALS


def test_a_url_that_runs_out_between_two_ranges_is_replaced(reader, practice):
    assert reader.read(0, 10) == CONTENT[:10]
    practice.sandbox.faults.add("storage-expired", times=1)
    assert reader.read(10, 20) == CONTENT[10:20]
    assert reader.signing.count == 2


def test_a_url_is_renewed_beside_the_work_before_it_ends(reader):
    lease = reader._lease
    first = lease.get()
    lease._lifetime = 4 * first.seconds  # three quarters of its life are over
    assert lease.get() is first, "the work goes on with the one at hand"
    for _ in range(500):
        if lease._held is not first:
            break
        time.sleep(0.01)
    assert lease.get() is not first
    assert reader.signing.count == 2
    lease._lifetime = 1e9  # so long that nothing of it is left
    lease._held = Presigned(first.guid, first.url, time.monotonic() + 1)
    assert lease.get().seconds > 1000, "none that is about to end begins a request"
    assert reader.signing.count == 3


def test_threads_share_it_and_ask_for_one_url(reader):
    found: list[bytes] = []

    def take(first: int) -> None:
        found.append(reader.read(first, first + 100_000))

    threads = [threading.Thread(target=take, args=(number * 100_000,)) for number in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == sorted(CONTENT[n * 100_000 : (n + 1) * 100_000] for n in range(16))
    assert reader.signing.count == 1


def test_a_file_that_is_replaced_meanwhile_is_no_mixture(reader, practice):
    assert reader.read(0, 10)
    practice.sandbox.faults.add("storage-other-etag")
    with pytest.raises(errors.IntegrityError, match="replaced while it was read"):
        reader.read(10, 20)


def test_who_signs_no_more_says_so(upload, submitter, practice):
    guid = upload(CONTENT)
    reader = RangeReader(Signing(submitter, guid), Storage(), "the file")
    assert reader.size == len(CONTENT)
    practice.sandbox.faults.add("storage-expired", times=1)
    practice.sandbox.faults.add("404", path="/user/data/download/*")
    with pytest.raises(errors.Gen3Error):
        reader.read(0, 10)


def test_its_repr_shows_no_url(reader: RangeReader, practice: Callable[..., object]):
    assert reader.read(0, 1)
    assert "Amz" not in repr(reader) + repr(reader._lease) + repr(vars(reader._lease))
