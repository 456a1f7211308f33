#!/bin/sh
# Build or refresh .venv with everything that the workbook and its tests need. PYTHON=... chooses the interpreter.
set -eu
usable() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
# .venv/ready names the folder that it was built for, and is there only when the last install came to its end.
whole() { [ "$(cat .venv/ready 2>/dev/null)" = "$(pwd -P)" ] && usable .venv/bin/python; }

if ! whole; then
    rm -rf .venv  # first: it may stand in the PATH
    found=
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if usable "$python"; then found=$python && break; fi
    done
    if [ -z "$found" ]; then
        echo "No Python 3.11 or newer with venv and ensurepip (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3})." >&2
        echo "Debian, Ubuntu: apt install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "Building .venv with $("$found" --version) ($(command -v "$found")), 2 to 5 minutes ..."
    "$found" -m venv .venv
else
    echo "Refreshing .venv ..."
    rm .venv/ready
fi
[ -t 1 ] && quiet= || quiet=--quiet  # on a terminal pip says how far it is
.venv/bin/python -m pip install $quiet --disable-pip-version-check --editable '.[test,dask,site]'
pwd -P > .venv/ready
