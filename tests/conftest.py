"""What every test may use: a practice commons over real HTTP, a fresh project, and only loopback."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

LOOPBACK = Path(__file__).parent / "loopback"
_numbers = itertools.count(1)

if TYPE_CHECKING:
    from gen3nb import Commons


def pytest_configure(config: pytest.Config) -> None:
    """Hold this process and all its children on loopback, and give them a home of their own."""
    if "GEN3NB_TEST_NETWORK_LOG" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="gen3nb-tests-"))
        os.environ["GEN3NB_TEST_NETWORK_LOG"] = str(folder / "network.log")
        (folder / "home").mkdir(mode=0o700)
        os.environ["GEN3NB_TEST_HOME"] = str(folder / "home")
        os.environ["PYTHONPATH"] = os.pathsep.join(
            part for part in (str(LOOPBACK), os.environ.get("PYTHONPATH", "")) if part
        )
    os.environ["HOME"] = os.environ["GEN3NB_TEST_HOME"]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell starts its background jobs so; the programs under test are to hear Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [
        name for name in os.environ if name.startswith(("XDG_", "GEN3_")) or name == "GEN3NB_PROFILE"
    ]:
        del os.environ[name]
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    if "sitecustomize" not in sys.modules or not hasattr(sys.modules["sitecustomize"], "NetworkForbidden"):
        sys.modules.pop("sitecustomize", None)
        sys.path.insert(0, str(LOOPBACK))
        try:
            __import__("sitecustomize")
        finally:
            sys.path.remove(str(LOOPBACK))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if anything, in any process, tried to leave the machine."""
    log = Path(os.environ["GEN3NB_TEST_NETWORK_LOG"])
    if not hasattr(session.config, "workerinput") and log.exists():
        sys.stderr.write("\nThese tried to reach another machine:\n" + log.read_text(encoding="utf-8"))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(log.parent, ignore_errors=True)


@pytest.fixture(scope="session")
def commons() -> Iterator[Commons]:
    """Give a practice commons with the default dictionary, signed in as its admin."""
    import gen3nb

    with gen3nb.sandbox() as practice:
        practice.create_program("TEST")
        yield practice


@pytest.fixture
def project(commons: Commons) -> str:
    """Make an empty project ``TEST-…`` of the test's own, which holds one experiment ``exp``."""
    code = f"p{next(_numbers)}{uuid.uuid4().hex[:8]}"
    commons.create_project(("TEST", code))
    answer = commons.sheepdog.submit(
        commons.project_id(("TEST", code)),
        [{"type": "experiment", "submitter_id": "exp", "projects": {"code": code}}],
    )
    assert answer.ok, answer
    return f"TEST-{code}"
