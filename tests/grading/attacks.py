"""Hand-ins that attack: class files that reach outside, forge, exhaust, outlive or deceive, and
notebooks, PDFs, pickles and zips that hurt whoever reads them.

A class file's body runs when it is imported. What it would change outside is named ``MARK``.
"""

import io
import json
import zipfile

import torch
from grading.classes import Files, hand_in, hostile, replaced, saved, zipped

MARK = "/tmp/hw-pwned-attack"
PORT = 47619  # of the test's listener
TOUCH = f"open({MARK!r}, 'w').write('x')"
LIBC = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)"
FRAME = "import struct, sys, os; out = os.fdopen(os.dup(1), 'wb')"
SCORES = "torch.eye(10).repeat(10, 1)"

BODIES = {
    # reach outside
    "write a file": TOUCH,
    "write by a shell": f"import os; os.system('touch {MARK}')",
    "write by another program": (
        f"import subprocess; subprocess.run(['/usr/bin/touch', {MARK!r}], check=True)"
    ),
    "write by a system call": f"{LIBC}; libc.syscall(2, {MARK.encode()!r}, 0o102, 0o644)",
    "write by openat": f"{LIBC}; libc.syscall(257, -100, {MARK.encode()!r}, 0o102, 0o644)",
    "write by io_uring": f"{LIBC}; libc.syscall(425, 8, ctypes.create_string_buffer(256)); {TOUCH}",
    "write by torch": f"torch.save(torch.ones(1), {MARK!r})",
    "write by a child": f"import os; os.fork() or ({TOUCH})",
    "write by a thread": (
        f"import threading; t = threading.Thread(target=lambda: {TOUCH}); t.start(); t.join()"
    ),
    "link from outside": f"import os; os.symlink('/etc/passwd', {MARK!r})",
    "make a folder": f"import os; os.mkdir({MARK!r})",
    "read the password file": "raise SystemExit(open('/etc/passwd').read())",
    "read another process": "raise SystemExit(open('/proc/1/environ').read())",
    "list the pictures": "import os; raise SystemExit(os.listdir('/work'))",
    "connect to the network": (
        f"import socket; socket.create_connection(('127.0.0.1', {PORT}), 2).send(b'x')"
    ),
    "connect by a system call": f"{LIBC}; import socket; libc.syscall(41, 2, 1, 0); "
    f"socket.create_connection(('127.0.0.1', {PORT}), 2)",
    "kill the judge": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "kill everybody": "import os; os.kill(-1, 9)",
    "trace the judge": f"{LIBC}; import os; libc.ptrace(16, os.getppid(), 0, 0); {TOUCH}",
    "poison a cache": "import torch as t, pathlib; p = pathlib.Path(t.__file__); "
    "p.with_name('hw_pwned.py').write_text('x')",
    "gain rights": f"import os; os.setuid(0); {TOUCH}",
    "mount": f"{LIBC}; libc.mount(b'none', b'/tmp', b'tmpfs', 0, None); {TOUCH}",
    "use a key": f"{LIBC}; libc.syscall(248, b'user', b'x', b'y', 1, -3); {TOUCH}",
    # forge
    "answer before it is asked": f"{FRAME}; out.write(struct.pack('<4sQQQ', b'LOGI', 16 + 4000, "
    f"100, 10) + {SCORES}.numpy().tobytes()); out.flush(); os._exit(0)",
    "answer twice": f"{FRAME}; import atexit; atexit.register(out.write, b'LOGI' * 100)",
    "say other weights": f"{FRAME}; out.write(struct.pack('<4sQ', b'TENS', 8) + b'x' * 8)",
    "answer with more classes": "Net.forward = lambda self, x: torch.zeros(len(x), 10**6)",
    "answer for fewer pictures": "Net.forward = lambda self, x: torch.zeros(1, 10)",
    "answer with no numbers": "Net.forward = lambda self, x: torch.full((len(x), 10), torch.nan)",
    "answer with text": "Net.forward = lambda self, x: 'all right'",
    "change torch": "torch.Tensor.argmax = lambda *a, **k: torch.zeros(1); "
    "torch.cat = lambda parts: torch.zeros(20, 10)",
    "compute its classes": "CLASS_NAMES = [str(k) for k in range(10)]",
    "ask for huge pictures": "IMAGE_SIZE = 10**6",
    # exhaust
    "run for ever": "while True: pass",
    "sleep for ever": "import time; time.sleep(10**6)",
    "stop itself": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
    "eat memory": "x = [bytearray(1 << 24) for _ in range(10**4)]",
    "eat memory by torch": "x = [torch.ones(1 << 24) for _ in range(10**4)]",
    "fork for ever": "import os\nwhile True: os.fork()",
    "start threads": "import threading, time\n"
    "for _ in range(5000): threading.Thread(target=time.sleep, args=(99,)).start()",
    "print for ever": "while True: print('x' * 10**6)",
    "answer for ever": f"{FRAME}\nwhile True: out.write(b'x' * 10**6)",
    "recurse": "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "crash": "import ctypes; ctypes.string_at(0)",
    "open files": "x = [open('/dev/null') for _ in range(10**6)]",
    # outlive
    "leave a child behind": "import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(99)",
    "ignore signals": "import signal, time\n"
    "for n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except Exception: 0\n"
    "time.sleep(10**6)",
    "close its pipes": "import os, time; os.close(0); os.close(1); os.close(2); time.sleep(10**6)",
    # deceive
    "clear the screen": "raise RuntimeError('\\x1b[2J\\x1b]0;pwned\\x07 all checks hold')",
    "turn the text": "raise RuntimeError('\\u202e dloh skcehc lla')",
    "write a line of its own": "raise RuntimeError('no\\n\\u2713 q4 50 of 50, as claimed')",
}  # fmt: skip


def bomb(size: int) -> bytes:
    """A zip that unpacks to so many bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("HW1_123456789_987654321.pdf", b"0" * size)
    return buffer.getvalue()


def notebook_with(output: object) -> bytes:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": 1, "source": "1"}
    cells = [cell | {"outputs": [output]}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def files_that_hurt() -> dict[str, Files]:
    """Hand-ins whose notebook, PDF, pickles or zip attack."""
    base = hand_in(1)
    nested = b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    html = f"<iframe src='http://127.0.0.1:{PORT}/x'></iframe>"
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": html}}
    escape = {"output_type": "stream", "name": "stdout", "text": "\x1b[1000C" * 20_000}
    objects = b"%PDF-1.7\n1 0 obj<</Type/Pages/Kids[1 0 R]/Count 99999999/Parent 1 0 R>>endobj\n"
    pages = objects + b"trailer<</Root<</Type/Catalog/Pages 1 0 R>>>>"
    return {
        "a notebook of brackets": replaced(base, ".ipynb", nested),
        "a notebook that is another file": replaced(base, ".ipynb", b"\x7fELF" * 1000),
        "a notebook that fetches": replaced(base, ".ipynb", notebook_with(shown)),
        "a notebook of terminal sequences": replaced(base, ".ipynb", notebook_with(escape)),
        "a PDF whose pages hold themselves": replaced(base, ".pdf", pages),
        "a PDF that is none": replaced(base, ".pdf", b"%PDF-" + b"\0" * 10**6),
        "a pickle that runs": replaced(base, "_Q4.pkl", saved({"w": Runs()})),
        "a pickle that is huge": replaced(base, "_Q4.pkl", saved({"w": huge()})),
        "a pickle of many tensors": replaced(
            base, "_Q4.pkl", saved({str(n): torch.zeros(1) for n in range(20_001)})
        ),
        "a zip bomb": {"homework.zip": bomb(600_000_000)},
        "a zip that leads outside": {"homework.zip": zipped({f"../../../..{MARK}": b"x"} | base)},
        "names with control characters": {
            name.replace(".pdf", "\x1b[2J\u202e.pdf"): content for name, content in base.items()
        },
        "a class file of a megabyte": replaced(base, ".py", b"x = 1\n" * 200_000),
    }  # fmt: skip


class Runs:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return exec, (TOUCH,)


def huge() -> torch.Tensor:
    """A tensor of 8 TB in a few bytes."""
    return torch.zeros(1).expand(2**41)


def all_attacks() -> dict[str, Files]:
    """Every attack, as the files of a hand-in."""
    bodies = {name: hostile(body, number) for number, (name, body) in enumerate(BODIES.items())}
    return bodies | files_that_hurt()
