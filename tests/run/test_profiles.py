"""Profiles: what a file of parameters extends, and where a value comes from."""

import re
from pathlib import Path

from click.testing import CliRunner

from hwlib.cli import main
from hwlib.run.profiles import collect, load_profile, split


def write(folder: Path, text: str, name: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_longer_circle_is_found(tmp_path):
    write(tmp_path, "extends: b.yaml\n", "a.yaml")
    write(tmp_path, "seed: 1\nextends: a.yaml\n", "b.yaml")
    done = CliRunner().invoke(main, ["params", str(tmp_path / "a.yaml")])
    assert done.exit_code == 2
    assert "b.yaml, line 2" in done.output and "a.yaml → b.yaml → a.yaml" in done.output


def test_relative_paths_are_seen_from_the_file_that_names_them(tmp_path, monkeypatch):
    """As those of extends; what the command line names is seen from the current folder."""
    (tmp_path / "mine/nested").mkdir(parents=True)
    (tmp_path / "mine/vgg.pth").touch()
    (tmp_path / "mine/base.yaml").write_text("data_dir: data\nvgg_weights: vgg.pth\n")
    own = tmp_path / "mine/nested/own.yaml"
    own.write_text("extends: ../base.yaml\noutput_dir: out\ngrid: {data_dir: [a, ../b, /c]}\n")
    monkeypatch.chdir(tmp_path)
    placed, axes = split(collect("mine/nested/own.yaml"))
    assert placed["data_dir"] == str(tmp_path / "mine/data")
    assert placed["vgg_weights"] == str(tmp_path / "mine/vgg.pth")
    assert placed["output_dir"] == str(tmp_path / "mine/nested/out")
    below = [str(tmp_path / "mine/nested/a"), str(tmp_path / "mine/b"), "/c"]
    assert axes["grid"]["data_dir"] == below
    given = load_profile("mine/base.yaml", [("data_dir", "data"), ("vgg_weights", "none")])
    assert given.data_dir == "data" and given.vgg_weights == "none"
    said = CliRunner().invoke(main, ["params", "mine/base.yaml"]).output
    assert f"{tmp_path}/mine/data" in said and "base.yaml, line 1" in said


def test_params_says_where_values_come_from(tmp_path):
    write(tmp_path, "extends: demo\nseed: 7\ncnn_epochs: 3\n", "base.yaml")
    mine = write(tmp_path, "extends: base.yaml\ncnn_epochs: 5\n", "mine.yaml")
    done = CliRunner().invoke(main, ["params", mine, "-p", "mlp_epochs", "2"])
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line for line in done.output.splitlines()}
    assert re.search(r"5 .*mine\.yaml, line 2", lines["cnn_epochs"])
    assert re.search(r"7 .*base\.yaml, line 2", lines["seed"])
    assert re.search(r"sample .*demo\.yaml, line 2", lines["data_source"])
    assert re.search(r"2 .*-p mlp_epochs", lines["mlp_epochs"])
    assert lines["learning_rate"].endswith("the notebook's default")
