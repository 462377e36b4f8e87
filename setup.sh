# Sourced by export.sh and test.sh. Sets $python to a Python that has what requirements.txt asks for,
# and the packages named as arguments: the one at hand where it has them (Colab, Kaggle, an active
# environment), otherwise one in .venv, made here. torch is never installed where it is importable.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"

has_everything() { # PYTHON [PACKAGE...]
  "$1" - "$root/requirements.txt" "${@:2}" <<'P' 2>/dev/null
import re, sys
from importlib.metadata import version

def numbers(text):
    return [int(part) for part in re.findall(r"\d+", text)[:3]]

lines = [line for line in open(sys.argv[1]) if line.strip() and not line.startswith("#")]
for line in lines + sys.argv[2:]:
    name, _, least = line.strip().partition(">=")
    if numbers(version(name)) < numbers(least):  # raises where the package is missing
        sys.exit(1)
P
}

find_python() {
  local candidate
  for candidate in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "No Python 3.10 or newer was found. Install one, from https://www.python.org or your system." >&2
  return 1
}

make_environment() { # BASE_PYTHON EXTRA
  local flags=() pip
  echo "Some packages are missing. They are installed into .venv; if torch is among them, this takes" >&2
  echo "some minutes and 6 GB." >&2
  if "$1" -c 'import torch, torchvision' 2>/dev/null; then flags+=(--system-site-packages); fi
  if "$1" -m venv "${flags[@]}" "$root/.venv" >/dev/null 2>&1; then
    pip=("$root/.venv/bin/python" -m pip)
  else # some systems ship venv without pip's installer
    "$1" -m venv --without-pip "${flags[@]}" "$root/.venv"
    pip=("$1" -m pip --python "$root/.venv/bin/python")
  fi
  "${pip[@]}" install --disable-pip-version-check --quiet --progress-bar on -e "$root$2" >&2 || {
    echo "The installation failed. Run the same command again; what was downloaded is kept." >&2
    return 1
  }
}

set_python() { # EXTRA [PACKAGE...]; EXTRA is "" or "[test]"
  local base extra=$1
  shift
  base=$(find_python) || return 1
  for python in "$base" "$root/.venv/bin/python"; do
    if has_everything "$python" "$@"; then return; fi
  done
  make_environment "$base" "$extra" || return 1
  python=$root/.venv/bin/python
}
