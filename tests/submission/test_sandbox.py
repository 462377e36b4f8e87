"""Attempts to get out of the sandbox, at each level that this machine offers."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from support import ROOT

from hwlib.submission import containers, lockdown, sandbox
from hwlib.submission.containers import Limits
from hwlib.submission.sandbox import Level, Outcome, run_confined

WANTED = (  # the strongest, and each kind of lock without the other
    Level("bubblewrap", landlock=True, seccomp=True),
    Level(landlock=True, seccomp=True),
    Level("bubblewrap"),
    Level("sandbox-exec"),
)
LEVELS = [level for level in WANTED if not sandbox.why_not(level)]
pytestmark = pytest.mark.skipif(not LEVELS, reason="nothing locks a process in here")
SECCOMP = [level for level in LEVELS if level.seccomp]
LINUX = sys.platform == "linux"
SHORT = Limits(seconds=20, threads=1)

PREAMBLE = """
import ctypes, json, os, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def must(result):  # of a C function
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result
def main(source, sink):
    attack(json.load(source), sink)
def try_all(attempts, world, sink):
    results = {}
    for name, code in attempts.items():
        try:
            exec(code, globals() | {"world": world})
        except Exception as error:
            results[name] = repr(error)
        else:
            results[name] = "escaped"
    sink.write(json.dumps(results).encode())
"""
ESCAPES = {  # each writes "escaped" if it succeeds
    "reads a file": "open(world['secret']).read()",
    "reads the host's name": "open('/etc/hostname').read()",
    "reads the user's table": "open('/etc/passwd').read()",
    "reads by a link of /proc": "open('/proc/1/root' + world['secret']).read()",
    "lists the judge's folder": "os.listdir(os.path.dirname(world['secret']))"
    " or must(-1)",  # the folder is not there, or is empty
    "writes a marker": "open(world['marker'], 'w').write('x')",
    "writes into /tmp": "open('/tmp/' + world['name'], 'w').write('x')",
    "writes shared memory": "open('/dev/shm/' + world['name'], 'w').write('x')",
    "links": "os.symlink('/etc/passwd', world['marker'])",
    "makes a folder": "os.mkdir(world['marker'])",
    "makes a pipe with a name": "os.mkfifo(world['marker'])",
    "removes a file": "os.unlink(world['secret'])",
    "changes a file's mode": "os.chmod(world['secret'], 0o777)",
    "cuts a file": "os.truncate(world['secret'], 0)",
    "poisons Python's cache": "open(os.path.dirname(json.__cached__) + '/x.pyc', 'wb')",
    "poisons site-packages": "open(next(p for p in sys.path if 'site-packages' in p)"
    " + '/x.pth', 'w')",
    "poisons this library": "import hwlib; open(hwlib.__path__[0] + '/x.py', 'w')",
    "connects by TCP": "socket.create_connection(('127.0.0.1', world['port']), 2)",
    "sends by UDP": "s = socket.socket(type=socket.SOCK_DGRAM);"
    " s.connect(('192.0.2.1', 9)); s.send(b'x')",  # an address that belongs to nobody
    "connects to an abstract socket": "s = socket.socket(socket.AF_UNIX);"
    " s.connect(world['abstract'].encode())",
    "connects to a socket's file": "s = socket.socket(socket.AF_UNIX); s.connect(world['unix'])",
    "asks for a name": "socket.create_connection(('localhost', world['port']), 2)",
    "reads the judge's memory": "open(f\"/proc/{world['judge']}/mem\", 'rb').read(1)",
    "reads the judge's command": "open(f\"/proc/{world['judge']}/cmdline\").read()",
    "reads the judge's environment": "open(f\"/proc/{world['judge']}/environ\").read()",
    "opens the judge's files": "os.listdir(f\"/proc/{world['judge']}/fd\")",
    "traces the judge": "must(libc.ptrace(16, world['judge'], None, None))",
    "reads the judge by a system call": "place = (ctypes.c_size_t * 2)(id(world), 8);"
    " must(libc.process_vm_readv(world['judge'], place, 1, place, 1, 0))",
    "signals the judge": "os.kill(world['judge'], 0)",
    "signals the judge's group": "os.killpg(world['group'], 0)",
    "owns a pipe for the judge": "import fcntl; r, w = os.pipe();"
    " fcntl.fcntl(r, fcntl.F_SETOWN, world['judge'])",
    "slows the judge down": "os.setpriority(os.PRIO_PROCESS, world['judge'], 19)",
    "ties the judge to one core": "os.sched_setaffinity(world['judge'], {0})",
    "limits the judge": "import resource;"
    " resource.prlimit(world['judge'], resource.RLIMIT_CPU, (1, 1))",
    "raises its own limits": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))",
    "runs a shell": "os.execv('/bin/sh', ['sh', '-c', 'echo out'])",
    "runs a program of the system": "import subprocess; subprocess.check_call(['/usr/bin/id'])",
    "mounts": "must(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
    "changes its root": "os.chroot('/')",
    "becomes root": "os.setuid(0) if os.getuid() else must(libc.setuid(12345))",
    "sets the clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
}
BY_SECCOMP = {  # harmless in a container of its own, refused by seccomp
    "forks": "os.fork() or os._exit(0)",
    "runs Python": "os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
    "makes a socket": "socket.socket()",
    "makes a memory file": "os.memfd_create('x')",
    "makes an io_uring": "must(libc.syscall(425, 8, None))",
    "makes a user namespace": "must(libc.unshare(0x10000000))",
    "starts a session": "os.setsid()",
    "forks by a system call": "must(libc.syscall(57)) or os._exit(0)",
    "forks by clone3": "must(libc.syscall(435, None, 0))",
    "signals by a pidfd": "must(libc.syscall(434, os.getpid(), 0))",
    "loads a kernel's program": "must(libc.syscall(321, 0, None, 0))",
    "uses a key ring": "must(libc.syscall(250, 0, -3, 0, 0, 0))",
}


@pytest.fixture(params=LEVELS, ids=str)
def level(request) -> Level:
    return request.param


@pytest.fixture
def attack(tmp_path):
    """Run the body of an attack, which is given the world as the judge sees it."""

    def run(body: str, level: Level, limits: Limits = SHORT, **world: object) -> Outcome:
        code = Path(tmp_path, "code")
        code.mkdir(exist_ok=True)
        lines = "\n    ".join(body.splitlines())
        Path(code, "attack.py").write_text(f"{PREAMBLE}\ndef attack(world, sink):\n    {lines}\n")
        data = json.dumps(world).encode()
        return run_confined("attack:main", data, limits, readable=[code], level=level)

    yield run
    assert not left_over(tmp_path)


def left_over(marker: Path) -> list[psutil.Process]:
    """Processes that still name a folder in their command, after time enough to end."""
    for _ in range(100):
        processes = [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(marker) in part for part in process.info["cmdline"] or ())
        ]
        if not processes:
            break
        time.sleep(0.05)
    return processes


@pytest.fixture
def world(tmp_path):
    """What an attack may want: a secret, sockets that listen, the judge's numbers."""
    outside = Path(tmp_path, "outside")
    outside.mkdir()
    secret = Path(outside, "secret")
    secret.write_text("labels")
    abstract = f"\0hwlib-test-{uuid.uuid4().hex}"
    name = f"hwlib-test-{uuid.uuid4().hex}"
    with (
        tempfile.TemporaryDirectory() as folder,  # a socket's path is short
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as unnamed,
    ):
        if LINUX:
            unnamed.bind(abstract)
            unnamed.listen()
        path = str(Path(folder, "socket"))
        named.bind(path)
        named.listen()
        yield {
            "secret": str(secret),
            "marker": str(outside / "marker"),
            "port": tcp.getsockname()[1],
            "abstract": abstract,
            "unix": path,
            "name": name,
            "judge": os.getpid(),
            "group": os.getpgid(0),
        }
    assert secret.read_text() == "labels"
    assert sorted(outside.iterdir()) == [secret]
    assert not any(Path(folder, name).exists() for folder in ("/tmp", "/dev/shm"))


TRY_ALL = "try_all(world['attempts'], world, sink)"


def test_no_way_out(attack, level, world):
    outcome = attack(TRY_ALL, level, attempts=ESCAPES, **world)
    results = json.loads(outcome.output)
    assert results.keys() == ESCAPES.keys(), outcome
    assert "escaped" not in results.values(), results
    assert outcome.level == level


@pytest.mark.parametrize("level", SECCOMP, ids=str)
def test_no_system_call_that_a_network_does_not_need(attack, level):
    results = json.loads(attack(TRY_ALL, level, attempts=BY_SECCOMP).output)
    assert results.keys() == BY_SECCOMP.keys()
    assert "escaped" not in results.values(), results


def test_the_attacks_would_work_outside(world):
    """Otherwise they prove nothing; those that need rights, or do harm, are left out."""
    names = [
        "reads a file", "connects by TCP", "connects to a socket's file", "signals the judge",
        "reads the judge's command", "asks for a name", "makes a pipe with a name",
    ]  # fmt: skip
    names += ["connects to an abstract socket", "forks", "makes a socket"] * LINUX
    code = f"{PREAMBLE}\ntry_all(json.loads(sys.argv[1]), json.load(sys.stdin), sys.stdout.buffer)"
    attempts = {name: (ESCAPES | BY_SECCOMP)[name] for name in names}
    command = [sys.executable, "-c", code, json.dumps(attempts)]
    done = subprocess.run(command, input=json.dumps(world), capture_output=True, text=True)
    Path(world["marker"]).unlink()
    assert json.loads(done.stdout) == dict.fromkeys(names, "escaped")


def test_bytes_go_in_and_come_out(attack, level):
    body = "sink.write(json.dumps(world['numbers']).encode())\nprint('heard', flush=True)"
    numbers = list(range(100_000))
    outcome = attack(body, level, numbers=numbers)
    assert json.loads(outcome.output) == numbers
    assert (outcome.messages, outcome.reason) == ("heard\n", "")


def test_data_that_nobody_reads(attack, level, tmp_path):
    Path(tmp_path, "deaf.py").write_text("def main(source, sink):\n    sink.write(b'no')\n")
    data = bytes(10_000_000)
    outcome = run_confined("deaf:main", data, SHORT, readable=[tmp_path], level=level)
    assert (outcome.output, outcome.reason) == (b"no", "")


def test_nothing_of_the_judge_is_inherited(attack, level, tmp_path, monkeypatch):
    monkeypatch.setenv("HW_SECRET", "token")
    secret = Path(tmp_path, "secret")
    secret.write_text("labels")
    opened = os.open(secret, os.O_RDONLY)
    os.set_inheritable(opened, True)
    body = """
    seen = repr(dict(os.environ)) + open('/proc/self/environ').read()
    for number in range(3, 256):
        try:
            seen += repr(os.pread(number, 100, 0))
        except OSError:
            pass
    sink.write(seen.encode())
    """
    outcome = attack("\n".join(line[4:] for line in body.splitlines()), level)
    os.close(opened)
    assert not outcome.reason
    assert b"token" not in outcome.output
    assert b"labels" not in outcome.output
    assert b"OMP_NUM_THREADS" in outcome.output


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "time.sleep(60)",
        "signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)\ntime.sleep(60)",
        "for s in range(1, 32):\n"
        "    s in (9, 19) or signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "sink.close()\nos.close(0)\ntime.sleep(60)",
        "sink.close()\nos.close(0)\nos.close(1)\nos.close(2)\ntime.sleep(60)",
    ],
    ids=["busy", "asleep", "stopped", "deaf", "answer closed", "all closed"],
)
def test_time_is_limited_by_the_judge(body, attack, level):
    outcome = attack(body, level, Limits(seconds=0.5, threads=8))
    assert outcome.reason == "took longer than 0.5 s and was stopped"


def test_a_flood_of_answers_is_cut(attack, level):
    outcome = attack("while True: sink.write(bytes(10**6))", level, SHORT._replace(output=1000))
    assert len(outcome.output) == 1000
    assert outcome.reason == "answered with more than 1,000 bytes and was stopped"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_messages_is_cut(stream, attack, level):
    outcome = attack(f"while True: sys.{stream}.write('x' * 10**7)", level)
    assert outcome.reason == "printed more than 16 MiB and was stopped"
    assert len(outcome.messages) == sandbox.KEPT_MESSAGES


def test_messages_cannot_control_a_terminal(attack, level):
    body = r"raise SystemExit('\x1b]0;owned\x07\x1b[2J\rno\u202e\x9b31m \u05d0')"
    outcome = attack(body, level)
    assert outcome.reason == "failed: \ufffd]0;owned\ufffd\ufffd[2J\ufffdno\ufffd\ufffd31m \u05d0"
    assert "\x1b" not in outcome.messages


def test_memory_of_one_piece_is_limited(attack, level):
    assert attack("bytearray(1 << 40)", level).reason == "failed: MemoryError"


def test_memory_in_use_is_limited(attack, level):
    body = "kept = []\nwhile True: kept.append(b'x' * (1 << 20))"
    outcome = attack(body, level, SHORT._replace(memory=100 << 20))
    assert outcome.reason == "used more than 100 MiB of memory and was stopped"


def test_threads_are_limited(attack, level):
    body = """
threading.stack_size(1 << 16)
for _ in range(2000):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)"""
    outcome = attack(body, level)
    assert outcome.reason == "started more than 512 threads and was stopped"


@pytest.mark.parametrize(
    ("body", "end"),
    [
        ("raise ValueError('wrong\\nvalue')", "failed: value"),
        ("import ctypes; ctypes.string_at(0)", "crashed (SIGSEGV)"),
        ("os.abort()", "crashed (SIGABRT)"),
        ("os._exit(3)", "failed: no message"),
        ("sys.exit('A sentence.')", "failed: A sentence."),
    ],
)
def test_the_reason_says_how_it_ended(body, end, level, tmp_path):
    Path(tmp_path, "ends.py").write_text(
        "import os, sys\ndef main(source, sink):\n"
        f"    sink.write(b'half'); sink.flush()\n    {body}\n"
    )
    outcome = run_confined("ends:main", b"", SHORT, readable=[tmp_path], level=level)
    assert outcome.reason == end
    assert outcome.output == b"half"


def test_nothing_runs_after_the_answer(level, tmp_path):
    body = "import atexit\ndef main(source, sink):\n    atexit.register(print, 'late')\n"
    Path(tmp_path, "late.py").write_text(body)
    outcome = run_confined("late:main", b"", SHORT, readable=[tmp_path], level=level)
    assert (outcome.messages, outcome.reason) == ("", "")


FORKS = {
    "orphans": "if not os.fork():\n    os.setsid()\n    os.fork()\n    time.sleep(60)",
    "many": "for _ in range(700):\n    os.fork() or time.sleep(60)\ntime.sleep(60)",
}


@pytest.mark.parametrize("name", FORKS)
def test_processes_are_refused_or_die_with_it(name, attack, level):
    outcome = attack(FORKS[name], level)  # what is left over is looked for afterwards
    if level.seccomp:
        assert outcome.reason.startswith("failed: PermissionError")
    elif name == "many":
        assert outcome.reason.endswith("and was stopped")


def test_it_dies_with_its_judge(level, tmp_path):
    Path(tmp_path, "sleeper.py").write_text(
        "import time\ndef main(source, sink):\n    print('up', flush=True)\n    time.sleep(300)\n"
    )
    code = f"""
from pathlib import Path
from hwlib.submission.containers import Limits
from hwlib.submission.sandbox import Level, run_confined
run_confined("sleeper:main", b"", Limits(300), readable=[Path({str(tmp_path)!r})],
             level=Level(*{tuple(level)!r}))"""
    judge = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    while not any(p.cmdline() for p in psutil.Process(judge.pid).children(recursive=True)):
        time.sleep(0.05)
    judge.send_signal(signal.SIGKILL)
    judge.wait()
    assert not left_over(tmp_path)


def test_without_a_lock_nothing_runs_unless_it_is_trusted(tmp_path):
    Path(tmp_path, "own.py").write_text("def main(source, sink):\n    sink.write(b'ran')\n")
    options = {"readable": [tmp_path], "level": Level()}
    outcome = run_confined("own:main", b"", SHORT, **options)
    assert (outcome.output, str(outcome.level)) == (b"", "not locked in")
    assert outcome.reason == "was not run, because nothing here can lock it in"
    assert run_confined("own:main", b"", SHORT, **options, trust=True).output == b"ran"


def test_a_lock_that_does_not_close_runs_nothing(tmp_path, level, monkeypatch):
    Path(tmp_path, "own.py").write_text("def main(source, sink):\n    sink.write(b'ran')\n")
    orders = lockdown.Orders
    monkeypatch.setattr(lockdown, "Orders", lambda **o: orders(**o)._replace(cpu_seconds=""))
    outcome = run_confined("own:main", b"", SHORT, readable=[tmp_path], level=level)
    assert outcome.output == b""
    assert outcome.reason.startswith("was not run, because it could not be locked in: resource")


def test_a_lock_is_tried_before_it_is_trusted(monkeypatch):
    assert sandbox.why_not(Level()) == "was not run, because nothing here can lock it in"
    monkeypatch.setattr(sandbox, "bubblewrap_command", lambda inner, folders: inner)
    open_door = sandbox.why_not(Level("bubblewrap"))
    assert open_door == "read a file, reach the network, signal the judge"


def test_the_strongest_lock_that_holds_is_taken(monkeypatch):
    assert sandbox.available_level() == LEVELS[0]
    monkeypatch.setattr(sandbox, "why_not", lambda level: "no" if level.container else "")
    assert sandbox.available_level.__wrapped__() == Level(landlock=True, seccomp=True)
    monkeypatch.setattr(sandbox, "why_not", lambda level: "no")
    assert not sandbox.available_level.__wrapped__().confined


def test_a_report_names_the_locks():
    assert str(Level("bubblewrap", True, True)) == "locked in by bubblewrap, Landlock and seccomp"
    assert str(Level(landlock=True, seccomp=True)) == "locked in by Landlock and seccomp"
    assert str(Level("docker")) == "locked in by docker"
    assert not Level(landlock=True).confined
    assert not Level(seccomp=True).confined


@pytest.mark.parametrize("engine", containers.ENGINES)
def test_a_container_of_an_engine_sees_python_and_no_network(engine, tmp_path):
    command = containers.engine_command(engine, "name", ["python"], [str(tmp_path)], SHORT)
    assert command[-2:] == [containers.EMPTY_IMAGE, "python"]
    assert {"--network=none", "--read-only", "--cap-drop=all"} < set(command)
    mounts = [value for key, value in pairwise(command) if key == "--volume"]
    assert f"{tmp_path}:{tmp_path}:ro" in mounts
    assert all(mount.endswith(":ro") for mount in mounts)
