"""The table of docs/combinations.md: every combination of options trains, and rightly.

Every three values of options are compared with NumPy together, step by step, and every
two in `fit`, compiled and not.
"""

import functools
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion
from tests.arrays import array

LEARNING_RATE, WEIGHT_DECAY, EMA, CLIP, SCALE, WINDOW = 0.01, 0.3, 0.5, 0.7, 4.0, 2
OPTIONS = {
    "momentum_dtype": [None, "bfloat16"],
    "accumulation": [None, "two betas", "one beta"],
    "cautious": [False, True],
    "skip_nonfinite": [False, True],
    "clipping": [None, "global_clipnorm"],
    "ema": [False, True],
    "scaling": [None, "factor", "wrapper"],
}
ALL = [
    dict(zip(OPTIONS, values, strict=True))
    for values in itertools.product(*OPTIONS.values())
]


def name_of(case):
    return ", ".join(f"{k}={v}" for k, v in case.items() if v) or "plain"


def groups(case, size):
    return set(itertools.combinations(sorted(case.items(), key=str), size))


@functools.cache
def covering(size):
    """Few of the cases, by greedy choice, that have all values together by `size`."""
    missing, chosen = set().union(*(groups(case, size) for case in ALL)), []
    while missing:
        chosen.append(max(ALL, key=lambda case: len(groups(case, size) & missing)))
        missing -= groups(chosen[-1], size)
    return chosen


def betas(case):
    return (0.9, 0.9) if case["accumulation"] == "one beta" else (0.9, 0.99)


def new_optimizer(case):
    beta_1, beta_2 = betas(case)
    optimizer = Lion(
        LEARNING_RATE,
        beta_1,
        beta_2,
        WEIGHT_DECAY,
        momentum_dtype=case["momentum_dtype"],
        cautious=case["cautious"],
        skip_nonfinite=case["skip_nonfinite"],
        gradient_accumulation_steps=WINDOW if case["accumulation"] else None,
        global_clipnorm=CLIP if case["clipping"] else None,
        use_ema=case["ema"],
        ema_momentum=EMA,
        loss_scale_factor=SCALE if case["scaling"] == "factor" else None,
    )
    if case["scaling"] == "wrapper":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=SCALE)
    return optimizer


def inner(optimizer):
    return getattr(optimizer, "inner_optimizer", optimizer)


def slots(optimizer, word):
    return [v for v in inner(optimizer).variables if v.name.endswith(word)]


def start():
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape) for shape in ((3, 2), (2,))]


def gradients():
    generator = np.random.default_rng(1)
    return [
        [generator.normal(size=shape) for shape in ((3, 2), (2,))] for _ in range(8)
    ]


def in_numpy(case):
    """Weights, momenta and averages after the gradients, in float64."""
    beta_1, beta_2 = betas(case)
    weights = start()
    momenta = [np.zeros_like(w) for w in weights]
    averages, steps = None, gradients()
    window = WINDOW if case["accumulation"] else 1
    for first in range(0, len(steps), window):
        means = [
            np.mean(g, axis=0) for g in zip(*steps[first : first + window], strict=True)
        ]
        if case["clipping"]:
            norm = np.sqrt(sum(np.sum(g**2) for g in means))
            means = [g * min(1, CLIP / norm) for g in means]
        for i, g in enumerate(means):
            direction = np.sign(beta_1 * momenta[i] + (1 - beta_1) * g)
            decay = WEIGHT_DECAY * weights[i]
            if case["cautious"]:
                agrees = direction * g > 0
                direction = direction * agrees / max(np.mean(agrees), 0.1)
            weights[i] = weights[i] - LEARNING_RATE * (direction + decay)
            momenta[i] = beta_2 * momenta[i] + (1 - beta_2) * g
        if averages is None:
            averages = weights[:]
        averages = [
            EMA * a + (1 - EMA) * w for a, w in zip(averages, weights, strict=True)
        ]
    return weights, momenta, averages


def scale_of(optimizer):
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return float(array(optimizer.dynamic_scale))
    return optimizer.loss_scale_factor or 1.0


def stepper(optimizer, weights):
    """A function of the gradients that takes a step, as the backend's trainer does."""
    if keras.backend.backend() != "jax":
        return lambda grads: optimizer.apply(grads, weights)
    import jax

    step = jax.jit(optimizer.stateless_apply)

    def apply(grads):
        values = [v.value for v in optimizer.variables], [w.value for w in weights]
        new_weights, state = step(values[0], grads, values[1])
        for variable, value in zip(
            [*weights, *optimizer.variables], [*new_weights, *state], strict=True
        ):
            variable.assign(value)

    return apply


@pytest.mark.parametrize("case", covering(3), ids=name_of)
def test_equals_the_reference_in_numpy(case):
    weights = [
        keras.Variable(value.astype("float32"), name=name)
        for name, value in zip(("kernel", "bias"), start(), strict=True)
    ]
    optimizer = new_optimizer(case)
    optimizer.build(weights)
    apply, steps = stepper(optimizer, weights), gradients()
    if case["skip_nonfinite"] or case["scaling"] == "wrapper":
        steps.insert(3, [steps[3][0], np.array([np.nan, 1.0])])
    for step in steps:
        scale = scale_of(optimizer)
        apply([ops.convert_to_tensor(scale * g, "float32") for g in step])
    expected = in_numpy(case)
    rough = case["momentum_dtype"] == "bfloat16"
    for one, other in zip(weights, expected[0], strict=True):
        np.testing.assert_allclose(array(one), other, atol=1e-6)
    for one, other in zip(slots(optimizer, "_momentum"), expected[1], strict=True):
        found = array(ops.cast(one, "float32"))
        np.testing.assert_allclose(found, other, atol=2e-3 if rough else 1e-7)
    if case["ema"]:
        for one, other in zip(slots(optimizer, "_average"), expected[2], strict=True):
            np.testing.assert_allclose(array(one), other, atol=1e-6)
    window = WINDOW if case["accumulation"] else 1
    assert int(array(optimizer.iterations)) == len(gradients()) // window
    skips = case["skip_nonfinite"] and case["scaling"] != "wrapper"
    assert inner(optimizer).skipped_steps == int(skips)


def trained(case, run_eagerly):
    """Weights and optimizer after 2 epochs of 4 batches."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(2)
    x = generator.normal(size=(16, 3)).astype("float32")
    y = generator.normal(size=(16, 2)).astype("float32")
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.compile(new_optimizer(case), "mse", run_eagerly=run_eagerly)
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    return [array(w) for w in model.weights], model.optimizer


@pytest.mark.parametrize("case", covering(2), ids=name_of)
def test_fit_compiled_is_fit_not_compiled(case):
    weights, optimizer = trained(case, run_eagerly=False)
    eager_weights, eager_optimizer = trained(case, run_eagerly=True)
    for one, other in zip(weights, eager_weights, strict=True):
        assert np.isfinite(one).all()
        np.testing.assert_allclose(one, other, atol=1e-6)
    for one, other in zip(
        slots(optimizer, "_momentum"),
        slots(eager_optimizer, "_momentum"),
        strict=True,
    ):
        found = [array(ops.cast(m, "float32")) for m in (one, other)]
        np.testing.assert_allclose(*found, atol=1e-6)
        assert np.abs(found[0]).max() > 0
    window = WINDOW if case["accumulation"] else 1
    assert int(array(optimizer.iterations)) == 8 // window


@pytest.mark.parametrize("size", [2, 3])
def test_values_of_options_are_covered(size):
    found = set().union(*(groups(case, size) for case in covering(size)))
    for names in itertools.combinations(sorted(OPTIONS), size):
        for values in itertools.product(*(OPTIONS[name] for name in names)):
            group = zip(names, values, strict=True)
            assert tuple(sorted(group, key=str)) in found


@pytest.mark.parametrize(
    "arguments",
    [
        {"clipnorm": 1.0, "clipvalue": 1.0},
        {"clipnorm": 1.0, "global_clipnorm": 1.0},
        {"momentum_dtype": "float16"},
        {"accumulator_dtype": "float16"},
        {"gradient_accumulation_steps": 1},
        {"use_ema": True, "ema_momentum": 1.5},
        {"peak_learning_rate": 0.1},
        {"learning_rate": lambda: 0.1, "weight_decay_coupling": "schedule"},
    ],
    ids=lambda arguments: ", ".join(arguments),
)
def test_what_is_not_supported_raises_at_construction(arguments):
    with pytest.raises(ValueError, match="`|peak"):
        Lion(**arguments)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gradient_accumulation_steps": 2},
        {"gradient_accumulation_steps": 2, "beta_1": 0.9, "beta_2": 0.9},
        {"skip_nonfinite": True},
    ],
    ids=name_of,
)
def test_constraints_act_after_every_step(options):
    weight = keras.Variable(np.array([0.05, 1.0], "float32"), name="w")
    weight.constraint = keras.constraints.NonNeg()
    optimizer = Lion(0.1, **options)
    for _ in range(2):
        optimizer.apply([ops.ones(2)], [weight])
    steps = 1 if "gradient_accumulation_steps" in options else 2
    np.testing.assert_allclose(array(weight), [0.0, 1 - 0.1 * steps], rtol=1e-6)
