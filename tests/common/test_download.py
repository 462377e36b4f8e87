"""Downloads from a real HTTP server on this machine that fails in many ways."""

import gzip
import hashlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from torchvision.datasets import MNIST
from torchvision.models import VGG16_Weights

from hwlib.common import download
from hwlib.common.download import RemoteFile
from hwlib.common.errors import DataError

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves ``files``; each request first suffers the next of ``faults``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, [], 0
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def remote_file(self, name: str, content: bytes) -> RemoteFile:
        """Serve ``content``, packed if the name says so, and return what the registry would say."""
        packed = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        self.files[name] = packed
        return RemoteFile(self.address + name, hashlib.sha256(content).hexdigest())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        content = self.server.files[self.path[1:]]
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        if isinstance(fault, int):
            self.send_response(fault)
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
            content = content[:30] + b"?" + content[31:]
        half = len(content) // 2 if fault in ("truncates", "stalls") else len(content)
        self.wfile.write(content[:half])
        if fault == "stalls":
            time.sleep(1)

    def log_message(self, *_):
        pass


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.delenv("HWLIB_OFFLINE", raising=False)
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=lambda seconds: None))


@pytest.fixture
def server(no_waiting):
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("fault", ["truncates", "stalls", "corrupts", "hangs up", 429, 503])
def test_a_download_that_fails_is_tried_again(server, tmp_path, fault, name):
    files = {"file": server.remote_file(name, CONTENT)}
    server.faults = [fault, fault]
    download.download(files, tmp_path / "folder", "data_dir")
    assert (tmp_path / "folder" / "file").read_bytes() == CONTENT and server.requests == 3
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("truncates", "connection fails|known hash"),
        ("corrupts", "does not match the known hash"),
        ("stalls", "connection fails"),
        ("hangs up", "connection fails"),
        (302, "TooManyRedirects"),  # to itself
        (403, "answers 403"),
        (404, "answers 404"),
        (500, "answers 500"),
    ],
)
def test_a_download_that_keeps_failing_ends_with_one_sentence_and_no_file(
    server, tmp_path, fault, reason
):
    files = {"file": server.remote_file("file", CONTENT)}
    server.faults = [fault] * 200
    with pytest.raises(DataError, match=reason) as failure:
        download.download(files, tmp_path / "folder", "data_dir")
    assert files["file"].url in str(failure.value) and "\n" not in str(failure.value)
    assert not list((tmp_path / "folder").iterdir())


def test_a_server_that_is_not_there(no_waiting, tmp_path):
    files = {"file": RemoteFile("http://127.0.0.1:9/file", "0" * 64)}
    with pytest.raises(DataError, match="connection fails: ConnectionError"):
        download.download(files, tmp_path, "data_dir")


def test_a_downloaded_file_may_be_read_by_others(server, tmp_path):
    download.download({"file": server.remote_file("file", CONTENT)}, tmp_path, "data_dir")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


def test_the_addresses_are_torchvision_s():
    names = [name for name, _ in MNIST.resources]
    urls = [file.url for file in download.MNIST_FILES.values()]
    assert urls in [[mirror + name for name in names] for mirror in MNIST.mirrors]
    (vgg16,) = download.VGG16_FILES.values()
    assert vgg16.url == VGG16_Weights.DEFAULT.url
    assert vgg16.url.endswith(f"-{vgg16.sha256[:8]}.pth")


@pytest.mark.slow
def test_the_hashes_are_those_of_the_real_files(real_data):
    folder = real_data / "MNIST" / "raw"
    assert download.damaged_files(folder, download.MNIST_FILES) == []
    assert download.fetch("mnist", real_data, offline=True) == folder


@pytest.fixture
def small_mnist(server, monkeypatch):
    """MNIST's four files, each a hundred bytes, on the server."""
    files = {
        name: server.remote_file(f"{name}.gz", name[:1].encode() * 100)
        for name in download.MNIST_FILES
    }
    monkeypatch.setattr(download, "MNIST_FILES", files)
    return server


def test_mnist_arrives_whole_and_is_not_downloaded_twice(small_mnist, tmp_path):
    small_mnist.faults = ["truncates", 429]
    threads = [threading.Thread(target=download.fetch_mnist, args=(tmp_path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert small_mnist.requests == 6  # four files, and two more tries
    folder = tmp_path / "MNIST" / "raw"
    assert download.fetch_mnist(tmp_path) == folder and small_mnist.requests == 6
    assert {path.name for path in folder.iterdir()} == set(download.MNIST_FILES)


@pytest.mark.parametrize("content", [None, b"short", b"x" * 100])
def test_only_the_damaged_file_of_mnist_is_downloaded_again(small_mnist, tmp_path, content):
    """Missing, cut short, and of the right length with another content."""
    damaged = download.fetch_mnist(tmp_path) / "train-labels-idx1-ubyte"
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert download.fetch_mnist(tmp_path) == damaged.parent and small_mnist.requests == 5
    assert damaged.read_bytes() == b"t" * 100


def test_a_damaged_file_that_cannot_be_downloaded_is_named(small_mnist, tmp_path):
    damaged = download.fetch_mnist(tmp_path) / "train-labels-idx1-ubyte"
    damaged.write_bytes(b"short")
    with pytest.raises(
        DataError, match=r"lacks a whole train-labels-idx1-ubyte.*--offline.*Put the four"
    ):
        download.fetch_mnist(tmp_path, offline=True)
    assert damaged.read_bytes() == b"short"


def test_a_full_disk_is_named_and_nothing_incomplete_is_left(small_mnist, tmp_path, monkeypatch):
    def no_space(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.Path, "write_bytes", no_space)
    with pytest.raises(DataError, match=r"No space left on device\)\. Free space there, or set"):
        download.fetch_mnist(tmp_path)
    assert not list((tmp_path / "MNIST" / "raw").iterdir())


@pytest.mark.parametrize("variable", ["", "1"])
def test_offline_nothing_is_asked_for(small_mnist, tmp_path, monkeypatch, variable):
    """By the argument, or by the user's environment variable."""
    monkeypatch.setenv("HWLIB_OFFLINE", variable)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    for name in download.FETCH_NAMES:
        with pytest.raises(DataError, match=r"HWLIB_OFFLINE|pictures there"):
            download.fetch(name, tmp_path / "new", offline=not variable)
    assert small_mnist.requests == 0 and not list(tmp_path.iterdir())


def test_vgg16_s_weights_go_to_torch_s_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = server.remote_file("vgg16.pth", CONTENT)
    monkeypatch.setattr(download, "VGG16_FILES", {"vgg16.pth": file})
    server.faults = ["corrupts", "truncates"]
    path = download.fetch_vgg16()
    assert path == tmp_path / "hub" / "checkpoints" / "vgg16.pth"
    assert path.read_bytes() == CONTENT and server.requests == 3
    assert download.fetch_vgg16() == path and server.requests == 3


def test_which_weights_a_run_has(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert download.usable_weights("imagenet", "sample") == "none"
    assert download.usable_weights("imagenet", "real") == "imagenet"  # it will be downloaded
    assert download.usable_weights("my.pth", "sample") == "my.pth"
    download.vgg16_file().parent.mkdir(parents=True)
    download.vgg16_file().touch()
    assert download.usable_weights("imagenet", "sample") == "imagenet"


def test_a_data_folder_with_a_mistyped_name_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no folder .*dta .*fetch all --data-dir"):
        download.check_folder(tmp_path / "dta")
    download.check_folder(tmp_path)
