"""Examples of a task: their forms, their checks and their splits."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_lion.tuning import Data, Task
from keras_lion.tuning.engine.trainer import Trainer
from keras_lion.tuning.tasks.fit_data import as_data, as_part
from tests.tuning.tiny import blobs, network, only_run, tiny_plan, tiny_study, tiny_task

X, Y = np.arange(24.0).reshape(12, 2), np.arange(12) % 3
GENERATOR = np.random.default_rng(0)


def pair(start, stop):
    return X[start:stop], Y[start:stop]


def task_of(data, **arguments):
    return Task("t", lambda: data, network, **arguments)


# --- forms ---


def test_three_parts_are_training_validation_and_test():
    task = task_of((pair(0, 6), pair(6, 9), pair(9, 12)))
    data = task.load()
    np.testing.assert_array_equal(data.x, X[:9])
    np.testing.assert_array_equal(data.x_test, X[9:])
    for seed in range(3):
        split = task.split(data, np.random.default_rng(seed))
        assert split.train.tolist() == [0, 1, 2, 3, 4, 5]
        assert split.validation.tolist() == [6, 7, 8]


@pytest.mark.parametrize("validation", [pair(6, 9), lambda: pair(6, 9)])
def test_a_validation_set_may_stand_for_itself(validation):
    one = task_of((pair(0, 6), pair(9, 12)), validation=validation).load()
    three = task_of((pair(0, 6), pair(6, 9), pair(9, 12))).load()
    assert one.fingerprint() == three.fingerprint()
    assert one.num_validation == 3


def test_seeds_draw_from_the_training_set_alone():
    task = task_of((pair(0, 6), pair(6, 9), pair(9, 12)), train_examples=4)
    data = task.load()
    drawn = {
        tuple(task.split(data, np.random.default_rng(seed)).train) for seed in range(20)
    }
    assert len(drawn) > 1
    assert all(len(train) == 4 and max(train) < 6 for train in drawn)


def test_a_split_of_ones_own():
    past = np.arange(8)

    def by_time(data, generator):
        assert data.pool == 10
        return generator.permutation(past), np.arange(8, 10)

    task = task_of((pair(0, 10), pair(10, 12)), split_by=by_time)
    split = task.split(task.load(), np.random.default_rng(0))
    assert sorted(split.train) == past.tolist()
    assert split.validation.tolist() == [8, 9]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (([0, 1], [1, 2]), "none in common. Received 1 examples"),
        (([0, 1], [99]), "from 0 to 9. Received 99 to 99 for the validation"),
        (([], [1]), "at least one"),
        (([0.0], [1]), "whole numbers"),
        (([0], [1], [2]), "Received 3 parts"),
        (([True, False], [1]), "Received dtype bool"),
    ],
)
def test_a_wrong_split_is_refused(parts, message):
    task = task_of((pair(0, 10), pair(10, 12)), split_by=lambda *_: parts)
    with pytest.raises(ValueError, match=message):
        task.load()


def test_several_inputs_keep_their_form():
    x = {"a": X, "b": [X[:, 0], X[:, 1]]}
    part = as_part((x, Y))
    assert part.x["b"][1].shape == (12,)
    batches = [
        ({"a": X[k : k + 4], "b": (X[k : k + 4, 0], X[k : k + 4, 1])}, Y[k : k + 4])
        for k in (0, 4, 8)
    ]
    again = as_part(iter(batches))
    np.testing.assert_array_equal(again.x["a"], X)
    np.testing.assert_array_equal(again.x["b"][1], X[:, 1])


def test_a_list_of_numbers_is_one_input():
    part = as_part((X.tolist(), Y.tolist()))
    np.testing.assert_array_equal(part.x, X)


def test_models_of_several_inputs_train():
    def two_inputs():
        a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
        outputs = keras.layers.Dense(3)(keras.layers.Concatenate()([a, b]))
        return keras.Model({"a": a, "b": b}, outputs)

    flat = blobs()
    task = tiny_task(
        model=two_inputs,
        data=lambda: (
            ({"a": flat.x[:, :2], "b": flat.x[:, 2:]}, flat.y),
            ({"a": flat.x_test[:, :2], "b": flat.x_test[:, 2:]}, flat.y_test),
        ),
    )
    plan = tiny_plan((1e-2,), (0.1,), optimizers=("lion",), seeds=1, epochs=4)
    record = Trainer(task).run(only_run(tiny_study(plan, task)), test=True)
    assert record["status"] == "ok"
    assert record["test_score"] > 0.6


def test_weights_of_examples_change_the_fingerprint():
    ones = np.ones(9)
    plain = as_data((pair(0, 9), pair(9, 12)))
    weighted = as_data(((*pair(0, 9), ones), pair(9, 12)))
    assert plain.fingerprint() != weighted.fingerprint()
    assert (
        weighted.fingerprint()
        != as_data(((*pair(0, 9), 2 * ones), pair(9, 12))).fingerprint()
    )


def test_columns_of_class_numbers_have_the_fingerprint_of_the_flat_ones():
    # Studies of such data that were begun before columns were kept can be resumed.
    flat, column = (Data(X, y, X, y) for y in (Y, Y[:, None]))
    assert flat.fingerprint() == column.fingerprint()


# --- checks ---


def with_value(value, place=(3, 1)):
    x = X.copy()
    x[place] = value
    return x


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, Y[:-1], X, Y), "as many labels as inputs.* 12 inputs and 11 labels"),
        ((X[:0], Y[:0], X, Y), "at least one"),
        ((with_value(np.nan), Y, X, Y), "Inputs in the pool.*1 of 12 rows.*in row 3"),
        ((X, Y, with_value(np.inf), Y), "Inputs in the test set must be finite"),
        ((X, np.where(Y == 1, np.nan, Y), X, Y), "Labels in the pool must be finite"),
        ((X.astype(str), Y, X, Y), "Inputs in the pool must be numbers.*<U"),
        ((X.astype(object), Y, X, Y), "must be numbers. Received dtype object"),
        ((X, {"a": Y}, X, Y), "one output: labels must be one array. Received a dict"),
        ((X, Y, X[:, :1], Y), r"one shape. Received \(2,\) and \(1,\)"),
        ((X, Y, X, Y[:, None]), r"labels .* Received \(12,\) and \(12, 1\)"),
        (({"a": X}, Y, X, Y), "one form"),
        (({"a": X, "b": X[:5]}, Y, {"a": X, "b": X}, Y), r"5 inputs\['b'\]"),
        ((X, Y, X, Y, np.zeros(3)), "one group for each of the 12 examples"),
        ((X, Y, X, Y, None, np.ones(3)), "3 sample weights and 12 labels"),
        ((X, Y, X, Y, None, None, None, 12), "must leave some to train on"),
        ((list(X), Y, X, Y), r"2 inputs\[0\] and 12 labels"),
    ],
)
def test_wrong_examples_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Data(*arguments)


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        ((pair(0, 9),), {}, "a pool and a test set.*tuple of length 1"),
        (3, {}, "Received: int"),
        # Inputs and labels of one set, with two or three parts as several sets have.
        (pair(0, 9), {}, r"one set, of shapes \(9, 2\) and \(9,\): the test"),
        ((X, Y, np.ones(12)), {}, r"one set, .* and \(12,\) and \(12,\)"),
        (({"a": X}, Y), {}, r"one set, of shapes dict of length 1 and \(12,\)"),
        (
            (pair(0, 6), pair(6, 9), pair(9, 12)),
            {"validation": pair(6, 9)},
            "validation set once",
        ),
        (
            (pair(0, 6), pair(6, 9), pair(9, 12)),
            {"validation_examples": 3},
            "leave out `validation_examples`",
        ),
        (
            (pair(0, 6), pair(6, 9), pair(9, 12)),
            {"train_examples": 7},
            "has 6 training examples. Received: train_examples=7",
        ),
        (
            (pair(0, 6), pair(6, 9), pair(9, 12)),
            {"split_by": lambda *_: ([0], [1])},
            "both a validation set and `split_by`",
        ),
        (
            Data(X, Y, X, Y, groups=Y),
            {"validation": pair(0, 3)},
            "has no `groups`",
        ),
    ],
)
def test_parts_that_contradict_each_other_are_refused(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        task_of(data, **arguments).load()
