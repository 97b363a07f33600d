#!/usr/bin/env bash
# The tests of MLX with the oldest mlx and mlx-lm that pyproject.toml allows, laid before those that are installed.
# Arguments go to pytest:  bash scripts/test_lowest.sh -x
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
install_tabllm dev
cd "$root"
lowest() { grep -oE "\"$1>=[0-9.]+" pyproject.toml | sort -Vu | head -n 1 | grep -oE '[0-9.]+$'; }
mlx="$(lowest mlx)"
mlx_lm="$(lowest mlx-lm)"
older="$(mktemp -d)"
trap 'rm -rf "$older"' EXIT
packages=("mlx==$mlx" "mlx-lm==$mlx_lm")
if [[ "$(uname)" == Linux ]]; then packages+=("mlx-cpu==$mlx"); else packages+=("mlx-metal==$mlx"); fi
"$venv/bin/python" -m pip install --quiet --no-deps --target "$older" "${packages[@]}"
echo "mlx $mlx, mlx-lm $mlx_lm"
export PYTHONPATH="$older${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
"$venv/bin/python" -m pytest -q tests/tabllm/lm/test_engines.py tests/tabllm/lm/test_engine_training.py \
    tests/tabllm/lm/test_number_types.py tests/tabllm/lm/test_quantized.py tests/tabllm/nano/test_engines.py "$@"
