"""Where most runs diverged, and which way the grid of learning rates has to move."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from keras_lion.robustness.landscape import Landscape
from keras_lion.robustness.wording import counted, listed

Fate = Literal["undertrained", "broke down", "unknown"]
UNKNOWN = (
    "move the {} of learning rates, and check that one run trains at all (the records "
    "do not show whether they are too low or too high)"
)


def divergence_advice(landscape: Landscape, runs: pd.DataFrame | None = None) -> str:
    """Which way to move a grid of which more than half of the runs diverged.

    Where some learning rates train, those below them are too low and those above them
    too high. Where none does, the reasons of the runs decide: see `fate_of_run`.

    Args:
        landscape: Scores on a grid.
        runs: Run records of the optimizer, with their reasons and losses.

    Returns:
        What to do, without a full stop; empty where less than half diverged.
    """
    if landscape.empty or landscape.diverged_share <= 0.5:
        return ""
    if landscape.all_diverged:
        return _of_reasons(runs, "grid") or UNKNOWN.format("grid")
    rates = landscape.learning_rate
    seen = np.asarray((landscape.num_seeds > 0).any(axis=0))
    trained = np.less(landscape.num_diverged, landscape.num_seeds).any(axis=0)
    good = np.flatnonzero(trained)
    first, last = int(good[0]), int(good[-1])
    below, above = bool(seen[:first].any()), bool(seen[last + 1 :].any())
    if below and above:
        only = f"only learning rates from {rates[first]:.3g} to {rates[last]:.3g} train"
        if first == last:
            only = f"only learning_rate = {rates[first]:.3g} trains"
        return (
            f"{only}, in the middle of the grid: take smaller steps of the learning "
            f"rate around {'it' if first == last else 'them'}"
        )
    if below:
        return (
            f"no run trains at a learning rate below {rates[first]:.3g}: move the grid "
            "to higher learning rates"
        )
    if above:
        return (
            f"no run trains at a learning rate above {rates[last]:.3g}: move the grid "
            "to lower learning rates"
        )
    return _of_decays(landscape)


def _of_decays(landscape: Landscape) -> str:
    """The same where every learning rate trains with some weight decay."""
    trained = (landscape.num_diverged < landscape.num_seeds).any(axis=1)
    last = int(np.flatnonzero(trained)[-1])
    if (landscape.num_seeds[last + 1 :] > 0).any():
        decay = f"{landscape.weight_decay[last]:.3g}"
        return (
            f"no run trains at a weight decay above {decay}: move the grid to lower "
            "weight decays"
        )
    return "every learning rate trains with some weight decay only: see the figure"


def fate_of_run(run: pd.Series[Any]) -> Fate:
    """Why a run diverged: it learned too little, or training broke down.

    A run whose loss or weights are not finite broke down, and so did one whose final
    loss is above the initial one. One whose loss fell and whose score is still that of
    chance learned too little.
    """
    known = run.get("reason")
    reason = known if isinstance(known, str) else ""
    if "not finite" in reason:
        return "broke down"
    losses = [run.get(name) for name in ("initial_loss", "final_loss")]
    initial, final = (math.nan if each is None else float(each) for each in losses)
    if math.isnan(initial) or reason in ("", "not trained"):
        return "unknown"
    return "undertrained" if final <= initial else "broke down"


def search_advice(runs: pd.DataFrame) -> str:
    """Which way to move the learning rates of a search whose runs mostly diverged.

    Args:
        runs: Run records of one optimizer, some of them diverged.

    Returns:
        What to do, without a full stop.
    """
    lost = runs.loc[runs["status"] == "diverged", "learning_rate"].to_numpy(float)
    good = runs.loc[runs["status"] == "ok", "learning_rate"].to_numpy(float)
    if not len(good):
        return _of_reasons(runs, "range") or UNKNOWN.format("range")
    low, high = f"{good.min():.3g}", f"{good.max():.3g}"
    if (lost < good.min()).all():
        return (
            f"no trial trains at a learning rate below {low}: move the range to higher "
            "learning rates"
        )
    if (lost > good.max()).all():
        return (
            f"no trial trains at a learning rate above {high}: move the range to lower "
            "learning rates"
        )
    if ((lost < good.min()) | (lost > good.max())).all():
        return f"only learning rates from {low} to {high} train: search these"
    return _of_reasons(runs, "range") or (
        "diverged trials and others lie side by side: see the figure"
    )


def _of_reasons(runs: pd.DataFrame | None, moved: str) -> str:
    """What the reasons of the diverged runs say to do; empty if they do not."""
    if runs is None or "reason" not in runs:
        return ""
    diverged = runs[runs["status"] == "diverged"]
    fates = diverged.apply(fate_of_run, axis=1)
    low = _rates(diverged, fates == "undertrained")
    high = _rates(diverged, fates == "broke down")
    if len(low) and not len(high):
        return (
            f"{_reasons(diverged, fates == 'undertrained')}, and the losses fell: move "
            f"the {moved} to higher learning rates, or train longer"
        )
    if len(high) and not len(low):
        return (
            f"{_reasons(diverged, fates == 'broke down')}: move the {moved} to "
            "lower learning rates"
        )
    if len(low) and len(high) and low.max() < high.min():
        return (
            f"runs learned too little up to learning_rate = {low.max():.3g} and broke "
            f"down from {high.min():.3g} on: choose values in between"
        )
    return ""


def _rates(runs: pd.DataFrame, chosen: pd.Series[bool]) -> NDArray[np.float64]:
    return runs.loc[chosen, "learning_rate"].to_numpy(float)


def _reasons(runs: pd.DataFrame, chosen: pd.Series[bool]) -> str:
    """The reasons of some runs, as `the final accuracy is chance (6 runs)`."""
    kinds = runs.loc[chosen, "reason"].map(_kind).value_counts()
    return listed([f"{kind} ({counted(int(n), 'run')})" for kind, n in kinds.items()])


def _kind(reason: str) -> str:
    if "is chance" in reason:
        return "the final accuracy is chance"
    if "not below the initial" in reason:
        return "the final loss is not below the initial one"
    return reason
