"""Parts of a sweep in several processes; whole ones are in `tests/faults`."""

from __future__ import annotations

import os
import sys
import tempfile
from types import ModuleType

import pytest

from keras_lion.tuning import run_study
from keras_lion.tuning.sweep import workers
from keras_lion.tuning.sweep.role import Role, current_role
from keras_lion.tuning.sweep.threads import (
    limit_threads,
    thread_count,
    thread_variables,
)
from tests.tuning.tiny import tiny_study

NAMES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


@pytest.fixture
def variables(monkeypatch):
    """Sets KerasTuner's variables, and forgets them after the test."""

    def give(*values):
        for name, value in zip(NAMES, values, strict=True):
            monkeypatch.setenv(name, value)

    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return give


@pytest.fixture
def declared(monkeypatch, tmp_path):
    """A study that a module declares."""
    module = ModuleType("declaring")
    module.STUDY = tiny_study()
    module.__file__ = str(tmp_path / "declaring.py")
    monkeypatch.setitem(sys.modules, "declaring", module)
    return module


def test_without_variables_a_process_works_alone(variables):
    assert current_role() == Role()
    assert not Role().is_chief
    assert not Role().is_worker


def test_the_variables_of_kerastuner_give_a_role(variables):
    variables("my-chief", "10.0.0.1", "8000")
    role = current_role()
    assert (role.is_chief, role.is_worker, role.address) == (
        True,
        False,
        "10.0.0.1:8000",
    )
    variables("gpu0", "10.0.0.1", "8000")
    assert (current_role().is_chief, current_role().is_worker) == (False, True)


def test_a_chief_without_an_address_listens_to_its_own_machine(variables):
    variables("chief", "", "8000")
    os.environ.pop("KERASTUNER_ORACLE_IP")
    assert current_role().address == "127.0.0.1:8000"
    # KerasTuner reads the variable itself.
    assert os.environ["KERASTUNER_ORACLE_IP"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("chief", "10.0.0.1", ""), "KERASTUNER_ORACLE_PORT=''"),
        (("", "", "8000"), "KERASTUNER_TUNER_ID=''"),
        (("chief", "", "http"), "must be a number"),
        (("a/b", "", "8000"), "part of a file's name"),
    ],
)
def test_a_part_of_the_variables_is_refused(variables, values, message):
    variables(*values)
    with pytest.raises(ValueError, match=message):
        current_role()


def test_workers_of_a_worker_are_refused(variables, tmp_path):
    variables("gpu0", "10.0.0.1", "8000")
    with pytest.raises(ValueError, match="1 .* where KERASTUNER_"):
        run_study(tiny_study(), preset="smoke", output=tmp_path, workers=2)
    with pytest.raises(ValueError, match="`workers` must be at least 1"):
        run_study(tiny_study(), preset="smoke", output=tmp_path, workers=0)


def test_the_file_of_a_study_is_that_of_its_module(declared):
    assert str(workers.study_file(declared.STUDY)) == declared.__file__
    with pytest.raises(ValueError, match="module-level STUDY of a Python file"):
        workers.study_file(tiny_study())


def test_processes_that_die_again_and_again_are_given_up(
    declared, tmp_path, monkeypatch
):
    monkeypatch.setattr(workers, "CHILD", "keras_lion.nothing")
    started = []
    born = workers.Family._born
    monkeypatch.setattr(
        workers.Family,
        "_born",
        lambda self, *a: started.append(born(self, *a)) or started[-1],
    )
    with pytest.raises(ChildProcessError, match="ended 3 times .* No module named"):
        workers.run_workers(
            declared.STUDY,
            task="blobs",
            preset="smoke",
            folder=tmp_path,
            workers=2,
            executor="loop",
            population=1,
            extend=(),
            waiting={"a"},
            note=lambda record: None,
        )
    assert len(started) >= 2 + 3
    assert all(child.process.poll() is not None for child in started)


def test_the_last_words_of_a_process_are_no_log_of_its_backend():
    with tempfile.TemporaryFile() as errors:
        errors.write(b"ValueError: why\nI0000 00:00:1795853056.0 18551 port.cc:1] on\n")
        child = workers.Child("worker0", None, errors)
        assert child.last_words() == "ValueError: why"
    with tempfile.TemporaryFile() as errors:
        assert workers.Child("worker0", None, errors).last_words() == "it said nothing"


def test_threads_are_limited_but_never_added(monkeypatch):
    for name in thread_variables(1):
        monkeypatch.delenv(name, raising=False)
    cores = thread_count()
    limit_threads(cores + 1)
    assert "NPROC" not in os.environ
    for name, value in thread_variables(1).items():
        monkeypatch.setenv(name, value)
    assert thread_count() == 1
