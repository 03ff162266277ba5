"""What a part consists of: named measurements, their sizes and what is skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class SkippedError(Exception):
    """A measurement that is not possible here; the message says why."""


@dataclass(frozen=True)
class Measurement:
    """One row of a part's table.

    Attributes:
        key: Its name in the journal, with all sizes that the result depends on.
        run: Measures, and returns what belongs into the row.
        alone: Whether it needs a process of its own, as a peak of memory does.
        light: Whether it leaves nothing on the device that the next one must not find.
        keeps: Whether it keeps what it has done so far by itself, so that it is
            continued, and not begun anew, after its time ran out.
    """

    key: str
    run: Callable[[], dict[str, Any]]
    alone: bool = False
    light: bool = False
    keeps: bool = False


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        rows: Rows of 500 of each of the 20 big tensors of an update.
        turns: Turns of each optimizer, 20 or more for an interval.
        seconds: Of a turn, about.
        train: Training examples of a population's tasks.
        validation: Their validation examples.
        populations: Runs that train together.
        width: Of the language model whose memory is measured.
        blocks: Its number of blocks.
        batches: Its batch sizes.
        kinds: Kinds of models whose populations are measured.
        programs: Programs that the device interpreter evaluates at once.
        preset: Of the studies.
        small: Whether these are the small sizes.
    """

    rows: int = 10_000
    turns: int = 21
    seconds: float = 0.1
    train: int = 16_384
    validation: int = 10_000
    populations: tuple[int, ...] = (1, 4, 16, 64, 256)
    width: int = 1024
    blocks: int = 12
    batches: tuple[int, ...] = (1, 8, 32)
    kinds: tuple[str, ...] = ("mlp", "cnn", "vit", "language_model")
    programs: tuple[int, ...] = (1, 64, 256, 1024, 4096)
    preset: str = "gpu"
    small: bool = False


FULL = Sizes()
# For a CPU: seconds for each measurement, and numbers that mean nothing.
SMALL = Sizes(
    rows=10,
    turns=20,
    seconds=0.0,
    train=64,
    validation=64,
    populations=(2,),
    width=16,
    blocks=1,
    batches=(1,),
    kinds=("mlp",),
    programs=(1, 4),
    preset="smoke",
    small=True,
)


def largest_that_fits(fits: Callable[[int], bool], first: int, most: int) -> int:
    """The largest of `first`, twice that, and so on, up to `most`, that fits; or 0.

    Args:
        fits: Tries a size; False where it does not fit into memory.
        first: The size to begin with.
        most: Where to stop.
    """
    size, found = first, 0
    while size <= most and fits(size):
        found, size = size, 2 * size
    return found
