#!/usr/bin/env bash
# How fast tabllm is on this machine's NVIDIA GPU, beside transformers and peft, as one file to send:
#   bash scripts/bench_cuda.sh [FILE.json]
# About 20 minutes and 8 GB of disk meanwhile; nothing else should run. The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"
if ! command -v nvidia-smi >/dev/null; then
    echo "There is no nvidia-smi here, so no NVIDIA GPU; on a Mac run scripts/bench_mac.sh." >&2
    exit 2
fi
install_tabllm cuda
# No download from a hub: the weights are random.
HF_HUB_OFFLINE=1 exec "$venv/bin/python" "$root/scripts/bench_device.py" --device cuda --json "${1:-cuda.json}"
