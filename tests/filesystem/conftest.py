"""A practice commons with real files, and what reads them by address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import fsspec
import pytest

import gen3nb
from gen3nb.client.storage import Storage
from gen3nb.filesystem import Gen3FileSystem

AUTHZ = "/programs/DEMO/projects/alpha"
METHODS = ["create", "read", "update", "delete", "read-storage"]
USERS = {
    "submitter": {AUTHZ: METHODS, "/data_file": ["file_upload"]},
    "reader": {"/programs/OTHER": ["read"]},
}

Upload = Callable[..., str]


@pytest.fixture(scope="session")
def practice() -> Iterator[gen3nb.Commons]:
    with gen3nb.sandbox(users=USERS) as practice:
        practice.create_program("DEMO")
        practice.create_project(("DEMO", "alpha"))
        yield practice


@pytest.fixture(scope="session")
def submitter(practice: gen3nb.Commons) -> Iterator[gen3nb.Commons]:
    with practice.sandbox.as_user("submitter") as submitter:
        yield submitter


@pytest.fixture(autouse=True)
def quiet(practice: gen3nb.Commons) -> Iterator[None]:
    yield
    practice.sandbox.faults.clear()


@pytest.fixture
def host(practice: gen3nb.Commons) -> str:
    return urlsplit(practice.endpoint).netloc


@pytest.fixture
def upload(submitter: gen3nb.Commons) -> Iterator[Upload]:
    """Upload a file; it goes away after the test."""
    made = []
    storage = Storage()

    def uploaded(content: bytes, name: str = "a.bin") -> str:
        place = submitter.fence.start_upload(name, authz=[AUTHZ])
        storage.put(place.url, content, len(content))
        made.append(place.guid)
        return place.guid

    yield uploaded
    for guid in made:
        submitter.fence.delete_file(guid)
    storage.close()


@pytest.fixture
def fs(submitter: gen3nb.Commons) -> Gen3FileSystem:
    found = fsspec.filesystem("gen3", commons=submitter, skip_instance_cache=True)
    assert isinstance(found, Gen3FileSystem)
    return found
