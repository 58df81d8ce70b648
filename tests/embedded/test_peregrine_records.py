"""Queries for records: filters, order, pages, links, counts; on a project of the default dictionary."""

from __future__ import annotations

import pytest
import requests
from asking import Ask
from submitting import Hand

CASES = {
    "c1": {"primary_site": "Lung", "consent_codes": ["a", "b"]},
    "c2": {"primary_site": "Skin", "consent_codes": ["b"]},
    "c3": {"disease_type": "x"},
}
SAMPLES = {
    "s1": ("c1", {"initial_weight": 1.5, "days_to_collection": 3, "is_ffpe": True}),
    "s2": ("c1", {"initial_weight": 1000, "days_to_collection": -3, "is_ffpe": False}),
    "s3": ("c2", {"initial_weight": 2.25}),
    "s4": ("c2", {}),
}


@pytest.fixture(scope="module")
def ask(practice):
    with requests.Session() as session:
        session.trust_env = False
        yield Ask(practice, session)


@pytest.fixture(scope="module")
def hand(practice):
    with requests.Session() as session:
        session.trust_env = False
        hand = Hand(practice, session)
        hand.put({"type": "experiment", "submitter_id": "e", "projects": {"code": hand.code}})
        for name, more in CASES.items():
            hand.put({"type": "case", "submitter_id": name, "experiments": {"submitter_id": "e"}, **more})
        for name, (case, more) in SAMPLES.items():
            hand.put({"type": "sample", "submitter_id": name, "cases": {"submitter_id": case}, **more})
        hand.put({"type": "aliquot", "submitter_id": "a1", "samples": {"submitter_id": "s1"}, "amount": 3})
        hand.put(
            {
                "type": "demographic",
                "submitter_id": "d1",
                "cases": {"submitter_id": "c2"},
                "year_of_birth": 1970,
            }
        )
        sample = {"type": "sample", "cases": {"submitter_id": "c3"}}
        hand.put(*({"submitter_id": f"m{number:02}", **sample} for number in range(15)))
        yield hand


@pytest.fixture
def listed(ask, hand):
    """Give ``listed(node, arguments)``: the submitter_ids of what a query finds in the project."""

    def query(
        node: str, arguments: str = "first:0", variables: dict | None = None, types: str = ""
    ) -> list[str]:
        text = f'query{types}{{{node}(project_id:"{hand.project_id}",{arguments}){{submitter_id}}}}'
        return [one["submitter_id"] for one in ask(text, variables)[node]]

    return query


@pytest.mark.parametrize(
    ("arguments", "number"),
    [("", 10), ("first:3", 3), ("first:0", 19), ("first:-1", 19), ("first:0,offset:-1", 19), ("offset:12", 7),
     ("first:3,offset:18", 1), ("offset:100", 0)],
)  # fmt: skip
def test_ten_records_if_nothing_is_said(listed, arguments, number):
    assert len(listed("sample", arguments)) == number


def test_a_list_below_holds_ten_too_and_counts_hold_all(ask, hand):
    data = ask(
        f'{{case(project_id:"{hand.project_id}",submitter_id:"c3"){{samples{{id}} all:samples(first:0){{id}}'
        " _samples_count limited:_samples_count(first:2) some:samples(first:2,offset:3,order_by_desc:"
        '"submitter_id"){submitter_id}}}'
    )
    (case,) = data["case"]
    assert [len(case["samples"]), len(case["all"]), case["_samples_count"], case["limited"]] == [
        10,
        15,
        15,
        15,
    ]
    assert case["some"] == [{"submitter_id": "m11"}, {"submitter_id": "m10"}]
    count = f'_sample_count(project_id:"{hand.project_id}",first:2,offset:3)'
    assert ask(f"{{{count}}}") == {"_sample_count": 19}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ('submitter_id:"c1"', ["c1"]),
        ('submitter_id:["c2","nope"]', ["c2"]),
        ("submitter_id:[]", []),
        ('primary_site:"Lung"', ["c1"]),
        ('primary_site:["Lung","Skin"]', ["c1", "c2"]),
        ('consent_codes:["b"]', ["c1", "c2"]),
        ('consent_codes:["a","b"]', ["c1"]),
        ('consent_codes:"a"', ["c1"]),
        ('not:[{primary_site:"Lung"}]', ["c2"]),  # what is missing is dropped, too
        ('not:[{primary_site:"Lung"},{primary_site:"Skin"}]', ["c1"]),  # the last of one name counts
        ('not:[{disease_type:"x"}]', []),
        ('quick_search:"C"', ["c1", "c2", "c3"]),
        ('quick_search:"%"', ["c1", "c2", "c3"]),
        ('with_links:"demographics"', ["c2"]),
        ('with_links:["demographics","samples"]', ["c2"]),
        ('with_links_any:["demographics","samples"]', ["c1", "c2", "c3"]),
        ('without_links:"demographics"', ["c1", "c3"]),
        ('with_path_to:{type:"aliquot"}', ["c1"]),
        ('with_path_to:{type:"aliquot",submitter_id:"a1"}', ["c1"]),
        ('with_path_to:{type:"aliquot",submitter_id:"a2"}', []),
        ('with_path_to:{type:"aliquot",amount:3}', ["c1"]),  # here a whole number matches
        ('with_path_to:{type:"sample",is_ffpe:false}', ["c1"]),
        ('with_path_to:[{type:"aliquot"},{type:"demographic"}]', []),
        ('with_path_to_any:[{type:"aliquot"},{type:"demographic"}]', ["c1", "c2"]),
        ("with_path_to_any:[]", []),
        ("with_path_to:[]", ["c1", "c2", "c3"]),
        ('without_path_to:{type:"aliquot"}', ["c2", "c3"]),
        ('without_path_to:[{type:"aliquot"},{type:"demographic"}]', ["c1", "c2", "c3"]),
        ('with_path_to:{type:"experiment"}', ["c1", "c2", "c3"]),
        ('with_path_to:{type:"project"}', ["c1", "c2", "c3"]),
        ('with_path_to:{type:"nope"}', []),
        ('created_after:"2020-01-01"', ["c1", "c2", "c3"]),
        ('created_before:"2020-01-01T00:00:00+02:00"', []),
        ('updated_after:"2999-01-01"', []),
    ],
)
def test_filters(listed, arguments, found):
    assert sorted(listed("case", f"first:0,{arguments}")) == found
    assert listed("case", f'first:0,order_by_asc:"submitter_id",{arguments}') == found


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("initial_weight:1.5", ["s1"]),
        ("initial_weight:[2.25,1.5]", ["s1", "s3"]),
        ("initial_weight:1000", []),  # numbers stored as whole values match nothing
        ("days_to_collection:3", []),
        ("days_to_collection:[3,3.0]", []),
        ("is_ffpe:true", ["s1"]),
        ('is_ffpe:true,with_path_to:{type:"case"}', ["s1"]),
        ('is_ffpe:true,with_path_to:{type:"experiment"}', []),  # a way up ends at what is nearest
        ("is_ffpe:[true,false]", ["s1", "s2"]),
        ("not:[{initial_weight:1.5}]", ["s2", "s3"]),
    ],
)
def test_numbers_and_booleans(listed, arguments, found):
    assert listed("sample", f'first:0,order_by_asc:"submitter_id",{arguments}') == found


def test_order_nulls_last_up_and_first_down(listed):
    assert listed("sample", 'first:4,order_by_asc:"initial_weight"')[:3] == ["s1", "s3", "s2"]
    assert listed("sample", 'first:0,order_by_desc:"initial_weight"')[-3:] == ["s2", "s3", "s1"]
    both = 'first:2,order_by_desc:"primary_site",order_by_asc:"submitter_id"'
    assert listed("case", both) == ["c1", "c2"]


def test_values(ask, hand):
    (sample,) = ask(
        f'{{sample(submitter_id:"s2",project_id:"{hand.project_id}"){{submitter_id type project_id state'
        " initial_weight days_to_collection is_ffpe biospecimen_anatomic_site created_datetime __typename}}"
    )["sample"]
    assert sample.pop("created_datetime")[-6:] == "+00:00"
    assert sample == {
        "submitter_id": "s2",
        "type": "sample",
        "project_id": hand.project_id,
        "state": "validated",
        "initial_weight": 1000.0,
        "days_to_collection": -3.0,
        "is_ffpe": False,
        "biospecimen_anatomic_site": None,
        "__typename": "sample",
    }
    assert isinstance(sample["days_to_collection"], float)


def test_links_in_both_directions(ask, hand):
    data = ask(
        f'{{sample(project_id:"{hand.project_id}",submitter_id:["s1","s4"],order_by_asc:"submitter_id"){{'
        "cases{submitter_id experiments{projects{code programs{name}}} demographics{year_of_birth}}"
        " aliquots{submitter_id samples{submitter_id}} _links{type submitter_id}"
        " _cases_count _aliquots_count}}"
    )
    first, last = data["sample"]
    project = [{"code": hand.code, "programs": [{"name": "P"}]}]
    assert first["cases"] == [
        {"submitter_id": "c1", "experiments": [{"projects": project}], "demographics": []}
    ]
    assert first["aliquots"] == [{"submitter_id": "a1", "samples": [{"submitter_id": "s1"}]}]
    assert sorted(one["type"] for one in first["_links"]) == ["aliquot", "case"]
    assert last["cases"][0]["demographics"] == [{"year_of_birth": 1970.0}]
    assert (first["_cases_count"], first["_aliquots_count"], last["_aliquots_count"]) == (1, 1, 0)


def test_filters_below(ask, hand):
    (experiment,) = ask(
        f'{{experiment(project_id:"{hand.project_id}"){{cases(with_links:"demographics"){{submitter_id '
        'samples(initial_weight:2.25){submitter_id}} none:cases(primary_site:"nope"){id}}}'
    )["experiment"]
    assert experiment == {"cases": [{"submitter_id": "c2", "samples": [{"submitter_id": "s3"}]}], "none": []}


def test_a_count_of_any_link_counts_each(ask, hand):
    where = f'project_id:"{hand.project_id}",with_links_any:["demographics","samples"]'
    assert ask(f"{{_case_count({where})}}") == {"_case_count": 4}


def test_nodes_of_all_types(ask, hand):
    where = f'first:0,project_id:"{hand.project_id}"'
    data = ask(
        f'{{node({where},of_type:["demographic","aliquot","nope"]){{type ... on aliquot{{amount}}}}'
        f' clinical:node({where},category:"clinical"){{submitter_id}} all:node({where}){{id}}}}'
    )
    assert data["node"] == [{"type": "aliquot", "amount": 3.0}, {"type": "demographic"}]
    assert data["clinical"] == [{"submitter_id": "d1"}]
    assert len(data["all"]) == 25


def test_a_list_of_1000_names_is_one_filter(listed):
    names = [f"c{number}" for number in range(1, 1001)]
    assert sorted(listed("case", "first:0,submitter_id:$s", {"s": names}, "($s:[String])")) == [
        "c1",
        "c2",
        "c3",
    ]


def test_ids(ask, hand):
    (case,) = ask(f'{{case(project_id:"{hand.project_id}",submitter_id:"c1"){{id}}}}')["case"]
    text = "query($i:String,$s:[String]){case(id:$i){id} other:case(ids:$s){id} node(id:$i){id}}"
    data = ask(text, {"i": case["id"], "s": [case["id"], "x"]})
    assert data == {"case": [case], "other": [case], "node": [case]}


def test_characters_that_no_database_holds(ask):
    text = "query($s:[String],$q:String){case(submitter_id:$s,quick_search:$q){id}}"
    assert ask(text, {"s": ["\ud800", "\0"], "q": "\udfff\\"}) == {"case": []}


def test_the_project(ask, hand):
    where = f'project_id:"{hand.project_id}"'
    data = ask(f"{{project({where}){{code project_id state type programs{{name}}}} _project_count({where})}}")
    assert data["project"] == [
        {
            "code": hand.code,
            "project_id": hand.project_id,
            "state": "open",
            "type": "project",
            "programs": [{"name": "P"}],
        }
    ]
    assert data["_project_count"] == 1
    assert ask(f'{{project(code:"{hand.code}"){{code}}}}') == {"project": [{"code": hand.code}]}


def test_transactions(ask, hand):
    fields = "id type role state snapshots{action} documents{doc_format response{success entities{type}}}"
    text = f'{{transaction_log(first:0,project_id:"{hand.project_id}",order_by_asc:"id"){{{fields}}}}}'
    logs = ask(text)["transaction_log"]
    assert {log["type"] for log in logs} == {"upload"}
    assert {log["state"] for log in logs if log["documents"]} == {"SUCCEEDED"}
    assert logs[-1]["documents"][0]["response"]["entities"] == [{"type": "sample"}] * 15
    assert len(logs[-1]["snapshots"]) == 15
    count = f'_transaction_log_count(project_id:"{hand.project_id}")'
    assert ask(f"{{{count}}}") == {"_transaction_log_count": len(logs)}
    (last,) = ask(f'{{transaction_log(project_id:"{hand.project_id}",last:1){{id}}}}')["transaction_log"]
    assert last == {"id": logs[-1]["id"]}
    (case,) = ask(f'{{case(project_id:"{hand.project_id}",submitter_id:"c1"){{_transaction_logs_count}}}}')[
        "case"
    ]
    assert case == {"_transaction_logs_count": 1}


def test_transactions_keep_whole_records_as_python_prints_them(ask, hand):
    where = f'project_id:"{hand.project_id}",submitter_id:"c2"'
    text = f"{{case({where}){{_transaction_logs{{snapshots{{new_props old_props}}}}}}}}"
    (case,) = ask(text)["case"]
    (snapshot,) = case["_transaction_logs"][0]["snapshots"]
    assert snapshot["old_props"] == "{}"
    assert "'disease_type': None" in snapshot["new_props"]
    assert snapshot["new_props"].startswith("{'state': 'validated', 'project_id': ")


def test_part_of_the_data_comes_with_an_error(ask, hand):
    text = '{a:_case_count(project_id:"x") b:case(order_by_asc:"nope"){id}}'
    assert ask.wrong(text) == ({"a": 0, "b": None}, ["Cannot order by nope on case"])


def test_fragments_and_directives(ask, hand):
    text = (
        'query Q($w:Boolean!){case(project_id:$p,submitter_id:"c1"){...f id @include(if:$w) '
        "type @skip(if:$w) samples{... on sample @include(if:$w){id}}}} fragment f on case{x:submitter_id}"
    ).replace("$p", f'"{hand.project_id}"')
    assert ask(text, {"w": False})["case"] == [{"x": "c1", "type": "case", "samples": [{}, {}]}]


def test_kinds_of_records(ask):
    text = '{_node_type(id:"case"){id title category __typename} all:_node_type(first:100){id}}'
    data = ask(text)
    assert data["_node_type"] == [
        {"id": "case", "title": "Case", "category": "administrative", "__typename": "NodeType"}
    ]
    assert len(data["all"]) == 30


def test_datasets(ask, hand):
    counted = ask.get("/datasets", nodes="case,sample").json()
    assert counted[hand.project_id] == {"case": 3, "sample": 19}
    projects = ask.get("/datasets/projects").json()["projects"]
    assert {"code": hand.code, "dbgap_accession_number": hand.code, "name": "T"} in projects
    assert ask.get("/datasets").json() == {"message": "Need to provide target nodes in query param"}
    wrong = ask.get("/datasets", nodes="kase")
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0].startswith(
        'Cannot query field "_kase_count" on type "Root". Did you mean'
    )
