"""A folder that cannot be written any more: one line, and what is written is whole."""

from __future__ import annotations

import subprocess

import pytest

from keras_lion.tuning.runs.records import read_records
from tests.faults.processes import PATIENCE, children, is_alive, start, wait_until

STUDY = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(tiny_plan((1e-3, 3e-3, 1e-2), (0.0, 0.1, 1.0), epochs=50))
"""
NUM_RUNS = 36


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("study") / "many.py"
    file.write_text(STUDY)
    return file


def check(process, folder):
    """The command ended with one line; returns the number of recorded runs."""
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2, (out, errors)
    assert "Traceback" not in out + errors
    # TensorFlow logs to the standard error, too.
    (line,) = [x for x in errors.splitlines() if x.startswith("keras-lion: ")]
    records = read_records(folder)  # a torn line would warn, and warnings are errors
    assert f"{len(records)} finished runs are safe in {folder}" in line
    assert "could not be written: " in line
    assert line.count("Make room") == 1
    return len(records)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_limit_on_the_size_of_files(workers, study_file, tmp_path):
    arguments = ["--workers", str(workers)]
    process = start(study_file, tmp_path, *arguments, file_limit=40_000)
    recorded = check(process, tmp_path)
    assert 0 < recorded < NUM_RUNS
    process = start(study_file, tmp_path)
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert f"{NUM_RUNS - recorded} runs executed, {recorded} skipped" in out


@pytest.mark.parametrize("size", [16, 120])  # KiB
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_file_system(size, workers, study_file, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    try:
        process = start(study_file, disk / "study", "--workers", str(workers))
        family = set()

        def ended():
            family.update(children(process).values())
            return process.poll() is not None

        wait_until(ended)
        assert check(process, disk / "study") <= NUM_RUNS
        assert not any(map(is_alive, family))
    finally:
        subprocess.run(["umount", str(disk)], check=True)
