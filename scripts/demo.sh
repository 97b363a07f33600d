#!/usr/bin/env bash
# The whole way on a real table: fit, sample, report. Arguments go to the command:  bash scripts/demo.sh --rows 5000
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
install_tabllm
"$venv/bin/tabllm" demo "$@"
