"""A practice commons with copies of another commons' projects, which only who has a token may see."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import requests

import gen3nb
from gen3nb.errors import Gen3Error, NotFound, PermissionDenied

if TYPE_CHECKING:
    from gen3nb import Commons

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"


@pytest.fixture(scope="module")
def source() -> Iterator[Commons]:
    """A commons with a dictionary of its own and two projects."""
    with gen3nb.sandbox(dictionary=GARDEN) as commons:
        commons.create_program("TEST")
        for code in ("beds", "lawn"):
            commons.create_project(("TEST", code), name=f"The {code}")
            frames = {
                "garden": pd.DataFrame({"submitter_id": [f"{code}-g"], "projects.code": code}),
                "plant": pd.DataFrame(
                    {
                        "submitter_id": [f"{code}-a", f"{code}-b"],
                        "species": ["rosa", "NA"],
                        "petal_counts": [[1, 2], None],
                        "gardens.submitter_id": [f"{code}-g", None],
                        "plants.submitter_id": [None, f"{code}-a"],
                    }
                ),
            }
            assert commons.submit(frames, project=f"TEST-{code}", progress=False).ok
        yield commons


def test_a_copy_has_the_records_and_the_dictionary(
    source: Commons, capfd: pytest.CaptureFixture[str]
) -> None:
    with gen3nb.sandbox(clone=source, project="TEST-beds") as copy:
        assert copy.dictionary.digest == source.dictionary.digest
        assert copy.counts()[["project", "node", "records"]].values.tolist() == [
            ["TEST-beds", "garden", 1],
            ["TEST-beds", "plant", 2],
        ]
        own = source.read("plant", project="TEST-beds", progress=False).drop(columns="id")
        theirs = copy.read("plant", project="TEST-beds", progress=False).drop(columns="id")
        both = [one.sort_values("submitter_id", ignore_index=True) for one in (own, theirs)]
        pd.testing.assert_frame_equal(*both)
        assert copy.projects()["name"].tolist() == ["The beds"]
        # practice here changes nothing there
        copy.delete(theirs, project="TEST-beds", progress=False)
        assert len(source.read("plant", project="TEST-beds", progress=False)) == 2


def test_several_projects(source: Commons) -> None:
    with gen3nb.sandbox(clone=source, project=["TEST-beds", ("TEST", "lawn")]) as copy:
        assert copy.projects()["project"].tolist() == ["TEST-beds", "TEST-lawn"]
        assert copy.counts()["records"].sum() == 6


@pytest.fixture(scope="module")
def copy(source: Commons) -> Iterator[Commons]:
    with gen3nb.sandbox(clone=source, project="TEST-beds") as commons:
        yield commons


ROUTES = [
    "/",
    "/api/v0/submission/",
    "/api/v0/submission/_dictionary/_all",
    "/api/v0/submission/getschema",
    "/api/v0/submission/template/plant",
    "/index/index/",
    "/index/_status",
    "/ga4gh/drs/v1/objects",
    "/mds/metadata",
    "/user/user",
    "/user/jwt/keys",
    "/authz/mapping",
    "/nowhere",
    "//index/index/",
    "/user/credentials/api",
    "/user/credentials/api/access_token/../../../index/index",
]


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_needs_a_token(copy: Commons, path: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        url = copy.endpoint + path
        for headers in ({}, {"Authorization": "bearer x"}, {"Authorization": "Basic eDp5"}):
            assert session.get(url, headers=headers).status_code == 401
        old = copy.sandbox.token("admin", expires_in=-60)
        assert session.get(url, headers={"Authorization": f"bearer {old}"}).status_code == 401
        good = copy.sandbox.token("admin")
        assert session.get(url, headers={"Authorization": f"bearer {good}"}).status_code != 401


def test_signing_in_still_works(copy: Commons) -> None:
    assert copy.whoami().username == "admin@commons.test"
    with copy.sandbox.as_user("reader") as reader:
        assert len(reader.read("plant", project="TEST-beds", progress=False)) == 2
        assert "petal_counts" in reader.dictionary["plant"].properties
        assert reader.sheepdog.template("plant").startswith("*type")


def test_a_folder_stays_private_and_keeps_its_dictionary(source: Commons, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    with gen3nb.sandbox(folder, clone=source, project="TEST-beds"):
        pass
    with gen3nb.sandbox(folder) as again:
        assert again.dictionary.digest == source.dictionary.digest
        assert len(again.read("plant", project="TEST-beds", progress=False)) == 2
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(again.endpoint + "/index/index/").status_code == 401
    with gen3nb.sandbox(folder, clone=source, project="TEST-beds") as again:
        assert again.counts()["records"].sum() == 3


def test_what_cannot_be_copied_starts_nothing(source: Commons, tmp_path: Path) -> None:
    with pytest.raises(Gen3Error, match="name both"):
        gen3nb.sandbox(clone=source)
    with pytest.raises(Gen3Error, match="name both"):
        gen3nb.sandbox(project="TEST-beds")
    with pytest.raises(NotFound):
        gen3nb.sandbox(clone=source, project="TEST-nowhere")
    with source.sandbox.as_user("nobody") as nobody, pytest.raises(PermissionDenied, match="'read'"):
        gen3nb.sandbox(tmp_path / uuid.uuid4().hex, clone=nobody, project="TEST-beds")
