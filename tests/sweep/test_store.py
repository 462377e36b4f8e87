"""Where a run's files are, and that they are whole or not there."""

import json
from pathlib import Path

import fsspec
import pytest

from hwlib.run.parameters import Parameters
from hwlib.sweep.store import (
    Failure,
    Run,
    data_files,
    publish_run,
    read_run,
    unfinished_folder,
    write_file,
)


def results_json(device: str) -> str:
    """The least that ``results.json`` may say."""
    facts = {"profile": "demo", "data_source": "sample", "command": "none", "date": "2026-01-01"}
    ids = {"ids": ["ID1", "ID2"], "seed": 1, "versions": {}, "seconds": {}}
    return json.dumps(facts | ids | {"device": device})


def a_run(out: Path | str) -> Run:
    swept = {"seed": 1, "learning_rates": "[0.1]"}
    return Run("0123", Parameters(seed=1), swept, ("q3",), str(out), "small.ipynb", "code")


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_a_run_is_published_whole_and_replaced(scheme, tmp_path):
    run = a_run(f"{scheme}{tmp_path}/out")
    assert read_run(run.out, run.key) is None
    for device in ("first", "second"):
        with unfinished_folder(run) as folder:
            (folder / "results.json").write_text(results_json(device))
            published = publish_run(folder, run, seconds=1)
        assert not folder.exists()
        stored = read_run(run.out, run.key)
        assert stored.record == published
        assert (stored.record.status, stored.record.device) == ("done", device)
        assert stored.record.swept == run.swept
        assert stored.results.device == device
        assert Parameters(**stored.record.parameters) == run.parameters


def test_a_run_of_which_a_file_is_changed_or_gone_is_missing(tmp_path):
    run = a_run(tmp_path)
    for change in (lambda path: path.write_text(results_json("gpu")), Path.unlink):
        with unfinished_folder(run) as folder:
            (folder / "results.json").write_text(results_json("cpu"))
            publish_run(folder, run, seconds=1)
        assert read_run(run.out, run.key)
        change(tmp_path / "runs/0123/results.json")
        assert read_run(run.out, run.key) is None


@pytest.mark.parametrize("record", ["", "{", "[]", '{"key": "0123"}'])
def test_a_record_that_cannot_be_read_is_a_missing_run(record, tmp_path):
    (tmp_path / "runs/0123").mkdir(parents=True)
    (tmp_path / "runs/0123/run.json").write_text(record)
    assert read_run(str(tmp_path), "0123") is None


def test_what_is_not_published_is_deleted(tmp_path):
    with pytest.raises(KeyboardInterrupt), unfinished_folder(a_run(tmp_path)) as folder:
        (folder / "results.json").write_text("{")
        raise KeyboardInterrupt
    assert not list((tmp_path / "runs").iterdir())


def test_a_failure_is_recorded_with_its_reason(tmp_path):
    with unfinished_folder(a_run(tmp_path)) as folder:
        publish_run(folder, a_run(tmp_path), 2.345, Failure("It broke.", "Traceback\nIt broke."))
    record = read_run(str(tmp_path), "0123").record
    assert (record.status, record.reason, record.seconds) == ("failed", "It broke.", 2.35)
    assert record.traceback.endswith("It broke.")


def test_a_data_file_that_is_replaced_is_noticed(tmp_path):
    folder = tmp_path / "hw1_data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "digits").write_bytes(b"1")
    first = data_files.__wrapped__(str(tmp_path), ("q3",))
    (folder / "digits").write_bytes(b"22")
    assert first and data_files.__wrapped__(str(tmp_path), ("q3",)) != first


@pytest.mark.parametrize("scheme", ["", "memory://"])
def test_files_of_a_sweep_are_replaced(scheme, tmp_path):
    for content in ("old", "± new"):
        write_file(f"{scheme}{tmp_path}/new/folder", "results.csv", content)
    with fsspec.open(f"{scheme}{tmp_path}/new/folder/results.csv", "r", encoding="utf-8") as file:
        assert file.read() == "± new"
