"""Nodes, links, order, ways, search: the default dictionary and one with what that lacks."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dictionaries import SCHEMAS, default_folder

from gen3nb.dictionary import Dictionary, Link, LinkGroup, Step
from gen3nb.dictionary.parsing import read_folder
from gen3nb.errors import DictionaryError


def way(steps: list[Step]) -> list[str]:
    return [steps[0].start, *(step.end for step in steps)]


# --- parsing ------------------------------------------------------------------------------------------------


def test_the_default_dictionary_has_its_nodes_but_not_the_internal_ones(default: Dictionary) -> None:
    assert len(default) == 28
    assert {"case", "demographic", "program", "project"} <= set(default)
    assert not {"root", "data_release", "_definitions", "metaschema"} & set(default)
    assert sum(len(node.properties) for node in default.values()) > 500


@pytest.mark.parametrize("folder", [default_folder(), SCHEMAS / "garden"], ids=["default", "garden"])
def test_json_and_folder_give_the_same(folder: Path) -> None:
    """As the services publish it: resolved, with the null that newer ones add to what is optional."""
    read = Dictionary.from_folder(folder)
    resolved = {name: json.loads(json.dumps(node.schema)) for name, node in read.items()}
    published = {**resolved, "_terms": {}, "_settings": {"enable_case_cache": False}}
    from_json = Dictionary.from_json(published)
    assert from_json == read
    assert from_json.order == read.order
    assert from_json.settings == {"enable_case_cache": False}
    for schema in resolved.values():
        allow_nulls(schema)
    with_nulls = Dictionary.from_json(resolved)
    assert with_nulls.digest == read.digest
    for name, node in read.items():
        assert with_nulls[name].columns == node.columns
        for prop in node.properties.values():
            theirs = with_nulls[name].properties[prop.name]
            assert (theirs.kind, theirs.types, theirs.enum) == (prop.kind, prop.types, prop.enum)
            assert theirs.nullable == prop.nullable


def test_another_rule_is_another_dictionary(garden: Dictionary) -> None:
    changed = {name: json.loads(json.dumps(node.schema)) for name, node in garden.items()}
    changed["garden"]["properties"]["hardinessZone"]["maximum"] = 12
    assert Dictionary.from_json(changed) != garden


def allow_nulls(schema: dict) -> None:
    """Do what dictionaryutils does on loading."""
    required_links = [link["name"] for link in schema["links"] if link.get("required") and "name" in link]
    needed = {*schema.get("required", ()), *required_links}
    for name, prop in schema["properties"].items():
        if name in needed:
            continue
        if "type" in prop:
            types = prop["type"] if isinstance(prop["type"], list) else [prop["type"]]
            prop["type"] = types if "null" in types else [*types, "null"]
        elif "enum" in prop:
            prop["enum"] = [*prop["enum"], None]
        else:
            word = "anyOf" if "anyOf" in prop else "oneOf"
            prop[word] = prop[word] if {"type": "null"} in prop[word] else [*prop[word], {"type": "null"}]


def test_the_json_file_that_a_commons_is_configured_with_is_read_too(garden: Dictionary) -> None:
    assert Dictionary.from_json(read_folder(SCHEMAS / "garden")) == garden


def test_references_are_followed_into_files_and_within_them(garden: Dictionary) -> None:
    photo = garden["photo"]
    assert photo.properties["md5sum"].pattern == "^[a-f0-9]{32}$"
    assert photo.properties["submitter_id"].description == "The name that the gardener gives."
    assert photo.properties["file_name"].description == "The name of a file, without any folder."
    assert "$ref" not in json.dumps({name: node.schema for name, node in garden.items()})


def test_a_dictionary_of_rough_edges_still_loads() -> None:
    document = {
        "_definitions": {"word": {"type": "string"}, "ring": {"$ref": "#/ring"}},
        "_terms": {"t": {"description": "what it means"}},
        "_settings": None,
        "_odd": ["not a node"],
        "notes": "no node either",
        "metaschema": {"properties": {}},
        "data_release": {"properties": {"a": {}}, "category": "internal"},
        "lone": {
            "id": "lone",
            "properties": {
                "a": {"$ref": "_definitions.yaml#/word", "term": {"$ref": "_terms.yaml#/t"}},
                "b": {"$ref": "_definitions.yaml#/nowhere"},
                "c": {"$ref": "https://example.org/schema.json#/x"},
                "d": {"$ref": "_definitions.yaml#/ring"},
                "e": None,
                "f": {"type": ["string"]},
                "g": {"enum": "one"},
                "h": {"terms": [{"description": "first"}, {"description": "second"}], "type": "number"},
            },
        },
        "child": {
            "links": [
                {"subgroup": [{"subgroup": []}, {"name": "lones", "target_type": "lone"}]},
                {"name": "gone", "target_type": "no_such_node"},
                "nonsense",
            ],
            "properties": {"lones": {}, "gone": {}},
            "required": None,
            "uniqueKeys": None,
            "systemProperties": None,
        },
    }
    before = copy.deepcopy(document)
    dictionary = Dictionary.from_json(document, source="https://commons.example.org")
    assert document == before
    assert dictionary.order == ["lone", "child"]
    props = dictionary["lone"].properties
    assert (props["a"].kind, props["a"].description) == ("string", "what it means")
    assert [props[name].kind for name in "bcd"] == ["mixed"] * 3
    assert "e" not in props
    assert (props["f"].kind, props["f"].types) == ("string", ("string",))
    assert props["g"].enum == ("one",)
    assert props["h"].description == "first"
    assert [link.name for link in dictionary["child"].links] == ["lones", "gone"]
    assert dictionary["child"].links[0].multiplicity == "many_to_many"
    assert dictionary.template("child", "tsv").startswith("type\t")
    assert dictionary.paths("child", "lone")
    assert "commons.example.org" in repr(dictionary)


@pytest.mark.parametrize("document", [{}, {"error": "no"}, [], "<html>", None, {"_definitions": {}}])
def test_what_is_no_dictionary_is_refused_in_words(document: object) -> None:
    with pytest.raises(DictionaryError, match=r"dictionary"):
        Dictionary.from_json(document, source="https://commons.example.org")


def test_a_folder_that_holds_no_dictionary_is_refused_in_words(tmp_path) -> None:
    with pytest.raises(DictionaryError, match="There is no folder"):
        Dictionary.from_folder(tmp_path / "nowhere")
    with pytest.raises(DictionaryError, match="holds no schema"):
        Dictionary.from_folder(tmp_path)
    (tmp_path / "case.yaml").write_text("a: [1")
    with pytest.raises(DictionaryError, match=r"case\.yaml is not readable as YAML"):
        Dictionary.from_folder(tmp_path)


def test_yaml_that_would_run_code_does_not(tmp_path) -> None:
    (tmp_path / "case.yaml").write_text("properties: !!python/object/apply:os.getcwd []")
    with pytest.raises(DictionaryError, match="not readable as YAML"):
        Dictionary.from_folder(tmp_path)


# --- nodes and properties -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "name", "kind", "dtype"),
    [
        ("demographic", "gender", "enum", "category"),
        ("demographic", "year_of_birth", "number", "Float64"),
        ("sample", "days_to_collection", "integer", "Int64"),
        ("sample", "is_ffpe", "boolean", "boolean"),
        ("sample", "oct_embedded", "string", "string"),
        ("case", "consent_codes", "array", "object"),
        ("case", "created_datetime", "string", "string"),
        ("case", "state", "enum", "category"),
    ],
)
def test_properties_of_the_default_dictionary(
    default: Dictionary, node: str, name: str, kind: str, dtype: str
) -> None:
    prop = default[node].properties[name]
    assert prop.kind == kind
    assert pd.Series([], dtype=prop.dtype).dtype.name == dtype


@pytest.mark.parametrize(
    ("node", "name", "kind", "types", "label"),
    [
        ("garden", "hardinessZone", "integer", ("integer",), "whole number, 1 to 13"),
        ("garden", "soil_pH", "number", ("number",), "number, above 0 to below 14"),
        ("garden", "open_on", "array", ("array",), "list of 7 values"),
        ("seed_lot", "supplier", "string", ("string",), "text"),
        ("seed_lot", "seed_count", "integer", ("integer",), "whole number, at least 1"),
        ("seed_lot", "best_before", "string", ("string",), "text"),
        ("seed_lot", "sieve_sizes_mm", "array", ("array",), "list of numbers"),
        ("plant", "height", "mixed", ("number", "string"), "number or text"),
        ("plant", "age", "mixed", ("string", "number"), "text or number"),
        ("plant", "petal_counts", "array", ("array",), "list of whole numbers"),
        ("plant", "rating", "enum", ("integer",), "one of 5 values"),
        ("flowerShow", "Held_On", "string", ("string",), "text, date"),
    ],
)
def test_properties_that_the_default_dictionary_lacks(
    garden: Dictionary, node: str, name: str, kind: str, types: tuple[str, ...], label: str
) -> None:
    prop = garden[node].properties[name]
    assert (prop.kind, prop.types, prop.type_label) == (kind, types, label)


def test_what_is_required_null_or_the_commons_own(default: Dictionary, garden: Dictionary) -> None:
    case = default["case"]
    assert case.required == ("submitter_id", "type", "experiments")
    assert case.properties["submitter_id"].required
    assert case.properties["primary_site"].nullable
    assert not case.properties["primary_site"].required
    assert case.properties["created_datetime"].system
    assert not default["submitted_methylation"].properties["data_format"].nullable
    assert garden["seed_lot"].properties["seed_count"].nullable
    assert not garden["seed_lot"].properties["lot_number"].nullable
    assert not garden["tool"].submittable
    assert garden["tool"].unique_keys == (("id",), ("project_id", "submitter_id"), ("project_id", "serial"))
    assert [node.name for node in default.values() if node.is_file][:2] == [
        "experimental_metadata",
        "slide_image",
    ]
    assert [default[name].key for name in ("program", "project", "case")] == ["name", "code", "submitter_id"]


def test_a_categorical_holds_the_whole_vocabulary_in_order(default: Dictionary) -> None:
    gender = default["demographic"].properties["gender"]
    assert gender.dtype.categories.tolist() == ["female", "male", "unknown", "unspecified", "not reported"]


def test_an_unknown_node_names_the_nearest(default: Dictionary) -> None:
    with pytest.raises(DictionaryError, match="Did you mean 'diagnosis'") as caught:
        default["Diagnoses"]
    assert caught.value.suggestions[0] == "diagnosis"
    assert default.get("nope") is None
    assert "nope" not in default
    assert default.get("nope", 3) == 3


# --- links --------------------------------------------------------------------------------------------------


def test_links_are_found_by_name_or_column(default: Dictionary) -> None:
    case, experiment = default["case"], default["experiment"]
    for name in ("experiments", "experiments.submitter_id", "experiments.id"):
        assert case.link(name) == case.links[0]
    assert experiment.link("projects.code").column == "projects.code"
    for name in ("cases", "experiments.code", "cases.submitter_id"):
        with pytest.raises(DictionaryError, match="its links: experiments"):
            case.link(name)


def test_groups_are_kept_and_flattened(garden: Dictionary) -> None:
    plant = garden["plant"]
    assert [link.name for link in plant.links] == ["seed_lots", "plants", "gardens"]
    (outer,) = plant.link_groups
    assert isinstance(outer, LinkGroup)
    assert (outer.exclusive, outer.required) == (True, True)
    inner, single = outer.members
    assert isinstance(inner, LinkGroup)
    assert isinstance(single, Link)
    assert (inner.exclusive, inner.required) == (False, False)
    assert [link.name for link in outer.links()] == ["seed_lots", "plants", "gardens"]
    assert str(outer) == "((seed_lots and/or plants) or gardens)"


def test_multiplicities(garden: Dictionary) -> None:
    many = {"graft": False, "bouquet": True, "flowerShow": True, "cross": False}
    assert {name: garden[name].links[0].to_many for name in many} == many
    down = {name: Step(garden[name].links[0], up=False).to_many for name in many}
    assert down == {"graft": False, "bouquet": False, "flowerShow": True, "cross": True}


def test_order_puts_parents_first(dictionary: Dictionary) -> None:
    order = dictionary.order
    assert order[:2] == ["program", "project"]
    assert sorted(order) == sorted(dictionary)
    for node in dictionary.values():
        for link in node.links:
            assert order.index(link.target) <= order.index(node.name)


def test_order_does_not_depend_on_the_order_of_the_document(default: Dictionary) -> None:
    document = {name: default[name].schema for name in reversed(default.order)}
    assert Dictionary.from_json(document).order == default.order


def test_a_ring_of_nodes_still_has_an_order() -> None:
    def schema(*targets: str) -> dict:
        return {"properties": {}, "links": [{"name": f"{one}s", "target_type": one} for one in targets]}

    ring = {
        "project": schema(),
        "a": schema("b"),
        "b": schema("c"),
        "c": schema("a", "project"),
        "d": schema("a"),
    }
    order = Dictionary.from_json(ring).order
    assert order[0] == "project"
    assert sorted(order) == ["a", "b", "c", "d", "project"]
    assert order.index("a") < order.index("d")


def test_children(default: Dictionary, garden: Dictionary) -> None:
    assert {link.source for link in default.children("diagnosis")} == {"clinical_test", "sample", "treatment"}
    assert [link.name for link in garden.children("plant") if link.source in {"plant", "cross"}] == [
        "plants",
        "mothers",
        "fathers",
    ]
    with pytest.raises(DictionaryError):
        default.children("nope")


def test_ways_go_up_and_down(default: Dictionary) -> None:
    assert [way(path) for path in default.paths("treatment", "case")] == [["treatment", "diagnosis", "case"]]
    (path,) = default.paths("demographic", "diagnosis")
    assert way(path) == ["demographic", "case", "diagnosis"]
    assert [step.up for step in path] == [True, False]
    assert [way(path) for path in default.paths("case", "sample")] == [["case", "sample"]]
    assert [way(path) for path in default.paths("case", "sample", via="diagnosis")] == [
        ["case", "diagnosis", "sample"]
    ]
    assert default.paths("case", "sample", via="diagnoses") == default.paths(
        "case", "sample", via="diagnosis"
    )
    with pytest.raises(DictionaryError):
        default.paths("case", "sample", via="nope")


def test_all_equally_short_ways_are_given(garden: Dictionary) -> None:
    assert [path[0].link.name for path in garden.paths("cross", "plant")] == ["mothers", "fathers"]
    assert [path[0].link.name for path in garden.paths("cross", "plant", via="fathers")] == ["fathers"]
    assert [(path[0].link.name, path[0].up) for path in garden.paths("plant", "plant")] == [
        ("plants", True),
        ("plants", False),
    ]


def test_no_way_is_no_path() -> None:
    alone = Dictionary.from_json({"a": {"properties": {}}, "b": {"properties": {}}})
    assert alone.paths("a", "b") == []
    assert alone.paths("a", "a") == []


# --- tables -------------------------------------------------------------------------------------------------


def test_nodes_table(default: Dictionary) -> None:
    table = default.nodes.set_index("node")
    assert table.index.tolist() == default.order
    assert table.loc["demographic", ["properties", "required", "parents"]].tolist() == [6, 1, "case"]
    assert table.loc["submitted_methylation", "is_file"]
    assert not table.loc["program", "submittable"]


def test_search_finds_names_first_then_values_then_descriptions(default: Dictionary) -> None:
    found = default.search("gender")
    assert found.iloc[0][["node", "property", "where"]].tolist() == ["demographic", "gender", "property"]
    stages = default.search("STAGE iiia")
    assert "ajcc_pathologic_stage" in stages["property"].tolist()
    assert stages["where"].str.startswith("value: Stage IIIA").any()
    assert "age_at_diagnosis" in default.search("age at diagnosis")["property"].tolist()[:1]
    assert default.search("treatment").iloc[0]["where"] == "node"
    described = default.search("days since birth")
    assert "age_at_diagnosis" in described["property"].tolist()
    for nothing in ("", "  ", "no such thing at all"):
        assert default.search(nothing).empty
        assert default.search(nothing).columns.tolist() == [
            "node",
            "property",
            "type",
            "description",
            "where",
        ]


def test_a_dictionary_pickles_and_compares(garden: Dictionary, default: Dictionary) -> None:
    again = pickle.loads(pickle.dumps(garden))
    assert again == garden
    assert hash(again) == hash(garden)
    assert again["plant"].properties["height"].kind == "mixed"
    assert garden != default
    assert garden != 5


def test_the_garden_is_what_its_files_say() -> None:
    """Each file names its own node, so that a practice commons serves it under that name."""
    for file in (SCHEMAS / "garden").glob("*.yaml"):
        content = yaml.safe_load(file.read_text("utf-8"))
        assert content.get("id", file.stem) == file.stem
