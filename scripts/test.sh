#!/usr/bin/env bash
# Everything that must hold before a change is handed in: style, types, tests.
# Arguments go to pytest:  bash scripts/test.sh tests/eval -k privacy
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
install_tabllm dev
cd "$root"
"$venv/bin/ruff" check .
"$venv/bin/mypy"
# One thread in each process: two that want two threads each on two cores keep each other waiting.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
"$venv/bin/python" -m pytest -q --numprocesses auto --maxprocesses 4 --dist loadfile "$@"
