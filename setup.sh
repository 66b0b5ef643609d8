#!/bin/sh
# Makes the virtual environment that `make lab` and `make test` use: hash-locked dependencies and this package.
# usage: PYTHON=python3 sh setup.sh .venv
set -eu
venv=$1

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

echo "Setting up $venv with $("$python" --version) ..."
# What broke off before pip was there, or belongs to a Python that is gone or too old, cannot be mended: start afresh.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then rm -rf "$venv"; fi
if command -v uv >/dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --seed --python "$python" "$venv"
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
else
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
# JupyterLab asks newcomers whether they want news, on top of the chart: the answer is given here, for this environment only.
mkdir -p "$venv/share/jupyter/lab/settings"
echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
    > "$venv/share/jupyter/lab/settings/overrides.json"
