"""How sensitive are Lion and AdamW to learning rate and weight decay?

Question   Chen et al. (2023, figure 8) show Lion less sensitive than AdamW on one
           network, without seeds. Is that so here?
Command    keras-lion run studies/learning_rate_weight_decay.py
"""

from __future__ import annotations

import math

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan

RATIO = math.sqrt(10)  # of both axes, so that anti-diagonals are lines of equal lr * wd
BETAS = {
    "adamw": {"beta_1": 0.9, "beta_2": 0.999},
    "lion": {"beta_1": 0.9, "beta_2": 0.99},
}


def space(
    optimizer: str,
    centre: tuple[float, float],
    shape: tuple[int, int],
    ratio: float = RATIO,
) -> SearchSpace:
    """Learning rates and weight decays around a centre, and a row without decay."""
    (learning_rate, weight_decay), (rates, decays) = centre, shape
    return SearchSpace(
        axes=(
            Axis.geometric(
                "weight_decay", centre=weight_decay, ratio=ratio, num=decays, zero=True
            ),
            Axis.geometric(
                "learning_rate", centre=learning_rate, ratio=ratio, num=rates
            ),
        ),
        fixed=BETAS[optimizer],
    )


def plans(
    centres: dict[str, tuple[float, float]],
    *,
    epochs: tuple[int, int, int, int],
    evaluate_every: int = 1,
    seeds: tuple[int, int] = (2, 6),
) -> dict[str, Plan]:
    """The four presets of a task.

    Args:
        centres: Optimizer → (learning rate, weight decay) at the middle of its window.
        epochs: Of smoke, pilot, standard and full.
        evaluate_every: Epochs between two evaluations, but for smoke.
        seeds: Of standard and full.
    """
    smoke, pilot, standard, full = epochs

    def plan(shape: tuple[int, int], epochs: int, seeds: int, every: int) -> Plan:
        spaces = {name: space(name, centre, shape) for name, centre in centres.items()}
        return Plan(spaces, epochs=epochs, seeds=seeds, evaluate_every=every)

    return {
        "smoke": plan((2, 1), smoke, 1, smoke),
        "pilot": plan((9, 1), pilot, 1, evaluate_every),
        "standard": plan((5, 5), standard, seeds[0], evaluate_every),
        "full": plan((7, 7), full, seeds[1], evaluate_every),
    }


STUDY = Study(
    name="learning_rate_weight_decay",
    question="How sensitive are Lion and AdamW to learning rate and weight decay?",
    plans={
        "mnist1d_mlp": plans(
            {"adamw": (1e-2, 0.3), "lion": (1e-2, 3.0)}, epochs=(2, 60, 60, 120)
        ),
        "digits_mlp": plans(
            {"adamw": (1e-2, 0.1), "lion": (1e-3, 1.0)}, epochs=(5, 30, 30, 60)
        ),
        "fashion_mnist_mlp": plans(
            {"adamw": (1e-3, 0.1), "lion": (1e-4, 1.0)}, epochs=(1, 3, 5, 10)
        ),
        "fashion_mnist_cnn": plans(
            {"adamw": (3e-3, 0.1), "lion": (3e-4, 1.0)}, epochs=(1, 2, 3, 8)
        ),
        "fashion_mnist_vit": plans(
            {"adamw": (1e-3, 0.1), "lion": (1e-4, 1.0)}, epochs=(1, 2, 3, 8)
        ),
        "python_lm": plans(
            {"adamw": (3e-3, 0.1), "lion": (3e-4, 1.0)}, epochs=(1, 2, 3, 4)
        ),
        "modular_addition": plans(
            {"adamw": (3e-3, 1.0), "lion": (3e-4, 10.0)},
            epochs=(25, 2500, 2500, 2500),
            evaluate_every=25,
        ),
    },
    comparison=Comparison(
        statement="Lion tolerates a wider range of learning rates than AdamW.",
        epsilon={
            "mnist1d_mlp": 0.05,
            "digits_mlp": 0.02,
            "fashion_mnist_mlp": 0.02,
            "fashion_mnist_cnn": 0.02,
            "fashion_mnist_vit": 0.02,
            "python_lm": 0.05,
            "modular_addition": 0.15,
        },
    ),
)
