"""The tasks that come along: splits, what fits together, and finding them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from keras_lion.tuning.tasks.built_in import TASKS, get_task
from keras_lion.tuning.tasks.datasets import modular_addition, python_source
from keras_lion.tuning.tasks.task import Data, Task

SPLITS = {
    "mnist1d_mlp": (4_000, 10_000),
    "mnist1d_invariant": (4_000, 10_000),
    "digits_mlp": (1_000, 437),
    "fashion_mnist_mlp": (50_000, 10_000),
    "fashion_mnist_cnn": (50_000, 10_000),
    "fashion_mnist_vit": (50_000, 10_000),
    "python_lm": (7_500, 2_000),
    "modular_addition": (1_740, 870),
}
NEEDS = {
    "mnist1d_mlp": "mnist1d",
    "mnist1d_invariant": "mnist1d",
    "digits_mlp": "sklearn",
}
LOCAL = [name for name in TASKS if not name.startswith("fashion")]


def load(name: str) -> tuple[Task, Data]:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    task = TASKS[name]
    return task, task.load()


def test_names() -> None:
    assert set(TASKS) == set(SPLITS), "each task needs its sizes in SPLITS"
    assert all(task.name == name for name, task in TASKS.items())
    assert get_task("mnist1d_mlp") is TASKS["mnist1d_mlp"]


def test_unknown_name_lists_the_known_and_suggests() -> None:
    with pytest.raises(ValueError, match="Did you mean 'mnist1d_mlp'") as caught:
        get_task("mnist1d-mlp")
    assert all(name in str(caught.value) for name in TASKS)
    with pytest.raises(ValueError, match="Received: 'xyz'") as caught:
        get_task("xyz")
    assert "Did you mean" not in str(caught.value)


def test_tasks_can_be_sent_to_another_process() -> None:
    assert set(pickle.loads(pickle.dumps(TASKS))) == set(TASKS)


@pytest.mark.parametrize("name", LOCAL)
def test_splits(name: str) -> None:
    task, data = load(name)
    one = task.split(data, np.random.default_rng(1))
    assert (len(one.train), len(one.validation)) == SPLITS[name]
    train, validation = set(one.train.tolist()), set(one.validation.tolist())
    assert len(train) == len(one.train)
    assert len(validation) == len(one.validation)
    assert not train & validation
    assert min(train | validation) >= 0
    assert max(train | validation) < len(data.x)

    again = task.split(data, np.random.default_rng(1))
    np.testing.assert_array_equal(one.train, again.train)
    np.testing.assert_array_equal(one.validation, again.validation)
    other = task.split(data, np.random.default_rng(2))
    assert set(other.validation.tolist()) != validation


@pytest.mark.parametrize("name", [name for name in SPLITS if "fashion" in name])
def test_splits_of_fashion_mnist_use_the_whole_training_set(name: str) -> None:
    assert TASKS[name].split_sizes(60_000) == SPLITS[name]


@pytest.mark.parametrize("seed", range(20))
def test_no_module_is_in_training_and_validation(seed: int) -> None:
    task, data = load("python_lm")
    assert data.groups is not None
    split = task.split(data, np.random.default_rng(seed))
    train = set(data.groups[split.train].tolist())
    validation = set(data.groups[split.validation].tolist())
    assert not train & validation
    assert len(validation) >= 3


def test_what_python_lm_leaves_over_is_longer_than_any_module() -> None:
    # Otherwise the module at the border could be cut in two, at some seed.
    task, data = load("python_lm")
    assert data.groups is not None
    left = len(data.x) - sum(task.split_sizes(len(data.x)))
    assert left >= np.bincount(data.groups).max()


@pytest.mark.parametrize("name", LOCAL)
def test_model_fits_the_data(name: str) -> None:
    import keras

    task, data = load(name)
    keras.utils.set_random_seed(0)
    logits = keras.ops.convert_to_numpy(task.model()(data.x[:4]))
    assert logits.shape[:-1] == data.y[:4].shape
    assert logits.shape[-1] > data.y.max()
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("name", [name for name in SPLITS if "fashion" in name])
def test_model_fits_pictures_of_clothes(name: str) -> None:
    import keras

    keras.utils.set_random_seed(0)
    pictures = np.zeros((4, 28, 28, 1), dtype=np.float32)
    assert tuple(TASKS[name].model()(pictures).shape) == (4, 10)


def test_metrics() -> None:
    special = {"python_lm": "loss", "modular_addition": "steps_to_target"}
    for name, task in TASKS.items():
        assert task.metric == special.get(name, "accuracy")
    assert TASKS["modular_addition"].target == 0.9


def test_modular_addition_steps_are_of_one_size() -> None:
    task = TASKS["modular_addition"]
    train, _ = task.split_sizes(modular_addition.MODULUS**2)
    assert train % task.batch_size == 0


def test_python_lm_reads_whole_windows() -> None:
    model = TASKS["python_lm"].model()
    assert model.input_shape == (None, python_source.LENGTH)
    assert model.output_shape == (None, python_source.LENGTH, 256)
