"""How JSON, TSV and CSV are read: strictly where the service is strict, and with its oddities."""

from __future__ import annotations

import math

import pytest

from gen3nb.embedded.schemas import load
from gen3nb.embedded.sheepdog_documents import UserError, format_of, parse_document, parse_json, parse_table

HEADER = "type\tsubmitter_id\texperiments.submitter_id\tprimary_site\n"
SAMPLE = "type\tsubmitter_id\tcases.submitter_id\t"


@pytest.fixture(scope="module")
def schemas():
    return load()


def rows(schemas, text, kind="tsv"):
    return parse_table(text, kind, schemas)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[", "Expecting value or ']': line 1 column 2 (char 1)"),
        ('{"a"', "Expecting ':' delimiter: line 1 column 5 (char 4)"),
        ('{"a":', "Expecting value: line 1 column 6 (char 5)"),
        ('{"a":1', "Expecting ',' delimiter or '}': line 1 column 7 (char 6)"),
        ('[{"a":1} 2]', "Expecting ',' delimiter or ']': line 1 column 10 (char 9)"),
        ("{a:1}", "Expecting property name enclosed in double quotes or '}': line 1 column 2 (char 1)"),
        ('{"a":1,}', "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"),
        ("[1,]", "Expecting value: line 1 column 4 (char 3)"),
        ("5 6", "Extra data: line 1 column 3 - line 1 column 4 (char 2 - 3)"),
        ('{"a": NaN}', "Expecting value: line 1 column 7 (char 6)"),
        ('{"NaN": -Infinity}', "Expecting value: line 1 column 9 (char 8)"),
        ('"a\tb"', "Invalid control character '\\t' at: line 1 column 3 (char 2)"),
        ('{"a":{"b":1,"b":2,"c":1,"c":1}}', "The document contains duplicate keys: b,c"),
    ],
)
def test_json_is_refused_in_the_words_of_the_services_parser(text, words):
    with pytest.raises(UserError) as refused:
        parse_json(text)
    assert refused.value.message == f"Unable to parse json: {words}"


def test_json_may_start_with_a_byte_order_mark_and_must_be_utf_8():
    assert parse_document('\ufeff{"a": 1}'.encode()) == {"a": 1}
    with pytest.raises(UserError, match="UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9"):
        parse_document(b'"\xe9"')
    with pytest.raises(UserError, match="JSON parsed from request is an invalid type: str"):
        parse_document(b'"x"')


def test_the_content_type_must_be_exact():
    assert format_of("text/tab-separated-values") == format_of("TEXT/TSV") == "tsv"
    assert format_of("text/csv") == "csv"
    assert format_of("text/tsv; charset=utf-8") == format_of("text/plain") == format_of("") == "json"


def test_cells_clear_values_and_missing_cells_do_not(schemas):
    one, two = rows(schemas, HEADER + "case\ta\te\tnull\ncase\tb\te\n")
    assert one == {
        "type": "case",
        "submitter_id": "a",
        "primary_site": None,
        "experiments": [{"submitter_id": "e"}],
    }
    assert "primary_site" not in two
    (last,) = rows(schemas, HEADER + "case\ta\te\t\n")
    assert "primary_site" not in last  # the text's last tab is stripped away with it


def test_rows_are_lost_without_a_word(schemas):
    text = HEADER + "case\ta\te\tx\n\tb\te\tx\nkase\tc\te\tx\n\n case \td\te\tx\n"
    assert [row["submitter_id"] for row in rows(schemas, text)] == ["a", "d"]
    text = HEADER + 'case\ta\te\t"open\ncase\tb\te\tx\ncase\tc\te\ty\n'
    (row,) = rows(schemas, text)
    assert row["primary_site"] == "open\ncase\tb\te\tx\ncase\tc\te\ty"
    for mark in "\v\f\x1c\x85\u2028\u2029":
        (row,) = rows(schemas, HEADER + f"case\ta\te\tone{mark}two\n")
        assert row["primary_site"] == "one"


def test_headers_are_stripped_of_blanks_and_stars_and_the_last_of_two_wins(schemas):
    link = "experiments.submitter_id"
    text = f"*type\t *submitter_id \tprimary_site\tprimary_site\t{link}\t{link}\n"
    (row,) = rows(schemas, text + "case\ta\tx\ty\te\tf\n")
    assert row["primary_site"] == "y"
    assert row["experiments"] == [{"submitter_id": "f"}]


def test_values_take_their_propertys_type(schemas):
    text = SAMPLE + "is_ffpe\tdays_to_collection\tinitial_weight\tsample_type_id\n"
    first, second = rows(
        schemas, text + "sample\ta\tc\tTRUE\t1_000\t1e3\t01\nsample\tb\tc\tyes\t3.0\t1,5\t1\n"
    )
    assert (first["is_ffpe"], first["days_to_collection"], first["initial_weight"]) == (True, 1000, 1000)
    assert type(first["initial_weight"]) is int
    assert first["sample_type_id"] == "01"
    assert (second["is_ffpe"], second["days_to_collection"], second["initial_weight"]) == (
        "yes",
        "3.0",
        "1,5",
    )
    (row,) = rows(schemas, text + "sample\ta\tc\t\t\t1e400\t\n")
    assert math.isinf(row["initial_weight"])
    (row,) = rows(schemas, text + "sample\ta\tc\t\t\t12345678901234567890\t\n")
    assert row["initial_weight"] == 12345678901234567168


def test_lists_and_links_of_several(schemas):
    text = "type\tsubmitter_id\tsamples.submitter_id\tsamples.id\n"
    (row,) = rows(schemas, text + "aliquot\ta\ts1, s2,,null\tid\n")
    assert row["samples"] == [{"submitter_id": "s1"}, {"submitter_id": "s2"}, {"id": "id"}]
    (row,) = rows(schemas, "type,submitter_id,samples.submitter_id\naliquot,a,s1#s2\n", "csv")
    assert row["samples"] == [{"submitter_id": "s1"}, {"submitter_id": "s2"}]
    (row,) = rows(schemas, "type\tsubmitter_id\tconsent_codes\ncase\ta\ta, ,b\n")
    assert row["consent_codes"] == ["a", "", "b"]


def test_columns_that_name_no_link(schemas):
    with pytest.raises(UserError) as refused:
        rows(schemas, "type\tsubmitter_id\tcolours.submitter_id\ncase\ta\tx\n")
    words = "Unable to parse document: type object 'Case' has no attribute 'colours'"
    assert refused.value.message == words
    (row,) = rows(schemas, "type\tcolours.submitter_id\tsubmitter_id\ncase\t\ta\n")
    assert row["colours"] == []
    with pytest.raises(UserError, match="'NoneType' object has no attribute 'lstrip'"):
        rows(schemas, "type\tsubmitter_id\ncase\ta\tb\n")


def test_nothing_at_all(schemas):
    assert rows(schemas, "") == rows(schemas, " \n\n") == rows(schemas, HEADER) == []
