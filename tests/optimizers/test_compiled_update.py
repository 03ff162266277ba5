"""An eager `apply` is one compiled call, and nothing else about it changes."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from keras_lion.optimizers import Tiger, compiled_update
from tests.arrays import array

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(
    BACKEND not in ("jax", "tensorflow"), reason="the backend compiles no function"
)
SHAPES = ((30, 40), (40,), (8, 8, 3))


def start(**options):
    generator = np.random.default_rng(0)
    weights = [
        keras.Variable(generator.normal(size=s).astype("float32"), name=f"w{i}")
        for i, s in enumerate(SHAPES)
    ]
    optimizer = Lion(**{"learning_rate": 1e-2, "weight_decay": 0.1, **options})
    optimizer.build(weights)
    return weights, optimizer


def gradients(steps, seed=1):
    generator = np.random.default_rng(seed)
    return [
        [ops.convert_to_tensor(generator.normal(size=s), "float32") for s in SHAPES]
        for _ in range(steps)
    ]


def values(weights, optimizer):
    return [array(ops.cast(v, "float32")) for v in [*weights, *optimizer.variables]]


@pytest.fixture
def compilations(monkeypatch):
    """How often a step was traced."""
    traced = []
    original = compiled_update.jitted_step

    def counting(step, variables):
        def wrapped(*arguments):
            traced.append(arguments)
            step(*arguments)

        return original(wrapped, variables)

    monkeypatch.setattr(compiled_update, "jitted_step", counting)
    return traced


OPTIONS = [
    {},
    {"skip_nonfinite": True},
    {"momentum_dtype": "bfloat16"},
    {"momentum_dtype": "int8"},
    {"gradient_accumulation_steps": 2, "global_clipnorm": 1.0},
    {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
    {"use_ema": True, "ema_overwrite_frequency": 3},
    {"cautious": True},
    {"loss_scale_factor": 8.0},
    {
        "learning_rate": keras.optimizers.schedules.ExponentialDecay(1e-2, 2, 0.5),
        "weight_decay": keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5),
    },
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ", ".join(o) or "plain")
def test_compiled_is_not_compiled(options, compilations):
    weights, optimizer = start(**options)
    others, plain = start(**options, compile_update=False)
    for step in gradients(6):
        optimizer.apply(step, weights)
        plain.apply(step, others)
    assert len(compilations) == 1
    for one, other in zip(
        values(weights, optimizer), values(others, plain), strict=True
    ):
        # A last bit may differ, and so a code or a rounding of the momentum.
        rough = "momentum_dtype" in options
        if rough:
            assert np.mean(np.abs(one - other) > 1e-5) < 2e-3
        else:
            np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)


def test_numbers_may_change_between_steps_without_a_trace(compilations):
    weights, optimizer = start(weight_decay=0.0)
    before = array(weights[0])
    for rate, decay in ((0.5, 0.0), (0.25, 0.0), (0.25, 1.0)):
        optimizer.learning_rate, optimizer.weight_decay = rate, decay
        optimizer.apply([ops.ones(s) for s in SHAPES], weights)
        expected = before - rate * (1 + decay * before)
        np.testing.assert_allclose(array(weights[0]), expected, rtol=1e-5, atol=1e-6)
        before = array(weights[0])
    assert len(compilations) == 1


def test_a_changed_beta_is_used():
    weights, optimizer = start(weight_decay=None)
    optimizer.apply([ops.ones(s) for s in SHAPES], weights)
    optimizer.beta_2 = 0.5
    optimizer.apply([ops.ones(s) for s in SHAPES], weights)
    np.testing.assert_allclose(array(optimizer._momentums[1]), 0.505, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("smallest_scale", 5.0), ("clipnorm", 1e-3)]
)
def test_a_changed_option_of_a_subclass_is_used(name, value):
    """Every plain attribute counts, also one that Lion does not know, and None."""
    found = []
    for compile_update in ("auto", False):
        weights, _ = start()
        tiger = Tiger(1e-2)
        tiger.compile_update = compile_update
        tiger.build(weights)
        first, second = gradients(2)
        tiger.apply(first, weights)
        setattr(tiger, name, value)
        tiger.apply(second, weights)
        found.append([array(weight) for weight in weights])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_callables_are_called_at_every_step():
    rates = iter([0.5, 0.25, 0.125])
    weights, optimizer = start(learning_rate=lambda: next(rates), weight_decay=None)
    before = array(weights[1])
    for rate in (0.5, 0.25, 0.125):
        optimizer.apply([ops.ones(s) for s in SHAPES], weights)
        np.testing.assert_allclose(array(weights[1]), before - rate, atol=1e-6)
        before = array(weights[1])


def test_weights_and_state_may_be_assigned_between_steps():
    weights, optimizer = start(weight_decay=None)
    optimizer.apply([ops.ones(s) for s in SHAPES], weights)
    weights[1].assign(ops.zeros((40,)))
    optimizer._momentums[1].assign(-ops.ones((40,)))
    optimizer.apply([ops.ones(s) for s in SHAPES], weights)
    np.testing.assert_allclose(array(weights[1]), 0.01, rtol=1e-6)
    np.testing.assert_allclose(array(optimizer._momentums[1]), -0.98, rtol=1e-6)


def test_old_values_stay_valid():
    """A loop may hold the tensors of weights and momenta."""
    weights, optimizer = start()
    held = [ops.reshape(v, v.shape) for v in (weights[0], optimizer._momentums[0])]
    before = [array(h) for h in held]
    optimizer.apply(gradients(1)[0], weights)
    for one, other in zip(held, before, strict=True):
        np.testing.assert_array_equal(array(one), other)
    assert not np.array_equal(array(weights[0]), before[0])


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_variables_without_a_gradient_stay(compilations):
    weights, optimizer = start()
    before = array(weights[1])
    (step,) = gradients(1)
    for _ in range(3):
        optimizer.apply([step[0], None, step[2]], weights)
    np.testing.assert_array_equal(array(weights[1]), before)
    optimizer.apply(step, weights)
    assert not np.array_equal(array(weights[1]), before)
    assert len(compilations) == 2
    assert int(array(optimizer.iterations)) == 4


def test_false_compiles_nothing(compilations):
    weights, optimizer = start(compile_update=False)
    optimizer.apply(gradients(1)[0], weights)
    assert not compilations


@pytest.mark.parametrize("value", [True, "yes", None, 1])
def test_other_values_are_refused(value):
    with pytest.raises(ValueError, match="compile_update.*'auto'"):
        Lion(compile_update=value)


def test_fit_run_eagerly_compiles_the_update_once(compilations):
    x = np.random.default_rng(0).normal(size=(70, 4)).astype("float32")
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile(Lion(1e-3), "mse", run_eagerly=True)
    model.fit(x, x[:, :1], batch_size=16, epochs=2, verbose=0)  # a last batch of 6
    assert len(compilations) == 1
    assert int(array(model.optimizer.iterations)) == 10


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's functions")
def test_in_a_plain_function_one_call_updates_all(compilations):
    import tensorflow as tf

    weights, optimizer = start()
    others, plain = start(compile_update=False)
    step = tf.function(lambda grads: optimizer.apply(grads, weights))
    for grads in gradients(3):
        step(grads)
        plain.apply(grads, others)
    assert len(compilations) == 1
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(array(one), array(other), atol=1e-6)
    graph = step.get_concrete_function(gradients(1)[0]).graph
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count("StatefulPartitionedCall") == 1
    assert "Sign" not in kinds


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's devices")
def test_without_xla_nothing_is_compiled(compilations, monkeypatch):
    import tensorflow as tf

    from keras_lion.optimizers import backend

    def refuse(*arguments, **options):
        raise tf.errors.UnimplementedError(None, None, "no XLA")

    weights, optimizer = start()
    with monkeypatch.context() as patched:
        patched.setattr(tf, "function", refuse)
        backend.has_xla.cache_clear()
        optimizer.apply(gradients(1)[0], weights)
    backend.has_xla.cache_clear()
    assert not compilations
    assert int(array(optimizer.iterations)) == 1


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's strategies")
def test_under_a_strategy_it_steps_aside(compilations):
    import tensorflow as tf

    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        weights, optimizer = start()
        strategy.run(lambda: optimizer.apply(gradients(1)[0], weights))
    assert not compilations
    assert int(array(optimizer.iterations)) == 1


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's tracing")
def test_a_program_of_jax_has_no_program_inside(compilations):
    import jax

    weights, optimizer = start()
    jax.jit(optimizer.stateless_apply)(
        [v.value for v in optimizer.variables],
        gradients(1)[0],
        [w.value for w in weights],
    )
    assert not compilations
