"""What a backend prints when it is imported, left out or shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_lion.start_up import is_start_up

ROOT = Path(__file__).parents[1]
NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to "
    "STDERR",
    "I0000 00:00:1795853056.042977   18551 port.cc:153] oneDNN operations are on.",
    "W0000 00:00:1795853056.042977   18551 gpu_device.cc:2344] Cannot open libraries.",
    "E0000 00:00:1795853056.042977   18551 cuda_dnn.cc:8310] Unable to register cuDNN "
    "factory: Attempting to register factory for plugin cuDNN when one has already "
    "been registered",
    "To enable the following instructions: AVX2 FMA, rebuild TensorFlow.",
)
KEPT = (
    "UserWarning: no accelerator",
    "E0000 00:00:1795853056.042977   18551 cuda_dnn.cc:8310] No cuDNN handle",
    "I am a sentence of the study's author",
)
CODE = """
import os
from keras_lion.start_up import quiet_start
with quiet_start(verbose={verbose}):
    os.write(2, {text!r}.encode())
    {last}
os.write(2, b"afterwards\\n")
"""


@pytest.mark.parametrize("line", NOISE)
def test_information_and_warnings_of_a_start(line):
    assert is_start_up(line)


@pytest.mark.parametrize("line", KEPT)
def test_errors_and_everything_else(line):
    assert not is_start_up(line)


def stderr(*, verbose=False, last="pass"):
    text = "".join(f"{line}\n" for line in (*NOISE, *KEPT))
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(verbose=verbose, text=text, last=last)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return done.stderr.splitlines()


def test_noise_is_left_out_and_the_rest_is_kept():
    assert stderr() == [*KEPT, "afterwards"]


def test_verbose_shows_all():
    assert stderr(verbose=True) == [*NOISE, *KEPT, "afterwards"]


def test_what_was_written_before_an_error_is_shown():
    lines = stderr(last="raise ValueError('why')")
    assert lines[: len(KEPT)] == [*KEPT]
    assert lines[-1] == "ValueError: why"


LOGS = """
from keras_lion.start_up import log_errors_only, quiet_start
log_errors_only()
with quiet_start():
    import absl.logging, keras, tensorflow
import logging
for name in ("absl", "jax._src.xla_bridge", "tensorflow", "torch"):
    logging.getLogger(name).warning("5 out of the last 5 calls: retracing")
    logging.getLogger(name).error("an error of %s", name)
absl.logging.warning("of absl itself")
for n in range(12):  # what TensorFlow warns of by itself
    tensorflow.function(lambda x: x + 1)(n)
"""


def test_backends_log_errors_only():
    done = subprocess.run(
        [sys.executable, "-c", LOGS],
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    assert [line.split("an error of ")[-1] for line in lines] == [
        *("absl", "jax._src.xla_bridge", "tensorflow", "torch")
    ]
