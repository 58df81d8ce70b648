"""Query, Export and Submit, as a person sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import trial_data
from playwright.sync_api import expect

if TYPE_CHECKING:
    from gen3nb import Commons
    from tests.browser.conftest import Notebook

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def trial(commons: Commons) -> str:
    """Give a project that holds a part of the trial."""
    return trial_data.load(commons)


def opened(commons: Commons, user: str = "submitter") -> str:
    path = commons.sandbox.credentials(user)
    return f"import gen3nb\nfrom gen3nb import panels\ncommons = gen3nb.connect(credentials={str(path)!r})"


def test_query_and_export(notebook: Callable[..., Notebook], commons: Commons, trial: str) -> None:
    one = notebook(
        opened(commons),
        f"panels.Query(commons, project={trial!r}, node='diagnosis')",
        f"panels.Export(commons, project={trial!r})",
    )
    page, card = one.page, one.card("Query")
    expect(card.get_by_role("listbox", name="Node")).to_be_visible()
    card.get_by_label("Find a property, also in descriptions").fill("grade")
    card.get_by_role("listbox", name="Properties").get_by_role("option", name="tumor_grade").click()
    expect(card.locator(".g3-graphql")).to_contain_text("tumor_grade")
    card.get_by_label("Find a property, also in descriptions").fill("")
    card.get_by_label("Filter on").select_option("progression_or_recurrence")
    card.get_by_label("Filter on").select_option("age_at_diagnosis")
    card.get_by_label("age_at_diagnosis from").fill("18263")
    card.get_by_label("age_at_diagnosis from").press("Tab")
    one.picture(card, "query-form")
    card.get_by_role("button", name="Run query").click()
    expect(card.get_by_role("gridcell", name="GBSG2-003-dx")).to_be_visible()
    card.get_by_label("Variable name").fill("dx")
    card.get_by_label("Variable name").press("Tab")
    card.get_by_role("button", name="Keep").click()
    expect(card.get_by_text("is in your notebook")).to_be_visible()
    card.get_by_role("button", name="Show code ▸").click()
    one.picture(card, "query")
    cells = page.locator(".jp-CodeCell").count()
    card.get_by_role("button", name="Keep").focus()
    for key in ("b", "d", "d"):  # commands of JupyterLab, were they to reach it
        page.keyboard.press(key)
    expect(page.locator(".jp-CodeCell")).to_have_count(cells)
    expect(card.get_by_text("is in your notebook")).to_be_visible()
    answer = one.ask("print(len(dx), (dx['age_at_diagnosis'] >= 18263).all())")
    assert answer.endswith("True")
    export(one)
    page.set_viewport_size({"width": 700 + 178, "height": 1600})
    one.picture(card, "query-narrow")


def export(one: Notebook) -> None:
    card = one.card("Export")
    expect(card.get_by_role("listbox", name="Nodes")).to_be_visible()
    one.picture(card, "export")
    card.get_by_role("listbox", name="Nodes").focus()
    one.page.keyboard.press("Home")
    one.page.keyboard.press("Space")  # the first node is not exported
    card.get_by_role("button", name="TSV").click()
    card.get_by_label("Save to").fill("records.zip")
    card.get_by_label("Save to").press("Tab")
    card.get_by_role("button", name="Export 300 records").click()
    expect(card.get_by_role("status").filter(has_text="Every count equals")).to_be_visible()
    one.picture(card, "export-done")
    assert (one.path.parent / "records.zip").exists()


SPOILT = """
import trial_data
people = trial_data.frames()["demographic"].copy()
people = people.rename(columns={"gender": "Gender"}).assign(remarks="seen twice")
people["Gender"] = people["Gender"].astype(object)
people.loc[people.index[12:24], "Gender"] = "F"
people["year_of_birth"] = [None] * 7 + ["19?3"] + [1950] * (len(people) - 8)
people.loc[people.index[30], "cases.submitter_id"] = "GBSG2-0871"
"""


def test_submit(notebook: Callable[..., Notebook], commons: Commons) -> None:
    project = trial_data.load(commons, without="demographic")
    path = f"import sys; sys.path.insert(0, {trial_data.__file__.rsplit('/', 1)[0]!r})\n"
    one = notebook(opened(commons), path + SPOILT, f"panels.Submit(commons, project={project!r})")
    card = one.card("Submit")
    choice = card.get_by_label("DataFrame in this notebook")
    one.picture(card, "submit-source")
    choice.select_option(label=choice.locator("option", has_text="people").text_content())
    expect(card.get_by_label("Node")).to_have_value("demographic")
    expect(card.get_by_label("Property for Gender")).to_have_value("gender")
    one.picture(card, "submit-columns")
    card.get_by_role("button", name="Check 60 rows").click()
    expect(card.get_by_text("What will change")).to_be_visible()
    expect(card.get_by_text("rows say F, did you mean female?")).to_be_visible()
    expect(card.locator('.ag-cell[col-id="c2"]', has_text="19?3")).to_be_visible()
    one.picture(card, "submit-problems")
    cell = card.locator('.ag-cell[col-id="c2"]', has_text="19?3")
    cell.dblclick()
    one.page.keyboard.press("Control+A")
    one.page.keyboard.type("1953")
    one.page.keyboard.press("Enter")
    expect(card.locator('.ag-cell[col-id="c2"]', has_text="1953")).to_be_visible()
    card.get_by_role("button", name="Check again").click()
    expect(card.locator('.ag-cell[col-id="c2"]', has_text="1953")).to_have_count(0)  # in order now
    card.get_by_role("button", name="Fix 12 values").click()
    expect(card.get_by_role("button", name="Submit 59 records")).to_be_enabled()
    one.picture(card, "submit-ready")
    one.page.set_viewport_size({"width": 700 + 178, "height": 1600})
    one.picture(card, "submit-narrow")
    card.get_by_role("button", name="Submit 59 records").click()
    expect(card.get_by_text("59 created, 0 updated, 0 unchanged, 1 rejected, 0 unknown.")).to_be_visible()
    expect(card.get_by_role("gridcell", name="GBSG2-031-dem")).to_be_visible()
    one.picture(card, "submit-done")
    assert len(commons.read("demographic", project=project, progress=False)) == 59
