"""Arguments that are refused, or warned of, because something else was meant."""

import re
import warnings

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import ops

from keras_lion import Lion

schedules = keras.optimizers.schedules


def network():
    layers = [keras.Input((3,)), keras.layers.Dense(2, name="dense")]
    return keras.Sequential(layers, name="net")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cautious": "no"}, "`cautious` must be True or False. Received: cautious"),
        ({"cautious_weight_decay": 0.5}, "`cautious_weight_decay` must be True or"),
        ({"skip_nonfinite": "yes"}, "`skip_nonfinite` must be True or False"),
        ({"skip_nonfinite": None}, "`skip_nonfinite` must be True or False"),
        ({"use_ema": "no"}, "`use_ema` must be True or False"),
        ({"clipnorm": 0}, "`clipnorm` must be a positive number"),
        ({"clipnorm": "1"}, "`clipnorm` must be a positive number, or None"),
        ({"clipvalue": True}, "`clipvalue` must be a positive number"),
        ({"global_clipnorm": -1.0}, "Received: global_clipnorm=-1.0"),
        ({"global_clipnorm": float("nan")}, "`global_clipnorm` must be a positive"),
        ({"gradient_accumulation_steps": 0}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": 1}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": -3}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": 2.5}, "must be a whole number of 2 or more"),
        ({"gradient_accumulation_steps": True}, "must be a whole number of 2 or more"),
        ({"lr": 1e-4}, "`lr` is not an argument of Lion. Use `learning_rate`"),
        ({"betas": (0.9, 0.99)}, "Use `beta_1` and `beta_2`"),
        ({"decay": 0.1}, "Use `weight_decay`. Received: decay=0.1"),
        ({"epsilon": 1e-8}, "Leave it out: the update has no denominator"),
        ({"momentum_dtyp": "bfloat16"}, "Did you mean `momentum_dtype`"),
        ({"use_emma": True}, r"Did you mean `use_ema`\? Received: use_emma=True"),
        ({"accumulation_steps": 4}, "Use `gradient_accumulation_steps`"),
        ({"skip_nan": True}, "Use `skip_nonfinite`"),
        ({"max_grad_norm": 1.0}, "Use `global_clipnorm`"),
        ({"weight_decay_coupling": "independent"}, "λ divided by the learning rate"),
        ({"colour": "red"}, "not recognized.*colour"),  # by Keras, which may know more
        ({"momentum_dtype": np.float16}, "Small gradients vanish in float16"),
        ({"momentum_dtype": 16}, "must be one of .*bfloat16, int8. Received"),
        ({"momentum_dtype": "bf16"}, "Did you mean bfloat16?"),
        ({"momentum_dtype": "float16"}, "Small gradients vanish in float16"),
        ({"weight_decay_mask": "kernel"}, r"pass a list: \['kernel'\]"),
        ({"weight_decay_mask": "kernel"}, "a list of what is decayed"),
        (
            {"weight_decay_mask": lambda path, variable: True},
            r"`weight_decay_mask` must be a function of one.*\(path, variable\)",
        ),
        ({"weight_decay_mask": [True, False]}, "`weight_decay_mask` must have"),
        ({"weight_decay_mask": ["("]}, "`weight_decay_mask`: '\\(' is not a regular"),
        ({"beta_1": 1.0}, "Lion takes beta_1. Pass `weight_decay=1.0`"),
    ],
    ids=lambda value: re.sub(r" at 0x\w+", "", str(value)),
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Lion(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"cautious": np.bool_(True)},
        {"cautious": 1},
        {"clipnorm": 1},
        {"global_clipnorm": np.float32(0.5)},
        {"clipvalue": None},
        {"gradient_accumulation_steps": np.int64(2)},
        {"gradient_accumulation_steps": None},
        {"beta_1": 0.5},
        {"beta_1": 0.1, "weight_decay": 0.0},
        {"learning_rate": 0.5, "weight_decay": 1.9},
        {
            "learning_rate": schedules.CosineDecay(1.0, 10),
            "weight_decay": 0.9,
            "weight_decay_coupling": "schedule",
        },
        {"learning_rate": schedules.CosineDecay(0.5, 10), "weight_decay": 1.9},
        {
            "learning_rate": schedules.CosineDecay(0.5, 10),
            "weight_decay": schedules.CosineDecay(9.0, 10),  # of another step, perhaps
        },
        {"learning_rate": lambda: 0.1, "weight_decay": 20.0},  # not known before
        {"learning_rate": lambda step=0: 0.1},
        {"beta_1": 0.9, "beta_2": 0.9},
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_accepted_without_a_warning(arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Lion(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1e-4, 0.1), "Lion takes beta_1. Pass the weight decay by name"),
        ((1e-4, 0.0), "or `weight_decay=0.0` if this beta_1 is meant"),
        ((1.0, 0.9, 0.99, 10.0), "learning_rate × weight_decay is 10: every step"),
        ((0.5, 0.9, 0.99, 2.0), "learning_rate × weight_decay is 1: every step"),
        (
            (schedules.CosineDecay(0.0, 9, warmup_target=0.5), 0.9, 0.99, 2.0),
            "is 1 at the peak: a step there .*=CosineDecay with a peak of 0.5, weight_",
        ),
        (
            (0.5, 0.9, 0.99, schedules.CosineDecay(2.0, 9)),
            "is 1 at the peak: a step there .* weight_decay=CosineDecay with a peak",
        ),
        ((1e-4, 0.99, 0.9), "beta_1=0.99 is larger than beta_2=0.9: are they swapped"),
    ],
)
def test_values_in_the_wrong_place_are_warned_of(arguments, message):
    with pytest.warns(UserWarning, match=message) as caught:
        Lion(*arguments)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("learning_rate", "peak", "message"),
    [
        (1e-3, None, "^weight_decay is 1.5: every step"),
        (2e-3, 1e-3, "× weight_decay / peak_learning_rate is 3: every step"),
        (schedules.CosineDecay(1e-3, 80), None, "^weight_decay is 1.5 at the peak"),
        (lambda: 1e-3, 1e-3, "^weight_decay is 1.5 at the peak: a step there"),
    ],
)
def test_decay_that_follows_the_schedule_has_its_own_limit(
    learning_rate, peak, message
):
    with pytest.warns(UserWarning, match=message):
        Lion(
            learning_rate,
            weight_decay=1.5,
            weight_decay_coupling="schedule",
            peak_learning_rate=peak,
        )


def step_of_optax(count):
    return 1e-3 / (1 + count)


@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize(
    "given", [step_of_optax, lambda step: 1e-3, schedules.CosineDecay]
)
def test_a_callable_of_the_step_is_refused_at_construction(name, given):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Optax.*LearningRateSc"):
        Lion(**{name: given})


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_learning_rate_is_checked_when_it_is_set(value):
    optimizer = Lion(1e-3)
    with pytest.raises(ValueError, match="finite and not negative"):
        optimizer.learning_rate = value
    assert float(optimizer.learning_rate) == np.float32(1e-3)
    optimizer.learning_rate = 2e-3
    assert float(optimizer.learning_rate) == np.float32(2e-3)
    optimizer.learning_rate = ops.convert_to_tensor(3e-3)
    assert float(optimizer.learning_rate) == np.float32(3e-3)


def test_pattern_that_matches_nothing_is_warned_of():
    variables = network().trainable_variables
    optimizer = Lion(weight_decay=1.0, weight_decay_mask=["kernel", "nothing_like"])
    with pytest.warns(UserWarning, match="weight_decay_mask.*'nothing_like'.*paths"):
        optimizer.build(variables)
    optimizer = Lion(weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bais", "kernel"])
    with pytest.warns(UserWarning, match="matches 'bais'.*'net/dense/kernel'"):
        optimizer.build(variables)


def test_the_paths_that_a_mistyped_pattern_may_mean_come_first():
    normalizations = [keras.layers.LayerNormalization() for _ in range(2)]
    layers = [*normalizations, keras.layers.Embedding(3, 2, name="embedding")]
    for layer in layers:
        layer.build((None, 2))
    variables = [v for layer in layers for v in layer.trainable_variables]
    optimizer = Lion(weight_decay=1.0, weight_decay_mask=["embeding"])
    with pytest.warns(UserWarning, match="paths such as 'embedding/embeddings'"):
        optimizer.build(variables)


class Constant(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


@pytest.mark.parametrize("learning_rate", [lambda: 0.1, Constant()])
def test_a_peak_that_cannot_be_read_has_to_be_given(learning_rate):
    with pytest.raises(ValueError, match="function or a schedule of your own: pass"):
        Lion(learning_rate, weight_decay_coupling="schedule")


def test_names_to_exclude_are_a_list():
    """A string would be taken for patterns of one letter each."""
    with pytest.raises(ValueError, match=r"pass \['bias'\]"):
        Lion().exclude_from_weight_decay(var_names="bias")


def test_each_variable_needs_a_gradient():
    variables = network().trainable_variables
    gradients = [ops.ones(v.shape) for v in variables]
    optimizer = Lion()
    with pytest.raises(ValueError, match="1 gradients and 2 variables"):
        optimizer.apply(gradients[:1], variables)
    optimizer.apply(gradients, iter(variables))
    assert int(optimizer.iterations) == 1


@pytest.mark.parametrize("ready", [False, True], ids=["new", "built"])
def test_gradients_and_variables_are_not_mixed_up(ready):
    variables = network().trainable_variables
    gradients = [ops.ones(v.shape) for v in variables]
    optimizer = Lion()
    if ready:
        optimizer.build(variables)
        with pytest.raises(ValueError, match=r"'net/dense/kernel' must have its shape"):
            optimizer.apply(gradients[::-1])
    with pytest.raises(ValueError, match=r"shape, \(3, 2\). Received: \(2,\)"):
        optimizer.apply(gradients[::-1], variables)
    with pytest.raises(ValueError, match=r"`apply\(gradients, variables\)`, in this"):
        optimizer.apply(variables, gradients)
    assert int(optimizer.iterations) == 0


@pytest.mark.parametrize(
    "dtype", ["bfloat16", ml_dtypes.bfloat16, np.dtype("bfloat16"), "jax.numpy"]
)
def test_a_dtype_is_kept_by_its_name(dtype):
    if dtype == "jax.numpy":
        dtype = pytest.importorskip(dtype).bfloat16
    optimizer = Lion(momentum_dtype=dtype, accumulator_dtype=dtype)
    config = optimizer.get_config()
    for name in ("momentum_dtype", "accumulator_dtype"):
        assert config[name] == "bfloat16"
        assert type(config[name]) is str


def test_a_mask_that_answers_nothing_is_refused():
    variables = network().trainable_variables
    for answer in (None, "yes", 2):
        optimizer = Lion(weight_decay=1.0, weight_decay_mask=lambda v, a=answer: a)
        with pytest.raises(ValueError, match=r"must return True .*'net/dense/kernel'"):
            optimizer.build(variables)
    for answer in (True, np.bool_(False), 1):
        optimizer = Lion(weight_decay=1.0, weight_decay_mask=lambda v, a=answer: a)
        optimizer.build(variables)
        assert optimizer.decays(variables[0]) is bool(answer)


def test_a_mask_without_a_weight_decay_is_warned_of():
    variables = network().trainable_variables
    optimizer = Lion(1e-4, weight_decay_mask="matrices")
    with pytest.warns(UserWarning, match="no effect without a weight decay"):
        optimizer.build(variables)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Lion(weight_decay=0.0, weight_decay_mask="matrices").build(variables)
        Lion().build(variables)
        late = Lion(weight_decay_mask="matrices")
        late.weight_decay = 0.1
        late.build(variables)


def built(optimizer):
    variable = keras.Variable([1.0, 2.0], name="w")
    optimizer.build([variable])
    return optimizer


@pytest.mark.parametrize("state", [built, lambda optimizer: optimizer])
@pytest.mark.parametrize(
    "given",
    [
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),  # holds − learning rate × g
        lambda: keras.optimizers.RMSprop(0.1, momentum=0.9),
    ],
)
def test_a_sum_of_steps_is_not_taken_over(given, state):
    with pytest.raises(ValueError, match="has no momentum that is an average of gr"):
        state(Lion()).take_over(state(given()))


def test_a_model_is_no_optimizer_to_take_over():
    with pytest.raises(ValueError, match=r"as `model.optimizer`. Received: Sequential"):
        built(Lion()).take_over(network())


@pytest.mark.parametrize("name", ["nope.weights.h5", "nope.keras"])
def test_a_state_file_that_does_not_exist(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"There is no file .*{name}"):
        Lion().load_state(tmp_path / name)
