"""The zip that is handed in, honest and hostile."""

import re
import stat
import zipfile

import pytest
from submission.bundles import changed_bundle
from support import STEM

from hwlib.common.project import ENDINGS
from hwlib.submission import bundle
from hwlib.submission.bundle import BundleError, read_bundle, write_bundle


def test_equal_files_give_an_equal_zip(copied):
    before = (copied / f"{STEM}.zip").read_bytes()
    for ending in ENDINGS:
        (copied / f"{STEM}{ending}").touch()  # at another time
    assert write_bundle(copied, STEM).read_bytes() == before


def test_what_is_written_is_read(copied):
    files = read_bundle(copied / f"{STEM}.zip")
    assert files == {ending: (copied / f"{STEM}{ending}").read_bytes() for ending in ENDINGS}


def test_a_missing_file_is_not_zipped_over(tmp_path):
    with pytest.raises(BundleError, match=r"HW1_ID1_ID2\.ipynb, .*missing"):
        write_bundle(tmp_path, STEM)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"../outside.txt": b"x"}, "none of its five files"),
        ({f"/{STEM}.py": b"x"}, "none of its five files"),
        ({f"{STEM}_Q4.pkl": None}, r"lacks HW1_ID1_ID2_Q4\.pkl"),
    ],
)
def test_other_files_than_the_five_are_refused(small_export, tmp_path, changes, message):
    folder = tmp_path / "bundle"
    folder.mkdir()
    with pytest.raises(BundleError, match=message):
        read_bundle(changed_bundle(small_export, folder, changes))
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", f"{STEM}.zip"]


def twice(path):
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning):
        archive.writestr(f"{STEM}.py", b"again")


def encrypted(path):
    flags = re.compile(rb"(PK\x01\x02.{4}).", re.DOTALL)  # in the list at the end of the zip
    path.write_bytes(flags.sub(lambda match: match[1] + b"\x01", path.read_bytes()))


def damaged(path):
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)


def linked(path):
    files = read_bundle(path)
    with zipfile.ZipFile(path, "w") as archive:
        for ending, content in files.items():
            entry = zipfile.ZipInfo(f"{STEM}{ending}")
            entry.external_attr = (stat.S_IFLNK if ending == ".pdf" else stat.S_IFREG) << 16
            archive.writestr(entry, content)


def no_zip(path):
    path.write_bytes(b"PK no zip")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (twice, "holds a file twice"),
        (encrypted, "is encrypted"),
        (damaged, "not a readable zip"),
        (linked, r"HW1_ID1_ID2\.pdf is a link"),
        (no_zip, "not a readable zip"),
        (lambda path: path.unlink(), r"There is no file .*HW1_ID1_ID2\.zip"),
    ],
)
def test_zips_that_are_no_plain_zips_are_refused(copied, change, message):
    path = copied / f"{STEM}.zip"
    read_bundle(path)
    change(path)
    with pytest.raises(BundleError, match=message):
        read_bundle(path)


def test_a_bundle_that_unpacks_to_too_much_is_not_unpacked(copied, monkeypatch):
    monkeypatch.setattr(bundle, "MAX_BYTES", 10_000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(BundleError, match="unpacks to more than"):
        read_bundle(copied / f"{STEM}.zip")


@pytest.mark.parametrize("stem", ["homework", "HW1_ID2_ID1", "HW1_12345678_ID2", "HW1_ID1_ID2 (1)"])
def test_the_zip_is_named_after_a_pair(copied, stem):
    renamed = (copied / f"{STEM}.zip").rename(copied / f"{stem}.zip")
    with pytest.raises(BundleError, match="HW1_<ID1>_<ID2>"):
        read_bundle(renamed)
