#!/usr/bin/env bash
# Makes .venv with exactly the pinned and hashed packages of requirements/<set>.txt; instant when it is there already.
# Usage: deploy/stack/install.sh stack|dev
set -euo pipefail
cd "$(dirname "$0")/../.."

set_name=${1:-dev}
venv=.venv
wanted="requirements/$set_name.txt"
stamp="$venv/.redress-$set_name"

fail() {
    echo "redress: $1" >&2
    exit 1
}

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if suitable "$candidate"; then
            if [ -n "${PYTHON:-}${VIRTUAL_ENV:-}" ]; then # somebody has chosen
                command -v "$candidate"
            else
                hash -r # a remembered path would hide the others
                # shellcheck disable=SC2046  one path a word
                "$candidate" deploy/stack/fastest_python.py "$(command -v "$candidate")" $(type -aP python3) ||
                    command -v "$candidate"
            fi
            return
        fi
    done
    fail "There is no Python 3.11 or newer on PATH. Install one, or name it: make PYTHON=/path/to/python3.11 ..."
}

digest() {
    "$venv/bin/python" -c '
import hashlib, sys
found = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    found.update(open(name, "rb").read())
print(found.hexdigest())' "$wanted" pyproject.toml
}

if [ -x "$venv/bin/python" ] && suitable "$venv/bin/python"; then
    now=$(digest)
    for had in "$stamp" "$venv/.redress-dev"; do
        # Everything `stack` needs is in `dev` as well.
        if [ -f "$had" ] && [ -x "$venv/bin/redress" ] && grep -q "^$set_name $now$" "$had"; then
            exit 0
        fi
    done
else
    python=$(find_python)
    echo "Making $venv with $("$python" --version) ($python)"
    rm -rf "$venv"
    "$python" -m venv "$venv" >/dev/null 2>&1 ||
        fail "$python cannot make a virtual environment. On Debian and Ubuntu: apt install python3-venv"
fi

log="$venv/install.log"
echo "Installing the packages of $wanted (log: $log)"
show='s/^Collecting \([^ ]*\).*/  fetching \1/p; s/^Installing collected.*/  unpacking/p'
install=("$venv/bin/python" -m pip install --disable-pip-version-check --no-input)
if ! "${install[@]}" --require-hashes -r "$wanted" 2>&1 | tee "$log" | sed -un "$show"; then
    reason=$(grep -E '^ *(ERROR|error)' "$log" | head -1 || true)
    fail "Packages could not be installed (${reason:-see $log}). Check the network, the package index (PIP_INDEX_URL) and the space on the disk."
fi
"${install[@]}" --quiet --no-deps --no-build-isolation -e . >>"$log" 2>&1 ||
    fail "Redress itself could not be installed ($(tail -1 "$log")). The whole story is in $log"

now=$(digest)
echo "$set_name $now" >"$stamp"
if [ "$set_name" = dev ]; then
    wanted=requirements/stack.txt
    echo "stack $(digest)" >>"$stamp"
fi
