#!/bin/sh
# Install gen3nb with pip over an older JupyterLab, and see that it works and has changed neither Jupyter nor pandas.
#
#   scripts/workspace.sh            check
#   scripts/workspace.sh resolve    write constraints-workspace.txt anew
set -eu
cd "$(dirname "$0")/.."
uv=.venvs/uv/bin/uv here=.venvs/workspace
python=${PYTHON:-python3}
[ -x $uv ] || { echo "run make test once: it fetches uv" >&2; exit 1; }

if [ "${1:-}" = resolve ]; then
    kept=$(mktemp)
    grep -v '^#\|^jsonschema' tests/workspace/image.txt >"$kept"
    echo 'pyarrow<20' >>"$kept" # later ones want numpy 2, and do not say so to pip
    $uv pip compile pyproject.toml --extra sandbox --extra excel --python-version 3.11 --no-emit-index-url \
        --no-annotate --no-header -q -U -c "$kept" -o constraints-workspace.txt
    rm "$kept"
    exit
fi

rm -rf $here
$uv venv -q --python "$python" $here
$uv pip install -q --python $here/bin/python -r tests/workspace/image.txt pip
$here/bin/python -m pip freeze --disable-pip-version-check | sort >$here/before.txt
$here/bin/python -m pip install -q --disable-pip-version-check -c constraints-workspace.txt '.[sandbox,excel]' 2>$here/pip.log ||
    { tail -5 $here/pip.log >&2; exit 1; }
$here/bin/python -m pip freeze --disable-pip-version-check | sort >$here/after.txt
changed=$(comm -23 $here/before.txt $here/after.txt | grep -viE '^jsonschema(-specifications)?==' || true)
[ -z "$changed" ] || { echo "Installing gen3nb changed what was there:" >&2; echo "$changed" >&2; exit 1; }
cd tests/workspace && ../../$here/bin/python check.py
