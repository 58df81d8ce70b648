#!/bin/sh
# Resolve constraints.txt (newest) and constraints-lowest.txt (lowest declared) anew: names and versions only.
set -eu
cd "$(dirname "$0")/.."
uv=.venvs/uv/bin/uv
[ -x $uv ] || { echo "run make test once: it fetches uv" >&2; exit 1; }
plain="--universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header -q -U"
newest=$(mktemp) && echo 'pandas>=3' >"$newest"
$uv pip compile pyproject.toml --all-extras --group test --group docs --group bench $plain -c "$newest" -o constraints.txt
rm "$newest"
$uv pip compile pyproject.toml --extra sandbox --extra excel --group frames-test $plain --resolution lowest-direct -o constraints-lowest.txt
