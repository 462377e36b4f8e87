#!/usr/bin/env bash
# Run the homework and make the files that are handed in: ./export.sh [--cpu] [PROFILE] [-p NAME VALUE]...
# ./export.sh --help lists the options. An environment is made first if none is there; with --cpu, without CUDA.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
arguments=(requirements.txt)
options=()
for word in "$@"; do
  if [ "$word" = --cpu ]; then arguments+=(--cpu); else options+=("$word"); fi
done
set_python "${arguments[@]}"
exec "$python" -m hwlib export ${options[@]+"${options[@]}"}
