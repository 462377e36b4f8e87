#!/usr/bin/env bash
# Run the homework and make the files that are handed in: ./export.sh [PROFILE] [-p NAME VALUE]...
# ./export.sh --help says more. Sets up a Python environment first where that is needed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_python ""
exec "$python" -m hwlib export "$@"
