import ast

import nbformat
import pytest

from hwlib.common.project import NOTEBOOK, STEM, stem_of
from hwlib.run import parameters
from hwlib.run.parameters import ParameterError, check_questions
from hwlib.run.profiles import load_profile


def notebook_defaults() -> dict[str, tuple[str, object]]:
    """Name, type and default of every line of the notebook's parameters cell."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (cell,) = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert all("# " in line for line in cell.source.splitlines()), "every parameter has a comment"
    lines = ast.parse(cell.source).body
    return {line.target.id: (line.annotation.id, ast.literal_eval(line.value)) for line in lines}


def test_schema_and_parameters_cell_agree():
    defaults = parameters.Parameters().model_dump()
    cell = notebook_defaults()
    assert {name: value for name, (_, value) in cell.items()} == defaults
    assert {name: kind for name, (kind, _) in cell.items()} == {
        name: type(value).__name__ for name, value in defaults.items()
    }


@pytest.mark.parametrize("profile", ["demo", "submission"])
def test_profiles_are_valid(profile):
    loaded = load_profile(profile)
    assert loaded.profile == profile
    assert loaded.data_source == ("sample" if profile == "demo" else "real")
    assert loaded.vgg_weights == ("none" if profile == "demo" else "imagenet")


def test_text_becomes_what_it_says():
    values = [("learning_rate", "1e-3"), ("id1", "012345678"), ("learning_rates", "[1e-3, 0.5]")]
    loaded = load_profile("demo", values)
    assert (loaded.learning_rate, loaded.id1, loaded.learning_rates) == (
        0.001,
        "012345678",
        [0.001, 0.5],
    )


def test_yaml_numbers_may_be_written_like_in_python(tmp_path):
    (tmp_path / "mine.yaml").write_text("learning_rate: 1e-3\nid2: 012345678\n")
    loaded = load_profile(str(tmp_path / "mine.yaml"))
    assert (loaded.profile, loaded.learning_rate, loaded.id2) == ("mine", 0.001, "012345678")


def test_only_changes_are_injected():
    changed = load_profile("demo", [("seed", "7")]).changed()
    assert changed == {
        "profile": "demo",
        "data_source": "sample",
        "vgg_weights": "none",
        "cnn_epochs": 12,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("lerning_rate", "0.1", "did you mean learning_rate?"),
        ("zzz", "1", "known are"),
        ("learning_rate", "fast", "number"),
        ("learning_rate", "-1", "greater than 0"),
        ("learning_rate", "inf", "finite"),
        ("learning_rate", "nan", "number"),
        ("learning_rates", "[0.1, 0.1]", "different"),
        ("learning_rates", "[]", "at least 1"),
        ("learning_rates", "[0.1", "list"),
        ("mlp_epochs", "0", "greater than or equal to 1"),
        ("cnn_epochs", "1.5", "integer"),
        ("seed", "-1", "greater"),
        ("device", "tpu9", "auto, cpu, cuda or cuda:N"),
        ("data_source", "imaginary", "'real' or 'sample'"),
        ("vgg_weights", "no-such-file.pth", "existing file"),
        ("id1", "../../x", "9 digits"),
        ("id1", "ID2", "9 digits, or ID1"),
    ],
)
def test_wrong_parameters_are_refused_with_a_hint(name, value, hint):
    with pytest.raises(ParameterError) as refusal:
        load_profile("demo", [(name, value)])
    assert hint in str(refusal.value)
    assert name in str(refusal.value) or name == "learning_rates"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("- a\n- b\n", "name: value"),
        ("seed: [1\n", "not valid YAML"),
        ("seed: 1\nseed: 2\n", "twice"),
        ("", "name: value"),
        ("sead: 1\n", "did you mean seed?"),
        ("seed: !!python/object/apply:os.getcwd []\n", "seed"),
    ],
)
def test_wrong_files_are_refused_with_a_hint(tmp_path, text, hint):
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(ParameterError, match=hint.replace("?", r"\?")):
        load_profile(str(tmp_path / "wrong.yaml"))


@pytest.mark.parametrize("id1", ["ID1", "ID2", "123456789", "12345678", "\u0661" * 9])
@pytest.mark.parametrize("id2", ["ID1", "ID2", "987654321", "123456789"])
def test_the_pairs_that_are_accepted_are_those_that_name_files(id1, id2):
    accepted = True
    try:
        load_profile("demo", [("id1", id1), ("id2", id2)])
    except ParameterError:
        accepted = False
    assert accepted == (id1 != id2 and STEM.fullmatch(stem_of(id1, id2)) is not None)


def test_unknown_profiles_and_questions_are_refused():
    with pytest.raises(ParameterError, match="did you mean demo"):
        load_profile("demmo")
    with pytest.raises(ParameterError, match="q9"):
        check_questions("q1,q9")
    with pytest.raises(ParameterError, match="q1, q2, q3, q4"):
        check_questions(",")
    assert check_questions("Q3, q1") == ("q1", "q3")
    assert check_questions(None) == ("q1", "q2", "q3", "q4")


def test_the_home_folder_is_understood_in_every_place_as_in_a_shell(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "vgg16.pth").touch()
    (tmp_path / "mine.yaml").write_text(
        "data_dir: ~/data\noutput_dir: $HOME/out\nvgg_weights: ~/vgg16.pth\n"
    )
    placed = load_profile("~/mine.yaml")
    assert placed.data_dir == str(tmp_path / "data")
    assert placed.output_dir == str(tmp_path / "out")
    assert placed.vgg_weights == str(tmp_path / "vgg16.pth")
    assert load_profile("demo", [("data_dir", "a~b/")]).data_dir == "a~b/"
    with pytest.raises(ParameterError, match="data_dir = '~nobody-at-all/x': the home folder"):
        load_profile("demo", [("data_dir", "~nobody-at-all/x")])
