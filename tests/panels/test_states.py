"""What every panel does when there is no commons, no permission, no answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from gen3nb.errors import Gen3Error, PermissionDenied, QueryError, Unavailable
from gen3nb.panels import Export, Login, Query, Submit
from gen3nb.panels.base import Panel
from gen3nb.panels.code import call, graphql_html, literal, python_html
from gen3nb.panels.style import badge, code, escape, says, table
from gen3nb.panels.wording import sentence

if TYPE_CHECKING:
    from gen3nb import Commons

PANELS = [Query, Export, Submit]


@pytest.mark.parametrize("kind", PANELS)
def test_not_connected_says_how_to_connect(
    kind: type[Panel], commons: Commons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gen3nb.panels.base._only_open", lambda: None)
    panel = kind()
    assert "Not connected yet" in panel.body.children[0].value
    assert "not connected" in panel._head.value
    (again,) = panel.foot.children
    again.click()
    assert "no commons is open" in panel.message.lower()
    monkeypatch.setattr("gen3nb.panels.base._only_open", lambda: commons)
    again.click()
    assert panel.error is None, panel.message
    assert "Not connected" not in panel.body.children[0].__repr__()
    assert panel.commons is commons


@pytest.mark.parametrize("kind", [*PANELS, Login])
def test_a_commons_that_does_not_answer_is_an_error_in_the_panel(kind: type[Panel], commons: Commons) -> None:
    import gen3nb

    with gen3nb.sandbox() as practice:
        dead = practice.sandbox.as_user("submitter")
    dead.transport.retries = 0
    panel = kind(dead)
    assert panel.error is not None
    assert "role='alert'" in panel.message
    assert "Traceback" not in panel.message
    assert "there. Your choices are kept." in panel.message
    ((_, again),) = (box.children for box in panel._messages.children)
    assert again.description == "Try again"
    panel.commons = commons
    again.click()
    assert panel.error is None
    assert panel.body.children


def test_long_work_can_be_cancelled_and_leaves_the_notebook_free(commons: Commons) -> None:
    panel = Panel(commons)
    begun, ended = threading.Event(), []

    def work(job: Any) -> None:
        for done in range(10_000_000):
            begun.set()
            job.progress(done, 10_000_000, "Reading case")
        ended.append(True)

    panel.start("Reading case", work, ended.append)
    assert begun.wait(10)
    assert panel.running
    panel.start("Again", work, ended.append)  # one at a time
    panel.cancel.click()
    panel.wait(30)
    assert not panel.running
    assert not ended
    assert "Cancelled" in panel.message


def test_errors_are_told_by_their_kind(commons: Commons) -> None:
    panel = Panel(commons)
    panel.fail(PermissionDenied("You may not read TRIAL-ARCTIC: it needs 'read' on /programs/TRIAL"))
    assert "role='status'" in panel.message
    assert "You may not read TRIAL-ARCTIC:" in panel.message
    tries: list[int] = []
    panel.fail(Unavailable("the commons did not answer (503)"), retry=lambda: tries.append(1))
    (again,) = [part for part in panel._messages.children[0].children if hasattr(part, "click")]
    again.click()
    assert tries == [1]


def test_whatever_a_server_says_is_escaped(commons: Commons) -> None:
    bad = "<script>alert('x')</script>\"'"
    for made in (badge(bad), code(bad), python_html(f'x = "{bad}"  # {bad}'), graphql_html(bad)):
        assert "<script" not in made
    assert "<b>" not in table([("<b>")], [])
    assert escape(bad).count('"') == escape(bad).count("'") == 0
    panel = Panel(commons)
    panel.fail(Unavailable(bad))
    panel.title(bad, bad)
    panel.show_progress(1, 2, bad, 3.0)
    assert "<script" not in panel.message + panel._head.value + panel.progress_words.value
    assert says("e", "x").count("role='alert'") == 1


@pytest.mark.parametrize(
    "value", ["plain", 'with "quotes"', "it's", "both \" and '", "line\nbreak\\", {"a": (1, None)},
     [1.5, True, "x"], ("one",), {}]
)  # fmt: skip
def test_code_says_values_as_python_reads_them(value: Any) -> None:
    assert eval(literal(value)) == value
    held: dict[str, Any] = {}

    def taken(*arguments: Any, **options: Any) -> None:
        held.update(options, first=arguments[0])

    exec(call("taken", value, columns=[f"column_{i}" for i in range(20)], where=value), {"taken": taken})
    assert held == {"first": value, "columns": [f"column_{i}" for i in range(20)], "where": value}


def test_every_field_has_a_label(commons: Commons, trial: str) -> None:
    import ipywidgets

    fields = (
        ipywidgets.Text, ipywidgets.Textarea, ipywidgets.Dropdown, ipywidgets.Checkbox,
        ipywidgets.ToggleButtons, ipywidgets.Button, ipywidgets.FileUpload,
    )  # fmt: skip
    seen = 0
    for panel in (Login(commons), Query(commons, project=trial), Export(commons), Submit(commons)):
        waiting: list[Any] = [panel]
        while waiting:
            one = waiting.pop()
            waiting.extend(getattr(one, "children", ()))
            if isinstance(one, fields):
                seen += 1
                assert one.description, one
    assert seen > 20


def test_what_comes_after_cancel_is_not_shown(commons: Commons) -> None:
    panel = Panel(commons)
    begun, go, shown, closed = threading.Event(), threading.Event(), [], []

    class Connection:
        def close(self) -> None:
            closed.append(True)

    def work(job: Any) -> Any:  # like connecting: it looks at nothing on its way
        begun.set()
        go.wait(10)
        return Connection()

    panel.start("Connecting", work, shown.append)
    assert begun.wait(10)
    panel.cancel.click()
    go.set()
    panel.wait(30)
    assert not shown
    assert closed == [True]
    assert "Cancelled" in panel.message


def test_names_of_files_stay_as_they_are() -> None:
    assert "<b>a.tsv is empty: " in sentence(Gen3Error("a.tsv is empty: there is not even a header."))
    assert sentence(Gen3Error("choose a node first")) == "<b>Choose a node first</b>"


def test_the_place_of_an_error_in_a_query_keeps_its_line() -> None:
    error = QueryError("the query failed: line 1, column 3: no such field\n  { nope }\n    ^")
    assert "<pre>  { nope }\n    ^</pre>" in sentence(error)
