import pytest

from hwlib.common.errors import DataError
from hwlib.common.files import file_hash, replacing


def test_a_file_takes_its_name_when_it_is_complete(tmp_path):
    target = tmp_path / "file"
    target.write_text("before")
    with replacing(target) as unfinished:
        unfinished.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_after_an_error_nothing_has_changed(tmp_path, make):
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(ZeroDivisionError), replacing(target) as unfinished:
        getattr(unfinished, make)()
        raise ZeroDivisionError
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]


def test_a_folder_does_not_replace_one_that_holds_files(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    with pytest.raises(OSError, match="folder"), replacing(tmp_path / "folder") as unfinished:
        unfinished.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_the_hash_is_sha256(tmp_path):
    """The example of FIPS 180-2, appendix B.1."""
    (tmp_path / "file").write_bytes(b"abc")
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_hash(tmp_path / "file") == wanted
    with pytest.raises(DataError, match="cannot be read"):
        file_hash(tmp_path)
