"""Dictionaries from a folder, from one document, and from the installed package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gen3nb.embedded.schemas import SchemaError, load

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"


@pytest.fixture
def folder(tmp_path):
    for path in GARDEN.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_the_default_dictionary_is_read_without_importing_it():
    code = (
        "import sys; from gen3nb.embedded.schemas import load; nodes = load().nodes;"
        "assert 'case' in nodes and 'root' in nodes;"
        "assert not {'gdcdictionary', 'dictionaryutils'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_references_are_resolved_in_nodes_and_where_they_are_used():
    schemas = load()
    assert "$ref" not in json.dumps(schemas.nodes)
    definitions = schemas.supporting["_definitions"]
    assert definitions["UUID"]["term"]["description"].startswith("A 128-bit identifier")
    assert definitions["file_format"]["term"] == {
        "$ref": "_terms.yaml#/file_format"
    }  # of no use, as published


def test_links_are_flattened_and_known_from_both_ends():
    schemas = load(GARDEN)
    assert [link.name for link in schemas.links_of("plant")] == ["seed_lots", "plants", "gardens"]
    assert {(link.source, link.backref) for link in schemas.backrefs_of("seed_lot")} == {("plant", "plants")}
    assert schemas.link("photo", "plants").to_many
    assert not schemas.link("photo", "gardens").to_many
    assert schemas.is_file("photo")


def test_one_document_says_the_same_as_a_folder(tmp_path):
    schemas = load(GARDEN)
    path = tmp_path / "dictionary.json"
    path.write_text(json.dumps(schemas.all), encoding="utf-8")
    assert load(path).nodes == schemas.nodes


def test_null_is_allowed_where_nothing_is_required():
    schemas = load(GARDEN)
    props = schemas.nullable("plant")["properties"]
    assert props["species"]["type"] == "string"
    assert props["age"]["type"] == ["string", "number", "null"]
    assert props["rating"]["enum"][-1] is None
    assert schemas.nodes["plant"]["properties"]["rating"]["enum"] == [1, 2, 3, 4, 5]
    assert {"type": "null"} not in schemas.nullable("garden")["properties"]["projects"]["anyOf"]
    assert {"type": "null"} in props["gardens"]["anyOf"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("extra.yaml", "id: [", "extra.yaml cannot be read"),
        (
            "extra.yaml",
            'id: extra\nproperties: {a: {$ref: "_definitions.yaml#/nope"}}',
            "which does not exist",
        ),
        ("extra.yaml", 'id: extra\nproperties: {a: {$ref: "#/properties/a"}}', "leads back to itself"),
    ],
)
def test_bad_schemas_are_named(folder, name, text, words):
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match=words):
        load(folder)


def test_no_dictionary_there(tmp_path):
    with pytest.raises(SchemaError, match="There is no dictionary at"):
        load(tmp_path / "nope")
    with pytest.raises(SchemaError, match="There is no schema"):
        load(tmp_path)
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(SchemaError, match="not one JSON object of schemas"):
        load(tmp_path / "x.json")
