"""Does lr × λ alone decide, once weights are scale-invariant and decay is enough?

Question   Weight decay sets two things: the pace, lr × λ, at which weights turn and
           forget (memory of 1 / (lr × λ) steps), and the size, lr / λ, at which their
           norm settles. Where the scale of no weight matters, size is free and pace
           alone should decide. What breaks that, one change at a time?
Command    keras-lion run studies/effective_decay.py --task TASK --preset full
           make evidence
           on a GPU: --task invariant_59520 --preset gpu
Duration   465 steps: 2 minutes a task on 2 cores; 3,720: 8; 14,880: 30
Result     studies/README.md, studies/results/effective_decay/

Five networks, each one change away from the one before, all MLPs 40-100-100-10 on
MNIST-1D with batches of 128:

    exact      every product normalized, logits too, without gains or biases; initial
               weights proportional to the learning rate
    invariant  the same with ordinary initial weights, equal for every learning rate
    gains      hidden normalizations have gains and biases, trained at the same rate and
               not decayed
    head       logits are an ordinary layer, decayed, with biases
    plain      no normalization at all: the network of the main study

Each line has one lr × λ and five learning rates, 4 times apart, over a factor of 256;
six lines are 4 times apart, over 3 decades. All are powers of two, so that rates,
decays and initial weights scale without rounding. Cosine schedule; AdamW's ε is 1e-30,
so that it never counts next to a second moment other than 0.

κ = λ Σ η is the number of decay times in a run; initial weights are left with a share
of e^(−κ). What is measured at each lr × λ: the standard deviation of validation
accuracy over learning rates, without seed noise.

Predictions, written and committed before any of these runs (2026-11-28). Tried out
before, with other seeds: whether the exact network is exact, and three temperatures of
the logits at one learning rate and five values of lr × λ.

1. exact: spread 0.00 at every lr × λ and every length, for AdamW, Lion and Signum: the
   five runs of a line give the same loss to the last bit.
2. invariant: where κ > 5 the spread over learning rates is below one point. At
   κ < 2 it is above two points on at least one line of each optimizer, and from line to
   line it falls as κ grows.
3. gains: where κ > 5 the spread is larger than for invariant, since a gain's relative
   step is the learning rate itself: the largest learning rates are the bad ones.
4. head: where κ > 5 the spread is several points. What breaks the law is size: the best
   lr / λ of a line is the same, within one grid step of 16, on all lines with κ > 5.
5. plain: the spread is largest, and on lines with κ > 5 some learning rates diverge or
   do not train. Over the cells with κ > 3 that train, lr / λ or λ explains more of the
   variance of the validation loss than lr × λ; for exact and invariant lr × λ explains
   more than 90 %.
6. The best lr × λ of Lion over that of AdamW, on exact and invariant, is what keeps the
   angle per step, 2.4 (`theory.conversion_factors`), not what keeps the memory, 1:
   between 1.2 and 4.8. Signum's over AdamW's likewise, by its own gain.
7. All of this at 465, at 3,720 and at 14,880 steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from keras_lion.tuning import Axis, SearchSpace, Study, Task
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import USUAL_BETAS
from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.models import scale_invariant_mlp

LENGTHS = {465: 15, 3_720: 120, 14_880: 480}  # steps → epochs
GPU_LENGTH = {59_520: 1_920}  # preset gpu alone; not run yet
SHAPE: Mapping[str, Any] = {
    "input_shape": (40,),
    "hidden": (100, 100),
    "num_classes": 10,
}
# The learning rate in the middle of an optimizer's lines, at which the initial weights
# of the network whose weights are proportional to it are ordinary.
CENTRES = {"adamw": 2.0**-8, "lion": 2.0**-10, "signum": 2.0**-10}
FACTORS = (2.0**-4, 2.0**-2, 1.0, 2.0**2, 2.0**4)
# lr × λ in powers of two: κ from about 0.2 to 230 at every length.
EXPONENTS = {
    465: (-11, -9, -7, -5, -3, -1),
    3_720: (-13, -11, -9, -7, -5, -3),
    14_880: (-15, -13, -11, -9, -7, -5),
    59_520: (-17, -15, -13, -11, -9, -7),
}
EPSILON = {"adamw": {"epsilon": 1e-30}}


def proportional(hp: Any) -> Any:
    """The scale-invariant network with scaled initial weights."""
    scale = hp.Float("initial_scale", FACTORS[0], FACTORS[-1])
    return scale_invariant_mlp(**SHAPE, initial_scale=scale)


NETWORKS: Mapping[str, Callable[..., Any]] = {
    "exact": proportional,
    "invariant": partial(scale_invariant_mlp, **SHAPE),
    "gains": partial(scale_invariant_mlp, **SHAPE, gains=True),
    "head": partial(scale_invariant_mlp, **SHAPE, gains=True, head=True),
    "plain": get_task("mnist1d_mlp").model,
}


def lines(
    network: str, optimizer: str, exponents: Sequence[int], factors: Sequence[float]
) -> list[SearchSpace]:
    """Every learning rate with the weight decays that give each lr × λ."""
    spaces = []
    for factor in factors:
        rate = factor * CENTRES[optimizer]
        scaled = {"initial_scale": factor} if network == "exact" else {}
        spaces.append(
            SearchSpace(
                axes=(
                    Axis("weight_decay", tuple(2.0**k / rate for k in exponents)),
                    Axis("learning_rate", (rate,)),
                ),
                fixed={
                    **USUAL_BETAS[optimizer],
                    **EPSILON.get(optimizer, {}),
                    **scaled,
                },
            )
        )
    return spaces


def plans(network: str, steps: int) -> dict[str, Plan]:
    def plan(
        exponents: Sequence[int], factors: Sequence[float], epochs: int, seeds: int
    ) -> Plan:
        return Plan(
            {name: lines(network, name, exponents, factors) for name in CENTRES},
            epochs=epochs,
            seeds=seeds,
            evaluate_every=epochs // min(epochs, 15),
        )

    exponents = EXPONENTS[steps]
    return {
        "smoke": plan(exponents[3:4], FACTORS[1:4], epochs=1, seeds=1),
        **(
            {"gpu": plan(exponents, FACTORS, GPU_LENGTH[steps], seeds=10)}
            if steps in GPU_LENGTH
            else {"full": plan(exponents, FACTORS, LENGTHS[steps], seeds=5)}
        ),
    }


def name_of(network: str, steps: int) -> str:
    """The task of a network and a length, such as `invariant_3720`."""
    return f"{network}_{steps}"


TASKS: dict[str, Task] = {
    name_of(network, steps): replace(
        get_task("mnist1d_mlp"), name=name_of(network, steps), model=model
    )
    for network, model in NETWORKS.items()
    for steps in LENGTHS | GPU_LENGTH
}

STUDY = Study(
    name="effective_decay",
    question="Does lr × λ alone decide, once weights are scale-invariant and decay is "
    "enough?",
    plans={
        name_of(network, steps): plans(network, steps)
        for network in NETWORKS
        for steps in LENGTHS | GPU_LENGTH
    },
    comparison=Comparison(
        statement="With enough weight decay, lr × λ alone decides the accuracy.",
        measure="iso_product_spread",
        value="score",
        sides=tuple(CENTRES),
        margin=1.0,
        unit="points",
        epsilon=dict.fromkeys(TASKS, 0.01),
    ),
    tasks=TASKS,
)
