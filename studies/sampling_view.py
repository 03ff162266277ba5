"""What does a step against the sign mean as an average over random steps?

Question   Su (2020) reads a step as the mean of random steps d, more likely the more
           they lower the loss: with density ∝ exp(−g d / α) at temperature α, for a
           gradient g. Which steps follow from which set of steps?
Command    python studies/sampling_view.py
Duration   seconds
Result     studies/results/sampling_view/figures/sampling_view.png, docs/optimizers.md

A normal prior of variance r² gives −(r² / α) g, gradient descent. A uniform prior on a
box |d| ≤ r gives

    −(r coth(r g / α) − α / g)

and two points ±r give −r tanh(r g / α). As α → 0 both become −r sign(g): a step against
the sign is the limit of a bounded step without noise. tests/studies/
test_related_studies.py compares them with numerical integration.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from keras_lion.report.elements.panels import tidy
from studies import claims

OUTPUT = claims.RESULTS / "sampling_view" / "figures" / "sampling_view.png"
TEMPERATURES = (1.0, 0.3, 0.1, 0.03)
SMALL = 1e-4  # below it coth(x) − 1 / x is x / 3 in float64

Array = NDArray[np.float64]


def box_step(gradient: ArrayLike, radius: float, temperature: float) -> Array:
    """The mean step of a uniform prior on [−radius, radius]."""
    x = radius * np.asarray(gradient, float) / temperature
    safe = np.where(np.abs(x) < SMALL, 1.0, x)
    langevin = np.where(np.abs(x) < SMALL, x / 3, 1 / np.tanh(safe) - 1 / safe)
    return -radius * langevin


def two_point_step(gradient: ArrayLike, radius: float, temperature: float) -> Array:
    """The mean step of a prior on −radius and radius alone."""
    return -radius * np.tanh(radius * np.asarray(gradient, float) / temperature)


def sampling_figure() -> Figure:
    """Mean step over the gradient, at falling temperatures, for both priors."""
    figure = Figure((6.6, 2.9), layout="constrained")
    gradients = np.linspace(-2, 2, 801)
    panels = figure.subplots(1, 2, sharey=True)
    for ax, step, title in zip(
        panels,
        (box_step, two_point_step),
        ("uniform on |d| ≤ r", "two points ±r"),
        strict=True,
    ):
        for k, temperature in enumerate(TEMPERATURES):
            shade = 0.75 - 0.25 * k
            ax.plot(
                gradients,
                step(gradients, 1.0, temperature),
                color=str(max(shade, 0.0)),
                label=f"α = {temperature:g} r",
            )
        ax.plot(
            gradients, -np.sign(gradients), color="#D55E00", ls=":", label="−r sign(g)"
        )
        tidy(ax, "gradient g", "" if title[0] == "t" else "mean step / r", title)
    panels[1].legend(frameon=False, fontsize=7)
    return figure


def main(output: Path = OUTPUT) -> None:
    """Draw."""
    output.parent.mkdir(parents=True, exist_ok=True)
    sampling_figure().savefig(output, dpi=150)
    print(output)


if __name__ == "__main__":
    main()
