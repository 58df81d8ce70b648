"""``df.gen3``: finds node, project and commons, delegates, and changes no frame."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from made_up import a_record, new_project, put

import gen3nb
from gen3nb.accessor import Gen3Accessor
from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError, NotConnected, NotFound
from gen3nb.frames.tsv import read_tsv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gen3nb import Commons


@pytest.fixture
def alone(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> Commons:
    """The shared commons as the only one that is open."""
    monkeypatch.setattr("gen3nb.commons.choosing.open_commons", lambda: [commons])
    return commons


@pytest.fixture
def unchanged() -> Iterator[list[pd.DataFrame]]:
    """Frames put in here must be at the end what they were."""
    frames: list[pd.DataFrame] = []
    copies: list[tuple[pd.DataFrame, pd.DataFrame, dict]] = []  # type: ignore[type-arg]

    class Kept(list):  # type: ignore[type-arg]
        def append(self, frame: pd.DataFrame) -> None:
            copies.append((frame, frame.copy(deep=True), dict(frame.attrs)))

    yield Kept(frames)
    assert copies
    for frame, copy, attrs in copies:
        pd.testing.assert_frame_equal(frame, copy)
        assert frame.attrs == attrs


def test_it_is_there_with_pandas_and_of_gives_the_same() -> None:
    frame = pd.DataFrame({"a": [1]})
    assert isinstance(frame.gen3, Gen3Accessor)
    assert isinstance(gen3nb.of(frame), Gen3Accessor)
    with pytest.raises(AttributeError, match="for a DataFrame"):
        gen3nb.of(frame["a"])  # type: ignore[arg-type]


def test_it_loads_nothing_before_it_is_used() -> None:
    code = (
        "import gen3nb, pandas, sys; pandas.DataFrame().gen3;"
        "print([m for m in ('gen3', 'ijson', 'graphql', 'ipywidgets', 'jsonschema', 'gen3nb.frames.reading')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_what_it_knows(alone: Commons, clinic: str, unchanged: list[pd.DataFrame]) -> None:
    frame = alone.read("case", project=clinic)
    unchanged.append(frame)
    assert (frame.gen3.node, frame.gen3.project) == ("case", clinic)
    assert frame.gen3.rows[:2] == [2, 3]
    bare = pd.DataFrame(frame.to_dict("list"))
    assert (bare.gen3.node, bare.gen3.project) == ("case", clinic)  # its columns say so
    assert (bare[["submitter_id"]].gen3.node, bare[["submitter_id"]].gen3.project) == (None, None)
    tagged = bare[["submitter_id"]].gen3.tag(node="case", project=clinic, commons=alone)
    assert gen3nb.of(tagged).origin.commons == alone.endpoint
    assert gen3nb.of(tagged).origin.dictionary == alone.dictionary.digest
    assert "25 rows" in repr(tagged.gen3)
    with pytest.raises(DictionaryError, match="Did you mean 'case'"):
        bare.gen3.tag(node="cases", commons=alone)
    with pytest.raises(NotFound):
        bare.gen3.tag(project="TEST-nope", commons=alone)


def test_validate_diff_submit(alone: Commons, project: str, unchanged: list[pd.DataFrame]) -> None:
    frame = pd.DataFrame(
        {
            "submitter_id": ["a", "b"],
            "experiments.submitter_id": ["exp", "exp"],
            "primary_site": ["Lung", None],
        }
    )
    unchanged.append(frame)
    assert frame.gen3.validate("case", project=project, progress=False).ok
    bad = frame.assign(colour="blue")
    report = bad.gen3.validate("case", project=project)
    assert not report.ok
    tagged = frame.gen3.tag(node="case", project=project)
    unchanged.append(tagged)
    assert len(tagged.gen3.diff().new) == 2
    done = tagged.gen3.submit(progress=False)
    assert done.ok
    assert done.counts["created"] == 2
    assert tagged.gen3.submit().counts["unchanged"] == 2
    back = alone.read("case", project=project)
    assert sorted(back["submitter_id"]) == ["a", "b"]
    again = back.gen3.submit()
    assert again.counts["unchanged"] == 2


def test_a_file_is_typed_on_its_way(
    alone: Commons, project: str, tmp_path: Path, unchanged: list[pd.DataFrame]
) -> None:
    put(alone, project, [a_record(alone.dictionary["case"], "c", experiments={"submitter_id": "exp"})])
    record = a_record(alone.dictionary["diagnosis"], "d", lymph_nodes_positive=3)
    path = tmp_path / "diagnosis.tsv"
    columns = {**record, "cases.submitter_id": "c"}
    path.write_text("\t".join(columns) + "\n" + "\t".join(map(str, columns.values())) + "\n")
    frame = read_tsv(path)
    unchanged.append(frame)
    assert frame["lymph_nodes_positive"].tolist() == ["3"]
    assert frame.gen3.validate(project=project).ok
    assert frame.gen3.submit(project=project).counts["created"] == 1
    stored = alone.read("diagnosis", project=project)
    assert stored["lymph_nodes_positive"].tolist() == [3]
    unchanged.append(stored)
    again = read_tsv(stored.gen3.to_tsv(tmp_path / "again.tsv"))
    assert again.gen3.submit(project=project).counts["unchanged"] == 1


def test_what_is_not_said_is_asked_for(alone: Commons) -> None:
    frame = pd.DataFrame({"submitter_id": ["a"]})
    with pytest.raises(DictionaryError, match="give node='case'"):
        frame.gen3.validate()
    with pytest.raises(NotFound, match="PROGRAM-PROJECT"):
        frame.gen3.submit("case")
    with pytest.raises(DictionaryError, match="Did you mean 'case'"):
        frame.gen3.submit("cases", project="TEST-x")


def test_without_a_commons(default: Dictionary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gen3nb.commons.choosing.open_commons", list)
    frame = pd.DataFrame({"submitter_id": ["a"], "primary_site": ["Lung"]})
    for verb in (frame.gen3.validate, frame.gen3.diff, frame.gen3.submit):
        with pytest.raises(NotConnected, match="No commons is open"):
            verb("case", project="P-Q")
    report = frame.gen3.validate("case", dictionary=default)
    assert "experiments" in str(report.problems["message"].tolist() + report.problems["column"].tolist())
    path = frame.gen3.to_tsv(tmp_path / "case.tsv", "case", dictionary=default)
    assert path.read_text() == "type\tsubmitter_id\tprimary_site\ncase\ta\tLung\n"
    assert len(frame.gen3.summary()) == 2


def test_several_open_and_none_named(commons: Commons, clinic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = commons.read("case", project=clinic, ids=["c01"])
    with commons.sandbox.as_user("reader") as other:
        monkeypatch.setattr("gen3nb.commons.choosing.open_commons", lambda: [other, commons])
        with pytest.raises(NotConnected, match=r"2 commons are open.*say which"):
            frame.gen3.submit()
        bare = frame.gen3.tag(commons="https://elsewhere.example.org")
        with pytest.raises(
            NotConnected, match=r"comes from https://elsewhere\.example\.org, which is not open"
        ):
            bare.gen3.submit()
        loose = pd.DataFrame({"submitter_id": ["c01"]})
        with pytest.raises(NotConnected, match="say which"):
            loose.gen3.validate("case", project=clinic)
        assert frame.gen3.submit(commons=commons).counts["unchanged"] == 1
        assert frame.gen3.validate().ok  # reading: any that is open at its own address


def test_summary_against_the_dictionary(alone: Commons, clinic: str, unchanged: list[pd.DataFrame]) -> None:
    frame = alone.read("diagnosis", project=clinic)
    unchanged.append(frame)
    table = frame.gen3.summary().set_index("column")
    assert table.loc["lymph_nodes_positive", ["n", "missing", "distinct"]].tolist() == [24, 0, 16]
    assert table.loc["lymph_nodes_positive", "values"] == "1 to 23, median 12"
    assert table.loc["vital_status", "values"].startswith("alive (15), dead (9)")
    assert table.loc["cases.submitter_id", "type"] == "link"
    odd = frame.assign(vital_status=["robot"] * 2 + ["dead"] * 22)
    unchanged.append(odd)
    assert odd.gen3.summary().set_index("column").loc["vital_status", "unexpected"] == "robot (2)"
    assert (
        frame.gen3.summary(by="vital_status").set_index(["column", "value"]).loc[("rows", "n")].tolist()[0]
        == "24"
    )


def test_the_grid_is_the_panels(alone: Commons, clinic: str, unchanged: list[pd.DataFrame]) -> None:
    frame = alone.read("case", project=clinic, ids=["c01"])
    unchanged.append(frame)
    from gen3nb.panels.grid import Grid

    assert isinstance(frame.gen3.grid(), Grid)


def test_an_empty_frame(alone: Commons) -> None:
    project = new_project(alone, f"empty{uuid.uuid4().hex[:8]}")
    frame = alone.read("case", project=project)
    assert len(frame) == 0
    assert frame.gen3.validate().ok
    assert frame.gen3.submit().ok
    assert len(frame.gen3.summary()) == len(frame.columns)
    assert len(frame.gen3.summary(by="primary_site")) == 1


def test_text_is_typed_by_every_verb(alone: Commons, project: str, tmp_path: Path) -> None:
    """A bare ``read_tsv`` frame holds text; all ways to a commons read it by the dictionary."""
    case = pd.DataFrame({"submitter_id": ["typed-c"], "experiments.submitter_id": ["exp"]})
    assert alone.submit({"case": case}, project=project, progress=False).ok
    path = tmp_path / "diagnosis.tsv"
    head = "submitter_id\tcases.submitter_id\tage_at_diagnosis\tlymph_nodes_positive"
    given = {name: prop for name, prop in alone.dictionary["diagnosis"].properties.items() if prop.required}
    needed = {
        name: (prop.enum or ("1" if "number" in prop.types else "x",))[0]
        for name, prop in given.items()
        if not prop.system and name not in {"type", "submitter_id", "age_at_diagnosis"}
    }
    path.write_text(
        "\t".join([head, *needed])
        + "\n"
        + "\t".join(["d", "typed-c", "1500.5", "3", *map(str, needed.values())])
        + "\n"
    )
    frame = read_tsv(path)
    assert frame["lymph_nodes_positive"].tolist() == ["3"]
    assert alone.validate(frame, "diagnosis", project=project, progress=False).ok
    assert frame.gen3.validate("diagnosis", project=project, progress=False).ok
    assert alone.diff(frame, "diagnosis", project=project, progress=False).counts["new"] == 1
    assert alone.submit({"diagnosis": frame}, project=project, progress=False).counts["created"] == 1
    assert alone.diff(frame, "diagnosis", project=project, progress=False).counts["unchanged"] == 1
    assert frame.gen3.diff("diagnosis", project=project, progress=False).counts["unchanged"] == 1
    stored = alone.read("diagnosis", project=project, progress=False)
    assert stored["lymph_nodes_positive"].tolist() == [3]
    assert frame["lymph_nodes_positive"].tolist() == ["3"]
    assert alone.delete(frame, "diagnosis", project=project, progress=False).ok


def test_what_looks_personal_is_said_unless_told_not_to(alone: Commons, project: str) -> None:
    frame = pd.DataFrame(
        {"submitter_id": ["MRN-1234567", "MRN-1234568"], "experiments.submitter_id": "exp"}
    ).gen3.tag(node="case", project=project)

    def notes(report: object) -> str:
        return " ".join(report.notes)  # type: ignore[attr-defined]

    assert "record numbers" in notes(frame.gen3.validate(progress=False))
    assert "record numbers" not in notes(frame.gen3.validate(privacy=False, progress=False))
    assert "record numbers" in notes(alone.validate(frame, "case", project=project, progress=False))
    assert "record numbers" not in notes(
        alone.validate(frame, "case", project=project, privacy=False, progress=False)
    )
    tried = frame.gen3.submit(dry_run=True, progress=False)
    assert "record numbers" in tried._repr_html_()
    assert (
        "record numbers" not in frame.gen3.submit(dry_run=True, privacy=False, progress=False)._repr_html_()
    )
