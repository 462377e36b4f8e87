"""Run code over a student's data so that it can compute, answer, and do nothing else.

``run_confined`` starts a function or a command in the strongest lock that this machine offers,
gives it bytes, and takes bytes back through one pipe, all bounded: time, memory, threads, what it
answers and what it prints. ``available_level`` tells the lock, which was tried and not guessed.
"""

import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from hwlib.common.text import without_controls
from hwlib.submission import lockdown
from hwlib.submission.containers import (
    ENGINES,
    MAX_THREADS,
    PACKAGE,
    SYSTEM,
    Limits,
    bubblewrap_command,
    engine_command,
    environment,
    mac_command,
    make_empty_image,
    python_folders,
)

KERNEL = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/dev/null", "/dev/urandom")

LIBRARIES = 6 << 30  # bytes of address space that torch's own libraries may take
MAX_PRINTED = 16 << 20  # bytes
KEPT_MESSAGES = 1 << 16  # bytes, the last ones
CHUNK = 1 << 18
WATCH_INTERVAL = 0.25  # seconds between two looks at memory and threads
PAUSE = 0.005  # seconds to wait for the end of a process that has closed its pipes
USUAL = Limits()


class Level(NamedTuple):
    """How well a process is locked in."""

    container: str = ""  # bubblewrap, sandbox-exec, podman or docker
    landlock: bool = False
    seccomp: bool = False

    @property
    def confined(self) -> bool:
        """Whether files, network and other processes are out of reach."""
        return bool(self.container) or (self.landlock and self.seccomp)

    def __str__(self) -> str:
        """Say it in a report: "locked in by bubblewrap, Landlock and seccomp"."""
        names = [self.container] if self.container else []
        names += ["Landlock"] * self.landlock + ["seccomp"] * self.seccomp
        if not self.confined:
            return "not locked in"
        *first, last = names
        return f"locked in by {', '.join(first)} and {last}" if first else f"locked in by {last}"


class Outcome(NamedTuple):
    """What came of a confined process."""

    output: bytes  # all that it answered, which may be incomplete if there is a reason
    messages: str  # the last that it printed, without control characters
    reason: str  # empty if it ended well, otherwise a predicate: "took longer than 60 s ..."
    level: Level


def inner_command(target: str, limits: Limits, level: Level, readable: Sequence[Path]) -> list[str]:
    """Return the command that locks itself in further, and then runs the target."""
    folders = [str(path) for path in readable]
    orders = lockdown.Orders(
        target=target,
        package=str(PACKAGE),
        folders=folders,
        readable=[*SYSTEM, *KERNEL, *python_folders(), *folders],
        memory=limits.memory + LIBRARIES,
        cpu_seconds=int(limits.seconds * limits.threads) + 1,
        landlock=level.landlock,
        seccomp=level.seccomp,
        linux=sys.platform == "linux",
    )
    python = [sys.executable, "-I", "-B", "-u", str(PACKAGE / "submission" / "lockdown.py")]
    return [*python, json.dumps(orders._asdict())]


def outer_command(
    inner: list[str], limits: Limits, level: Level, readable: Sequence[Path], name: str
) -> list[str]:
    """Return the command that starts ``inner`` in the level's container."""
    folders = [*python_folders(), *map(str, readable)]
    if level.container == "bubblewrap":
        return bubblewrap_command(inner, folders)
    if level.container == "sandbox-exec":
        return mac_command(inner, folders)
    if level.container in ENGINES:
        make_empty_image(level.container)
        return engine_command(level.container, name, inner, folders, limits)
    return inner


@dataclass
class Conversation:
    """The bytes that go to a confined process and come from it, all bounded."""

    process: subprocess.Popen[bytes]
    unsent: memoryview
    limits: Limits
    output: bytearray = field(default_factory=bytearray)
    messages: bytearray = field(default_factory=bytearray)
    printed: int = 0

    def send(self, pipe: IO[bytes]) -> bool:
        """Write what the pipe takes; return whether there is more to send."""
        self.unsent = self.unsent[os.write(pipe.fileno(), self.unsent[:CHUNK]) :]
        return bool(self.unsent)

    def take_output(self, pipe: IO[bytes]) -> bool:
        """Read a part of the answer; return whether there may be more."""
        part = os.read(pipe.fileno(), CHUNK)
        self.output += part[: self.limits.output + 1 - len(self.output)]
        return bool(part)

    def take_messages(self, pipe: IO[bytes]) -> bool:
        """Read a part of what it prints and keep the end; return whether there may be more."""
        part = os.read(pipe.fileno(), CHUNK)
        self.printed += len(part)
        self.messages = (self.messages + part)[-KEPT_MESSAGES:]
        return bool(part)

    def excess(self) -> str:
        """Return which limit of answers or messages is broken, or nothing."""
        if len(self.output) > self.limits.output:
            return f"answered with more than {self.limits.output:,} bytes and was stopped"
        if self.printed > MAX_PRINTED:
            return f"printed more than {MAX_PRINTED >> 20} MiB and was stopped"
        return ""

    def overuse(self) -> str:
        """Return which limit of memory or threads is broken, or nothing."""
        memory, threads = resources_of(self.process.pid)
        if memory > self.limits.memory:
            return f"used more than {self.limits.memory >> 20:,} MiB of memory and was stopped"
        if threads > MAX_THREADS:
            return f"started more than {MAX_THREADS} threads and was stopped"
        return ""

    def move(self, selector: selectors.BaseSelector) -> bool:
        """Move the bytes that can be moved now; return whether there were any."""
        if not any(key.events & selectors.EVENT_READ for key in selector.get_map().values()):
            time.sleep(PAUSE)  # it has closed its pipes; will it end?
            return False
        ready = selector.select(WATCH_INTERVAL)
        for key, _ in ready:
            try:
                more = key.data(key.fileobj)
            except BlockingIOError:
                continue
            except OSError:  # the other end is closed
                more = False
            if not more:
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
        return bool(ready)

    def run(self) -> str:
        """Talk until the process ends or breaks a limit; return the broken limit, or nothing."""
        end = time.monotonic() + self.limits.seconds
        next_look = time.monotonic() + WATCH_INTERVAL
        with self.registered() as selector:
            ended = False
            while self.move(selector) or not ended:
                ended = has_ended(self.process)  # then one more look for its last bytes
                now = time.monotonic()
                if now > end:
                    return f"took longer than {self.limits.seconds:g} s and was stopped"
                if reason := self.excess():
                    return reason
                if now > next_look:
                    next_look = now + WATCH_INTERVAL
                    if reason := self.overuse():
                        return reason
        return self.excess()

    def registered(self) -> selectors.BaseSelector:
        """Return a selector on the three pipes, none of which can block the judge."""
        selector = selectors.DefaultSelector()
        process = self.process
        assert process.stdin and process.stdout and process.stderr  # noqa: S101 - of Popen's PIPE
        if self.unsent:
            selector.register(process.stdin, selectors.EVENT_WRITE, self.send)
        else:
            process.stdin.close()
        selector.register(process.stdout, selectors.EVENT_READ, self.take_output)
        selector.register(process.stderr, selectors.EVENT_READ, self.take_messages)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if not pipe.closed:
                os.set_blocking(pipe.fileno(), False)
        return selector


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a child has ended; its number stays its own until it is waited for, so that
    the signal to its group cannot hit another's.
    """
    return bool(psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE)


def resources_of(pid: int) -> tuple[int, int]:
    """Return bytes in use and number of threads of a process and all that it started."""
    memory = threads = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                memory += process.memory_info().rss
                threads += process.num_threads()
    return memory, threads


def end_all(process: subprocess.Popen[bytes], level: Level, name: str) -> None:
    """Kill whatever still runs, and close the pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if level.container in ENGINES:
        for task in (["kill"], ["rm", "--force"]):  # the second alone would ask it politely first
            subprocess.run([level.container, *task, name], capture_output=True)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


def reason_of(status: int, messages: str) -> str:
    """Return why a process ended that broke no limit of the judge's; nothing if it ended well."""
    number = -status if status < 0 else status - 128
    last = re.sub(r"\s+", " ", (messages.strip().splitlines() or ["no message"])[-1])[:300]
    if status == 0:
        return ""
    if status == lockdown.REFUSED:
        return f"was not run, because it could not be locked in: {last}"
    if number in {signal.SIGKILL, signal.SIGXCPU}:
        return "was killed, as is done to what uses too much memory or time"
    if number in set(signal.Signals):
        return f"crashed ({signal.Signals(number).name})"
    return f"failed: {last}"


def run_confined(
    target: str,
    data: bytes = b"",
    limits: Limits = USUAL,
    *,
    readable: Sequence[Path] = (),
    level: Level | None = None,
    trust: bool = False,
) -> Outcome:
    """Run a function over bytes, locked in, and return what came of it.

    Args:
        target: ``"module:function"``, which is called with a stream of ``data`` and a stream for
            its answer.
        data: all that the target gets, on standard input.
        limits: what it may use.
        readable: folders that it may read besides Python's own, and import modules from.
        level: the lock; by default the strongest that holds on this machine.
        trust: run it even if nothing can lock it in.
    """
    level = available_level() if level is None else level
    if not (level.confined or trust):
        return Outcome(b"", "", "was not run, because nothing here can lock it in", level)
    name = f"hwlib-{uuid.uuid4().hex}"
    inner = inner_command(target, limits, level, readable)
    process = subprocess.Popen(
        outer_command(inner, limits, level, readable, name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd="/",
        env=dict(os.environ) if level.container in ENGINES else environment(limits),
        start_new_session=True,
    )
    conversation = Conversation(process, memoryview(data), limits)
    try:
        reason = conversation.run()
    finally:
        end_all(process, level, name)
    messages = without_controls(conversation.messages.decode(errors="replace"))
    reason = reason or reason_of(process.returncode, messages)
    return Outcome(bytes(conversation.output[: limits.output]), messages, reason, level)


def candidates() -> Iterator[Level]:
    """Yield the locks that could hold here, the strongest first."""
    if shutil.which("bwrap"):
        yield Level("bubblewrap", landlock=True, seccomp=True)
        yield Level("bubblewrap", seccomp=True)
    if sys.platform == "linux":
        yield Level(landlock=True, seccomp=True)
    if shutil.which("bwrap"):
        yield Level("bubblewrap", landlock=True)
        yield Level("bubblewrap")
    if shutil.which("sandbox-exec"):
        yield Level("sandbox-exec")
    for engine in filter(shutil.which, ENGINES):
        yield Level(engine, landlock=True, seccomp=True)
        yield Level(engine)


def why_not(level: Level) -> str:
    """Try a lock on a small process that tries to get out; return nothing if it holds."""
    with tempfile.TemporaryDirectory(prefix="hwlib-") as folder, socket.socket() as listener:
        existing, forbidden = Path(folder, "existing"), Path(folder, "forbidden")
        existing.write_bytes(b"x")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        question = [str(existing), str(forbidden), port, os.getpid()]
        target, data = f"{lockdown.__name__}:probe", json.dumps(question).encode()
        try:
            outcome = run_confined(target, data, Limits(seconds=20), level=level)
        except OSError as error:
            return str(error)
        worked = outcome.output.decode(errors="replace").splitlines()
        if outcome.reason or worked[-1:] != ["done"]:
            return outcome.reason or "gave no answer"
        return ", ".join(worked[:-1]) or ("wrote a file" if forbidden.exists() else "")


@cache
def available_level() -> Level:
    """Return the strongest lock that holds on this machine, or a level that locks nothing in."""
    return next((level for level in candidates() if not why_not(level)), Level())
