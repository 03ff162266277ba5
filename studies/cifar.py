"""Is Lion above AdamW on CIFAR, from early epochs on?

Question   So it is shown for a ResNet-50 on CIFAR-10 and CIFAR-100; Chen et al. (2023)
           report gains of Lion for vision transformers.
Command    keras-lion run studies/cifar.py --task cifar10_resnet --preset gpu
           keras-lion run studies/cifar.py --task cifar100_resnet --preset gpu
           keras-lion run studies/cifar.py --task cifar100_vit --preset gpu
           with a GPU, and for the first time a network (160 MB)
Duration   not measured: it needs a GPU
Result     studies/README.md, row cifar: not run, neither was at hand

ResNet-50 for small pictures and a vision transformer of 11 million weights, in mixed
precision (bfloat16), batches of 128, pictures shifted by up to 4 pixels and mirrored.
Learning rate and weight decay of each optimizer have a window around AdamW's usual
values and around the same converted to Lion. The validation examples are looked at
after each epoch, so that early epochs are in the records.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from keras_lion.tuning import Study, Task
from keras_lion.tuning.study import Comparison, Plan
from keras_lion.tuning.study.grids import window
from keras_lion.tuning.tasks.datasets import cifar
from studies import cifar_models

# AdamW's usual values, and those 4.36 times smaller and 10.4 times larger.
CENTRES = {"adamw": (1e-3, 0.1), "lion": (2.3e-4, 1.05)}
EPOCHS, SEEDS = 50, 3
MODELS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "cifar10_resnet": (cifar.load_cifar10, partial(cifar_models.resnet50, 10)),
    "cifar100_resnet": (cifar.load_cifar100, partial(cifar_models.resnet50, 100)),
    "cifar100_vit": (
        cifar.load_cifar100,
        partial(cifar_models.vision_transformer, 100),
    ),
}
TASKS = {
    name: Task(
        name=name,
        data=data,
        model=model,
        train_examples=45_000,
        validation_examples=5_000,
    )
    for name, (data, model) in MODELS.items()
}


def plans() -> dict[str, Plan]:
    """The presets of a task."""

    def spaces(shape: tuple[int, int]) -> dict[str, Any]:
        return {name: window(name, centre, shape) for name, centre in CENTRES.items()}

    return {
        "smoke": Plan(spaces((1, 1)), epochs=None, steps=2, seeds=1),
        "gpu": Plan(spaces((3, 3)), epochs=EPOCHS, seeds=SEEDS),
    }


STUDY = Study(
    name="cifar",
    question="Is Lion above AdamW on CIFAR, from early epochs on?",
    plans={name: plans() for name in TASKS},
    comparison=Comparison(
        statement="Lion's best accuracy is above AdamW's.",
        measure="best_score",
        value="score",
        sides=("lion", "adamw"),
        margin=0.5,
        unit="points",
        epsilon=dict.fromkeys(TASKS, 0.05),
    ),
    tasks=TASKS,
)
