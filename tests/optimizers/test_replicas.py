"""Several devices make the steps that one device makes with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.optimizers.replica_steps import BATCH, CASES, FITS

ROOT = Path(__file__).parents[2]
BACKEND = keras.backend.backend()
PLACES = {"jax": ["data", "model"], "tensorflow": ["eager", "graph"]}.get(BACKEND, [])

pytestmark = pytest.mark.skipif(not PLACES, reason="No parallel training on PyTorch.")


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """(case, place) → path of a variable → its copies, one per replica.

    In a process of its own: the number of devices is set once in a process.
    """
    file = tmp_path_factory.mktemp("replicas") / "steps.npz"
    done = subprocess.run(
        [sys.executable, "-m", "tests.optimizers.replica_steps", str(file)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": BACKEND},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {}
    with np.load(file) as arrays:
        for key in arrays:
            case, place, path = key.split("|")
            found.setdefault((case, place), {})[path] = arrays[key]
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", CASES)
def test_replicas_make_the_steps_of_one_device(steps, case, place):
    one, several = steps[case, "one"], steps[case, place]
    assert several.keys() == one.keys()
    for path, copies in several.items():
        for copy in copies:
            np.testing.assert_array_equal(copy, one[path][0], err_msg=path)


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("case", FITS)
def test_fit_trains_the_weights_of_one_device(steps, case, place):
    """Sums in another order flip few signs; a flip moves a weight by 2 lr."""
    one, several = steps[case, "one"], steps[case, place]
    for path, value in several.items():
        assert np.isfinite(value).all()
        if path != "scale":
            differs = np.abs(value - one[path]) > 1e-6
            assert differs.mean() <= (0.02 if case == "float32" else 0.1), path


@pytest.mark.parametrize("place", PLACES[1:])
def test_nan_on_the_last_replica_lowers_the_scale(steps, place):
    case = "mixed_float16, nan"
    assert steps[case, place]["scale"] == steps[case, "one"]["scale"] == 2.0**15 / 4


def test_every_weight_moved(steps):
    for (case, place), found in steps.items():
        if case not in CASES:
            continue
        assert not np.array_equal(found["vector"][0], np.linspace(-1, 1, 4)), (
            case,
            place,
        )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("nan")])
def test_nan_on_the_last_replica_is_skipped_once_everywhere(steps, case, place):
    found = steps[case, place]
    assert (found["lion/skipped_steps"] == 1).all()
    assert all(np.isfinite(copies).all() for copies in found.values())


def test_options_make_a_difference(steps):
    """So that equality with one device shows that the option was at work."""
    plain = steps["plain", "one"]
    for case in CASES:
        if case in ("plain", "loss scale"):  # a loss scale cancels, as it should
            continue
        found = steps[case, "one"]
        assert (
            any(
                not np.array_equal(found[path], plain[path])
                for path in plain.keys() & found.keys()
                if "iteration" not in path
            )
            or found.keys() != plain.keys()
        ), case


def test_batch_can_be_split():
    assert BATCH % 4 == 0
