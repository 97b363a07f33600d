# Sourced by the other scripts: makes the virtual environment and installs this checkout into it, once.
#
#   install_tabllm [EXTRAS]     e.g. install_tabllm dev
#
# TABLLM_VENV names another folder than .venv. A stamp in the environment remembers what was installed, so that
# a second call costs nothing until pyproject.toml or constraints.txt changes.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${TABLLM_VENV:-$root/.venv}"

install_tabllm() {
    local extras="${1:-}" stamp want
    stamp="$venv/tabllm-install-${extras:-plain}.stamp"
    want="$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum) $root"
    if [[ -x "$venv/bin/python" && -f "$stamp" && "$(cat "$stamp")" == "$want" ]]; then
        return
    fi
    if [[ ! -x "$venv/bin/python" ]]; then
        echo "Making the virtual environment $venv"
        "${PYTHON:-python3}" -m venv "$venv"
    fi
    echo "Installing tabllm${extras:+ with its extra '$extras'} (the first time this takes a few minutes)"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check \
        --editable "$root${extras:+[$extras]}" --constraint "$root/constraints.txt"
    echo "$want" >"$stamp"
}
