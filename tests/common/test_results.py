"""Results and claims: the model, and what survives when they are written and read."""

import json
import math

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from hwlib.common.results import (
    CLAIMS,
    Claims,
    ClaimsError,
    Results,
    RunResults,
    check_claims,
    displayed_claims,
    sources_hash,
    title_block,
)

CURVES = {
    "train_loss": [math.nan, math.inf, -math.inf, 1 / 3],
    "train_accuracy": [0.1, 0.1, 0.1, 2 / 3],
    "test_loss": [5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1.0],
    "test_accuracy": [0.0, 0.5, 0.25, 1.0],
}
Q3 = {"learning_rate": 1e-05, "history": CURVES, "learning_rates": {1e-05: CURVES, 10.0: CURVES}}


@pytest.fixture
def results() -> Results:
    collected = Results(("ID1", "ID2"), "demo", 7, "cpu", "sample", "python -m hwlib export")
    collected.start("q3")
    collected.record("q3", Q3)
    return collected


def notebook_with(content) -> nbformat.NotebookNode:
    output = new_output("display_data", {CLAIMS: content})
    return new_notebook(cells=[new_code_cell("results.save(output)", outputs=[output])])


def as_written(results: Results, folder, monkeypatch) -> tuple[str, dict]:
    """The text of results.json, and the bundle of types that the notebook displays."""
    shown = []
    monkeypatch.setattr("hwlib.common.results.display", lambda data, raw: shown.append(data))
    results.save(folder)
    (content,) = shown
    return (folder / "results.json").read_text(), content


def strictly(text: str):
    """JSON as any reader understands it, without Python's NaN."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_diverged_losses_survive_in_the_file_and_in_the_notebook(results, tmp_path, monkeypatch):
    text, shown = as_written(results, tmp_path, monkeypatch)
    claims = Claims.model_validate(strictly(json.dumps(shown[CLAIMS])))
    read = RunResults.model_validate_json(text)
    for curves in (read.q3.history, claims.q3.learning_rates[1e-05]):
        for name, values in CURVES.items():  # repr tells NaN from nothing else, and every digit
            assert list(map(repr, getattr(curves, name))) == list(map(repr, values))
    assert list(claims.q3.learning_rates) == [1e-05, 10.0]
    assert [float(rate) for rate in strictly(text)["q3"]["learning_rates"]] == [1e-05, 10.0]


def test_claims_are_the_results_without_the_seconds(results, tmp_path, monkeypatch):
    text, shown = as_written(results, tmp_path, monkeypatch)
    written = strictly(text)
    assert set(written.pop("seconds")) == {"q3", "total"}
    assert shown[CLAIMS] == written
    assert shown["text/plain"].startswith("python -m hwlib export\n")
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_what_the_model_does_not_know_is_kept(results):
    results.record("q5", {"points": 3})
    results.record("q3", Q3 | {"remark": "new"})
    again = Claims.model_validate_json(results.claims.model_dump_json())
    assert again.q5 == {"points": 3} and again.q3.remark == "new"


def test_figures_of_a_wrong_type_are_refused_where_they_are_recorded(results):
    with pytest.raises(ValueError, match="test_accuracy"):
        results.record("q3", Q3 | {"history": {**CURVES, "test_accuracy": ["good"]}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"ids: Field required"),
        ([1], "all: Input should be"),
        ({"ids": ["ID1"]}, "ids"),
    ],
)
def test_incomplete_claims_are_refused_by_name(content, message):
    with pytest.raises(ClaimsError, match=message):
        check_claims(displayed_claims(notebook_with(content)))


def test_a_notebook_without_claims_is_refused_with_a_sentence():
    with pytest.raises(ClaimsError, match="holds no claims; its last cell was not run"):
        check_claims(displayed_claims(new_notebook(cells=[new_code_cell("1")])))


def test_the_hash_of_the_sources_ignores_where_files_are_and_nothing_else():
    injected = '# Parameters\nseed = 7\noutput_dir = "/tmp/x"\ndata_dir = "/home/me/data"'
    hashed = sources_hash(["a = 1", injected])
    assert hashed == sources_hash(["a = 1\n", "", "# Parameters\nseed = 7"])
    for changed in (
        injected.replace("7", "8"),
        injected + "\ndata_dir = wrong()",
        injected + "\noutput_dir_of_mine = 'x'",
        injected + "\n    data_dir = 'x'",
    ):
        assert sources_hash(["a = 1", changed]) != hashed


def test_the_first_page_says_who_and_on_which_data(results):
    block = title_block(results.claims)
    assert block["authors"] == ["ID1", "ID2"] and "not a submission" in block["banner"]
    assert ("Seed", "7") in block["facts"]
