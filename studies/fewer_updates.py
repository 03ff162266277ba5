"""Is one update on the gradients of 8 small batches better than 8 updates?

Question   Su (2021) reports that small batches train better with an update every k
           batches. Is an update on 8 batches of 16 better than one on each, where every
           optimizer has its own best learning rate for both?
Command    keras-lion run studies/fewer_updates.py --preset full
Duration   about 3 minutes on 2 cores
Result     studies/README.md, studies/results/fewer_updates/ (2026-11-29). No: with an
           update on 8 batches the best accuracy is 2.3 points lower for Lion, 2.2 for
           AdamW, and as high for SGD with momentum; all optima have the smallest
           weight decay of their grids.

Accumulation over 8 batches of 16 is a batch of 128, exactly (for Lion and Tiger by
tests/optimizers/test_accumulation.py), and is run so. Both arms see each example 10
times: 2,500 updates without accumulation, 310 with it. The betas are those of one
update, as Keras's accumulation leaves them.

Predictions, written before the first run:
  - SGD with momentum loses from accumulation, by more than a point: without noise to
    average away, fewer steps at a learning rate that stability limits go less far.
    (It loses nothing: −0.1 points, 95 % interval −0.9 to 0.8, n=6.)
  - AdamW stays within a point. (It loses 2.2 points, 1.3 to 3.1.)
  - Lion gains, by more than a point: its step has one size whatever the noise, and at
    16 examples most of its signs are noise. (It loses 2.3 points, 0.8 to 3.8: an eighth
    of the updates costs more than the noise.)
"""

from __future__ import annotations

from collections.abc import Mapping

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import RATIO, USUAL_BETAS, window

ACCUMULATED = {"plain": 16, "accumulated": 128}
# Learning rate and weight decay at the middle of the window, at a batch of 128.
CENTRES: Mapping[str, tuple[float, float]] = {
    "sgd_momentum": (1e-1, 0.03),
    "adamw": (1e-2, 0.3),
    "lion": (3e-3, 1.0),
}
EPOCHS = {"smoke": 1, "standard": 10, "full": 10}
SHAPES = {"smoke": (1, 1), "standard": (4, 2), "full": (5, 2)}
SEEDS = {"smoke": 1, "standard": 2, "full": 6}


def plan(preset: str) -> Plan:
    """Both batch sizes, the smaller with smaller learning rates in its window."""
    spaces = {}
    for name, (rate, decay) in CENTRES.items():
        spaces[name] = tuple(
            window(
                name,
                (rate / RATIO if arm == "plain" else rate, decay),
                SHAPES[preset],
                fixed={**USUAL_BETAS[name], "batch_size": size},
            )
            for arm, size in ACCUMULATED.items()
        )
    return Plan(
        spaces,
        epochs=EPOCHS[preset],
        seeds=SEEDS[preset],
        evaluate_every=EPOCHS[preset],
    )


TASK = "mnist1d_mlp"
STUDY = Study(
    name="fewer_updates",
    question="Is one update on the gradients of 8 small batches better than 8 updates?",
    plans={TASK: {preset: plan(preset) for preset in EPOCHS}},
    comparison=Comparison(
        statement="Lion gains more from accumulation over 8 batches of 16 than SGD "
        "with momentum does.",
        measure="best_score_change",
        value="score",
        sides=("lion", "sgd_momentum"),
        margin=1.0,
        unit="points",
        between={
            TASK: (
                {"task": TASK, "batch_size": ACCUMULATED["accumulated"]},
                {"task": TASK, "batch_size": ACCUMULATED["plain"]},
            )
        },
        epsilon={TASK: 0.05},
    ),
)
