"""Is weight decay without the learning rate in it easier to tune?

Question   Wortsman et al. (2023) find runs less sensitive to the learning rate when the
           decay of a step is λ' s_t, with the schedule s_t alone, and not η λ s_t. The
           same runs seen on two grids: (η, λ) and (η, λ' = η λ). On which is the best
           learning rate less critical?
Command    keras-lion run studies/parametrisation.py --preset full
Duration   2 minutes on 2 cores
Result     studies/README.md, studies/results/parametrisation/

Along every line η λ is constant: with `Lion(weight_decay_coupling="schedule")` that is
a row of constant weight decay. The other grid is that of the main study.
"""

from __future__ import annotations

from keras_lion.tuning import Axis, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import RATIO, iso_product_lines

CENTRES = {"adamw": (1e-2, 3e-3), "lion": (3e-3, 1e-2)}  # learning rate, product


def plan(rates: int, products: int, *, epochs: int, seeds: int) -> Plan:
    """Rectangular in (η, η λ), around the cells that are best in the main study."""

    def values(centre: float, num: int) -> tuple[float, ...]:
        return Axis.geometric("", centre=centre, ratio=RATIO, num=num).numbers

    return Plan(
        {
            name: iso_product_lines(
                name, values(rate, rates), values(product, products)
            )
            for name, (rate, product) in CENTRES.items()
        },
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


STUDY = Study(
    name="parametrisation",
    question="Is weight decay without the learning rate in it easier to tune?",
    plans={
        "mnist1d_mlp": {
            "smoke": plan(2, 1, epochs=1, seeds=1),
            "full": plan(7, 5, epochs=120, seeds=3),
        }
    },
    comparison=Comparison(
        statement="Decay by the schedule alone is less sensitive to the learning rate.",
        measure="learning_rate_sensitivity",
        sides=("adamw", "lion"),
        margin=0.02,
        unit="nats",
        epsilon={"mnist1d_mlp": 0.05},
    ),
)
