"""Does lr × λ alone decide in a Transformer, if only scale-invariant weights decay?

Question   In studies/effective_decay.py lr × λ alone decides where the scale of no
           weight matters. Which weights of a Transformer are of this kind, and does
           decaying them only restore the law?
Command    keras-lion run studies/transformers.py --task TASK --preset full
           make evidence
           on a GPU: --task normalized_invariant_long --preset gpu
Duration   25 minutes a task on 1 core, `_long` 45
Result     studies/README.md, studies/results/transformers/ (3 seeds, 2026-11-28). Where
           only scale-invariant weights decay, the loss varies by 0.02 (AdamW) and 0.03
           nats (Lion) over learning rates 16 times apart; where all matrices of the
           usual network do, by 0.17 and 0.38.

A causal language model of Python source: 2 blocks of width 64, windows of 64
characters, batches of 4 windows, 3,000 steps. Every seed is validated on the same five
modules, on which counts of characters reach 2.37 nats (bigram) and 1.83 (trigram, see
studies/transformer_baselines.py). Two networks, neither with biases or gains (as OLMo):

    plain        pre-norm: what a branch or the head reads is normalized
    normalized   embeddings, queries, keys and what a branch adds are normalized too

Which weights are scale-invariant (tests/studies/test_transformers.py): in the plain
network none by itself. Embeddings and the output matrices of the branches are so
together, as they add up to a stream that is normalized wherever it is read; queries,
keys, values, first matrices of the MLPs and the head are not. In the normalized network
every weight but the head is.

    ..._all         all matrices decay
    ..._invariant   only the scale-invariant weights decay
    ..._rest        only the others decay
    normalized_pinned   only the scale-invariant weights decay, and the head has one
                    learning rate on all lines: lr and λ act on nothing else
    betas           pairs of betas at the lowest lr × λ, as normalized_invariant
    ..._long        12,000 steps at κ = 6

Three values of lr × λ (κ = λ Σ lr of 1.5, 6 and 12) and three learning rates, 4 times
apart, at each. Betas are those of Chen et al. (2023) for language models: AdamW
0.9/0.99, Lion 0.95/0.98. AdamW's ε is 1e-15, so that it does not count. Measured at
each lr × λ: the standard deviation of the validation loss over learning rates, without
seed noise.

Predictions, written and committed before any of these runs (2026-11-28). Tried out
before, as a study of another name, on modules drawn by its seeds (harder ones): AdamW
at κ = 2, two learning rates 4 times apart (normalized 1.71 and 1.77 nats; plain, κ = 1,
1.73 and 2.07), and one rate of Lion 0.9/0.99 at κ = 6 (1.88).

1. normalized_pinned: where κ > 5 the spread over learning rates is below 0.05 nats for
   both optimizers. (Not run yet.)
2. normalized_invariant: below 0.05 nats too, as the size of a head that does not decay
   is found by its gradient. (Held for AdamW; Lion 0.03, with an interval up to 0.05.)
3. normalized_all: above 0.05 nats. At the lowest learning rate λ is so large that it
   bounds the head's weights by 1 / λ and so the logits: the lowest rate is the worst.
   (Held: 0.14 and 0.47, and the lowest rate is the worst.)
4. plain_invariant: above normalized_invariant and below plain_all, as readers of the
   stream train at the learning rate itself: the largest rate is the worst. (Not run
   yet.)
5. plain_all, and both networks' rest: above 0.1 nats. (plain_all: held, 0.17 and 0.38.)
6. Every cell of normalized_invariant at κ of 1.5 and 6 is below the trigram model.
   (Held for AdamW; of Lion 3 of 6 are.)
7. Lion's best cell is within 0.05 nats of AdamW's. (Failed: 1.78 against 1.71.)

Added after 10 of the runs of 3,000 steps, in which AdamW was above the trigram model at
κ = 6, and before any run of 12,000:

8. normalized_invariant_long: all cells are below the trigram model, the spread is below
   0.05 nats; normalized_all_long: above 0.05; plain_all_long: above 0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from keras_lion.tuning import Axis, SearchSpace, Study, Task
from keras_lion.tuning.study import Comparison, Plan
from studies.transformer_network import (
    INVARIANT,
    REST,
    ascii_windows,
    by_module,
    transformer,
)

STEPS, LONG = 3_000, 12_000
CENTRES = {"adamw": 2.0**-8, "lion": 2.0**-10}
FACTORS = (2.0**-2, 1.0, 2.0**2)
GPU_EXPONENTS = (-10, -8, -6)  # κ of 6, 23 and 94 in long runs
GPU_BATCH_SIZE = 64
EXPONENTS = (-10, -8, -7)  # of lr × λ in powers of two: κ of 1.5, 6 and 12
LANGUAGE_BETAS = {
    "adamw": {"beta_1": 0.9, "beta_2": 0.99, "epsilon": 1e-15},
    "lion": {"beta_1": 0.95, "beta_2": 0.98},
}
OTHER_BETAS: Mapping[str, Sequence[dict[str, float]]] = {
    "adamw": ({"beta_2": 0.95}, {"beta_2": 0.99}, {"beta_2": 0.999}),
    "lion": ({"beta_1": 0.9, "beta_2": 0.99}, {"beta_1": 0.95, "beta_2": 0.98}),
}


def pinned(hp: Any) -> Any:
    """The normalized network whose head has one learning rate on all lines."""
    scale = hp.Float("head_scale", FACTORS[0], FACTORS[-1])
    return transformer(normalized=True, head_scale=scale)


# Task → its network and what of it decays.
ARMS: dict[str, tuple[Callable[..., Any], Any]] = {
    f"{network}_{group}": (partial(transformer, normalized), mask)
    for network, normalized in (("normalized", True), ("plain", False))
    for group, mask in (
        ("all", "matrices"),
        ("invariant", INVARIANT[normalized]),
        ("rest", REST[normalized]),
    )
} | {
    "normalized_pinned": (pinned, INVARIANT[True]),
    "betas": (partial(transformer, True), INVARIANT[True]),
}
ARMS |= {
    f"{name}_long": ARMS[name]
    for name in ("normalized_invariant", "normalized_all", "plain_all")
}
TASKS: dict[str, Task] = {
    name: Task(
        name=name,
        data=ascii_windows,
        model=model,
        split_by=by_module,
        batch_size=4,
        metric="loss",
        weight_decay_mask=mask,
    )
    for name, (model, mask) in ARMS.items()
}


def lines(
    task: str, optimizer: str, exponents: Sequence[int], factors: Sequence[float]
) -> list[SearchSpace]:
    """Every learning rate with the weight decays that give each lr × λ."""
    others = OTHER_BETAS[optimizer] if task == "betas" else ({},)
    spaces = []
    for factor in factors:
        rate = factor * CENTRES[optimizer]
        head = {"head_scale": factor} if task == "normalized_pinned" else {}
        for betas in others:
            axes = (
                Axis("weight_decay", tuple(2.0**k / rate for k in exponents)),
                Axis("learning_rate", (rate,)),
            )
            fixed = {**LANGUAGE_BETAS[optimizer], **betas, **head}
            spaces.append(SearchSpace(axes=axes, fixed=fixed))
    return spaces


def plans(task: str) -> dict[str, Plan]:
    def plan(
        exponents: Sequence[int],
        factors: Sequence[float],
        steps: int,
        seeds: int,
        batch_size: int | None = None,
    ) -> Plan:
        return Plan(
            {name: lines(task, name, exponents, factors) for name in CENTRES},
            epochs=None,
            steps=steps,
            seeds=seeds,
            batch_size=batch_size,
            evaluate_every=steps // 2,
        )

    is_long = task.endswith("_long")
    length = LONG if is_long else STEPS
    exponents = EXPONENTS[:1] if is_long or task == "betas" else EXPONENTS
    found = {
        "smoke": plan(exponents[:1], FACTORS[:1], steps=2, seeds=1),
        "standard": plan(exponents, FACTORS, length, seeds=1),
        "full": plan(exponents, FACTORS, length, seeds=2 if is_long else 3),
    }
    if is_long:  # on a GPU; not run yet
        found["gpu"] = plan(
            GPU_EXPONENTS, FACTORS, length, seeds=5, batch_size=GPU_BATCH_SIZE
        )
    return found


STUDY = Study(
    name="transformers",
    question="Does lr × λ alone decide in a Transformer, if only scale-invariant "
    "weights decay?",
    plans={task: plans(task) for task in TASKS},
    comparison=Comparison(
        statement="With enough decay of scale-invariant weights, lr × λ alone decides "
        "the loss.",
        measure="iso_product_spread",
        value="final_loss",
        sides=tuple(CENTRES),
        margin=0.05,
        unit="nats",
        epsilon=dict.fromkeys(TASKS, 0.05),
    ),
    tasks=TASKS,
)
