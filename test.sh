#!/usr/bin/env bash
# Run the whole test suite: ./test.sh [PYTEST ARGUMENT]... With HW1_DATA=DIR also what needs real data.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_python "[test]" pytest pytest-cov ruff mypy distributed
cd "$root"
"$python" -m ruff check .
"$python" -m ruff format --check .
"$python" -m mypy
if [ $# -eq 0 ]; then set -- --cov=hwlib --cov-report=term:skip-covered; fi
exec "$python" -m pytest "$@"
