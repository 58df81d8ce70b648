"""The Query panel, driven as a person drives it: by choosing and clicking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
import trial_data

from gen3nb.errors import Gen3Error
from gen3nb.panels import Query

if TYPE_CHECKING:
    from gen3nb import Commons


def test_reads_what_is_ticked(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial, node="diagnosis")
    panel.properties.picked = ["submitter_id", "cases.submitter_id", "age_at_diagnosis"]
    assert "age_at_diagnosis" in panel.selection.graphql
    panel.run.click()
    panel.wait()
    assert panel.error is None
    wanted = trial_data.frames()["diagnosis"]
    assert panel.frame is not None
    assert sorted(panel.frame["submitter_id"]) == sorted(wanted["submitter_id"])
    assert list(panel.frame.columns) == ["submitter_id", "cases.submitter_id", "age_at_diagnosis"]
    assert panel.grid is not None
    assert panel.grid.found == len(wanted)


def test_its_code_gives_the_same_frame(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial, node="diagnosis")
    ages = panel.filter("age_at_diagnosis")
    ages.low.value, ages.high.value = "18 263", "25567"
    panel.filter("tumor_grade").values.value = ["G2", "G3"]
    panel.run.click()
    panel.wait()
    assert panel.error is None
    space = {"commons": commons}
    exec(panel.code, space)
    again = space["diagnosis"]
    assert isinstance(again, pd.DataFrame)
    assert panel.frame is not None
    assert 0 < len(again) < trial_data.PATIENTS
    pd.testing.assert_frame_equal(again, panel.frame)


def test_counts_as_the_commons_does(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial, node="diagnosis")
    panel.filter("tumor_grade").values.value = ["G3"]
    panel.wait()
    grades = trial_data.frames()["diagnosis"]["tumor_grade"]
    assert f">{(grades == 'G3').sum()} <" in panel._count.value


def test_an_error_of_a_handler_is_shown(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial, node="diagnosis")
    panel.filter("age_at_diagnosis").low.value = "young"
    assert isinstance(panel.error, Gen3Error)
    assert "is not a number" in panel.message
    assert "role='alert'" in panel.message


def test_graphql_by_hand(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial, node="case")
    panel.edit.click()
    panel.graphql.value = f'{{ case(project_id: "{trial}", first: 0) {{ submitter_id }} }}'
    panel.run.click()
    panel.wait()
    assert panel.error is None
    assert panel.frame is not None
    assert panel.frame.shape == (trial_data.PATIENTS, 1)
    panel.graphql.value = "{ case( }"
    panel.run.click()
    panel.wait()
    assert "role='alert'" in panel.message


def test_all_nodes_can_be_chosen(commons: Commons, trial: str) -> None:
    panel = Query(commons, project=trial)
    assert panel.node.picked == ["case"]
    for node in panel.node.names:
        panel.node.picked = [node]
        panel.wait()
        assert panel.error is None, node
        assert f"  {node}(" in panel.selection.graphql


@pytest.mark.parametrize("name", ["<b>x</b>", "_x;y", "1a", "lambda", "list", ""])
def test_a_bad_variable_name_is_refused(commons: Commons, trial: str, name: str) -> None:
    panel = Query(commons, project=trial)
    panel.keep.name.value = name
    panel.keep.button.click()
    assert "role='alert'" in panel.message
    assert "<b>x</b>" not in panel.message
