"""Error rates of the analysis on controls: cases whose answers are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from math import comb, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.calibration.planted import (
    Noise,
    Surface,
    noisy,
    plant,
    resampled,
)
from keras_lion.robustness.effective_decay.law import product_verdict
from keras_lion.robustness.landscape import Landscape, paired
from keras_lion.robustness.verdict import DETECTED_GAP, Verdict
from keras_lion.robustness.width_verdict import tolerance_verdict
from keras_lion.statistics import Interval, wilson_interval

MOST_ERRORS = 0.05
LEAST_DETECTION = 0.9

# The optimum of planted landscapes: not on a point of the grid, as real ones are not.
OFFSET = (0.1, -0.07)
SHIFT = (0.5, -0.3)
WIDTH = 1.0  # decades, of the narrower one of two

Pair = tuple[Landscape, Landscape]
Draw = Callable[[], tuple[Landscape, ...]]
NAMED = "one is better"


@dataclass(frozen=True)
class ErrorRate:
    """How often the analysis said something on one control.

    Attributes:
        control: What the analysis was given.
        event: What is counted.
        rate: Share of the draws with the event, with Wilson's interval.
        limit: What the share should be at most, or at least.
        at_most: Which of the two.
    """

    control: str
    event: str
    rate: Interval
    limit: float
    at_most: bool

    @property
    def passed(self) -> bool:
        """Whether the share is within its limit, up to the error of so many draws."""
        if self.at_most:
            return self.rate.low <= self.limit
        return self.rate.high >= self.limit


def planted_gap(gap: float = DETECTED_GAP) -> str:
    """Name of the control in which one landscape is wider by so many decades."""
    return f"planted gap of {gap:g} decade{'' if gap == 1 else 's'}"


def calibrate(
    generator: np.random.Generator | int,
    *,
    draws: int = 200,
    size: tuple[int, int] = (7, 7),
    ratio: float = sqrt(10),
    seeds: int = 6,
    noise: Noise | None = None,
    gap: float = DETECTED_GAP,
    epsilon: float = 1.0,
    landscapes: Mapping[str, Landscape] | None = None,
    positive: Mapping[str, Pair] | None = None,
) -> tuple[ErrorRate, ...]:
    """Run the whole analysis on controls, and count its verdicts.

    Every draw goes through `tolerance_verdict` or `product_verdict`, as a study does:

    - A/A: one planted landscape against itself, with a planted difference of position
      only (shifted), and without any structure (flat). Every verdict that names a
      better one is false.
    - A planted gap: one landscape is wider by `gap` decades. It should be found, and
      found not to support the reversed claim.
    - Product law: planted product, additive, ratio and flat landscapes.
    - A/A on real runs: made-up seeds around each real landscape against others
      (`resampled`), and disjoint halves of its seeds, where there are four or more.
    - Positive controls: pairs of real landscapes that are known to differ, with
      made-up seeds.

    The error rates hold for surfaces and noise like these.

    Args:
        generator: Source of all draws, or its seed.
        draws: Studies that are simulated for each control; half as many for the product
            law, which takes longer.
        size: Numbers of positive weight decays and learning rates of planted grids; a
            row without decay is added.
        ratio: Of neighboring values of planted grids.
        seeds: Number of seeds of each study.
        noise: Of planted landscapes, in units of ε. None: `Noise()`.
        gap: The planted gap, in decades.
        epsilon: ε of the real landscapes, in the unit of their scores.
        landscapes: Name → real landscape of two or more seeds, for A/A.
        positive: Name → two real landscapes with the same seeds.

    Returns:
        One rate for each control and event.
    """
    generator = np.random.default_rng(generator)
    if draws < 1:
        raise ValueError(f"`draws` must be 1 or more. Received: {draws}.")

    def bowl(width: float, offset: tuple[float, float] = OFFSET) -> Landscape:
        return plant("bowl", size=size, ratio=ratio, width=width, offset=offset)

    def around(first: Landscape, second: Landscape) -> Draw:
        return partial(noisy, (first, second), seeds, generator, noise=noise)

    def said(draw: Draw, tolerated: float = 1.0) -> list[Verdict]:
        pairs = (draw() for _ in range(draws))
        return [
            tolerance_verdict(first, second, tolerated, generator=generator)
            for first, second in pairs
        ]

    flat = plant("flat", size=size, ratio=ratio)
    wide, narrow = bowl(WIDTH + gap), bowl(WIDTH)
    rows: list[ErrorRate] = []
    for control, draw in (
        ("A/A, planted", around(narrow, narrow)),
        ("A/A, planted, wide", around(wide, wide)),
        ("A/A, planted, shifted", around(bowl(WIDTH, SHIFT), narrow)),
        ("A/A, planted, flat", around(flat, flat)),
    ):
        rows.append(_rate(control, NAMED, said(draw)))
    gap_name = planted_gap(gap)
    found = said(around(wide, narrow))
    rows.append(_rate(gap_name, "supported", found, at_most=False))
    rows.append(_rate(gap_name, "not supported", found))
    found = said(around(narrow, wide))
    rows.append(_rate(f"{gap_name}, reversed", "not supported", found, at_most=False))
    rows.append(_rate(f"{gap_name}, reversed", "supported", found))
    rows += _product_rates(generator, (draws + 1) // 2, size, ratio, seeds, noise)
    for name, landscape in (landscapes or {}).items():
        real, _ = paired(landscape, landscape)
        found = said(partial(_two_of_one, real, seeds, generator), epsilon)
        rows.append(_rate(f"A/A, resampled seeds of {name}", NAMED, found))
        if real.scores.shape[2] >= 4:
            found = [
                tolerance_verdict(
                    real.select(seeds=one),
                    real.select(seeds=other),
                    epsilon,
                    generator=generator,
                )
                for one, other in _halves(real.scores.shape[2], draws, generator)
            ]
            control = f"A/A, disjoint halves of the seeds of {name}"
            rows.append(_rate(control, NAMED, found))
    for name, pair in (positive or {}).items():
        real_pair = paired(*pair)
        found = said(partial(resampled, real_pair, seeds, generator), epsilon)
        control = f"{name}, resampled seeds"
        rows.append(_rate(control, NAMED, found, at_most=False))
    return tuple(rows)


def power_table(
    generator: np.random.Generator,
    *,
    draws: int = 100,
    sizes: Sequence[tuple[int, int]] = ((3, 3), (5, 5), (7, 7)),
    seeds: Sequence[int] = (2, 3, 6, 10, 20),
    gaps: Sequence[float] = (0.5, 0.75, 1.0),
    noises: Sequence[Noise] = (Noise(),),
    decades: float | None = None,
) -> pd.DataFrame:
    """Share of studies that support a true claim, by grid, seeds, gap and noise.

    Returns:
        One row for each combination, with columns weight_decays, learning_rates,
        decades, seeds, gap, cell_noise, power, low and high (Wilson's interval).
    """
    rows = []
    for size, gap, noise, n in product(sizes, gaps, noises, seeds):
        extent = (size[1] - 1) / 2 if decades is None else decades
        ratio = 10 ** (extent / (size[1] - 1))
        wide, narrow = (
            plant("bowl", size=size, ratio=ratio, width=width, offset=OFFSET)
            for width in (WIDTH + gap, WIDTH)
        )
        hits = 0
        for _ in range(draws):
            first, second = noisy((wide, narrow), n, generator, noise=noise)
            found = tolerance_verdict(first, second, 1.0, generator=generator)
            hits += found.outcome == "supported"
        power = wilson_interval(hits, draws)
        rows.append(
            {
                "weight_decays": size[0],
                "learning_rates": size[1],
                "decades": extent,
                "seeds": n,
                "gap": gap,
                "cell_noise": noise.cell,
                "power": power.estimate,
                "low": power.low,
                "high": power.high,
            }
        )
    return pd.DataFrame(rows)


def calibration_frame(rates: Sequence[ErrorRate]) -> pd.DataFrame:
    """Error rates as a table: control, event, rate, low, high, n, limit, passed."""
    return pd.DataFrame(
        [
            {
                "control": each.control,
                "event": each.event,
                "rate": each.rate.estimate,
                "low": each.rate.low,
                "high": each.rate.high,
                "n": each.rate.n,
                "limit": f"{'at most' if each.at_most else 'at least'} {each.limit:g}",
                "passed": each.passed,
            }
            for each in rates
        ]
    )


def calibration_text(rates: Sequence[ErrorRate]) -> str:
    """Error rates as plain lines, for a terminal."""
    rows = [
        (
            each.control,
            f'says "{each.event}"',
            f"{each.rate:.3f}",
            f"{'at most' if each.at_most else 'at least'} {each.limit:g}",
            "ok" if each.passed else "NOT KEPT",
        )
        for each in rates
    ]
    lengths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(length) for text, length in zip(row, lengths, strict=True))
        for row in rows
    )


def _product_rates(
    generator: np.random.Generator,
    draws: int,
    size: tuple[int, int],
    ratio: float,
    seeds: int,
    noise: Noise | None,
) -> Iterator[ErrorRate]:
    surfaces: tuple[Surface, ...] = ("product", "additive", "ratio", "flat")
    for surface in surfaces:
        truth = plant(surface, size=size, ratio=ratio, offset=OFFSET)
        found = []
        for _ in range(draws):
            (drawn,) = noisy((truth,), seeds, generator, noise=noise)
            found.append(product_verdict(drawn, 1.0))
        control = f"product law, planted {surface}"
        yield _rate(control, "supported", found, at_most=surface != "product")
        if surface == "product":
            yield _rate(control, "not supported", found)


def _two_of_one(
    landscape: Landscape, seeds: int, generator: np.random.Generator
) -> tuple[Landscape, Landscape]:
    """Two studies of one truth, with seeds of their own."""
    (one,) = resampled((landscape,), seeds, generator)
    (other,) = resampled((landscape,), seeds, generator)
    return one, other


def _halves(
    known: int, draws: int, generator: np.random.Generator
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Disjoint halves of the seeds: all of them, or a random choice of `draws`."""
    half = known // 2
    if comb(known, half) <= draws:
        firsts = [np.array(each) for each in combinations(range(known), half)]
        rests = [np.setdiff1d(np.arange(known), each) for each in firsts]
        return [
            (one, generator.permutation(rest)[:half])
            for one, rest in zip(firsts, rests, strict=True)
        ]
    orders = [generator.permutation(known) for _ in range(draws)]
    return [(order[:half], order[half : 2 * half]) for order in orders]


def _rate(
    control: str, event: str, verdicts: Sequence[Verdict], *, at_most: bool = True
) -> ErrorRate:
    """How often the outcome is `event`, or one of the two is named the better one."""
    counted = sum(
        each.direction != 0 and each.outcome in ("supported", "not supported")
        if event == NAMED
        else each.outcome == event
        for each in verdicts
    )
    limit = MOST_ERRORS if at_most else LEAST_DETECTION
    rate = wilson_interval(counted, len(verdicts))
    return ErrorRate(control, event, rate, limit, at_most)
