"""Use gen3nb in an older JupyterLab: no key file, the workspace token service, panels, rows in and out."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import warnings
from importlib.metadata import version

import pandas as pd

import gen3nb

os.environ["HOME"] = tempfile.mkdtemp()
for name in [name for name in os.environ if name.startswith(("GEN3", "XDG_"))]:
    del os.environ[name]

with gen3nb.sandbox() as admin:
    admin.create_program("DEMO")
    admin.create_project("DEMO-alpha")
    os.environ["GEN3NB_WORKSPACE_URL"] = admin.sandbox.workspace("submitter")
    with gen3nb.connect() as commons:
        me = commons.whoami()
        assert me.username == "submitter@commons.test", me
        assert "workspace" in me.source, me.source
        experiment = pd.DataFrame({"submitter_id": ["e"], "projects.code": ["alpha"]})
        cases = pd.DataFrame({"submitter_id": ["c1", "c2"], "experiments.submitter_id": "e"})
        report = commons.submit(
            {"experiment": experiment, "case": cases}, project="DEMO-alpha", progress=False
        )
        assert report.ok, report
        read = commons.read("case", project="DEMO-alpha", progress=False)
        assert sorted(read["submitter_id"]) == ["c1", "c2"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for panel in (gen3nb.panels.Query, gen3nb.panels.Export, gen3nb.panels.Submit):
                assert panel(commons) is not None
            assert gen3nb.panels.Login() is not None
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
names = ("jupyterlab", "ipywidgets", "pandas", "numpy")
versions = ", ".join(f"{name} {version(name)}" for name in names)
sys.stdout.write(f"1 passed, 0 failed\nworks with {versions}; {peak} MiB at most\n")
