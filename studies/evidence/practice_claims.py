"""Claims on what practitioners ask: spikes, warm-up, a switch, fine-tuning."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache

import pandas as pd

from keras_lion.statistics import Interval
from studies import fine_tuning, short_warm_up, spikes
from studies.claims import Entry
from studies.evidence.basis import trivial
from studies.evidence.measured import Claim, judged, written
from studies.evidence.row import Baseline, Basis, Row
from studies.evidence.runs import RESULTS, coverage

UNSTABLE = 10.0  # points: what the study predicted to be "nothing"
WARM_UP = 0.05  # nats, as the studies predicted
SWITCH = 0.05
TAKEN_OVER = 0.02
FINE_TUNING = 0.1
ACCURACY = 0.5  # points, as the main study


@cache
def found(study: str) -> Mapping[str, Entry]:
    """The numbers of a small study."""
    file = RESULTS / study / f"{study}.json"
    claims: dict[str, Entry] = json.loads(file.read_text(encoding="utf-8"))["claims"]
    return claims


def interval(study: str, name: str, factor: float = 1.0) -> Interval:
    """A number of a small study, times a factor."""
    kept = found(study)[name]
    low, high = sorted(factor * kept[key] for key in ("low", "high"))
    return Interval(factor * kept["value"], low, high, kept["n"])


def row(
    where: str,
    text: str,
    number: Interval,
    unit: str,
    margin: float,
    basis: Basis,
    *,
    tolerance: float = 0.0,
) -> Row:
    """A row on a number that is claimed to be above 0, or above −tolerance."""
    outcome, reasons = judged(number.shifted(tolerance), margin)
    matters = tolerance or margin
    return Row(
        where=where,
        text=f"{text}: {written(number, unit)}; smallest that matters: "
        f"{matters:g} {unit}",
        shows=outcome,
        interval=number,
        unit=unit,
        coverage=coverage("cell mean", number.n),
        windows=None,
        basis=basis,
        notes=reasons,
    )


def _basis(
    accuracies: Mapping[str, float], *, primary: bool, edges: tuple[str, ...] = ()
) -> Basis:
    """What rows of runs on MNIST-1D rest on.

    Args:
        accuracies: Optimizer → its mean accuracy.
        primary: Whether it is the primary outcome of the study.
        edges: One sentence for each optimum on an edge.
    """
    worst = min(accuracies, key=lambda each: accuracies[each])
    known = trivial("mnist1d")
    assert known is not None
    model, value, unit = known
    baseline = Baseline(model, value, 100 * accuracies[worst], worst, unit)
    return Basis(edges=edges, baseline=baseline, primary=primary)


def decay_prevents_spikes() -> list[Row]:
    """Without weight decay more of Lion's runs spike or diverge."""
    rows = []
    for task in spikes.BEST:
        usual, without = (
            100 * found("spikes")[f"{task}.lion.{arm}.unstable"]["value"]
            for arm in ("usual", "decay_0")
        )
        change = interval("spikes", f"{task}.lion.decay_0.unstable_change", 100)
        adamw = interval("spikes", f"{task}.adamw.decay_0.unstable_change", 100)
        text = (
            f"unstable runs of Lion: {usual:.0f} % in the usual setting, "
            f"{without:.0f} % with λ = 0; adamw's difference: "
            f"{written(adamw, 'points', 0)}; Lion's"
        )
        basis = Basis(edges=None, baseline=None, primary=task == "mnist1d_mlp")
        rows.append(row(task, text, change, "points", UNSTABLE, basis))
    return rows


def clipping_prevents_spikes() -> list[Row]:
    """With clipped gradients fewer of Lion's runs spike or diverge."""
    rows = []
    for task in spikes.BEST:
        for arm in ("clip_1", "clip_0.1"):
            saved = interval("spikes", f"{task}.lion.{arm}.unstable_change", -100)
            norm = arm.removeprefix("clip_")
            text = f"unstable runs of Lion, unclipped − clipped at norm {norm}"
            basis = Basis(edges=None, baseline=None, primary=False)
            where = f"{task}, norm {norm}"
            rows.append(row(where, text, saved, "points", UNSTABLE, basis))
    return rows


def short_runs_need_warm_up() -> list[Row]:
    """Without warm-up Lion's loss is higher after a few hundred steps."""
    rows = []
    runs = pd.read_csv(RESULTS / "short_warm_up" / "runs.csv")
    for place, words in (("above", "3.2 × best lr"), ("best", "best lr")):
        for steps in short_warm_up.LENGTHS:
            cost, adamw = (
                interval("short_warm_up", f"{name}.{steps}.{place}.0.change")
                for name in ("lion", "adamw")
            )
            text = (
                "validation loss, no warm-up − 10 %: adamw "
                f"{written(adamw, 'nats')}; Lion"
            )
            chosen = runs[(runs["optimizer"] == "lion") & (runs["steps"] == steps)]
            basis = _basis(
                {"Lion": float(chosen["accuracy"].mean())}, primary=place == "above"
            )
            where = f"{steps} steps, {words}"
            rows.append(row(where, text, cost, "nats", WARM_UP, basis))
    return rows


def switching_is_free() -> list[Row]:
    """A switch to Lion after a part of the steps ends as well as AdamW does."""
    rows = []
    for place in (50, 25, 75):
        arm = f"matched_fresh.{place}"
        loss = interval("switching", f"{arm}.loss_change", -1)
        accuracy = interval("switching", f"{arm}.accuracy_change", 100)
        reached = found("switching")["adamw.accuracy"]["value"]
        basis = _basis(
            {"Lion after AdamW": reached + accuracy.estimate / 100},
            primary=place == 50,
        )
        where = f"after {place} % of the steps"
        text = "final validation loss, AdamW to the end − switch"
        rows.append(
            row(f"{where}, loss", text, loss, "nats", 0.0, basis, tolerance=SWITCH)
        )
        text = "accuracy, switch − AdamW to the end"
        other = Basis(edges=(), baseline=basis.baseline, primary=False)
        rows.append(
            row(
                f"{where}, accuracy",
                text,
                accuracy,
                "points",
                0.0,
                other,
                tolerance=ACCURACY,
            )
        )
    return rows


def taking_over_helps() -> list[Row]:
    """AdamW's first moment as Lion's momentum is better than none."""
    reached = found("switching")["adamw.accuracy"]["value"]
    rows = []
    for place in (50, 25, 75):
        arm = f"matched_taken_over.{place}"
        gain = interval("switching", f"{arm}.loss_against_fresh", -1)
        bump = interval("switching", f"{arm}.bump_against_fresh")
        lost = found("switching")[f"{arm}.accuracy_change"]["value"]
        basis = _basis({"Lion after AdamW": reached + lost}, primary=False)
        text = (
            "training loss of the next 50 steps, taken over − fresh momentum: "
            f"{written(bump, 'nats')}; final validation loss, fresh − taken over"
        )
        where = f"after {place} % of the steps"
        rows.append(row(where, text, gain, "nats", TAKEN_OVER, basis))
    return rows


def fine_tunes_as_well() -> list[Row]:
    """On AdamW's weights Lion ends as well as AdamW, each at its best setting."""
    kept = found("fine_tuning")
    accuracies = {
        label: kept[f"{arm}.accuracy"]["value"]
        for arm, label in (("lion_fresh", "Lion"), ("adamw_fresh", "AdamW"))
    }
    basis = _basis(accuracies, primary=True, edges=_edges())
    other = Basis(edges=basis.edges, baseline=basis.baseline, primary=False)
    loss = interval("fine_tuning", "lion_fresh.loss_against.adamw_fresh", -1)
    accuracy = interval("fine_tuning", "lion_fresh.accuracy_against.adamw_fresh", 100)
    return [
        row(
            "loss",
            "validation loss, AdamW − Lion",
            loss,
            "nats",
            0.0,
            basis,
            tolerance=FINE_TUNING,
        ),
        row(
            "accuracy",
            "accuracy, Lion − AdamW",
            accuracy,
            "points",
            0.0,
            other,
            tolerance=ACCURACY,
        ),
    ]


def _edges() -> tuple[str, ...]:
    """The optima of fine-tuning that lie at an end of what was tried."""
    sentences = []
    for arm in ("lion_fresh", "adamw_fresh"):
        optimizer, _ = fine_tuning.ARMS[arm]
        decays = [fine_tuning.DECAYS[optimizer] * share for share in fine_tuning.SHARES]
        for axis, tried in (
            ("learning_rate", fine_tuning.RATES[optimizer]),
            ("weight_decay", decays),
        ):
            best = found("fine_tuning")[f"{arm}.{axis}"]["value"]
            ends = [each for each in (min(tried), max(tried)) if each]
            if any(math.isclose(best, end, rel_tol=1e-2) for end in ends):
                sentences.append(
                    f"the optimum of {optimizer} lies on an edge of {axis}"
                )
    return tuple(sentences)


CLAIMS = (
    Claim(
        "decay-prevents-spikes",
        "Without weight decay Lion's training is less stable.",
        "share of unstable runs, λ = 0 − usual λ",
        "forgiving",
        "issue threads of lucidrains/lion-pytorch",
        "spikes.py",
        decay_prevents_spikes,
        "spikes/figures/spikes.png",
    ),
    Claim(
        "clipping-prevents-spikes",
        "Clipping the norm of the gradients makes Lion's training more stable.",
        "share of unstable runs, unclipped − clipped",
        "forgiving",
        "usual advice",
        "spikes.py",
        clipping_prevents_spikes,
        "spikes/figures/spikes.png",
    ),
    Claim(
        "short-warm-up",
        "With Lion a run of a few hundred steps needs warm-up.",
        "validation loss, no warm-up − 10 %",
        "values",
        "the question of every practitioner",
        "short_warm_up.py",
        short_runs_need_warm_up,
        "short_warm_up/figures/short_warm_up.png",
    ),
    Claim(
        "switching",
        "A training that switches from AdamW to Lion, with lr / 4.36 and λ × 10.4, "
        "ends as well as with AdamW.",
        "final validation loss, AdamW to the end − switch",
        "values",
        "the question of every practitioner",
        "switching.py",
        switching_is_free,
        "switching/figures/switching.png",
        every=True,
    ),
    Claim(
        "taking-over",
        "At such a switch Lion gains by AdamW's first moment as its momentum.",
        "final validation loss, fresh − taken over",
        "values",
        "a usual first try",
        "switching.py",
        taking_over_helps,
        "switching/figures/switching.png",
    ),
    Claim(
        "fine-tuning",
        "Lion fine-tunes weights that AdamW trained as well as AdamW does.",
        "validation loss, AdamW − Lion",
        "values",
        "the question of every practitioner",
        "fine_tuning.py",
        fine_tunes_as_well,
        "fine_tuning/figures/fine_tuning.png",
    ),
)
