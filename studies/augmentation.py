"""Does Lion's gain over AdamW shrink with strong augmentation?

Question   Chen et al. (2023, limitations) say so of images. Here the training
           signals of MNIST-1D get fresh Gaussian noise at every step; learning rate and
           weight decay are retuned at each strength.
Command    keras-lion run studies/augmentation.py --preset full
Duration   5 minutes on 2 cores
Result     studies/README.md, studies/results/augmentation/
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keras_lion.tuning import Axis, SearchSpace, Study
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks import get_task

CENTRES = {"lion": (1e-2, 1.0), "adamw": (1e-2, 0.3)}
STRENGTHS = (0.0, 0.3, 1.0)  # standard deviation of the noise; that of the data is 1


def noisy_mlp(hp: Any) -> Any:
    """The perceptron of `mnist1d_mlp` behind additive noise."""
    from keras import Sequential, layers

    return Sequential(
        [
            layers.Input((40,)),
            layers.GaussianNoise(hp.Float("noise", 0.0, 1.0)),
            layers.Dense(100, activation="relu"),
            layers.Dense(100, activation="relu"),
            layers.Dense(10),
        ]
    )


def plan(
    strengths: tuple[float, ...], shape: tuple[int, int], *, epochs: int, seeds: int
) -> Plan:
    spaces = {}
    for name, centre in CENTRES.items():
        grid = window(name, centre, shape)
        spaces[name] = SearchSpace((Axis("noise", strengths), *grid.axes), grid.fixed)
    return Plan(spaces, epochs=epochs, seeds=seeds, evaluate_every=max(epochs // 10, 1))


STUDY = Study(
    name="augmentation",
    question="Does Lion's gain over AdamW shrink with strong augmentation?",
    plans={
        "mnist1d_mlp_noise": {
            "smoke": plan((0.0,), (1, 1), epochs=1, seeds=1),
            "full": plan(STRENGTHS, (5, 3), epochs=60, seeds=3),
        }
    },
    comparison=Comparison(
        statement="Lion's gain over AdamW's best accuracy shrinks as the noise grows.",
        measure="best_score_shrinkage",
        value="score",
        sides=("lion", "adamw"),
        margin=0.5,
        unit="points",
        between={
            "mnist1d_mlp_noise": ({"noise": STRENGTHS[0]}, {"noise": STRENGTHS[-1]})
        },
        epsilon={"mnist1d_mlp_noise": 0.05},
    ),
    tasks={
        "mnist1d_mlp_noise": replace(
            get_task("mnist1d_mlp"), name="mnist1d_mlp_noise", model=noisy_mlp
        )
    },
)
