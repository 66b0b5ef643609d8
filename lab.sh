#!/bin/sh
# Opens JupyterLab on the first notebook. usage: sh lab.sh .venv [options of JupyterLab]
set -eu
venv=$(cd "$1" && pwd)
shift

# First of all places, so that the kernel is this environment's Python, whatever kernels a user or a module system has.
export JUPYTER_PATH="$venv/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"

in_a_container() {
    [ -e /.dockerenv ] || [ -e /run/.containerenv ] || [ -n "${container:-}${KUBERNETES_SERVICE_HOST:-}" ]
}
if [ "$(id -u)" = 0 ]; then
    if [ "${ROOT:-}" = yes ] || in_a_container; then
        echo "You are root: JupyterLab starts all the same, because this is a container or you said ROOT=yes."
        set -- --allow-root "$@"
    else
        echo "You are root, and JupyterLab does not start for root. Start it as another user (su - NAME, then make lab)," \
            "or, where this machine is yours alone: make lab ROOT=yes" >&2
        exit 1
    fi
fi
exec "$venv/bin/jupyter" lab --LabApp.default_url=/doc/tree/00-start-here.ipynb --ServerApp.root_dir=notebooks "$@"
