#!/usr/bin/env bash
# How fast tabllm is on this Mac, beside mlx-lm, as one file to send: bash scripts/bench_mac.sh [FILE.json]
# About 20 minutes and 8 GB of disk meanwhile; nothing else should run. The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
if [[ "$(uname -sm)" != "Darwin arm64" ]]; then
    echo "This is for a Mac with Apple silicon; on an NVIDIA GPU run scripts/bench_cuda.sh." >&2
    exit 2
fi
install_tabllm
# Awake till the end, and no download from a hub: the weights are random.
HF_HUB_OFFLINE=1 exec caffeinate -i "$venv/bin/python" "$root/scripts/bench_device.py" --device mlx --json "${1:-mac.json}"
