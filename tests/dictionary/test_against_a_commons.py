"""The dictionary that a commons gives, and its templates: the same as ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from dictionaries import SCHEMAS

import gen3nb
from gen3nb.dictionary import Dictionary

if TYPE_CHECKING:
    from gen3nb import Commons


@pytest.fixture(scope="module")
def garden_commons() -> Iterator[Commons]:
    """A practice commons with the small dictionary."""
    with gen3nb.sandbox(dictionary=SCHEMAS / "garden") as practice:
        yield practice


@pytest.fixture(params=["default", "garden"])
def served(request: pytest.FixtureRequest) -> tuple[Commons, Dictionary]:
    """A commons, and the dictionary that it serves, as read from its files."""
    name = "commons" if request.param == "default" else "garden_commons"
    return request.getfixturevalue(name), request.getfixturevalue(request.param)


def test_what_a_commons_gives_is_what_its_files_say(served: tuple[Commons, Dictionary]) -> None:
    commons, read = served
    given = Dictionary.from_json(commons.sheepdog.dictionary(), source=commons.endpoint)
    assert given == read
    assert given.order == read.order
    for name, node in read.items():
        assert given[name].links == node.links
        assert given[name].link_groups == node.link_groups
        assert given[name].properties == node.properties
    assert commons.dictionary == read


def test_every_template_is_the_services(served: tuple[Commons, Dictionary]) -> None:
    commons, read = served
    for name in read:
        assert read.template(name, "tsv") == commons.sheepdog.template(name)
