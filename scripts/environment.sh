#!/bin/sh
# Make a virtual environment from the constraints file, and say what is done.
#
#   scripts/environment.sh NAME CONSTRAINTS REQUIREMENT...
#
# NAME is a folder below .venvs/. A second call with the same constraints and requirements does nothing.
# Packages of the operating system are installed where the user is root and apt-get is there; else the
# missing one is named, with what needs it.
set -eu

name=$1 constraints=$2
shift 2
cd "$(dirname "$0")/.."
here=.venvs/$name
python=${PYTHON:-python3}

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

system_package() { # PACKAGE PURPOSE
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing the system package $1, for $2"
        { apt-get install -y -qq --no-install-recommends "$1" || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; }; } \
            >".venvs/apt.log" 2>&1 || { tail -5 .venvs/apt.log >&2; exit 1; }
    else
        echo "The system package $1 is missing; $2 need it. Install it as root: apt-get install $1" >&2
        exit 1
    fi
}

mkdir -p .venvs
command -v "$python" >/dev/null || { echo "No $python on the PATH: gen3nb needs Python 3.11 or newer" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$($python --version) is too old: gen3nb needs Python 3.11 or newer (PYTHON=… names another)" >&2; exit 1; }
"$python" -c 'import ensurepip' 2>/dev/null || system_package python3-venv "virtual environments"
case " $* " in *" --group test "*)
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || system_package chromium "the browser tests of the panels"
    command -v soffice >/dev/null || command -v libreoffice >/dev/null || system_package libreoffice-calc-nogui "the workbook tests" ;;
esac

if [ ! -x .venvs/uv/bin/uv ]; then
    say "Fetching uv, which installs the rest"
    "$python" -m venv .venvs/uv
    .venvs/uv/bin/python -m pip install -q --disable-pip-version-check uv
fi

stamp=$(cat pyproject.toml "$constraints" | cksum; echo "$@" "$("$python" --version)")
if [ ! -f "$here/stamp" ] || [ "$(cat "$here/stamp")" != "$stamp" ]; then
    say "Installing gen3nb and what it needs into $here (versions from $constraints)"
    rm -rf "$here"
    .venvs/uv/bin/uv venv -q --python "$python" "$here"
    .venvs/uv/bin/uv pip install -q --python "$here/bin/python" -c "$constraints" "$@"
    printf '%s' "$stamp" >"$here/stamp"
fi
