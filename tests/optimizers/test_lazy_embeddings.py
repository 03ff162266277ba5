"""Lazy rows: idle ones stay, touched ones have the momentum of a dense update."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array

ROWS, COLUMNS = 7, 3
TENSORFLOW = keras.backend.backend() == "tensorflow"
needs_sparse = pytest.mark.skipif(
    not TENSORFLOW, reason="TensorFlow alone makes sparse gradients."
)
OPTIONS = {
    "plain": {},
    "decay": {"weight_decay": 0.5},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.25},
    "bfloat16": {"momentum_dtype": "bfloat16"},
    "skip": {"skip_nonfinite": True},
    "loss_scale": {"loss_scale_factor": 4.0},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
}
CLIPPED = ("clipnorm", "global_clipnorm")  # norms of sums in another order


def lookups(rows, seed=0):
    """For each step, row numbers (one may occur twice) and their gradients."""
    rng = np.random.default_rng(seed)
    return [
        (np.array(each), rng.normal(size=(len(each), COLUMNS)).astype("float32"))
        for each in rows
    ]


SOME = lookups([[0, 2, 2, 5], [1, 1, 1], [0, 5], [3, 4, 0, 6], [2, 2, 2, 1]])
EVERY = lookups([range(ROWS)] * 5)


def full(numbers, values):
    gradient = np.zeros((ROWS, COLUMNS), "float32")
    np.add.at(gradient, numbers, values)
    return gradient


def train(steps, *, lazy=True, sparse=False, optimizer=None, **options):
    """Table and momentum after each step."""
    table = keras.Variable(np.ones((ROWS, COLUMNS), "float32"), name="embeddings")
    bias = keras.Variable(np.ones(2, "float32"), name="bias")
    # Sparse rows are not compiled, and XLA contracts products and sums.
    options = {"compile_update": False, **options}
    optimizer = optimizer or Lion(2.0**-3, lazy_embeddings=lazy, **options)
    optimizer.build([table, bias])
    found = []
    for numbers, values in steps:
        gradient = full(numbers, values)
        if sparse:
            import tensorflow as tf

            gradient = tf.IndexedSlices(
                tf.constant(values), tf.constant(numbers), (ROWS, COLUMNS)
            )
        optimizer.apply([gradient, ops.ones(2)], [table, bias])
        momentum = ops.cast(optimizer._momentums[0], "float32")
        found.append((array(table), array(momentum), array(bias)))
    return found


def assert_same(one, other, tolerance=0.0):
    for before, after in zip(one, other, strict=True):
        for a, b in zip(before, after, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("option", OPTIONS)
def test_lazy_is_dense_when_every_row_is_touched(option):
    assert_same(
        train(EVERY, **OPTIONS[option]), train(EVERY, lazy=False, **OPTIONS[option])
    )


@pytest.mark.parametrize("sparse", [False, pytest.param(True, marks=needs_sparse)])
def test_idle_rows_stay_and_touched_ones_have_the_dense_momentum(sparse):
    lazy = train(SOME, sparse=sparse, weight_decay=0.5)
    dense = train(SOME, lazy=False, weight_decay=0.5)
    table, momentum = np.ones((ROWS, COLUMNS)), np.zeros((ROWS, COLUMNS))
    for step, (numbers, _) in enumerate(SOME):
        idle = np.setdiff1d(np.arange(ROWS), numbers)
        new_table, new_momentum, _ = lazy[step]
        np.testing.assert_array_equal(new_table[idle], table[idle])
        np.testing.assert_array_equal(new_momentum[idle], momentum[idle])
        np.testing.assert_allclose(
            new_momentum[numbers], dense[step][1][numbers], rtol=1e-5
        )
        assert (new_table[numbers] != table[numbers]).all()
        table, momentum = new_table, new_momentum


@needs_sparse
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("steps", [SOME, EVERY], ids=["some", "every"])
def test_sparse_gradients_do_what_dense_ones_do(steps, option):
    # A sum of squares in another order may differ in its last bits.
    tolerance = 1e-6 if option in CLIPPED else 0.0
    assert_same(
        train(steps, sparse=True, **OPTIONS[option]),
        train(steps, **OPTIONS[option]),
        tolerance,
    )


@needs_sparse
def test_row_that_was_looked_up_without_a_gradient_is_not_touched():
    numbers, values = np.array([1, 3, 3]), np.ones((3, COLUMNS), "float32")
    values[0] = 0
    values[2] = -1  # cancels
    found = train([*SOME[:1], (numbers, values)], sparse=True)
    for before, after in zip(found[0][:2], found[1][:2], strict=True):
        np.testing.assert_array_equal(before, after)


def test_bad_step_touches_nothing():
    numbers, values = np.array([0, 1]), np.full((2, COLUMNS), np.nan, "float32")
    bad = train([*SOME[:2], (numbers, values), *SOME[2:]], skip_nonfinite=True)
    assert_same(bad[3:], train(SOME, skip_nonfinite=True)[2:])


def test_accumulation_counts_updates():
    halves = [(numbers, values / 2) for numbers, values in SOME for _ in range(2)]
    accumulated = train(halves, gradient_accumulation_steps=2)
    expected = train([(numbers, values / 2) for numbers, values in SOME])
    np.testing.assert_allclose(accumulated[-1][0], expected[-1][0], rtol=1e-6)
    np.testing.assert_allclose(accumulated[-1][1], expected[-1][1], rtol=1e-5)


def test_saved_state_continues():
    optimizer, state = Lion(2.0**-3, lazy_embeddings=True), {}
    begun = train(SOME[:3], optimizer=optimizer)
    optimizer.save_own_variables(state)
    expected = train(SOME)
    resumed = Lion(2.0**-3, lazy_embeddings=True)
    table = keras.Variable(begun[-1][0], name="embeddings")
    bias = keras.Variable(begun[-1][2], name="bias")
    resumed.build([table, bias])
    resumed.load_own_variables(state)
    for numbers, values in SOME[3:]:
        resumed.apply([full(numbers, values), ops.ones(2)], [table, bias])
    np.testing.assert_array_equal(array(table), expected[-1][0])


def test_state_of_dense_updates_is_current():
    """Its rows have been idle for no step, whatever the iteration is."""
    dense, state = Lion(2.0**-3), {}
    train(EVERY, optimizer=dense)
    dense.save_own_variables(state)
    lazy = Lion(2.0**-3, lazy_embeddings=True)
    table = keras.Variable(np.ones((ROWS, COLUMNS), "float32"), name="embeddings")
    bias = keras.Variable(np.ones(2, "float32"), name="bias")
    lazy.build([table, bias])
    lazy.load_own_variables(state)
    assert array(lazy._touched[0]).tolist() == [[len(EVERY)]] * ROWS
    other = Lion(2.0**-3, lazy_embeddings=True)
    other.build([table, bias])
    other.take_over(dense)
    assert array(other._touched[0]).tolist() == [[len(EVERY)]] * ROWS


@pytest.mark.parametrize("jit_compile", [False, True])
def test_fit_leaves_rows_of_unused_tokens(jit_compile):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Embedding(20, 4),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    tokens = np.random.default_rng(0).integers(0, 10, (64, 5))
    model.build(tokens.shape)
    before = [array(weight) for weight in model.weights]
    model.compile(
        Lion(1e-2, weight_decay=0.1, lazy_embeddings=True),
        "mse",
        jit_compile=jit_compile,
    )
    model.fit(tokens, tokens.mean(axis=1), batch_size=16, epochs=2, verbose=0)
    after = [array(weight) for weight in model.weights]
    np.testing.assert_array_equal(after[0][10:], before[0][10:])
    assert (after[0][:10] != before[0][:10]).any(axis=1).all()
    assert all((a != b).any() for a, b in zip(after[1:], before[1:], strict=True))


def test_other_variables_are_not_lazy():
    vectors = keras.Variable(np.ones((ROWS, COLUMNS), "float32"), name="kernel")
    optimizer = Lion(2.0**-3, lazy_embeddings=True)
    optimizer.build([vectors])
    for numbers, values in SOME[:2]:
        optimizer.apply([full(numbers, values)], [vectors])
    assert (array(vectors)[0] != 1 - 2.0**-3).any()  # idle in step 2, and moved


def test_caution_is_refused():
    with pytest.raises(ValueError, match="exclude each other"):
        Lion(lazy_embeddings=True, cautious=True)
