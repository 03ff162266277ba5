"""The weight decay of other libraries, as their published formulas say.

docs/weight-decay.md sorts libraries by what a step does to a weight. Their steps are
written here in NumPy, from their source, and `Lion` with the λ of the page's second
table must take the same path.
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_lion import Lion

PAGE = Path(__file__).resolve().parents[1] / "docs" / "weight-decay.md"
PEAK, DECAY, STEPS = 1e-2, 0.3, 40
BETAS = (0.9, 0.99)
RATES = PEAK * np.minimum(np.arange(1, STEPS + 1) / 10, 1) * np.linspace(1, 0.2, STEPS)


# Library → row of the table, and what one step multiplies a weight by, of the learning
# rate of the step, the one that the optimizer was made with, and weight_decay.
LIBRARIES = {
    # param.mul_(1 - lr * weight_decay)
    "PyTorch": ("coupled to the learning rate", lambda lr, peak, wd: 1 - lr * wd),
    "lion-pytorch": ("coupled to the learning rate", lambda lr, peak, wd: 1 - lr * wd),
    "timm": ("coupled to the learning rate", lambda lr, peak, wd: 1 - lr * wd),
    # p += -weight_decay * lr * p, before the step
    "fairseq": ("coupled to the learning rate", lambda lr, peak, wd: 1 - wd * lr),
    # after_decay = 1 - lr * decay
    "DeepSpeed": ("coupled to the learning rate", lambda lr, peak, wd: 1 - lr * wd),
    # decay_factor = lr / initial_lr; p.mul_(1 - decay_factor * wd)
    "MosaicML": ("coupled to the schedule", lambda lr, peak, wd: 1 - lr / peak * wd),
    # wd /= init_lr; p.mul_(1 - lr * wd)
    "decoupled_weight_decay=True": (
        "coupled to the schedule",
        lambda lr, peak, wd: 1 - lr * (wd / peak),
    ),
    # var -= weight_decay * var
    "TensorFlow Addons": ("independent", lambda lr, peak, wd: 1 - wd),
}


def gradients():
    """Gradients of changing sign, so that c is not near 0 for long."""
    return np.random.default_rng(0).normal(size=(STEPS, 8)) + 0.2


def path_of_formula(factor, decay):
    """The weights of a Lion whose decay is a library's formula."""
    weight, momentum, seen = np.linspace(-1, 1, 8), np.zeros(8), []
    for rate, gradient in zip(RATES, gradients(), strict=True):
        update = np.sign(BETAS[0] * momentum + (1 - BETAS[0]) * gradient)
        weight = factor(rate, PEAK, decay) * weight - rate * update
        momentum = BETAS[1] * momentum + (1 - BETAS[1]) * gradient
        seen.append(weight)
    return np.array(seen)


def path_of_lion(decays, **options):
    """The weights of `Lion` with a weight decay for each step."""
    weight = keras.Variable(np.linspace(-1, 1, 8).astype("float32"))
    lion = Lion(PEAK, weight_decay=1.0, **options)
    lion.build([weight])
    seen = []
    for rate, decay, gradient in zip(RATES, decays, gradients(), strict=True):
        lion.learning_rate = rate
        lion.weight_decay = decay
        lion.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        seen.append(keras.ops.convert_to_numpy(weight.value))
    return np.array(seen)


def converted(kind, decay):
    """The second table of the page: λ of `Lion`, at every step."""
    return {
        "coupled to the learning rate": np.full(STEPS, decay),
        "coupled to the schedule": np.full(STEPS, decay / PEAK),
        "independent": decay / RATES,
    }[kind]


@pytest.mark.parametrize("library", LIBRARIES)
def test_lion_with_the_converted_decay_takes_the_path_of_the_formula(library):
    kind, factor = LIBRARIES[library]
    decay = DECAY if kind == "coupled to the learning rate" else DECAY * PEAK
    expected = path_of_formula(factor, decay)
    found = path_of_lion(converted(kind, decay))
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_page_names_the_library_in_the_row_of_its_kind(library):
    kind, _ = LIBRARIES[library]
    rows = re.findall(
        r"^\| \*\*(.+?)\*\* \| .*? \| (.*) \|$", PAGE.read_text("utf-8"), re.M
    )
    assert library in dict(rows)[kind]


def test_the_kinds_differ_where_the_rate_changes():
    """So that a wrong row would fail above."""
    paths = {
        kind: path_of_formula(factor, DECAY * PEAK)[-1]
        for kind, factor in LIBRARIES.values()
    }
    kinds = list(paths)
    for one in kinds:
        for other in kinds[kinds.index(one) + 1 :]:
            assert np.abs(paths[one] - paths[other]).max() > 1e-3, (one, other)


def test_an_l2_penalty_of_adam_has_no_equivalent():
    """g = wd · w goes through Adam, which divides its size away: λ hardly matters."""

    def step(decay):
        gradient = decay * np.linspace(0.5, 1, 8)
        first, second = 0.1 * gradient, 0.001 * gradient**2
        return PEAK * (first / 0.1) / (np.sqrt(second / 0.001) + 1e-8)

    np.testing.assert_allclose(step(0.01), step(1.0), rtol=1e-5)
    np.testing.assert_allclose(step(0.01), PEAK, rtol=1e-5)  # for every weight alike
