# Sourced by export.sh and test.sh: sets $root, and $python to a Python that has all packages. It is the
# Python at hand if that has them (Colab, Kaggle, an active environment); otherwise environment.py makes one.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

set_python() { # ARGUMENT OF environment.py...
  local candidate
  for candidate in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      python=$("$candidate" "$root/environment.py" "$@")
      return
    fi
  done
  echo "No Python 3.10 or newer was found. Install one, from https://www.python.org or your system." >&2
  return 1
}
