"""What a seed decides: paired over configurations, independent of everything else."""

import itertools

import numpy as np
import pytest

from keras_lion.tuning.study.seeds import data_order, run_seeds
from tests.tuning.tiny import tiny_study

MODEL_SEED = 3_441_665_952  # of (study, task, 0)


def numbers(study, task, seed):
    """The first number of each source of a run."""
    seeds = run_seeds(study, task, seed)
    return [
        int(np.random.default_rng(source).integers(2**62))
        for source in (seeds.split, seeds.weights, seeds.order)
    ]


def test_the_same_every_time():
    assert numbers("study", "task", 0) == numbers("study", "task", 0)
    assert run_seeds("study", "task", 3).model_seed == (
        run_seeds("study", "task", 3).model_seed
    )


def test_pinned():
    # Another value makes every recorded result irreproducible.
    assert run_seeds("study", "task", 0).model_seed == MODEL_SEED


def test_different_by_study_task_seed_and_source():
    names = list(itertools.permutations(["study", "task", "other"], 2))
    found = [numbers(*name, seed) for name in names for seed in range(3)]
    flat = list(itertools.chain.from_iterable(found))
    assert len(set(flat)) == len(flat) == 54


def test_reading_a_source_does_not_move_another():
    seeds = run_seeds("study", "task", 0)
    np.random.default_rng(seeds.split).random(10)
    assert [
        int(np.random.default_rng(source).integers(2**62))
        for source in (seeds.split, seeds.weights, seeds.order)
    ] == numbers("study", "task", 0)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match=r"from 0 up\. Received: -1"):
        run_seeds("study", "task", -1)


def order(epochs=3, batch_size=4, entropy=1, train=None):
    train = np.arange(100, 110, dtype=np.int32) if train is None else train
    return data_order(np.random.SeedSequence(entropy), train, epochs, batch_size)


def test_every_epoch_is_a_permutation_without_its_remainder():
    indices = order()
    assert indices.shape == (6, 4)
    assert indices.dtype == np.int32
    epochs = indices.reshape(3, 8)
    for epoch in epochs:
        assert len(set(epoch.tolist())) == 8
        assert set(epoch.tolist()) <= set(range(100, 110))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    # Which examples are left out differs from epoch to epoch.
    assert len({frozenset(epoch.tolist()) for epoch in epochs}) > 1


def test_without_a_remainder_every_example_is_seen_once_an_epoch():
    for epoch in order(batch_size=5).reshape(3, 10):
        assert sorted(epoch.tolist()) == list(range(100, 110))


def test_the_order_is_that_of_its_source():
    np.testing.assert_array_equal(order(), order())
    assert (order() != order(entropy=2)).any()
    # A longer run begins as a shorter one.
    np.testing.assert_array_equal(order(epochs=5)[:6], order(epochs=3))


def test_a_batch_larger_than_the_training_examples_is_refused():
    with pytest.raises(ValueError, match=r"batch of 11 needs .* there are 10"):
        order(batch_size=11)


def test_runs_of_one_seed_share_their_numbers_whatever_their_configuration():
    runs = tiny_study().runs("blobs", "smoke", "jax")
    drawn = {}
    for run in runs:
        configuration = (run.optimizer, run.learning_rate, run.weight_decay)
        drawn.setdefault(run.seed, {})[configuration] = tuple(
            numbers(run.study, run.task, run.seed)
        )
    for by_configuration in drawn.values():
        assert len(by_configuration) > 1
        assert len(set(by_configuration.values())) == 1
    assert len({next(iter(found.values())) for found in drawn.values()}) == len(drawn)
