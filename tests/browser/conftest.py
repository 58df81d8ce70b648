"""A real JupyterLab, a real Chromium, and no request that leaves them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START = 60.0
expect.set_options(timeout=12_000)


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path
    settings: Path
    process: subprocess.Popen[bytes]
    log: Path

    def theme(self, name: str) -> None:
        file = self.settings / "@jupyterlab" / "apputils-extension" / "themes.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"theme": name}))


@dataclass
class Notebook:
    """A notebook, open and run in a page."""

    page: Page
    path: Path
    problems: list[str] = field(default_factory=list)

    def run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name=re.compile("^Run All Cells")).first.click()
        self.idle()

    def idle(self) -> None:
        idle = self.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]')
        expect(idle.first).to_be_attached(timeout=60_000)

    def ask(self, code: str) -> str:
        """Run code in the notebook's last cell, and give what it prints."""
        cell = self.page.locator(".jp-CodeCell").last
        editor = cell.locator(".cm-content")
        editor.click()
        editor.press("Control+A")
        done = f"done-{time.monotonic_ns()}"
        self.page.keyboard.insert_text(f"{code}\nprint({done!r})")
        editor.press("Control+Enter")
        output = cell.locator(".jp-Cell-outputArea").first
        expect(output).to_contain_text(done, timeout=12_000)
        return output.inner_text().replace(done, "").strip()

    def save(self) -> str:
        """Save, and give the file's text."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.locator(".jp-NotebookPanel").first.press("Control+S")
        end = time.monotonic() + 60
        text = ""
        # the server empties the file before it writes: it is saved once it is new and whole
        while time.monotonic() < end:
            if self.path.stat().st_mtime_ns != before:
                text = self.path.read_text(encoding="utf-8")
                with contextlib.suppress(ValueError):
                    json.loads(text)
                    return text
            time.sleep(0.1)
        return text

    def card(self, title: str) -> Locator:
        heading = self.page.get_by_role("heading", name=title, exact=True)
        return self.page.locator(".g3-card").filter(has=heading).first

    def picture(self, card: Locator, name: str) -> None:
        """Take a picture of a panel into the folder that GEN3NB_TEST_PICTURES names.

        GEN3NB_TEST_THEME chooses the theme: "JupyterLab Light" or "JupyterLab Dark".
        """
        folder = os.environ.get("GEN3NB_TEST_PICTURES")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.mouse.move(0, 0)
            card.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("lab")
    folder, settings = root / "notebooks", root / "settings"
    names = {
        "HOME": root / "home",
        "JUPYTER_CONFIG_DIR": root / "config",
        "JUPYTER_DATA_DIR": root / "data",
        "JUPYTER_RUNTIME_DIR": root / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": root / "workspaces",
        "IPYTHONDIR": root / "ipython",
    }
    for place in (folder, *names.values()):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    quiet = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    saved = settings / "@jupyter-widgets" / "jupyterlab-manager" / "plugin.jupyterlab-settings"
    saved.parent.mkdir(parents=True)
    saved.write_text(json.dumps({"saveState": True}))  # what a notebook could leak, it shall leak here
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    log = root / "lab.log"
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}",
        "--LabApp.collaborative=False", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {name: str(path) for name, path in names.items()},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    running = Lab(f"http://127.0.0.1:{port}", folder, settings, process, log)
    try:
        _await(running)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _await(lab: Lab) -> None:
    """Wait for the server; one that died shows what it said."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if lab.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{lab.url}/api/status", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not come up:\n{lab.log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("the browser tests need Chromium: apt-get install chromium")
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1180, "height": 1400}, device_scale_factor=1)
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture
def notebook(
    lab: Lab, context: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Give a function that makes a notebook of some cells, opens and runs it."""
    opened: list[Notebook] = []

    def open_(*cells: str, theme: str = "JupyterLab Light", width: int = 820, run: bool = True) -> Notebook:
        lab.theme(os.environ.get("GEN3NB_TEST_THEME") or theme)
        name = re.sub(r"\W+", "_", request.node.name) + f"_{len(opened)}.ipynb"
        made: Any = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in (*cells, "")],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = lab.folder / name
        nbformat.write(made, path)
        page = context.new_page()
        # what is left of the page for an output, beside Lab's side bars and the prompt
        page.set_viewport_size({"width": width + 178, "height": 1600})
        one = Notebook(page, path)
        opened.append(one)
        page.on("pageerror", lambda error: one.problems.append(f"page error: {error}"))
        page.on("console", lambda message: _heard(one, message))
        page.on("request", lambda sent: _sent(one, lab, sent.url))
        page.goto(f"{lab.url}/lab/tree/{name}?reset")
        one.idle()
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        page.keyboard.press("Control+B")
        expect(page.locator("#jp-left-stack")).to_be_hidden()
        if run:
            one.run_all()
        return one

    yield open_
    problems = [problem for one in opened for problem in one.problems]
    for one in opened:
        one.page.close()
    assert not problems, problems


def _heard(one: Notebook, message: Any) -> None:
    words = message.text
    if message.type == "error" and not re.search(r"favicon|Failed to load resource", words):
        one.problems.append(f"console: {words}")
    if "License" in words and "AG Grid" in words:
        one.problems.append(words)


def _sent(one: Notebook, lab: Lab, url: str) -> None:
    if not url.startswith((lab.url, lab.url.replace("http", "ws"), "data:", "blob:", "about:")):
        one.problems.append(f"a request to {url}")
