"""The GraphQL schema that is made of a data dictionary, and the ways through its graph."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from gen3nb.embedded.graph import Graph
from gen3nb.embedded.peregrine import Peregrine
from gen3nb.embedded.peregrine_model import Model, kind
from gen3nb.embedded.schemas import load

GARDEN = Path(__file__).parents[1] / "dictionary" / "schemas" / "garden"


@pytest.fixture(scope="module", params=["default", "garden"])
def peregrine(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "graph.sqlite"
    schemas = load(GARDEN if request.param == "garden" else None)
    state = SimpleNamespace(schemas=schemas, graph=Graph(path, wal=False))
    yield Peregrine(state)
    state.graph.close()


def ask(peregrine, text, **variables):
    data, errors = peregrine.execute(text, variables, [])
    assert errors == []
    return data


@pytest.mark.parametrize(
    ("schema", "graphql"),
    [
        ({"type": "string"}, "String"),
        ({"type": ["string", "null"]}, "String"),
        ({"type": ["number", "string"]}, "Float"),
        ({"type": ["string", "number"]}, "String"),
        ({"type": "integer"}, "Float"),
        ({"type": ["null", "integer"]}, "String"),
        ({"type": "boolean"}, "Boolean"),
        ({"type": "array", "items": {"type": "integer"}}, "List"),
        ({"enum": [1, 2]}, "String"),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, "String"),
        ({"anyOf": [{"type": "number"}]}, "String"),
        ({}, "String"),
        (None, "String"),
    ],
)
def test_the_kind_of_a_property(schema, graphql):
    assert kind(schema) == graphql


def test_every_type_has_its_fields_and_links(peregrine):
    model, _ = peregrine.built()
    for node in model.types.values():
        text = "query($n:String!){__type(name:$n){kind interfaces{name} fields{name type{...t}}}}"
        text += " fragment t on __Type{kind name ofType{name}}"
        type_ = ask(peregrine, text, n=node.name)["__type"]
        assert type_["kind"] == "OBJECT"
        assert type_["interfaces"] == [{"name": "Node"}]
        fields = {one["name"]: one["type"] for one in type_["fields"]}
        assert list(fields)[:6] == [
            "id", "submitter_id", "type", "project_id", "created_datetime", "updated_datetime",
        ]  # fmt: skip
        assert fields["id"] == {"kind": "SCALAR", "name": "ID", "ofType": None}
        for edge in node.edges.values():
            assert fields[edge.name] == {"kind": "LIST", "name": None, "ofType": {"name": edge.other}}
            assert fields[f"_{edge.name}_count"]["name"] == "Int"
        assert list(fields)[-3:] == ["_transaction_logs_count", "_transaction_logs", "_links"]


def test_every_link_can_be_followed_counted_and_filtered(peregrine):
    model, _ = peregrine.built()
    for node in model.types.values():
        for edge in node.edges.values():
            ask(
                peregrine,
                f'{{{node.name}(with_links:"{edge.name}"){{id {edge.name}(first:2){{id}} _{edge.name}_count'
                f' _links{{id}}}} _{node.name}_count(without_links:"{edge.name}")}}',
            )


def test_every_property_can_be_asked_filtered_and_ordered_by(peregrine):
    model, _ = peregrine.built()
    values = {"String": '"x"', "Float": "1.5", "Boolean": "true", "List": '["x"]'}
    for node in model.types.values():
        for name, graphql in node.properties.items():
            arguments = f'{name}:{values[graphql]},order_by_asc:"{name}"'
            if not (node.name == "project" and name == "project_id"):
                arguments += f",not:{{{name}:{values[graphql]}}}"
            data = ask(peregrine, f"{{{node.name}({arguments}){{{name}}}}}")
            assert data == {node.name: []}


def test_every_pair_of_types_has_a_path_filter(peregrine):
    model, _ = peregrine.built()
    for node in model.types.values():
        entries = ",".join(f'{{type:"{other}",id:"x"}}' for other in model.types)
        assert ask(peregrine, f"{{_{node.name}_count(with_path_to_any:[{entries}])}}") == {
            f"_{node.name}_count": 0
        }


def test_introspection_of_the_schema(peregrine):
    schema = ask(
        peregrine,
        "{__schema{queryType{name} mutationType{name} types{name kind} directives{name onField args{name"
        ' type{kind ofType{name}}}}} __type(name:"Node"){kind possibleTypes{name} fields{name}}'
        ' kind:__type(name:"__TypeKind"){enumValues{name isDeprecated}} none:__type(name:"nope"){name}}',
    )
    assert schema["none"] is None
    model, _ = peregrine.built()
    assert {one["name"] for one in schema["__type"]["possibleTypes"]} == set(model.types)
    assert schema["__schema"]["types"][0] == {"name": "Root", "kind": "OBJECT"}
    assert {one["name"] for one in schema["__schema"]["directives"]} == {"include", "skip", "deprecated"}
    assert {"name": "LIST", "isDeprecated": False} in schema["kind"]["enumValues"]


def test_arguments_and_their_defaults(peregrine):
    text = '{__type(name:"Root"){fields{name args{name defaultValue type{kind ofType{name}}}}}}'
    fields = {one["name"]: one["args"] for one in ask(peregrine, text)["__type"]["fields"]}
    arguments = {one["name"]: one for one in fields["project"]}
    assert arguments["first"]["defaultValue"] == "10"
    assert arguments["code"]["type"] == {"kind": "LIST", "ofType": {"name": "String"}}
    assert arguments["not"]["type"]["ofType"] == {"name": "NotPropertiesInput_project"}
    assert fields["project"] == fields["_project_count"]
    assert [one["name"] for one in fields["node"]][-3:] == ["of_type", "project_id", "category"]


def test_paths_lead_outward_and_end_one_step_up():
    model = Model(load())
    ways = {tuple(edge.name for edge in way) for way in model.paths("case", "aliquot")}
    assert ("samples", "aliquots") in ways
    assert ("diagnoses", "samples", "aliquots") in ways
    assert ("cases",) in {tuple(edge.name for edge in way) for way in model.paths("sample", "case")}
    assert model.paths("sample", "experiment") == []
    assert model.paths("case", "nope") == []
    assert model.paths("case", "project")


def test_a_path_takes_a_link_to_its_own_type_once():
    model = Model(load(GARDEN))
    ways = {tuple(edge.name for edge in way) for way in model.paths("plant", "plant")}
    assert {("plants",), ("cuttings",)} <= ways
    assert ("plants", "plants") not in ways
