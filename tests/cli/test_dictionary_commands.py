"""``gen3nb dictionary``: from files, and from a commons."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gen3nb.cli import main
from gen3nb.dictionary import Dictionary

GARDEN = str(Path(__file__).parent.parent / "dictionary" / "schemas" / "garden")
DEFAULT = ["--dictionary", "default"]


def said(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capfdbinary.readouterr().out.decode("utf-8")


def test_ls(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    lines = said(capfdbinary, "dictionary", "ls", *DEFAULT).splitlines()
    assert [line.split()[0] for line in lines[1:]] == Dictionary.default().order
    rows = json.loads(said(capfdbinary, "dictionary", "ls", "--json", "--dictionary", GARDEN))
    assert rows[2]["node"] == "garden"
    assert rows[2]["submittable"] is True


def test_show_a_node(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = said(capfdbinary, "dictionary", "show", "demographic", *DEFAULT)
    assert "cases.submitter_id" in shown
    assert "female, male, unknown" in shown
    rows = json.loads(said(capfdbinary, "dictionary", "show", "demographic", "--json", *DEFAULT))
    assert [row["column"] for row in rows][:2] == ["cases.submitter_id", "submitter_id"]


def test_show_a_property(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = said(capfdbinary, "dictionary", "show", "garden", "open_on", "--dictionary", GARDEN)
    assert "list of 7 values, optional" in shown
    assert "  Wed\n" in shown
    one = json.loads(said(capfdbinary, "dictionary", "show", "demographic", "gender", "--json", *DEFAULT))
    assert one["values"][0] == "female"


def test_search(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = said(capfdbinary, "dictionary", "search", "stage", "IIIA", *DEFAULT)
    assert "ajcc_pathologic_stage" in shown
    assert main(["dictionary", "search", "xyzzy", *DEFAULT]) == 0
    assert b"Nothing found." in capfdbinary.readouterr().err


def test_the_template_is_byte_for_byte_the_services(capfdbinary, tmp_path: Path, commons) -> None:
    key = str(commons.sandbox.credentials("reader"))
    shown = said(capfdbinary, "dictionary", "template", "sample", "--cred", key)
    assert shown == commons.sheepdog.template("sample")
    file = tmp_path / "sample.tsv"
    assert main(["dictionary", "template", "sample", "-o", str(file), *DEFAULT]) == 0
    assert file.read_bytes() == shown.encode()


def test_diagrams(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    assert said(capfdbinary, "dictionary", "diagram", "case", "sample", *DEFAULT).startswith("flowchart TD")
    file = tmp_path / "model.svg"
    assert main(["dictionary", "diagram", "--output", str(file), "--dictionary", GARDEN]) == 0
    ElementTree.parse(file)
    assert said(capfdbinary, "dictionary", "diagram", "--format", "svg", *DEFAULT).startswith("<svg")


def test_a_saved_answer_can_be_read(capfdbinary, tmp_path: Path) -> None:
    nodes = {name: dict(node.schema) for name, node in Dictionary.from_folder(GARDEN).items()}
    file = tmp_path / "all.json"
    file.write_text(json.dumps(nodes, default=str), "utf-8")
    assert "flowerShow" in said(capfdbinary, "dictionary", "ls", "--dictionary", str(file))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "demographi", *DEFAULT], 5, "Did you mean 'demographic'?"),
        (["show", "demographic", "sex", *DEFAULT], 5, "has no property 'sex'"),
        (["diagram", "nope", *DEFAULT], 5, "has no node 'nope'"),
        (["ls", "--dictionary", "/no/such/folder"], 5, "There is no folder '/no/such/folder'"),
        (["ls", "--dictionary", __file__], 5, "is not readable as a JSON dictionary"),
        (["template", "case", "-o", "/no/such/folder/x.tsv", *DEFAULT], 1, "/no/such/folder/x.tsv"),
        (["ls", "--profile", "nope"], 3, "nope"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["dictionary", *arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert message in said.err


def test_a_workbook_to_fill_in(tmp_path, capsys) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    target = tmp_path / "form.xlsx"
    assert (
        main(["dictionary", "workbook", str(target), "case", "demographic", "--dictionary", "default"]) == 0
    )
    assert "Written" in capsys.readouterr().err
    assert {"case", "demographic"} <= set(openpyxl.load_workbook(target).sheetnames)
    assert main(["dictionary", "workbook", str(target), "kase", "--dictionary", "default"]) == 5
