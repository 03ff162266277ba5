"""What do the measures say of figure 8 of the Lion paper?

Question   Chen et al. (2023) show AdamW and Lion on 3 × 3 cells of learning rate and
           weight decay (ViT-B/16, ImageNet), and over batch sizes, and call Lion more
           robust. What do the measures make of the same numbers?
Command    python studies/paper_figure_8.py
Duration   a second
Result     Against the common best Lion's mean regret is smaller and its range of
           learning rates wider (2026-11-21), and both stay open: both optima lie on the
           edge of their grids, the windows are 0.6 decades wide, and seeds are unknown.
"""

from __future__ import annotations

import pandas as pd

from keras_lion.robustness.cautions.missed_optimum import misspecification, worst_regret
from keras_lion.robustness.grid import boundary_optimum
from keras_lion.robustness.landscape import Landscape, common_best
from keras_lion.robustness.paper import paper_figure_8, paper_landscape
from keras_lion.robustness.regret import (
    mean_regret,
    regret_profile_area,
)
from keras_lion.robustness.sensitivity import (
    learning_rate_sensitivity,
    variance_shares,
    weight_decay_sensitivity,
)
from keras_lion.robustness.tolerance import (
    tolerance_area,
    tolerance_fraction,
    tolerance_width,
)
from keras_lion.robustness.tuning_budget import expected_best_of, rule_of_thumb_regret
from studies.arguments import no_options

EPSILON = 1.0  # points of top-1 accuracy
FACTORS = (1, 2, 3, 3.5, 4, 5, 6, 8, 10)


def measures(landscape: Landscape, reference: float) -> dict[str, str]:
    """Name of a measure → what it says of a landscape, ready to print."""
    best = landscape.best
    shares = variance_shares(landscape)
    rate = tolerance_width(landscape, EPSILON, reference)
    decay = tolerance_width(landscape, EPSILON, reference, axis="weight_decay")
    profile = regret_profile_area(landscape, 2, reference)
    return {
        "best": f"{best.value:.2f} at ({best.learning_rate:g}, {best.weight_decay:g})",
        "best cell on edge": ", ".join(
            f"{at.side} {at.axis} ({at.limit})" for at in boundary_optimum(landscape)
        ),
        "width of learning rate": str(rate),
        "width of weight decay": str(decay),
        "area": str(tolerance_area(landscape, EPSILON, reference)),
        "fraction": f"{tolerance_fraction(landscape, EPSILON, reference):.3f}",
        "fraction (own best)": f"{tolerance_fraction(landscape, EPSILON):.3f}",
        "mean regret": f"{mean_regret(landscape, reference):.3f}",
        "mean regret (own best)": f"{mean_regret(landscape):.3f}",
        "regret profile area to 2": f"{profile:.3f}",
        "worst within factor 2": str(worst_regret(landscape)),
        "missed by 0.15 decades": str(misspecification(landscape, 0.15)),
        "lr sensitivity": f"{learning_rate_sensitivity(landscape):.3f}",
        "λ sensitivity": f"{weight_decay_sensitivity(landscape):.3f}",
        "share of lr": f"{shares.learning_rate:.3f}",
        "share of λ": f"{shares.weight_decay:.3f}",
        "share of interaction": f"{shares.interaction:.3f}",
    } | {
        f"best of {k}": f"{expected_best_of(landscape, k):.2f}" for k in (1, 2, 3, 5, 9)
    }


def table() -> pd.DataFrame:
    """What the measures say: one row a measure, one column an optimizer."""
    maps = {name: paper_landscape(name) for name in ("adamw", "lion")}
    reference = common_best(maps.values())
    return pd.DataFrame({name: measures(maps[name], reference) for name in maps})


def rule_of_thumb() -> pd.DataFrame:
    """Regret of Lion at AdamW's optimum with lr / k and λ · k, in points."""
    rule = rule_of_thumb_regret(
        paper_landscape("adamw"), paper_landscape("lion"), FACTORS
    )
    said = [
        f"{regret:.2f}" if inside else "outside the window"
        for regret, inside in zip(rule.regret, rule.inside, strict=True)
    ]
    return pd.DataFrame({"regret": said}, index=pd.Index(FACTORS, name="k"))


def batch_sizes() -> pd.DataFrame:
    """Accuracy by batch size, and how much better Lion is."""
    figure = paper_figure_8()
    curve = figure[figure["panel"] == "batch_size"].pivot(
        index="batch_size", columns="optimizer", values="top_1"
    )
    return curve.assign(difference=(curve["lion"] - curve["adamw"]).round(2))


def main() -> None:
    """Print all of it."""
    print(f"Top-1 accuracy in percent; ε = {EPSILON:g} point of the common best.\n")
    print(table().to_string())
    print("\nLion at AdamW's optimum, lr / k and λ · k:\n")
    print(rule_of_thumb().to_string())
    print("\nBatch size, 300 epochs each:\n")
    print(batch_sizes().to_string())


if __name__ == "__main__":
    no_options(__doc__)
    main()
