# Sourced by the other scripts: makes the virtual environment and installs this checkout into it, once.
#
#   install_tabllm [EXTRAS]     e.g. install_tabllm dev
#
# TABLLM_VENV names another folder than .venv. A stamp in the environment remembers what was installed, so that
# a second call costs nothing until pyproject.toml or constraints.txt changes.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${TABLLM_VENV:-$root/.venv}"

# The interpreter that PYTHON names, else the first here that is new enough: macOS itself brings 3.9.
find_python() {
    local name names=(python3 python3.13 python3.12 python3.11 python3.10)
    if [[ -n "${PYTHON:-}" ]]; then names=("$PYTHON"); fi
    for name in "${names[@]}"; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "Python 3.10 or newer is needed (on a Mac: brew install python@3.13); PYTHON=/path/to/python names one." >&2
    return 1
}

install_tabllm() {
    local extras="${1:-}" stamp want
    stamp="$venv/tabllm-install-${extras:-plain}.stamp"
    want="$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum) $root"
    if [[ -x "$venv/bin/python" && -f "$stamp" && "$(cat "$stamp")" == "$want" ]]; then
        return
    fi
    if [[ ! -x "$venv/bin/python" ]]; then
        local python
        python="$(find_python)" || exit 1
        echo "Making the virtual environment $venv"
        "$python" -m venv "$venv"
    fi
    echo "Installing tabllm${extras:+ with its extra '$extras'} (the first time this takes a few minutes)"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --editable "$root${extras:+[$extras]}" --constraint "$root/constraints.txt"
    echo "$want" >"$stamp"
}
