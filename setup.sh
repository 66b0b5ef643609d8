#!/bin/sh
# Makes or completes the virtual environment of `make lab` or `make test`: the packages of one lock, by hash, and this package.
# usage: PYTHON=python3 sh setup.sh .venv requirements.lock
set -eu
venv=$1
lock=$2

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
    echo "perflab needs Python 3.11 or newer: install it, or say where it is: make PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! command -v uv >/dev/null 2>&1 && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "$python lacks the venv module: install it (Debian and Ubuntu: apt install python3-venv) and try again." >&2
    exit 1
fi

echo "Setting up $venv from $lock with $("$python" --version) ..."
# An environment without pip, or one whose Python is gone or too old, cannot be repaired: start afresh.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then rm -rf "$venv"; fi
if command -v uv >/dev/null 2>&1; then
    if [ ! -x "$venv/bin/python" ]; then
        uv venv --quiet --python "$python" "$venv"
        uv pip install --quiet --python "$venv/bin/python" pip  # for the learner's own `%pip install`
    fi
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
else
    pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
    if [ ! -x "$venv/bin/python" ]; then
        "$python" -m venv "$venv"
        pip --quiet uninstall --yes setuptools  # 9 MB that Python 3.11 adds and nothing here needs
    fi
    # Python compiles what it imports at the first start: 2 s there instead of 7 s here, and 80 MB less.
    pip install --no-compile --require-hashes -r "$lock"
    pip install --no-compile --no-deps --no-build-isolation -e .
fi
# JupyterLab asks newcomers whether they want news, on top of the chart: the answer is given here, for this environment only.
mkdir -p "$venv/share/jupyter/lab/settings"
echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
    > "$venv/share/jupyter/lab/settings/overrides.json"
