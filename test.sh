#!/usr/bin/env bash
# Check style, types and imports, and run the tests: ./test.sh [PYTEST ARGUMENT]...
# HW1_DATA=DIR ./test.sh -m "" also runs what needs the real data or a long training.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_python requirements.txt requirements-test.txt
cd "$root"
echo "· style"
"$python" -m ruff check .
"$python" -m ruff format --check .
echo "· types, which takes a minute the first time"
"$python" -m mypy
echo "· imports"
"$python" -c 'from importlinter.cli import lint_imports_command as lint; lint()'
echo "· tests, in two processes that load torch first"
export OMP_NUM_THREADS=1 # two processes on two cores: more threads would only wait for each other
exec "$python" -m pytest -n 2 --dist worksteal "$@"
