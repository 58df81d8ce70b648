"""Templates: the service's TSV, and the typed frame."""

from __future__ import annotations

import pandas as pd
import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.errors import DictionaryError

# As sheepdog 5.2.4 gave them for the default dictionary (recorded).
RECORDED = {
    "case": "*type\tproject_id\t*submitter_id\t*experiments.submitter_id\tconsent_codes\tdisease_type"
    "\tprimary_site\r\ncase\t\t\t\t\t\t\r\n",
    "aliquot": "*type\tproject_id\t*submitter_id\t*samples.submitter_id\taliquot_quantity\taliquot_volume"
    "\tamount\tanalyte_type\tanalyte_type_id\tconcentration\tsource_center\r\naliquot\t\t\t\t\t\t\t\t\t\t\r\n",
    "submitted_methylation": "*type\tproject_id\t*submitter_id\taliquots.submitter_id"
    "\tcore_metadata_collections.submitter_id\t*data_category\t*data_format\t*data_type\t*file_name"
    "\t*file_size\t*md5sum\tassay_instrument\tassay_instrument_model\tassay_method\tconsent_codes\tobject_id"
    "\tstate_comment\turls\r\nsubmitted_methylation\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\r\n",
    "program": "type\t*name\t*dbgap_accession_number\r\nprogram\t\t\r\n",
}


@pytest.mark.parametrize("node", RECORDED)
def test_the_tsv_is_the_services(default: Dictionary, node: str) -> None:
    assert default.template(node, "tsv") == RECORDED[node]


def test_further_unique_keys_stand_before_the_links(garden: Dictionary) -> None:
    assert garden["tool"].columns == ["type", "project_id", "serial", "submitter_id", "gardens.submitter_id"]
    assert garden["garden"].columns[:4] == ["type", "project_id", "submitter_id", "projects.code"]


def test_the_frame_has_the_same_columns_typed_and_no_row(dictionary: Dictionary) -> None:
    for name, node in dictionary.items():
        frame = dictionary.template(name)
        assert frame.empty
        assert frame.columns.tolist() == node.columns == node.template().columns.tolist()
        assert frame.columns.is_unique
        for column, dtype in frame.dtypes.items():
            if column in node.properties:
                assert dtype == node.properties[column].dtype
    filled = pd.concat([dictionary.template("project"), pd.DataFrame({"code": ["alpha"]})])
    assert len(filled) == 1


def test_lists_of_targets_are_object_columns(garden: Dictionary) -> None:
    frame = garden.template("bouquet")
    assert frame["stems.submitter_id"].dtype == object
    assert frame["price"].dtype == pd.Float64Dtype()
    assert garden.template("graft")["plants.submitter_id"].dtype == pd.StringDtype()


def test_other_forms_are_refused(default: Dictionary) -> None:
    with pytest.raises(DictionaryError, match="'frame' or 'tsv', not as 'xlsx'"):
        default.template("case", "xlsx")
    with pytest.raises(DictionaryError, match="no node 'nope'"):
        default.template("nope", "tsv")
