#!/usr/bin/env bash
# Whether the dependencies can be had on each machine that is promised: macOS 14 and 15 on Apple silicon, Linux on x86-64;
# Python 3.10 to 3.14; the newest releases, and the oldest that pyproject.toml allows. Needs uv (pip install uv).
#
#   bash scripts/resolve_dependencies.sh                 # prints one line each; exit 1 if one cannot be resolved
#   bash scripts/resolve_dependencies.sh --extra dev     # further arguments go to uv
set -uo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
project="$root/pyproject.toml"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0

for machine in "macOS 14" "macOS 15" "Linux"; do
    for python in 3.10 3.11 3.12 3.13 3.14; do
        for resolution in highest lowest-direct; do
            case "$machine" in
                macOS*) target=(env "MACOSX_DEPLOYMENT_TARGET=${machine#macOS }.0" uv pip compile "$project"
                    --python-platform aarch64-apple-darwin) ;;
                *) target=(uv pip compile "$project" --python-platform x86_64-manylinux_2_28) ;;
            esac
            rm -f "$work/found.txt"  # or uv would keep to what stands there
            if "${target[@]}" --python-version "$python" --resolution "$resolution" --only-binary :all: --quiet \
                --output-file "$work/found.txt" "$@" 2>"$work/why.txt"; then
                found="$(grep -oE '^(mlx|mlx-lm|torch|xgboost|xgboost-cpu)==[^ ]+' "$work/found.txt" | paste -sd' ')"
                echo "ok      $machine, Python $python, $resolution: $found"
            else
                failed=1
                echo "FAILED  $machine, Python $python, $resolution:"
                sed 's/^/        /' "$work/why.txt"
            fi
        done
    done
done
exit "$failed"
