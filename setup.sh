#!/bin/sh
# Makes or completes the virtual environment of `make lab` or `make test`: the packages of one lock, by hash, and this package.
# usage: PYTHON=python3 sh setup.sh .venv requirements.lock
set -eu
venv=$1
lock=$2

# What a user has set for other environments would put packages elsewhere, leave some out, or build them from source.
export PIP_USER=0
unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_NO_DEPS PIP_NO_BINARY PIP_CONSTRAINT PIP_DRY_RUN PYTHONHOME PYTHONPATH
unset UV_SYSTEM_PYTHON UV_NO_BINARY UV_CONSTRAINT UV_OVERRIDE UV_NO_BUILD_ISOLATION

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
if ! mkdir -p "$venv" 2>/dev/null || [ ! -w "$venv" ]; then
    echo "$venv cannot be written: say where the environment may be: make lab VENV=\$HOME/perflab-venv" >&2
    exit 1
fi

keep_saying_so() {
    seconds=0
    while sleep 10 >/dev/null 2>&1; do
        seconds=$((seconds + 10))
        echo "  ... at work for $seconds s"
    done
}

echo "Setting up $venv with $("$python" --version). This is done once, and takes one to five minutes, most of it to download."
keep_saying_so &
said=$!
trap 'kill "$said" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

# An environment without pip, or one whose Python is gone or too old, cannot be repaired: start afresh.
if ! new_enough "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then rm -rf "$venv"; fi
packages="the packages of $lock ($(grep -c '==' "$lock") lines with versions)"
if command -v uv >/dev/null 2>&1; then
    if [ ! -x "$venv/bin/python" ]; then
        echo "1. The environment"
        uv venv --quiet --python "$python" "$venv"
        uv pip install --quiet --python "$venv/bin/python" pip  # for the learner's own `%pip install`
    fi
    echo "2. $packages"
    uv pip install --quiet --python "$venv/bin/python" --require-hashes -r "$lock"
    echo "3. perflab itself"
    uv pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
else
    pip() { "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@"; }
    if [ ! -x "$venv/bin/python" ]; then
        echo "1. The environment"
        "$python" -m venv "$venv"
        pip --quiet uninstall --yes setuptools  # 9 MB that Python 3.11 adds and nothing here needs
    fi
    echo "2. $packages"
    # Python compiles what it imports at the first start: 2 s there instead of 7 s here, and 80 MB less.
    pip install --no-compile --require-hashes -r "$lock"
    echo "3. perflab itself"
    pip install --no-compile --no-deps --no-build-isolation -e .
fi
echo "Done."
