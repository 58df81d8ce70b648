"""Validation says of every row what the practice commons' own, independent check says."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from making import valid_record, valid_value

import gen3nb
from gen3nb.frames.codec import to_records
from gen3nb.frames.validation import validate

if TYPE_CHECKING:
    from gen3nb import Commons
    from gen3nb.dictionary import Link, Node, Property

GARDEN = Path(__file__).parent.parent / "dictionary" / "schemas" / "garden"
ROWS = 30


@pytest.fixture(scope="module")
def gardens() -> Iterator[Commons]:
    with gen3nb.sandbox(dictionary=GARDEN) as practice:
        practice.create_program("TEST")
        yield practice


def with_parents(commons: Commons, chance: random.Random) -> str:
    """Make a project that holds two valid records of every node, ``case-0`` and ``case-1``."""
    code = f"v{uuid.uuid4().hex[:8]}"
    commons.create_project(("TEST", code))
    for name, node in commons.dictionary.items():
        if name in {"program", "project"}:
            continue
        for number in range(2):
            record = valid_record(commons.dictionary, node, f"{name}-{number}", code, chance)
            for link in node.links:
                if link.multiplicity.startswith("one_to") and link.name in record:
                    record[link.name] = {link.key: f"{link.target}-{number}"}
            answer = commons.sheepdog.submit(commons.project_id(("TEST", code)), [record])
            assert answer.ok, answer.problems()
    return f"TEST-{code}"


def any_cell(prop: Property, chance: random.Random) -> Any:
    """Give a cell that may break any rule."""
    if chance.random() < 0.85:
        return valid_value(prop, chance)
    vocabulary = [value for value in prop.enum or () if isinstance(value, str)]
    odd = ["", "x", " ", 5, -7, 5.5, 1e12, True, "5", "true", ["a"], ["a", "a"], [], [1, 2], 2**40, {"a": 1}]
    odd += [None, "2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "é", "a\tb\nc", "A" * 300]
    odd += [value.upper() for value in vocabulary[:3]] + [f"{value} " for value in vocabulary[:3]]
    return chance.choice(odd)


def any_link(link: Link, code: str, number: int, chance: random.Random) -> Any:
    """Give a cell of a link column."""
    if link.target == "project":
        return chance.choice([code] * 12 + ["nowhere", None])
    good = f"{link.target}-{number % 2}"
    odd: list[Any] = [
        "nope",
        None,
        good.upper(),
        [good],
        [],
        [good, "nope"],
        [f"{link.target}-0", f"{link.target}-1"],
        "",
    ]
    return chance.choice([good] * 20 + odd)


def any_frame(node: Node, code: str, chance: random.Random) -> pd.DataFrame:
    table: dict[str, list[Any]] = {"submitter_id": [f"row-{number}" for number in range(ROWS)]}
    for name, prop in node.properties.items():
        # a file's object_id is checked by the index, not by the dictionary
        if name in {"type", "id", "submitter_id", "project_id", "object_id", *node.system_properties}:
            continue
        if prop.required or name in node.required or chance.random() < 0.6:
            unique = any(name in parts for parts in node.unique_keys)
            table[name] = [f"u{n}" if unique else any_cell(prop, chance) for n in range(ROWS)]
    for link in node.links:
        if chance.random() < 0.9:
            table[link.column] = [any_link(link, code, number, chance) for number in range(ROWS)]
    table["submitter_id"][3] = chance.choice(["row-3", "", None])
    if chance.random() < 0.3:
        table["no_such_property"] = [chance.choice([None, None, "x"]) for _ in range(ROWS)]
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in table.items()})


def rejected(commons: Commons, project: str, records: list[dict[str, Any]]) -> dict[int, str]:
    """Ask the commons which records it would reject; it names all of them at once."""
    answer = commons.sheepdog.submit(commons.project_id(project), records, dry_run=True)
    assert not answer.errors, answer.errors
    assert len(answer.entities) == len(records)
    return {
        position: str(entity["errors"])
        for position, entity in enumerate(answer.entities)
        if not entity["valid"]
    }


def compare(commons: Commons, seed: int) -> None:
    chance = random.Random(seed)
    project = with_parents(commons, chance)
    code = project.partition("-")[2]
    for name, node in commons.dictionary.items():
        if name in {"program", "project"}:
            continue
        frame = any_frame(node, code, chance)
        report = validate(
            frame, name, dictionary=commons.dictionary, project=project, connection=commons, progress=False
        )
        problems = report.problems.query("origin == 'service'")
        words: dict[int, list[str]] = {}
        for row, column, message in problems[["row", "column", "message"]].itertuples(index=False):
            words.setdefault(row - 2, []).append(f"{column}: {message}")
        # as a submission sends them: what must be there, but may be null, is sent as null
        asked = [name for name in node.required if name in frame and node.properties[name].nullable]
        records = [dict.fromkeys(asked) | record for record in to_records(frame, node)]
        theirs = rejected(commons, project, records)
        # rows that are only wrong in each other's company are for another test
        alone = {
            row - 2 for row in problems.loc[problems["message"].str.contains("all link to"), "row"]
        } - set(theirs)
        ours = {row: said for row, said in words.items() if row not in alone or len(said) > 1}
        strict = {row: theirs[row] for row in set(theirs) - set(ours)}
        lenient = {row: ours[row] for row in set(ours) - set(theirs)}
        assert not strict, (name, seed, strict)
        assert not lenient, (name, seed, lenient)


@pytest.mark.parametrize("seed", range(4))
def test_the_default_dictionary(commons: Commons, seed: int) -> None:
    compare(commons, seed)


@pytest.mark.parametrize("seed", range(8))
def test_a_small_dictionary_with_all_that_is_rare(gardens: Commons, seed: int) -> None:
    compare(gardens, seed)
