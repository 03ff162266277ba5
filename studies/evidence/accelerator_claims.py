"""Claims that need a GPU or TPU, with the one command that tests each of them."""

from __future__ import annotations

from studies.cifar import TASKS
from studies.evidence.row import Row, unmeasured

PARTS = {
    "step time": "steps",
    "memory of a training step": "memory",
    "runs per minute of populations": "populations",
    "programs per second of the search": "discovery",
}


def cifar() -> list[Row]:
    """The sources' own comparison on small pictures."""
    return [
        unmeasured(
            task,
            "needs a GPU and, once, a network: "
            f"`keras-lion run studies/cifar.py --task {task} --preset gpu`",
            "out of reach",
        )
        for task in TASKS
    ]


def accelerator() -> list[Row]:
    """What one command measures on a device that was not at hand."""
    return [
        unmeasured(
            what,
            "not measured on an accelerator yet: "
            f"`python studies/performance/accelerator.py --part {part}`",
            "out of reach",
        )
        for what, part in PARTS.items()
    ]
