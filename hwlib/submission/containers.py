"""Commands that start another command where it sees Python's own files and little else.

The kernel's part is done from within, by ``lockdown``; this is what bubblewrap, macOS and the
engines of containers can do from outside.
"""

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hwlib.common.project import ROOT

PACKAGE = ROOT / "hwlib"
SYSTEM = (  # what programs load before and besides Python's own files
    "/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache",
    "/sys/devices/system",
)  # fmt: skip
MAC_SYSTEM = ("/System", "/usr/lib", "/private/var/db/dyld", "/dev")
ENGINES = ("podman", "docker")
EMPTY_IMAGE = "hwlib-empty"
MAX_THREADS = 512  # of all processes together


class Limits(NamedTuple):
    """What a confined process may use."""

    seconds: float = 60
    memory: int = 4 << 30  # bytes in use by all of its processes
    output: int = 1 << 20  # bytes
    threads: int = os.cpu_count() or 1  # that compute


def python_folders() -> list[str]:
    """Return the folders of Python, its packages and this library, each with its real path."""
    folders = [sys.prefix, sys.base_prefix, str(PACKAGE)]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return list(dict.fromkeys(f for p in folders for f in (p, os.path.realpath(p))))


def program(name: str) -> str:
    """Return a program's path, for a process that gets no PATH."""
    return shutil.which(name) or name


def bubblewrap_command(inner: list[str], folders: Sequence[str]) -> list[str]:
    """Return the command that shows ``inner`` these folders alone, and no network or process."""
    command = [program("bwrap"), "--unshare-all", "--unshare-user", "--die-with-parent"]
    command += ["--cap-drop", "ALL", "--hostname", "sandbox", "--proc", "/proc", "--dev", "/dev"]
    for path in dict.fromkeys((*SYSTEM, *folders)):
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).exists():
            command += ["--ro-bind", path, path]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--", *inner]


def mac_command(inner: list[str], folders: Sequence[str]) -> list[str]:
    """Return the command that lets macOS refuse files, network, processes and services."""
    paths = " ".join(f"(subpath {json.dumps(path)})" for path in (*MAC_SYSTEM, *folders))
    profile = (
        "(version 1) (allow default) (deny network*) (deny file-write*) (deny file-read-data) "
        f'(allow file-read-data (literal "/") {paths}) (deny process-fork) (deny mach-lookup) '
        "(deny signal (target others)) (deny process-info* (target others))"
    )
    return [program("sandbox-exec"), "-p", profile, *inner]


def environment(limits: Limits) -> dict[str, str]:
    """Return all variables that a confined process gets."""
    threads = {"OMP_NUM_THREADS": str(limits.threads), "OPENBLAS_NUM_THREADS": "1"}
    return {"PATH": "", "HOME": "/", "LANG": "C.UTF-8", **threads}


def engine_command(
    engine: str, name: str, inner: list[str], folders: Sequence[str], limits: Limits
) -> list[str]:
    """Return the command that runs ``inner`` in an empty container which sees these folders."""
    command = [engine, "run", "--rm", "-i", "--name", name, "--network=none", "--read-only"]
    command += ["--cap-drop=all", "--security-opt=no-new-privileges", "--workdir=/"]
    command += [f"--pids-limit={MAX_THREADS}", f"--memory={limits.memory}"]
    command += [f"--env={key}={value}" for key, value in environment(limits).items()]
    if engine == "podman":  # where nothing ends a container with its judge, at least the clock does
        command += [f"--timeout={int(limits.seconds) + 5}"]
    if engine == "docker":  # its server is root, who would be root in the container too
        command += [f"--user={os.getuid()}:{os.getgid()}"]
    command += ["--ulimit=nofile=256:256", "--ulimit=nproc=4096:4096"]  # no engine's own default
    for path in dict.fromkeys((*SYSTEM, *folders)):
        if Path(path).exists():
            command += ["--volume", f"{path}:{path}:ro"]
    return [*command, EMPTY_IMAGE, *inner]


@cache
def make_empty_image(engine: str) -> None:
    """Make the image without files in which an engine starts, unless it is there."""
    with suppress(OSError, subprocess.TimeoutExpired):
        known = [engine, "image", "inspect", EMPTY_IMAGE]
        if subprocess.run(known, capture_output=True, timeout=30).returncode:
            empty_archive = bytes(10240)
            command = [engine, "import", "-", EMPTY_IMAGE]
            subprocess.run(command, input=empty_archive, capture_output=True, timeout=60)
