"""What the query service says to a query that it does not run: the words of a GraphQL library of 2016."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gen3nb.embedded.graph import Graph
from gen3nb.embedded.peregrine import Peregrine
from gen3nb.embedded.schemas import load


@pytest.fixture(scope="module")
def peregrine(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "graph.sqlite"
    state = SimpleNamespace(schemas=load(), graph=Graph(path, wal=False))
    yield Peregrine(state)
    state.graph.close()


SYNTAX = {
    "{project{id}": "(1:13) Expected Name, found EOF\n\n1: {project{id}\n               ^\n",
    "": "(1:1) Unexpected EOF\n\n",
    "{case(id:null){id}}": '(1:10) Unexpected Name "null"\n\n1: {case(id:null){id}}\n            ^\n',
    '{case(id:"""x"""){id}}': (
        '(1:12) Expected Name, found String "x"\n\n1: {case(id:"""x"""){id}}\n              ^\n'
    ),
    "{case(id:01){id}}": (
        '(1:11) Invalid number, unexpected digit after 0: "1".\n\n1: {case(id:01){id}}\n             ^\n'
    ),
    "{case(first:1.){id}}": (
        '(1:15) Invalid number, expected digit but got: ")".\n\n1: {case(first:1.){id}}\n                 ^\n'
    ),
    '{case(id:"a){id}}': '(1:18) Unterminated string\n\n1: {case(id:"a){id}}\n                    ^\n',
    '{case(id:"\\x"){id}}': (
        '(1:12) Invalid character escape sequence: \\x.\n\n1: {case(id:"\\x"){id}}\n              ^\n'
    ),
    "{case?{id}}": '(1:6) Unexpected character "?".\n\n1: {case?{id}}\n        ^\n',
    "{case{é}}": '(1:7) Unexpected character "\\u00E9".\n\n1: {case{é}}\n         ^\n',
    "fragment on on case{id}": ('(1:10) Unexpected Name "on"\n\n1: fragment on on case{id}\n            ^\n'),
    "query Q($a:Int=$b){x}": "(1:16) Unexpected $\n\n1: query Q($a:Int=$b){x}\n                  ^\n",
    # the first place of a line is taken for the end of the line before
    "\n{case{\n  id(\n}}": "(3:6) Expected Name, found }\n\n2: {case{\n3:   id(\n        ^\n4: }}\n",
}
WRONG = {
    "{kase{id}}": ['Cannot query field "kase" on type "Root". Did you mean "case"?'],
    "{case{colour shape}}": [
        'Cannot query field "colour" on type "case".',
        'Cannot query field "shape" on type "case". Did you mean "state"?',
    ],
    "{project{_links_count}}": [
        'Cannot query field "_links_count" on type "project". Did you mean "_links", "_programs_count", '
        '"_keywords_count", "_experiments_count" or "_publications_count"?'
    ],
    "{node{category}}": ['Cannot query field "category" on type "Node".'],
    '{case(colour:"red"){id}}': ['Unknown argument "colour" on field "case" of type "Root".'],
    '{case(order_by:"x"){id}}': [
        'Unknown argument "order_by" on field "case" of type "Root". '
        'Did you mean "order_by_asc" or "order_by_desc"?'
    ],
    '{case{samples(of_type:"x"){id}}}': ['Unknown argument "of_type" on field "samples" of type "case".'],
    "{case}": ['Field "case" of type "[case]" must have a sub selection.'],
    "{case{id{x}}}": ['Field "id" of type "ID" must not have a sub selection.'],
    '{case(first:"ten"){id}}': [
        'Argument "first" has invalid value "ten".\nExpected type "Int", found "ten".'
    ],
    "{case(first:3000000000){id}}": [
        'Argument "first" has invalid value 3000000000.\nExpected type "Int", found 3000000000.'
    ],
    '{case(submitter_id:["a",1]){id}}': [
        'Argument "submitter_id" has invalid value ["a", 1].\nIn element #1: Expected type "String", found 1.'
    ],
    '{case(with_path_to:{type:"aliquot",colour:"x"}){id}}': [
        'Argument "with_path_to" has invalid value {type: "aliquot", colour: "x"}.\n'
        'In field "colour": Unknown field.'
    ],
    '{case(with_path_to:{submitter_id:"x"}){id}}': [
        'Argument "with_path_to" has invalid value {submitter_id: "x"}.\n'
        'In field "type": Expected "String!", found null.'
    ],
    '{case(not:"x"){id}}': [
        'Argument "not" has invalid value "x".\nExpected "NotPropertiesInput_case", found not an object.'
    ],
    "{case(first:1,first:2){id}}": ['There can only be one argument named "first".'],
    "{case(first:1){id} case(first:2){id}}": [
        'Fields "case" conflict because they have differing arguments. '
        "Use different aliases on the fields to fetch both if this was intentional."
    ],
    "{case{samples{a:id} samples{a:type}}}": [
        'Fields "samples" conflict because subfields "a" conflict because id and type are different fields. '
        "Use different aliases on the fields to fetch both if this was intentional."
    ],
    "query($p:String){case(project_id:$p){id}}": [
        'Variable "p" of type "String" used in position expecting type "[String]".'
    ],
    "query($a:Foo){case(first:$a){id}}": ['Unknown type "Foo". Perhaps you meant "Root" or "root"?'],
    "query($a:case){case(first:$a){id}}": [
        'Variable "$a" cannot be non-input type "case".',
        'Variable "a" of type "case" used in position expecting type "Int".',
    ],
    "query Q($a:Int){case{id}}": ['Variable "$a" is never used in operation "Q".'],
    "{case(first:$a){id}}": ['Variable "$a" is not defined.'],
    "query($a:Int!=3){case(first:$a){id}}": [
        'Variable "$a" of type "Int!" is required and will not use the default value. '
        'Perhaps you meant to use type "Int".'
    ],
    "{case{...f}}": ['Unknown fragment "f".'],
    "{case{id}} fragment f on case{id}": ['Fragment "f" is never used.'],
    "{case{...f}} fragment f on sample{id}": [
        "Fragment f cannot be spread here as objects of type case can never be of type sample"
    ],
    "{case{...{id}}}": ["Fragment cannot be spread here as objects of type case can never be of type [case]"],
    "{case{...f}} fragment f on case{...f}": [
        "maximum recursion depth exceeded while calling a Python object"
    ],
    "{case{id @foo}}": ['Unknown directive "foo".'],
    "query @skip(if:true){case{id}}": ['Directive "skip" may not be used on "QUERY".'],
    "{case{id @include}}": [
        'Directive "include" argument "if" of type "Boolean!" is required but not provided.'
    ],
    "query A{case{id}} {case{id}}": ["This anonymous operation must be the only defined operation."],
    "query A{case{id}} query A{case{id}}": ['There can only be one operation named "A".'],
    "query A{case{id}} query B{case{id}}": [
        "Must provide operation name if query contains multiple operations."
    ],
    "fragment f on case{id}": ['Fragment "f" is never used.'],
    "mutation{x}": ["Schema is not configured for mutations"],
    "subscription{x}": ["Schema is not configured for subscriptions"],
}


@pytest.mark.parametrize("text", SYNTAX)
def test_syntax(peregrine, text):
    assert peregrine.execute(text, {}, []) == (None, [f"Syntax Error GraphQL {SYNTAX[text]}"])


@pytest.mark.parametrize("text", WRONG)
def test_checks(peregrine, text):
    assert peregrine.execute(text, {}, []) == (None, WRONG[text])


@pytest.mark.parametrize(
    ("definition", "value", "words"),
    [
        ("Int", "x", "could not convert string to float: 'x'"),
        (
            "Int!",
            None,
            'Variable "$a" of required type "Int!" was not provided.',
        ),
        ("Int", 10**12, "Int cannot represent non 32-bit signed integer value: 1000000000000"),
    ],
)
def test_values_of_variables(peregrine, definition, value, words):
    text = f"query($a:{definition}){{case(first:$a){{id}}}}"
    assert peregrine.execute(text, {"a": value}, []) == (None, [words])


def test_input_objects_in_variables(peregrine):
    text = "query($w:[WithPathToInput]){case(with_path_to:$w){id}}"
    assert peregrine.execute(text, {"w": [{"type": "aliquot"}]}, []) == ({"case": []}, [])
    assert peregrine.execute(text, {"w": [{"colour": 1}]}, []) == (
        None,
        [
            'Variable "$w" got invalid value [{"colour": 1}].\n'
            'In element #0: In field "colour": Unknown field.\n'
            'In element #0: In field "type": Expected "String!", found null.'
        ],
    )
    # an object alone counts as the list of its names
    assert peregrine.execute(text, {"w": {"type": "aliquot"}}, []) == (
        None,
        [
            'Variable "$w" got invalid value {"type": "aliquot"}.\n'
            'In element #0: Expected "WithPathToInput", found not an object.'
        ],
    )


@pytest.mark.parametrize("text", [None, 3, ["{case{id}}"]])
def test_a_query_is_a_string(peregrine, text):
    assert peregrine.execute(text, {}, []) == (None, ["The query must be a string"])


def test_a_bottomless_query(peregrine):
    data, errors = peregrine.execute("{a" * 100_000, {}, [])
    assert data is None
    assert errors[0].startswith("maximum recursion depth exceeded")


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ('{case(order_by_asc:"colour"){id}}', ["Cannot order by colour on case"]),
        ('{case(order_by_asc:"project"){id}}', ["Cannot order by project on case"]),
        ('{node(order_by_desc:"created_datetime"){id}}', ["Cannot order by created_datetime on node"]),
        ('{case(with_links:["nope"]){id}}', ["Invalid link name 'nope'"]),
        ('{_case_count(created_after:"yesterday")}', ["Unknown string format: yesterday"]),
    ],
)
def test_some_fields_fail_alone(peregrine, text, errors):
    name = text[1:].partition("(")[0]
    both = text[:-1] + " _sample_count}"
    assert peregrine.execute(both, {}, []) == ({name: None, "_sample_count": 0}, errors)
