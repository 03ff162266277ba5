"""Captions of figures, made from the numbers that the figures show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from keras_lion.report.material import Material
from keras_lion.report.style import number, optimizer_label
from keras_lion.report.table import interval_text
from keras_lion.report.text import amount, listed
from keras_lion.robustness.batch_size import BatchSizeScaling
from keras_lion.robustness.effective_decay.equivalence import largest_spread
from keras_lion.robustness.grid import cells_to_show, has_lines, with_decay
from keras_lion.robustness.landscape import AxisName, Landscape, common_best
from keras_lion.robustness.regret import mean_regret
from keras_lion.robustness.tolerance import tolerance_fraction, tolerance_width
from keras_lion.robustness.tuning_budget import rule_of_thumb_regret, tuning_curve
from keras_lion.robustness.windows import window_agreement
from keras_lion.statistics import Interval

AXES: tuple[AxisName, ...] = ("learning_rate", "weight_decay")
SHOWN_K = (1, 4, 16)  # or the nearest points of the curve
RULE = (3.0, 10.0)  # the advised factors between AdamW's learning rate and Lion's


def isolation(material: Material) -> str:
    """How far each hyperparameter may be off while the other one is retuned."""
    reference = common_best(material.measured.values())

    def ranges(landscape: Landscape) -> str:
        widths = [
            f"{tolerance_width(landscape, material.epsilon, reference, axis)} of {axis}"
            for axis in AXES
            if (getattr(landscape, axis) > 0).any()
        ]
        return listed(widths)

    return (
        f"Best {material.quantity.name} at each learning rate and at each weight "
        "decay, the other one retuned; bands are 95 % intervals over seeds. "
        f"Within {_epsilon(material)} of the common best: {_each(material, ranges)}."
    )


def regret_profile(material: Material) -> str:
    """Which share of the grid is good enough."""
    reference = common_best(material.measured.values())
    shares = _each(
        material,
        lambda each: _share(tolerance_fraction(each, material.epsilon, reference)),
    )
    means = _each(
        material,
        lambda each: amount(mean_regret(each, reference), material.quantity),
    )
    return (
        "Share of the cells whose distance from the common best is at most what the "
        f"horizontal axis says. Share within ε = {_epsilon(material)}: {shares}. "
        f"Mean distance: {means}."
    )


def best_of_k(material: Material) -> str:
    """What a search at random finds."""
    texts = []
    for name, each in material.measured.items():
        curve = tuning_curve(each)
        points = sorted({int(np.abs(curve.k - k).argmin()) for k in SHOWN_K})
        found = [
            f"{interval_text(curve.best[i], material.quantity)} with k = {curve.k[i]}"
            for i in points
        ]
        texts.append(f"{optimizer_label(name)} {', '.join(found)}")
    return (
        f"Expected {material.quantity.label} of the best of k cells that are drawn at "
        f"random from the grid: {'; '.join(texts)}."
    )


def collapse(material: Material) -> str:
    """Whether cells of one η·λ agree."""
    spreads = _each(material, lambda each: _spread(material, each))
    return (
        f"{_capital(material.quantity.label)} of every cell over η·λ, coloured by η/λ. "
        "If η·λ alone counted, all cells would lie on one curve, whatever their "
        f"colour. Largest difference between two cells of one η·λ: {spreads}."
    )


def divergence(material: Material) -> str:
    """Where training breaks down."""
    texts = []
    for name, each in material.landscapes[material.value].items():
        if each.empty:
            continue
        bad = int(each.num_diverged.sum())
        text = f"{optimizer_label(name)}: {bad} of {int(each.num_seeds.sum())} runs"
        if bad:
            first = each.learning_rate[(each.num_diverged > 0).any(axis=0)].min()
            text += f", from η = {number(float(first))} on"
        texts.append(text)
    return f"Diverged seeds of the seeds of each cell. {'; '.join(texts)}."


def windows(material: Material) -> str:
    """Whether the comparison hangs on the choice of the grid."""
    (first, one), (second, other) = material.measured.items()
    found = window_agreement(one, other, material.epsilon)
    ahead = {1: first, -1: second}.get(found.sign)
    whole = (
        f"{optimizer_label(ahead)} has the wider range of learning rates"
        if ahead
        else "neither has the wider range of learning rates"
    )
    return (
        "The comparison of tolerance widths, taken again in every smaller part of the "
        f"grid and in every grid that is moved by one cell. On the whole grid {whole}; "
        f"{_share(found.share)} of the {found.num_decided} other windows that decide "
        f"agree, of {found.num_windows} in all."
    )


def rule_of_thumb(material: Material) -> str:
    """What moving AdamW's optimum by the advised factor costs Lion."""
    adamw, lion = material.measured["adamw"], material.measured["lion"]
    advised = rule_of_thumb_regret(adamw, lion, RULE)
    costs = [
        f"{amount(regret, material.quantity)} at k = {k:g}"
        if inside
        else f"unknown at k = {k:g}, which leads out of Lion's grid"
        for k, regret, inside in zip(RULE, advised.regret, advised.inside, strict=True)
    ]
    curve = rule_of_thumb_regret(adamw, lion, np.geomspace(1, 30, 60))
    within = curve.factors_within(material.epsilon)
    good = (
        f"within ε = {_epsilon(material)} for k from {min(within):.2g} to "
        f"{max(within):.2g}"
        if within
        else f"never within ε = {_epsilon(material)}"
    )
    return (
        "How far Lion at AdamW's best cell, learning rate divided and weight decay "
        f"multiplied by k, is from Lion's own best: {listed(costs)}; {good}."
    )


def learning_curves(material: Material) -> str:
    """Which cells' curves are shown."""
    texts = []
    for name, each in material.measured.items():
        cells = [
            f"{which} η = {number(float(each.learning_rate[j]))}, "
            f"λ = {number(float(each.weight_decay[i]))}"
            for which, (i, j) in cells_to_show(each).items()
        ]
        texts.append(f"{optimizer_label(name)}: {'; '.join(cells)}")
    return (
        "Validation loss while training, of the best cell, the one in the middle of "
        "the grid and the worst: seeds thin, their mean thick; a cross is the last "
        f"finite value of a diverged run. {'. '.join(texts)}."
    )


def iso_product(material: Material) -> str:
    """How the score changes along and across lines of one η·λ."""
    return (
        f"{_capital(material.quantity.label)} over the learning rate, one line for "
        "each η·λ (above), and over η·λ (below). If η·λ alone counts, the lines above "
        "are level. Open triangles and crosses are runs that did not reach the target "
        "or diverged: bounds, not numbers."
    )


def batch_size(scalings: Mapping[str, BatchSizeScaling]) -> str:
    """How the best hyperparameters move with the batch size B."""
    texts = [
        f"{optimizer_label(name)} η* ∝ B^{_exponent(each.learning_rate_exponent)}, "
        f"(η·λ)* ∝ B^{_exponent(each.product_exponent)}"
        for name, each in scalings.items()
    ]
    return (
        "Best score, best learning rate and best η·λ at each batch size B. "
        f"{'; '.join(texts)}. Open markers are at the edge of a grid: the optimum may "
        "lie beyond, and they take no part in the exponents."
    )


def _each(material: Material, measure: Callable[[Landscape], str]) -> str:
    """A number of every optimizer: `Lion 0.2 nats; AdamW 0.1 nats`."""
    return "; ".join(
        f"{optimizer_label(name)} {measure(each)}"
        for name, each in material.measured.items()
    )


def _spread(material: Material, landscape: Landscape) -> str:
    if not (landscape.weight_decay > 0).any() or not has_lines(with_decay(landscape)):
        return "unknown, as its axes have unlike ratios"
    return amount(largest_spread(landscape), material.quantity)


def _epsilon(material: Material) -> str:
    return amount(material.epsilon, material.quantity)


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _exponent(interval: Interval) -> str:
    return "unknown" if math.isnan(interval.estimate) else format(interval, ".2f")
