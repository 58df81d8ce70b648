"""What ``import gen3nb`` loads, and what it does not."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    "IPython",
    "anywidget",
    "gen3",
    "graphql",
    "ijson",
    "ipyaggrid",
    "ipywidgets",
    "jsonschema",
    "lifelines",
    "matplotlib",
    "numpy",
    "openpyxl",
    "pandas",
    "pyarrow",
    "requests",
    "starlette",
    "tqdm",
    "uvicorn",
)


def loaded_by(code: str) -> set[str]:
    """Give the top-level modules that a fresh Python has loaded after some code."""
    program = (
        f"{code}\nimport json, sys\nprint(json.dumps(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_is_light() -> None:
    assert loaded_by("import gen3nb; gen3nb.errors; gen3nb.__version__; dir(gen3nb)") & set(HEAVY) == set()


def test_connect_is_there_without_the_sdk_or_widgets() -> None:
    loaded = loaded_by("import gen3nb; gen3nb.connect; gen3nb.Commons; gen3nb.sandbox")
    assert (
        loaded & {"gen3", "ipywidgets", "ipyaggrid", "anywidget", "graphql", "jsonschema", "IPython"} == set()
    )


def test_df_gen3_is_there_whichever_comes_first() -> None:
    for code in (
        "import gen3nb, pandas",
        "import pandas, gen3nb",
        "import gen3nb; from pandas import DataFrame",
    ):
        loaded = loaded_by(f"{code}\nimport pandas\npandas.DataFrame({{'a': [1]}}).gen3")
        assert loaded & {"gen3", "ipywidgets", "requests", "graphql", "jsonschema"} == set()


def test_pandas_keeps_its_own_loader() -> None:
    code = (
        "import gen3nb, pandas, inspect, importlib.resources, sys\n"
        "assert 'gen3nb' not in type(pandas.__loader__).__module__\n"
        "assert 'gen3nb' not in type(pandas.__spec__.loader).__module__\n"
        "assert inspect.getsource(pandas)\n"
        "assert importlib.resources.files('pandas').joinpath('__init__.py').is_file()\n"
        "assert not [f for f in sys.meta_path if 'gen3nb' in type(f).__module__]\n"
    )
    loaded_by(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    loaded_by(
        "import gen3nb\ntry:\n    gen3nb.conect\nexcept AttributeError as e:\n    assert 'conect' in str(e)"
    )
