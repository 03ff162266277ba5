"""Are optimizers related to Lion better than Lion at one tuning budget?

Question   Lookahead, layer adaptation, AdaX, Adafactor with momentum and Tiger are
           said to improve on what they start from. Which of them does, here?
Command    keras-lion run studies/related_optimizers.py --preset full
Duration   about 20 minutes on 2 cores
Result     studies/README.md, studies/results/related_optimizers/ (2026-11-29). None is
           shown to be better than what it starts from.

As studies/optimizers.py, whose AdamW, Lion, SGD with momentum and Keras's Adafactor had
the same budget: 21 configurations, seven learning rates half a decade apart with three
weight decays each, and the same seeds. The weight decay is the engine's own for all, so
that Tiger's is not scaled by its weights, and that of LayerAdaptive is outside of its
ratio.

Predictions, written before the first run, of the best validation accuracy:
  - Lookahead changes Lion's by less than half a point: the cosine schedule averages
    the noise away already. (Undecided: −0.5 points, 95 % interval −4.3 to 3.4, n=3.)
  - LayerAdaptive around Lion, and Tiger, are within a point of Lion: scales by
    variable matter between models, less within one. (LayerAdaptive is 4.8 points below
    Lion, 3.2 to 6.3; Tiger 1.9 below, −0.6 to 4.4. Both would rather have less weight
    decay than their grids offer.)
  - AdaX is below AdamW by more than half a point: its second moment keeps the large
    gradients of the start. (Not shown: 0.4 points below, −0.7 to 1.5.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras_lion.tuning import Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import window


def lookahead_lion() -> Any:
    from keras_lion import Lion
    from keras_lion.optimizers import Lookahead

    return Lookahead(Lion())


def layer_adaptive_lion() -> Any:
    from keras_lion import Lion
    from keras_lion.optimizers import LayerAdaptive

    return LayerAdaptive(Lion(), exclude=["bias", "gamma", "beta"])


def adax() -> Any:
    from keras_lion.optimizers import AdaX

    return AdaX()


def adafactor_momentum() -> Any:
    from keras_lion.optimizers import Adafactor

    return Adafactor(1e-3, beta_1=0.9)


def tiger() -> Any:
    from keras_lion.optimizers import Tiger

    return Tiger(weight_decay=None)


OWN: Mapping[str, Callable[..., Any]] = {
    "lookahead_lion": lookahead_lion,
    "layer_adaptive_lion": layer_adaptive_lion,
    "adax": adax,
    "adafactor_momentum": adafactor_momentum,
    "tiger": tiger,
}
# Learning rate and weight decay at the middle of the window. Those of LayerAdaptive,
# Adafactor and Tiger are shares of a variable's size.
CENTRES: Mapping[str, tuple[float, float]] = {
    "adamw": (1e-2, 0.3),
    "lion": (3e-3, 1.0),
    "lookahead_lion": (3e-3, 1.0),
    "layer_adaptive_lion": (3e-2, 0.3),
    "adax": (1e-2, 0.3),
    "adafactor_momentum": (3e-2, 0.3),
    "tiger": (3e-2, 0.3),
}
SHAPE, EPOCHS = (7, 3), 60


def plan(shape: tuple[int, int], epochs: int, seeds: int) -> Plan:
    """One preset."""
    return Plan(
        {name: window(name, centre, shape) for name, centre in CENTRES.items()},
        epochs=epochs,
        seeds=seeds,
        evaluate_every=max(epochs // 10, 1),
    )


STUDY = Study(
    name="related_optimizers",
    question="Are optimizers related to Lion better than Lion at one tuning budget?",
    plans={
        "mnist1d_mlp": {
            "smoke": plan((1, 1), 1, 1),
            "standard": plan(SHAPE, EPOCHS, 1),
            "full": plan(SHAPE, EPOCHS, 3),
        }
    },
    comparison=Comparison(
        statement="At one tuning budget Lookahead's best accuracy with Lion is above "
        "Lion's.",
        measure="best_score",
        value="score",
        sides=("lookahead_lion", "lion"),
        margin=0.5,
        unit="points",
        epsilon={"mnist1d_mlp": 0.05},
    ),
    optimizers=OWN,
)
