"""The public names with their signatures, and the documentation that each must have."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import gen3nb
from gen3nb import commons, registration
from gen3nb.client.arborist import Arborist
from gen3nb.client.drs import Drs
from gen3nb.client.fence import Fence
from gen3nb.client.indexd import Indexd
from gen3nb.client.metadata import Metadata
from gen3nb.client.peregrine import Peregrine
from gen3nb.client.sheepdog import Sheepdog
from gen3nb.client.workspace import Workspace
from gen3nb.dtp import Exporter, Gen3Submitter, Querier

SNAPSHOT = Path(__file__).with_name("public_api.txt")
CLASSES = (
    gen3nb.Commons,
    Sheepdog,
    Peregrine,
    Fence,
    Indexd,
    Drs,
    Metadata,
    Arborist,
    Workspace,
    Querier,
    Exporter,
    Gen3Submitter,
)
FUNCTIONS = ("connect", "sandbox", "read_tsv", "read_workbook", "of")


def members(kind: type) -> dict[str, object]:
    """Give the public methods and properties of a class, inherited ones of ours too."""
    found: dict[str, object] = {}
    for parent in reversed(kind.__mro__):
        if parent.__module__.startswith("gen3nb"):
            found |= {name: value for name, value in vars(parent).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if callable(value) or isinstance(value, property | classmethod | staticmethod)
    }


def described() -> str:
    """Write down each public name and its signature, one a line."""
    lines = [f"gen3nb.{name}{inspect.signature(getattr(gen3nb, name))}" for name in FUNCTIONS]
    for name in gen3nb.profiles.__all__:
        value = getattr(gen3nb.profiles, name)
        lines.append(f"gen3nb.profiles.{name}{inspect.signature(value)}")
        assert inspect.getdoc(value)
    for kind in CLASSES:
        lines.append(f"{kind.__name__}{inspect.signature(kind)}")
        for name in sorted(members(kind)):
            value = inspect.getattr_static(kind, name)
            if isinstance(value, property):
                assert value.fget is not None
                lines.append(f"{kind.__name__}.{name} -> {inspect.signature(value.fget).return_annotation}")
            else:
                lines.append(f"{kind.__name__}.{name}{inspect.signature(getattr(kind, name))}")
    return "\n".join(lines) + "\n"


def test_names_and_signatures_are_as_promised() -> None:
    """Where a change is meant: ``python tests/test_public_api.py``, and a line in the changelog."""
    assert described().splitlines() == SNAPSHOT.read_text(encoding="utf-8").splitlines()


def test_all_is_all() -> None:
    assert set(gen3nb.__all__) == set(dir(gen3nb))
    for name in gen3nb.__all__:
        assert getattr(gen3nb, name) is not None


def test_editors_and_run_time_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING and the table of lazy names agree."""
    tree = ast.parse(Path(str(gen3nb.__file__)).read_text(encoding="utf-8"))
    static: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                assert isinstance(line, ast.ImportFrom)
                for alias in line.names:
                    module = f"gen3nb.{alias.name}" if line.module == "gen3nb" else str(line.module)
                    static[alias.name] = module
    assert static == gen3nb._HOMES
    assert set(static) | {"__version__"} == set(gen3nb.__all__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_public_method_says_where_it_asks(kind: type) -> None:
    """A docstring each, and the service's method and route where it talks to one."""
    local = {"close", "endpoint", "in_cluster", "idp_of", "all_projects", "see", "lacking", "commit"}
    for name, value in members(kind).items():
        target = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        text = inspect.getdoc(target) or ""
        assert text, f"{kind.__name__}.{name} has no docstring"
        if name not in local:
            assert re.search(r"GET|POST|PUT|DELETE|:meth:`|peregrine|sheepdog", text), (
                f"{kind.__name__}.{name}: {text}"
            )


def test_every_module_function_and_class_has_a_docstring() -> None:
    for module in (commons, registration):
        assert module.__doc__
    for name in FUNCTIONS:
        text = inspect.getdoc(getattr(gen3nb, name)) or ""
        assert text.strip(), name


if __name__ == "__main__":
    SNAPSHOT.write_text(described(), encoding="utf-8")
