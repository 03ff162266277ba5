"""How good is Lion at AdamW's learning rate / k and weight decay × k?

Question   Chen et al. (2023) advise a learning rate 3 to 10 times smaller than AdamW's
           and a weight decay as many times larger. How good is Lion along that line?
Command    keras-lion run studies/transfer_from_adamw.py --task TASK --preset full
Duration   1 to 5 minutes per task on 2 cores
Result     studies/README.md, studies/results/transfer_from_adamw/

AdamW's recipe of each task was fixed beforehand: a cell of
studies/learning_rate_weight_decay.py that is its best, or next to it, by the validation
loss or the accuracy of the runs made until then. It need not be the best of all runs.
Lion runs at factors k from 1 to 32, and at the values at which theory gives both the
same update and weight norms: a learning rate 4.36 times smaller, a weight decay 10.4
times larger. AdamW runs at its recipe with the same seeds.
"""

from __future__ import annotations

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import USUAL_BETAS

FACTORS = tuple(10 ** (quarter / 4) for quarter in range(7))  # 1 … 31.6
SAME_NORMS = (4.36, 10.4)
# AdamW's learning rate and weight decay.
RECIPES = {
    "mnist1d_mlp": (3.16228e-2, 0.3),
    "digits_mlp": (3e-2, 0.1),
    "fashion_mnist_mlp": (1e-2, 0.1),
    "fashion_mnist_cnn": (3e-2, 0.1),
    "python_lm": (1e-2, 0.316228),
}
EPOCHS = {
    "mnist1d_mlp": 120,
    "digits_mlp": 60,
    "fashion_mnist_mlp": 3,
    "fashion_mnist_cnn": 2,
    "python_lm": 1,
}
SEEDS = {"python_lm": 3}  # six of the others; one run takes a third of a minute


def cell(optimizer: str, learning_rate: float, weight_decay: float) -> SearchSpace:
    """One configuration."""
    return SearchSpace(
        axes=(
            Axis("weight_decay", (float(f"{weight_decay:.5g}"),)),
            Axis("learning_rate", (float(f"{learning_rate:.5g}"),)),
        ),
        fixed=USUAL_BETAS[optimizer],
    )


def plan(task: str, factors: tuple[float, ...], *, epochs: int, seeds: int) -> Plan:
    learning_rate, weight_decay = RECIPES[task]
    pairs = [(k, k) for k in factors] + [SAME_NORMS]
    return Plan(
        {
            "adamw": cell("adamw", learning_rate, weight_decay),
            "lion": tuple(
                cell("lion", learning_rate / smaller, weight_decay * larger)
                for smaller, larger in pairs
            ),
        },
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


STUDY = Study(
    name="transfer_from_adamw",
    question="How good is Lion at AdamW's learning rate / k and weight decay × k?",
    plans={
        task: {
            "smoke": plan(task, FACTORS[2:3], epochs=1, seeds=1),
            "full": plan(task, FACTORS, epochs=EPOCHS[task], seeds=SEEDS.get(task, 6)),
        }
        for task in RECIPES
    },
    comparison=Comparison(
        statement="Lion at k = 3 to 10 is within ε of AdamW at its recipe.",
        measure="rule_of_thumb_regret",
        sides=("lion", "adamw"),
        epsilon={
            "mnist1d_mlp": 0.05,
            "digits_mlp": 0.02,
            "fashion_mnist_mlp": 0.02,
            "fashion_mnist_cnn": 0.02,
            "python_lm": 0.05,
        },
    ),
)
