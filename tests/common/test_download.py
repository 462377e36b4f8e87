"""Downloads from a real HTTP server on this machine that fails in every way it can think of."""

import gzip
import hashlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import run_hwlib

from hwlib.common import data
from hwlib.common import download as fetch
from hwlib.sweep import plan

CONTENT = bytes(range(256)) * 40


class Server(ThreadingHTTPServer):
    """Serves ``files``; each request first suffers the next of ``faults``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, [], 0
        self.address = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        content = self.server.files.get(self.path[1:], CONTENT)
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        if isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Retry-After", "0")
            self.send_header("Location", self.path)
            self.end_headers()
            return
        if fault == "hangs up":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "corrupts":
            content = b"?" + content[1:]
        self.wfile.write(
            content[: len(content) // 2] if fault in ("truncates", "stalls") else content
        )
        if fault == "stalls":
            time.sleep(3)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    monkeypatch.setattr(fetch, "LONGEST_WAIT", 0.05)
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def download(server, target):
    fetch.download(server.address + "file", target, md5=hashlib.md5(CONTENT).hexdigest())


@pytest.mark.parametrize("fault", ["truncates", "stalls", "corrupts", "hangs up", 429, 500, 503])
def test_what_another_try_can_mend_is_tried_again(server, tmp_path, fault):
    server.faults = [fault, fault]
    download(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT and server.requests == 3
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("fault", "requests", "hint"),
    [
        ("truncates", 4, "checksum"),
        ("corrupts", 4, "checksum"),
        ("stalls", 4, "timed out"),
        ("hangs up", 4, "closed|reset|without response"),
        (429, 4, "429"),
        (302, None, "302"),  # to itself, for ever
        (403, 1, "403"),
        (404, 1, "404"),
    ],
)
def test_what_stays_broken_ends_with_one_sentence_and_no_file(
    server, tmp_path, fault, requests, hint
):
    server.faults = [fault] * 100
    with pytest.raises(fetch.DataError, match=hint) as failure:
        download(server, tmp_path / "file")
    assert server.address in str(failure.value) and "\n" not in str(failure.value).strip()
    assert requests in (None, server.requests) and not list(tmp_path.iterdir())


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "LONGEST_WAIT", 0.01)
    with pytest.raises(fetch.DataError, match="refused"):
        fetch.download("http://127.0.0.1:9/file", tmp_path / "file")


def test_the_waits_follow_the_server_and_grow_otherwise():
    from email.message import Message
    from urllib.error import HTTPError

    headers = Message()
    headers["Retry-After"] = "7"
    assert fetch.wait_for(HTTPError("", 429, "", headers, None), 0) == 7
    assert [fetch.wait_for(OSError(), attempt) for attempt in range(9)][::4] == [1, 16, 60]


@pytest.fixture
def small_mnist(server, monkeypatch):
    """MNIST's four files, each a hundred bytes, on the server."""
    resources = []
    for name in fetch.MNIST_BYTES:
        packed = gzip.compress(name[:1].encode() * 100, mtime=0)
        server.files[f"{name}.gz"] = packed
        resources.append((f"{name}.gz", hashlib.md5(packed).hexdigest()))
    monkeypatch.setattr(fetch, "MNIST_BYTES", dict.fromkeys(fetch.MNIST_BYTES, 100))
    monkeypatch.setattr(fetch.MNIST, "resources", resources)
    monkeypatch.setattr(fetch.MNIST, "mirrors", [server.address])
    return server


def test_mnist_arrives_whole_and_is_not_fetched_twice(small_mnist, tmp_path):
    small_mnist.faults = ["truncates", 429]
    threads = [threading.Thread(target=fetch.mnist, args=(tmp_path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert small_mnist.requests == 6  # four files, two of them twice
    assert fetch.mnist(tmp_path) == tmp_path and small_mnist.requests == 6
    found = {path.name for path in (tmp_path / "MNIST/raw").iterdir()}
    assert found == set(fetch.MNIST_BYTES)


def test_a_file_of_mnist_that_is_cut_short_is_fetched_again(small_mnist, tmp_path):
    fetch.mnist(tmp_path)
    (tmp_path / "MNIST/raw/train-images-idx3-ubyte").write_bytes(b"short")
    fetch.mnist(tmp_path)
    assert not fetch.damaged_mnist(tmp_path / "MNIST/raw")
    small_mnist.faults = [404] * 9
    (tmp_path / "MNIST/raw/train-images-idx3-ubyte").write_bytes(b"short")
    with pytest.raises(fetch.DataError, match=r"train-images-idx3-ubyte .* is cut short"):
        fetch.mnist(tmp_path)


def test_a_disk_without_room_is_said_before_the_download(small_mnist, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 5_000_000})
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(fetch.DataError, match="has 5 MB left, 80 MB are needed"):
        fetch.mnist(tmp_path)
    assert small_mnist.requests == 0


def test_offline_nothing_is_asked_for(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("HWLIB_OFFLINE", "1")
    with pytest.raises(fetch.DataError, match="HWLIB_OFFLINE"):
        fetch.mnist(tmp_path / "new")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    with pytest.raises(fetch.DataError, match=r"HWLIB_OFFLINE\. Set vgg_weights"):
        fetch.vgg16()
    assert small_mnist.requests == 0 and not list(tmp_path.iterdir())


def test_vgg16_s_weights_go_to_torch_s_cache_once_their_hash_is_right(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    digits = hashlib.sha256(CONTENT).hexdigest()[:8]
    weights = type("Weights", (), {"url": f"{server.address}vgg16-{digits}.pth"})
    monkeypatch.setattr(fetch, "VGG16_Weights", type("All", (), {"DEFAULT": weights}))
    server.faults = ["corrupts", "truncates"]
    found = fetch.vgg16()
    assert found.read_bytes() == CONTENT and server.requests == 3
    assert fetch.vgg16() == found and server.requests == 3


@pytest.mark.parametrize("place", ["big_cats", "hw1_data/big_cats"])
def test_data_is_found_below_the_data_folder(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    assert data.locate("big_cats", tmp_path, "real") == tmp_path / place


def test_data_is_found_among_what_is_attached_on_kaggle(tmp_path, monkeypatch):
    monkeypatch.setenv("HWLIB_KAGGLE", str(tmp_path / "kaggle"))
    cats = tmp_path / "kaggle/input/cats-in-the-wild-image-classification"
    for split in data.SPLITS:
        (cats / split).mkdir(parents=True)
    birds = tmp_path / "kaggle/input/datasets/somebody/homework/hw1_data/birds"
    birds.mkdir(parents=True)
    assert data.locate("big_cats", tmp_path, "real") == cats
    assert data.locate("birds", tmp_path, "real") == birds


def test_a_sweep_names_its_runs_by_the_data_that_they_read(tmp_path):
    folder = tmp_path / "hw1_data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "digits").write_bytes(b"1")
    first = plan.data_files.__wrapped__(str(tmp_path), ("q3",))
    (folder / "digits").write_bytes(b"22")
    assert first and plan.data_files.__wrapped__(str(tmp_path), ("q3",)) != first


def test_the_command_says_what_is_there_and_what_is_not(real_data, tmp_path):
    done = run_hwlib("fetch", "mnist", "--data-dir", real_data)
    assert done.returncode == 0 and "60,000 and 10,000 digits" in done.stdout
    done = run_hwlib("fetch", "birds_dogs", "--offline", "--data-dir", tmp_path)
    assert done.returncode == 1 and done.stdout.count("✗") == 2 and "Traceback" not in done.stderr
