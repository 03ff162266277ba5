"""Lions that are wrong in one way each, and the hand-computed paths that find them out.

A path is a start, a sequence of gradients, and the weights and momenta that Algorithm 2
of the paper gives after each step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Step = Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Path:
    """A hand-computed path of one weight."""

    start: float
    gradients: tuple[float, ...]
    weights: tuple[float, ...]
    momenta: tuple[float, ...]
    hyperparameters: dict[str, float] = field(default_factory=dict)


# Momentum by 0.99 m + 0.01 g: 0.01, then 0.0099 - 0.00085 = 0.00905, then
# 0.0089595 - 0.001 = 0.0079595. The step is against sign(0.9 m + 0.1 g), with the m
# before it: sign(0.1) = +, sign(0.009 - 0.0085) = +, sign(0.008145 - 0.01) = -.
MIXED_SIGNS = Path(
    start=1.0,
    gradients=(1.0, -0.085, -0.1),
    weights=(0.9, 0.8, 0.9),
    momenta=(0.01, 0.00905, 0.0079595),
    hyperparameters={"learning_rate": 0.1},
)
# With lr 0.5 and decay 0.2, w - 0.5 (s + 0.2 w) = 0.9 w - 0.5 s:
# 0.9 * 2 - 0.5 = 1.3, then 0.9 * 1.3 - 0.5 = 0.67, then 0.9 * 0.67 + 0.5 = 1.103.
# Decay after the step would give 0.9 (2 - 0.5) = 1.35 at once.
DECAYED = Path(
    start=2.0,
    gradients=(1.0, -0.085, -0.1),
    weights=(1.3, 0.67, 1.103),
    momenta=(0.01, 0.00905, 0.0079595),
    hyperparameters={"learning_rate": 0.5, "weight_decay": 0.2},
)
# Decay outvotes neither the sign nor enters the momentum: with L2 decay the gradient
# would be -0.3 + 0.2 * 2 = +0.1 and the weight would fall. 0.9 * 2 + 0.5 = 2.3, then
# 0.9 * 2.3 + 0.5 = 2.57; momentum -0.003, then -0.00297 - 0.002 = -0.00497.
DECAY_AGAINST_GRADIENT = Path(
    start=2.0,
    gradients=(-0.3, -0.2),
    weights=(2.3, 2.57),
    momenta=(-0.003, -0.00497),
    hyperparameters={"learning_rate": 0.5, "weight_decay": 0.2},
)
# A weight without gradient or momentum only decays: sign(0) is 0.
WITHOUT_GRADIENT = Path(
    start=2.0,
    gradients=(0.0, 0.0),
    weights=(1.8, 1.62),
    momenta=(0.0, 0.0),
    hyperparameters={"learning_rate": 0.5, "weight_decay": 0.2},
)
PATHS = {
    "mixed signs": MIXED_SIGNS,
    "decayed": DECAYED,
    "decay against gradient": DECAY_AGAINST_GRADIENT,
    "without gradient": WITHOUT_GRADIENT,
}


def follows(step: Step, path: Path) -> bool:
    """True if a NumPy step function follows a path, weights and momenta both."""
    w, m = np.float64(path.start), np.float64(0.0)
    for g, weight, momentum in zip(
        path.gradients, path.weights, path.momenta, strict=True
    ):
        w, m = step(w, m, np.float64(g), **path.hyperparameters)
        if not (np.isclose(w, weight, rtol=1e-12, atol=1e-12)):
            return False
        if not (np.isclose(m, momentum, rtol=1e-12, atol=1e-12)):
            return False
    return True


def _lion(w, m, g, *, learning_rate, weight_decay=0.0, b1=0.9, b2=0.99):
    c = b1 * m + (1 - b1) * g
    return (
        w - learning_rate * (np.sign(c) + weight_decay * w),
        b2 * m + (1 - b2) * g,
    )


def swapped_betas(w, m, g, **hp):
    return _lion(w, m, g, b1=0.99, b2=0.9, **hp)


def momentum_before_use(w, m, g, *, learning_rate, weight_decay=0.0):
    m = 0.99 * m + 0.01 * g
    c = 0.9 * m + 0.1 * g
    return w - learning_rate * (np.sign(c) + weight_decay * w), m


def sign_sgd(w, m, g, **hp):
    w, _ = _lion(w, 0 * m, g, **hp)
    return w, 0.99 * m + 0.01 * g


def signum(w, m, g, *, learning_rate, weight_decay=0.0):
    m = 0.99 * m + 0.01 * g
    return w - learning_rate * (np.sign(m) + weight_decay * w), m


def one_beta_090(w, m, g, **hp):
    return _lion(w, m, g, b1=0.9, b2=0.9, **hp)


def one_beta_099(w, m, g, **hp):
    return _lion(w, m, g, b1=0.99, b2=0.99, **hp)


def forgotten_momentum(w, m, g, **hp):
    w, _ = _lion(w, m, g, **hp)
    return w, 0.01 * g


def folded_momentum(w, m, g, **hp):
    w, _ = _lion(w, m, g, **hp)
    c = 0.9 * m + 0.1 * g
    return w, 0.99 * c + 0.01 * g


def l2_decay(w, m, g, *, learning_rate, weight_decay=0.0):
    return _lion(w, m, g + weight_decay * w, learning_rate=learning_rate)


def decay_after_step(w, m, g, *, learning_rate, weight_decay=0.0):
    w, m = _lion(w, m, g, learning_rate=learning_rate)
    return w - learning_rate * weight_decay * w, m


def decay_without_learning_rate(w, m, g, *, learning_rate, weight_decay=0.0):
    new, m = _lion(w, m, g, learning_rate=learning_rate)
    return new - weight_decay * w, m


def decay_twice(w, m, g, *, learning_rate, weight_decay=0.0):
    return _lion(w, m, g, learning_rate=learning_rate, weight_decay=2 * weight_decay)


def no_decay(w, m, g, *, learning_rate, weight_decay=0.0):
    return _lion(w, m, g, learning_rate=learning_rate)


def ascent(w, m, g, *, learning_rate, weight_decay=0.0):
    return _lion(w, m, -g, learning_rate=learning_rate, weight_decay=weight_decay)


def sign_of_zero_is_one(w, m, g, *, learning_rate, weight_decay=0.0):
    c = 0.9 * m + 0.1 * g
    step = np.where(c > 0, 1.0, -1.0)
    return w - learning_rate * (step + weight_decay * w), 0.99 * m + 0.01 * g


def no_sign(w, m, g, *, learning_rate, weight_decay=0.0):
    c = 0.9 * m + 0.1 * g
    return w - learning_rate * (c + weight_decay * w), 0.99 * m + 0.01 * g


WRONG_LIONS: dict[str, Step] = {
    f.__name__: f
    for f in (
        swapped_betas,
        momentum_before_use,
        sign_sgd,
        signum,
        one_beta_090,
        one_beta_099,
        forgotten_momentum,
        folded_momentum,
        l2_decay,
        decay_after_step,
        decay_without_learning_rate,
        decay_twice,
        no_decay,
        ascent,
        sign_of_zero_is_one,
        no_sign,
    )
}
