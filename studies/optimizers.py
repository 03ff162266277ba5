"""Where does Lion stand among twelve optimizers at one tuning budget?

Question   Users of Lion would try other optimizers instead. Which of them is better?
Command    keras-lion run studies/optimizers.py --preset full
           and with --task digits_mlp, --task mnist1d_mlp_constant
Duration   about 10 minutes on 2 cores (mnist1d_mlp, full)
Result     studies/README.md, studies/results/optimizers/

Every optimizer gets 21 configurations and the same seeds: seven learning rates half a
decade apart, each with three weight decays; Adam, which has no decay, 21 learning rates
over the same three decades. The weight decay is decoupled and the engine's own for all.
Windows are centred at a first guess; the report says where an optimum lies on an edge.
Keras's Adafactor diverges at once on digits_mlp: where a row and a column of a gradient
are zero (a pixel that is always black, a unit that never fires) its two averages
multiply to less than float32 holds, and 0 / 0 follows.
Schedule-Free AdamW has no schedule: it runs in mnist1d_mlp_constant, next to AdamW and
Lion at a constant learning rate. It is judged at the weights where it takes gradients,
since Keras hands out no averaged ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan, Schedule
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks import get_task

ADAM_BETAS = {"beta_1": 0.9, "beta_2": 0.999}
FIXED: Mapping[str, Mapping[str, float]] = {
    "adam": ADAM_BETAS,
    "nadam": ADAM_BETAS,
    "adamw_one_beta": {"beta_1": 0.95},
    "sgd_momentum": {"beta_1": 0.9},
    "cautious_lion": {"beta_1": 0.9, "beta_2": 0.99},
    "lamb": ADAM_BETAS,
    "schedule_free_adamw": ADAM_BETAS,
}
# Learning rate and weight decay at the middle of the window.
CENTRES: Mapping[str, tuple[float, float]] = {
    "adamw": (1e-2, 0.3),
    "adam": (1e-2, 0.0),
    "nadam": (1e-2, 0.3),
    "adamw_one_beta": (1e-2, 0.3),
    "sgd_momentum": (1e-1, 0.03),
    "signum": (3e-3, 1.0),
    "lion": (3e-3, 1.0),
    "cautious_lion": (3e-3, 1.0),
    "adafactor": (3e-2, 0.3),
    "lamb": (1e-2, 0.3),
    "muon": (1e-2, 0.3),
    "schedule_free_adamw": (1e-2, 0.3),
}
SHAPE = (7, 3)


def adamw_one_beta(beta_1: float) -> Any:
    """Adam whose two averages have one β; the engine adds the weight decay."""
    from keras import optimizers

    return optimizers.Adam(beta_1=beta_1, beta_2=beta_1)


def space(optimizer: str, shape: tuple[int, int]) -> SearchSpace:
    """As many configurations for every optimizer: rates × decays."""
    centre, fixed = CENTRES[optimizer], FIXED.get(optimizer)
    if centre[1]:
        return window(optimizer, centre, shape, fixed=fixed)
    rates, decays = shape
    rate = Axis.geometric(
        "learning_rate",
        centre=centre[0],
        ratio=math.sqrt(10) ** (1 / decays),
        num=rates * decays,
    )
    return SearchSpace(axes=(rate,), fixed=fixed or {})


def plans(*optimizers: str, epochs: int, schedule: Schedule) -> dict[str, Plan]:
    def plan(shape: tuple[int, int], epochs: int, seeds: int) -> Plan:
        return Plan(
            {name: space(name, shape) for name in optimizers},
            epochs=epochs,
            seeds=seeds,
            evaluate_every=max(epochs // 10, 1),
            schedule=schedule,
        )

    return {
        "smoke": plan((1, 1), 1, 1),
        "standard": plan(SHAPE, epochs, 1),
        "full": plan(SHAPE, epochs, 3),
    }


SCHEDULED = tuple(name for name in CENTRES if name != "schedule_free_adamw")

STUDY = Study(
    name="optimizers",
    question="Where does Lion stand among twelve optimizers at one tuning budget?",
    plans={
        "mnist1d_mlp": plans(*SCHEDULED, epochs=60, schedule=Schedule()),
        "digits_mlp": plans(*SCHEDULED, epochs=60, schedule=Schedule()),
        "mnist1d_mlp_constant": plans(
            "schedule_free_adamw",
            "adamw",
            "lion",
            epochs=60,
            schedule=Schedule(decay="constant"),
        ),
    },
    comparison=Comparison(
        statement="At one tuning budget Lion's best accuracy is above AdamW's.",
        measure="best_score",
        value="score",
        sides=("lion", "adamw"),
        margin=0.5,
        unit="points",
        epsilon={"mnist1d_mlp": 0.05, "digits_mlp": 0.02, "mnist1d_mlp_constant": 0.05},
    ),
    tasks={
        "mnist1d_mlp_constant": replace(
            get_task("mnist1d_mlp"), name="mnist1d_mlp_constant"
        )
    },
    optimizers={"adamw_one_beta": adamw_one_beta},
)
