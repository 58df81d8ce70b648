"""The reference lists what there is: every name in it can be imported."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def listed() -> list[str]:
    """Give the names below each ``autosummary``, with the module that the page is about."""
    names, module, within = [], "gen3nb", False
    for page in sorted(PAGES.glob("*.md")):
        for line in page.read_text("utf-8").splitlines():
            text = line.strip()
            if text.startswith(".. currentmodule::"):
                module = text.partition("::")[2].strip()
            elif text == ".. autosummary::":
                within = True
            elif within and text and not line.startswith(" "):
                within = False
            elif within and text and not text.startswith(":"):
                names.append(f"{module}.{text}")
    return names


def test_names_are_listed():
    assert "gen3nb.transfer.manifest_writing.write_manifest" in listed()


@pytest.mark.parametrize("name", listed())
def test_a_name_of_the_reference_exists(name):
    assert pkgutil.resolve_name(name) is not None
