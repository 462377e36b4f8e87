#!/usr/bin/env bash
# Run the homework and make the files that are handed in: ./export.sh [--cpu] [PROFILE] [-p NAME VALUE]...
# ./export.sh --help says more. A Python environment is made first if there is none; --cpu makes it without CUDA.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
arguments=(requirements.txt)
if [ "${1:-}" = --cpu ]; then
  arguments+=(--cpu)
  shift
fi
set_python "${arguments[@]}"
exec "$python" -m hwlib export "$@"
