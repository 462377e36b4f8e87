from hwlib.sweep import plan


def test_a_sweep_names_its_runs_by_the_data_that_they_read(tmp_path):
    folder = tmp_path / "hw1_data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / "digits").write_bytes(b"1")
    first = plan.data_files.__wrapped__(str(tmp_path), ("q3",))
    (folder / "digits").write_bytes(b"22")
    assert first and plan.data_files.__wrapped__(str(tmp_path), ("q3",)) != first
