"""The first code of a confined process: give up rights for good, then run what was asked for.

``sandbox`` starts this file as a script, with its orders as JSON. It needs the standard library
alone and runs before any byte of a student's is read, while the process has one thread: Landlock
binds the calling thread and those that it starts later.
"""

import contextlib
import ctypes
import errno
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

REFUSED = 70  # the exit status if a lock that was asked for does not close (EX_SOFTWARE)

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 1, 15, 38
CAPABILITY_VERSION = 0x20080522

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
WRITE_FILE, READ_FILE, READ_DIR = 2, 4, 8
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16, 9: 17}  # how many a version of Landlock knows
NETWORK_RIGHTS = {1: 0, 4: 2, 10: 4}
SCOPES = {1: 0, 6: 2}  # abstract sockets and signals

ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000  # of libseccomp, as are these:
BAD_ARCHITECTURE, NO_SPECULATION_PENALTY, OPTIMIZE, MASKED_EQUAL = 2, 7, 8, 7
WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
CLONE_THREAD = 0x10000
EVERY_BIT = 2**64 - 1

# What Python and torch call to import, to compute and to read their own files. None of these
# reaches another process, the network, or a file that is not open for reading.
SYSTEM_CALLS = """
    read readv pread64 write writev lseek close close_range dup dup2 dup3 pipe pipe2 poll ppoll
    stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getcwd
    getdents64 statfs fstatfs mmap munmap mremap mprotect madvise msync brk
    futex futex_waitv set_robust_list rseq membarrier sched_yield sched_getaffinity getcpu
    sched_get_priority_max sched_get_priority_min set_tid_address arch_prctl exit exit_group
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall eventfd2
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getrandom
    getpid gettid getuid geteuid getgid getegid getrlimit getrusage sysinfo uname get_mempolicy
"""
SAFE_FCNTL = (0, 1, 2, 3, 4, 1030, 1032)  # copies, flags, a pipe's size; no owner for signals


class Condition(NamedTuple):
    """A system call is allowed if ``argument & mask == value``."""

    call: str
    argument: int
    mask: int
    value: int


class Comparison(ctypes.Structure):
    """libseccomp's ``struct scmp_arg_cmp``."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


class Orders(NamedTuple):
    """What ``sandbox`` asks of this process."""

    target: str  # "module:function" that takes (source, sink)
    package: str  # the folder of hwlib
    folders: list[str]  # further folders that modules are imported from
    readable: list[str]  # files and folders that may be read, for Landlock
    memory: int  # bytes of address space, and
    cpu_seconds: int  # of one process
    landlock: bool
    seccomp: bool
    linux: bool


def checked(result: int) -> int:
    """Return the result of a C function; raise the OSError that errno names if it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def libc() -> ctypes.CDLL:
    """Return the C library, whose errors ``check`` can read."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def limit_resources(memory: int, cpu_seconds: int) -> None:
    """Limit address space and processor time; allow no core dump and no byte in any file."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_NPROC: 4096,  # of this user in all; sandbox watches for far fewer
        resource.RLIMIT_AS: memory,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (bound, bound))
        except (OSError, ValueError):
            if kind != resource.RLIMIT_AS or sys.platform != "darwin":  # macOS has no such limit
                raise


def give_up_privileges() -> None:
    """Die with the parent, gain no privileges by any program, and drop those of root."""
    library = libc()
    checked(library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    checked(library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    checked(library.capset(struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24)))


def known(rights: dict[int, int], version: int) -> int:
    """Return the bits of all rights that this version of Landlock knows."""
    return (1 << max(count for since, count in rights.items() if since <= version)) - 1


def restrict_files(readable: Iterable[str]) -> None:
    """Let Landlock refuse all files but those below ``readable``, which may be read; refuse TCP,
    signals and sockets to the outside as far as the kernel's version of Landlock can.
    """
    library = libc()
    version = checked(library.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    rights = (known(table, version) for table in (FILE_RIGHTS, NETWORK_RIGHTS, SCOPES))
    ruleset = struct.pack("QQQ", *rights)
    size = ctypes.c_size_t(len(ruleset))
    rules = checked(library.syscall(LANDLOCK_CREATE_RULESET, ruleset, size, 0))
    for path in readable:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # what is not there cannot be read either
            continue
        allowed = READ_FILE | (READ_DIR if Path(path).is_dir() else 0)
        if path == os.devnull:
            allowed = READ_FILE | WRITE_FILE
        rule = struct.pack("=Qi", allowed, opened)
        checked(library.syscall(LANDLOCK_ADD_RULE, rules, 1, rule, 0))
        os.close(opened)
    checked(library.syscall(LANDLOCK_RESTRICT_SELF, rules, 0))
    os.close(rules)


def conditions() -> list[Condition]:
    """Return the system calls that are allowed for some arguments only."""
    return [
        Condition("clone", 0, CLONE_THREAD, CLONE_THREAD),  # threads, no processes
        Condition("open", 1, WRITING, os.O_RDONLY),
        Condition("openat", 2, WRITING, os.O_RDONLY),
        Condition("prlimit64", 2, EVERY_BIT, 0),  # look at limits, set none
        Condition("sched_setaffinity", 0, EVERY_BIT, 0),  # itself: refused, MKL takes one thread
        Condition("tgkill", 0, EVERY_BIT, os.getpid()),  # abort()
        Condition("prctl", 0, EVERY_BIT, PR_SET_NAME),
        *(Condition("fcntl", 1, EVERY_BIT, command) for command in SAFE_FCNTL),
    ]


def restrict_system_calls() -> None:
    """Let the kernel refuse all system calls but those that computing needs, in all threads."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    state = ctypes.c_void_p(library.seccomp_init(ERRNO | errno.EPERM))

    def set_attribute(attribute: int, value: int) -> int:
        return int(library.seccomp_attr_set(state, attribute, ctypes.c_uint32(value)))

    def add_rule(action: int, name: str, *comparisons: Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # this kind of processor, or this libseccomp, has no such call
            return
        array = (Comparison * len(comparisons))(*comparisons)
        action_bits = ctypes.c_uint32(action)
        result = library.seccomp_rule_add_array(state, action_bits, number, len(array), array)
        if result < 0:
            raise OSError(-result, f"seccomp_rule_add {name}")

    set_attribute(BAD_ARCHITECTURE, KILL_PROCESS)
    set_attribute(NO_SPECULATION_PENALTY, 1)  # these two make it faster, if the kernel can
    set_attribute(OPTIMIZE, 2)
    add_rule(ERRNO | errno.ENOSYS, "clone3")  # the C library then calls clone, which can be judged
    for name in SYSTEM_CALLS.split():
        add_rule(ALLOW, name)
    for call, argument, mask, value in conditions():
        add_rule(ALLOW, call, Comparison(argument, MASKED_EQUAL, mask, value))
    if (result := library.seccomp_load(state)) < 0:
        raise OSError(-result, "seccomp_load")


def lock(orders: Orders) -> None:
    """Give up all that was ordered; end this process if one of the locks does not close."""
    step = "resource limits"
    try:
        limit_resources(orders.memory, orders.cpu_seconds)
        if orders.linux:
            step = "no_new_privs"
            give_up_privileges()
        if orders.landlock:
            step = "Landlock"
            restrict_files(orders.readable)
        if orders.seccomp:
            step = "seccomp"
            restrict_system_calls()
    except Exception as error:  # whatever it is, nothing runs
        print(f"{step} cannot be used here: {error}", file=sys.stderr, flush=True)
        os._exit(REFUSED)


def take_over_output() -> BinaryIO:
    """Return the pipe to the judge; whatever is printed from now on goes to standard error."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sink


def run_function(target: str, sink: BinaryIO) -> NoReturn:
    """Call the function with standard input and the pipe to the judge, and end at once."""
    module, name = target.split(":")
    status = 0
    try:
        getattr(importlib.import_module(module), name)(sys.stdin.buffer, sink)
        sink.flush()
    except SystemExit as error:  # a sentence; nothing of a student's runs after it
        status = 1
        print(error.code, file=sys.stderr, flush=True)
    except BaseException:
        status = 1
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def give_up_rights() -> None:
    """Lock this process in as ordered, then run the function."""
    orders = Orders(**json.loads(sys.argv[1]))
    sys.argv[1:] = []
    sys.path.insert(0, str(Path(orders.package).parent))
    importlib.import_module("hwlib")  # the folder beside it, which may hold data, stays closed
    sys.path[:1] = []
    sys.path += orders.folders
    sink = take_over_output()
    lock(orders)
    run_function(orders.target, sink)


def probe(source: BinaryIO, sink: BinaryIO) -> None:
    """Try what must be impossible in here, and tell what works: ``sandbox`` trusts no lock before.

    ``source`` gives a file that exists outside, one that must not appear there, a port on which the
    judge listens, and the judge's process.
    """
    existing, forbidden, port, judge = json.load(source)
    attempts: dict[str, Callable[[], object]] = {
        "read a file": lambda: Path(existing).read_bytes(),
        "write a file": lambda: Path(forbidden).write_bytes(b"x"),
        "reach the network": lambda: socket.create_connection(("127.0.0.1", port), 2).close(),
        "signal the judge": lambda: os.kill(judge, 0),
    }
    for name, attempt in attempts.items():
        with contextlib.suppress(OSError):
            attempt()
            sink.write(f"{name}\n".encode())
    sink.write(b"done\n")


if __name__ == "__main__":
    give_up_rights()
