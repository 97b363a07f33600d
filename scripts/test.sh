#!/usr/bin/env bash
# Everything that must hold before a change is handed in: style, types, tests.
# Arguments go to pytest:  bash scripts/test.sh tests/eval -k privacy
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
install_tabllm dev
cd "$root"
"$venv/bin/ruff" check .
"$venv/bin/mypy"
"$venv/bin/python" -m pytest -q "$@"
