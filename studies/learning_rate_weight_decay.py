"""How sensitive are Lion and AdamW to learning rate and weight decay?

Question   Chen et al. (2023, figure 8) show Lion less sensitive than AdamW on one
           network, without seeds. Is that so here?
Command    keras-lion run studies/learning_rate_weight_decay.py
Duration   about 2 minutes on 2 cores (mnist1d_mlp, standard)
Result     studies/results/learning_rate_weight_decay_full/summary.json (mnist1d_mlp,
           full, 6 seeds, 2026-11-21): not so; AdamW is better, and its range wider. In
           learning_rate_weight_decay/ the preset standard, with 2 seeds.
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


# The centres of the windows, and why.
#
# mnist1d_mlp: in the pilot (9 learning rates without decay and with one decay, the same
# number of runs for both) AdamW was best at a learning rate of 0.03 and Lion at 0.01;
# AdamW failed at 0.3, and Lion without decay at 0.03. A 5 x 5 grid around the first
# centres, AdamW (1e-2, 0.1) and Lion (3e-3, 1), had its best weight decay at three
# times the centre for both, and Lion's best learning rate on the upper edge.
# The others are first guesses at AdamW's usual values, Lion's moved by 10; their pilots
# are still to be run, and the report warns where an optimum lies on an edge.
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
