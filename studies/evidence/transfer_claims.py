"""Claims on AdamW's recipe, moved: by the rule of thumb, and as theory converts it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from keras_lion.robustness.frames.transfer import transfer_curve
from keras_lion.robustness.measures import ADVISED
from keras_lion.statistics import t_interval
from studies.evidence.basis import basis_of, is_primary
from studies.evidence.measured import each_task, judged, written
from studies.evidence.row import Row
from studies.evidence.runs import coverage, declared
from studies.transfer_from_adamw import SAME_NORMS

STUDY = "transfer_from_adamw"
SMALLER, LARGER = SAME_NORMS


def rule_of_thumb() -> list[Row]:
    """At AdamW's lr / k, λ × k, some k of 3 to 10 is as good as AdamW's recipe."""

    def measure(task: str, runs: pd.DataFrame) -> Row:
        losses, factors = advised(runs)
        best, chosen = best_on_other_seeds(losses)
        gain = t_interval(recipe(runs).loc[losses.index] - best)
        epsilon = declared(STUDY).comparison.epsilon[task]
        outcome, reasons = judged(gain.shifted(epsilon), 0.0)
        listed = " or ".join(f"{factors[each]:.2g}" for each in sorted(set(chosen)))
        return Row(
            where=task,
            text=f"validation loss, adamw − lion at k = {listed}, the best of 3 to 10 "
            f"on the other seeds: {written(gain, 'nats', 3)}; ε = {epsilon:g} nats",
            shows=outcome,
            interval=gain,
            unit="nats",
            coverage=coverage("cell mean", gain.n),
            windows=None,
            basis=basis_of(
                STUDY,
                runs,
                ("adamw", "lion"),
                value="final_loss",
                tuned=False,
                primary=is_primary(STUDY, task),
            ),
            notes=reasons,
        )

    return each_task(STUDY, measure, *declared(STUDY).plans)


def matched_conversion() -> list[Row]:
    """Equal updates and weight norms are as good a recipe as the best k of 3 to 10."""

    def measure(task: str, runs: pd.DataFrame) -> Row:
        losses, _ = advised(runs)
        best, _ = best_on_other_seeds(losses)
        own = matched(runs).loc[losses.index]
        gain = t_interval(best - own)
        to_adamw = t_interval(recipe(runs).loc[losses.index] - own)
        epsilon = declared(STUDY).comparison.epsilon[task]
        outcome, reasons = judged(gain.shifted(epsilon), 0.0)
        return Row(
            where=task,
            text=f"validation loss, lion at the best k − lion at lr / {SMALLER:g}, λ × "
            f"{LARGER:g}: {written(gain, 'nats', 3)}; adamw − the latter: "
            f"{written(to_adamw, 'nats', 3)}; ε = {epsilon:g} nats",
            shows=outcome,
            interval=gain,
            unit="nats",
            coverage=coverage("cell mean", gain.n),
            windows=None,
            basis=basis_of(
                STUDY, runs, ("adamw", "lion"), value="final_loss", tuned=False
            ),
            notes=reasons,
        )

    return each_task(STUDY, measure, *declared(STUDY).plans)


def advised(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[float]]:
    """Losses of Lion at each advised factor, seeds × factors, and the factors."""
    curve = transfer_curve(runs, "lion", "adamw")
    line = curve[curve["on_line"] & curve["factor"].between(*ADVISED)]
    lion = runs[runs["optimizer"] == "lion"]
    losses = [
        lion[
            np.isclose(lion["learning_rate"], cell["learning_rate"])
            & np.isclose(lion["weight_decay"], cell["weight_decay"])
        ].set_index("seed")["final_loss"]
        for _, cell in line.iterrows()
    ]
    return pd.concat(losses, axis=1, keys=range(len(losses))), line["factor"].tolist()


def best_on_other_seeds(losses: pd.DataFrame) -> tuple[pd.Series[float], list[int]]:
    """Loss on each seed of the column that is best on the other seeds, and which."""
    chosen = [int(losses.drop(index=seed).mean().idxmin()) for seed in losses.index]
    found = [
        losses.loc[seed, at] for seed, at in zip(losses.index, chosen, strict=True)
    ]
    return pd.Series(found, index=losses.index, dtype=float), chosen


def matched(runs: pd.DataFrame) -> pd.Series[float]:
    """Losses of Lion at equal updates and weight norms, by seed."""
    curve = transfer_curve(runs, "lion", "adamw")
    (rate,) = curve.loc[~curve["on_line"], "learning_rate"]
    lion = runs[runs["optimizer"] == "lion"]
    return lion[np.isclose(lion["learning_rate"], rate, rtol=1e-4)].set_index("seed")[
        "final_loss"
    ]


def recipe(runs: pd.DataFrame) -> pd.Series[float]:
    """Losses of AdamW at its recipe, by seed."""
    return runs[runs["optimizer"] == "adamw"].set_index("seed")["final_loss"]
