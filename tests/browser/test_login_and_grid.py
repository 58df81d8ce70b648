"""Login and the grid, as a person sees them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from gen3nb import Commons
    from tests.browser.conftest import Notebook

pytestmark = pytest.mark.browser

FRAME = """
import numpy as np, pandas as pd
from gen3nb.panels import Grid
n = 450
frame = pd.DataFrame({
    "submitter_id": [f"GBSG2-{i:03}-dx" for i in range(n)],
    "cases.submitter_id": [f"GBSG2-{i:03}" for i in range(n)],
    "age_at_diagnosis": pd.array([18000 + 37 * i % 9000 for i in range(n)], dtype="Int64"),
    "tumor_grade": pd.Categorical(["G2", "G3", "G2", "G1", "G2"] * 90),
    "<img src=x onerror=alert(1)>": ["<b>bold</b>", "function(){alert(2)}"] * 225,
    "days_to_last_follow_up": pd.array([None if i % 50 == 3 else 72 + i for i in range(n)], dtype="Int64"),
})
grid = Grid(frame, editable=["tumor_grade", "age_at_diagnosis"])
grid
"""


def test_grid_sorts_pages_and_edits(notebook: Callable[..., Notebook]) -> None:
    one = notebook(FRAME)
    page = one.page
    cell = page.get_by_role("gridcell", name="GBSG2-000-dx")
    expect(cell).to_be_visible()
    expect(page.get_by_role("gridcell", name="<b>bold</b>").first).to_be_visible()
    expect(page.get_by_role("columnheader").filter(has_text="cases.submitter_id")).to_be_visible()
    expect(page.get_by_role("columnheader").filter(has_text="onerror")).to_be_visible()
    one.picture(page.locator(".g3-grid").first, "grid")

    page.get_by_role("columnheader").filter(has_text="age_at_diagnosis").click()
    expect(page.locator('.ag-row[row-index="0"] [col-id="c2"]')).to_have_text("18\u2009000")
    page.get_by_role("button", name="›").click()
    expect(page.get_by_text("201–400 of 450")).to_be_visible()
    page.get_by_label("Find in all rows").fill("GBSG2-44")
    page.get_by_label("Find in all rows").press("Enter")
    expect(page.get_by_text("1–10 of 10")).to_be_visible()

    age = page.locator('.ag-row[row-index="0"] [col-id="c2"]')
    age.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("not a number")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not a whole number")
    age.dblclick()
    page.keyboard.press("Control+A")
    page.keyboard.type("20001")
    page.keyboard.press("Enter")
    expect(age).to_have_text("20\u2009001")
    cells = page.locator(".jp-CodeCell").count()
    grade = page.locator('.ag-row[row-index="0"] [col-id="c1"]')
    grade.click()
    for key in ("b", "x", "d", "d", "m"):  # commands of JupyterLab, were they to reach it
        page.keyboard.press(key)
    page.get_by_role("button", name="‹").focus()
    page.keyboard.press("Tab")
    expect(page.locator(".jp-CodeCell")).to_have_count(cells)
    expect(grade).to_be_visible()
    answer = one.ask(
        "edited = grid.edited().dtypes['age_at_diagnosis']\n"
        "print(grid.edits.to_dict('records'), edited, frame.equals(grid.frame))"
    )
    assert "'new': 20001" in answer
    assert "Int64 True" in answer


ROWS = """
import pandas as pd
panels.Grid(pd.DataFrame({"note": ["canary " + "in the rows"] * 30}))
"""


def test_login_by_a_key_that_no_file_holds(notebook: Callable[..., Notebook], commons: Commons) -> None:
    one = notebook("from gen3nb import panels\nlogin = panels.Login()\nlogin", ROWS)
    page = one.page
    card = one.card("Connect")
    expect(card.get_by_text("not connected")).to_be_visible()
    one.picture(card, "login")
    with page.expect_file_chooser() as chooser:
        card.get_by_role("button", name="Choose…").click()
    chooser.value.set_files(commons.sandbox.credentials("submitter"))
    expect(card.get_by_text("is read; press Connect")).to_be_visible()
    card.get_by_role("button", name="Connect", exact=True).click()
    done = one.card("Connected")
    expect(done.get_by_text(commons.endpoint)).to_be_visible()
    done.get_by_role("button", name="Show code ▸").click()
    expect(done.locator(".g3-code")).to_contain_text('gen3nb.connect(credentials="credentials.json")')
    one.picture(done, "login-connected")
    expect(page.get_by_role("gridcell", name="canary in the rows").first).to_be_visible()
    key = json.loads(commons.sandbox.credentials("submitter").read_text())
    saved = one.save()
    assert "application/vnd.jupyter.widget-state+json" in saved
    assert "not connected" not in saved
    assert commons.endpoint in saved
    token = commons.sandbox.token("submitter")
    for secret in (key["api_key"], token.split(".")[0], "canary in the rows"):
        assert secret not in saved
    assert one.ask("print(login.commons.whoami().username)").startswith("submitter")
