#!/bin/sh
# Everything that `make test` promises, step by step; it stops at the first that fails.
set -eu
cd "$(dirname "$0")/.."
bin=.venvs/test/bin
export PYTHONDONTWRITEBYTECODE=1

step() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

step "ruff: lint and format"
$bin/ruff check --no-cache .
$bin/ruff format --no-cache --check .
step "mypy, strict"
$bin/mypy
step "import-linter: imports go down only"
$bin/lint-imports --no-cache
step "binder: repo2docker reads the configuration"
$bin/jupyter-repo2docker --no-build . >/dev/null 2>.venvs/repo2docker.log || { tail -5 .venvs/repo2docker.log; exit 1; }
step "pytest, with coverage and warnings as errors; the code blocks of README and docs are among them"
$bin/python -m pytest tests -n 2 --dist loadfile -q -p no:cacheprovider --cov --cov-report=term:skip-covered
step "pytest tests/frames with pandas 2.2 and the lowest versions that gen3nb declares"
.venvs/lowest/bin/python -m pytest tests/frames -n 2 --dist loadfile -q -p no:cacheprovider
rm -f .coverage.*
step "pip over an older JupyterLab, as in a workspace: nothing of Jupyter or pandas changes, and it works"
scripts/workspace.sh
step "nbval: the notebooks, top to bottom"
$bin/python -m pytest -p tests.conftest --nbval-lax --nbval-current-env --nbval-cell-timeout=240 notebooks -q -p no:cacheprovider
