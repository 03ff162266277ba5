"""What the tables of `studies/discovery.py` say: numbers with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from keras_lion.discovery.search.baselines import BUDGET_FACTOR, METHODS
from keras_lion.statistics import Interval, t_interval, wilson_interval
from studies import claims

Claims = dict[str, claims.Entry]

# Evaluations of the search that were declared before the first run.
FIRST_BUDGET = 3_000


def screening_claims(frame: pd.DataFrame) -> Claims:
    """Scores of each tuned optimizer, and Lion's lead over AdamW seed by seed."""
    found = {}
    for proxy, rows in frame.groupby("proxy"):
        scores = rows.pivot(index="seed", columns="optimizer", values="score")
        for optimizer in scores:
            found[f"{proxy}.{optimizer}"] = _mean(scores[optimizer], "score")
        found[f"{proxy}.lion_minus_adamw"] = _mean(
            scores["lion"] - scores["adamw"], "score"
        )
    return found


def search_claims(frame: pd.DataFrame) -> Claims:
    """Hit rate and redundancy at a fifth and at the end of the searches."""
    found = {}
    by_seed = frame.groupby("seed")
    ends = by_seed["num_children"].transform("last")
    early = frame[frame["num_children"] <= 0.2 * ends].groupby("seed").last()
    for when, rows in (("at_a_fifth", early), ("at_the_end", by_seed.last())):
        for name in ("hit_rate", "redundancy_per_step", "redundancy", "length"):
            unit = "statements" if name == "length" else "share"
            found[f"{when}.{name}"] = _mean(rows[name], unit)
    last_fifth = frame[frame["num_children"] > 0.8 * ends]
    before = frame[frame["num_children"].between(0.6 * ends, 0.8 * ends)]
    rates = [each.groupby("seed")["hit_rate"].mean() for each in (last_fifth, before)]
    found["last_fifth_minus_before.hit_rate"] = _mean(rates[0] - rates[1], "share")
    last = by_seed.last()
    hits = 1 - (last["num_evaluations"] - 1) / last["num_children"]
    found["of_all_children.hit_rate"] = _mean(hits, "share")
    found["at_the_end.best_fitness"] = _mean(last["best_fitness"], "score")
    return found


def baseline_claims(frame: pd.DataFrame, budget: int) -> Claims:
    """Best fitness of the search after a budget, of baselines after 4 times that.

    And the same after `FIRST_BUDGET`, where the table goes as far.
    """
    found = {}
    for prefix, evaluations in (("", budget), ("first.", FIRST_BUDGET)):
        best = {}
        for method in METHODS:
            factor = 1 if method == "evolution" else BUDGET_FACTOR
            at_end = frame["evaluations"] == factor * evaluations
            rows = frame[(frame["method"] == method) & at_end]
            best[method] = rows.set_index("seed")["best"]
        if best["constants"].empty:
            continue
        for method in METHODS:
            found[f"{prefix}best.{method}"] = _mean(best[method], "score")
        for baseline in ("constants", "random"):
            lead = best["evolution"] - best[baseline]
            found[f"{prefix}lead_over_{baseline}"] = _mean(lead, "score")
    return found


def planted_claims(frame: pd.DataFrame) -> Claims:
    """How often each variant finds each target, and what the cache saves."""
    found = {}
    for (target, variant), rows in frame.groupby(["target", "variant"]):
        key = f"{target}.{variant}".replace(" ", "_")
        share = wilson_interval(int(rows["found"].sum()), len(rows))
        found[f"{key}.found"] = claims.entry(share, "share")
        saved = rows["num_evaluations_without_cache"] / rows["num_evaluations"]
        found[f"{key}.factor_of_the_cache"] = _mean(saved, "ratio")
    return found


def meta_claims(frame: pd.DataFrame, constants: pd.DataFrame) -> Claims:
    """Leads on larger problems over AdamW as it is written and as it is tuned.

    A program that diverges on a larger problem, or makes it worse, has learned nothing:
    its fitness is 0.

    Args:
        frame: `meta_validation.csv`.
        constants: The same of AdamW with its constants tuned on the small problems, for
            some of the seeds.
    """
    found = {}
    frame, constants = (
        each.assign(meta_fitness=each["meta_fitness"].clip(lower=0.0))
        for each in (frame, constants)
    )
    for factor, rows in frame.groupby("factor"):
        by_seed = rows.groupby("seed")
        tuned = constants[constants["factor"] == factor].groupby("seed").last()
        first, last, best = by_seed.first(), by_seed.last(), by_seed.max()
        begins = pd.Series(
            {
                # The last time at which it is the highest, see `overfitting_begins`.
                seed: curve.loc[
                    curve["meta_fitness"] == curve["meta_fitness"].max(), "num_children"
                ].iloc[-1]
                / curve["num_children"].iloc[-1]
                for seed, curve in by_seed
            }
        )
        key = f"x{factor:g}"
        found["x1.lead"] = _mean(last["fitness"] - first["fitness"], "score")
        for size, name in (("x1", "fitness"), (key, "meta_fitness")):
            lead = (last[name] - tuned[name]).dropna()
            found[f"{size}.lead_over_constants"] = _mean(lead, "score")
        found[f"{key}.lead"] = _mean(
            last["meta_fitness"] - first["meta_fitness"], "score"
        )
        found[f"{key}.best_lead"] = _mean(
            best["meta_fitness"] - first["meta_fitness"], "score"
        )
        found[f"{key}.overfitting_begins"] = _mean(begins, "share")
        found[f"{key}.begins_to_best"] = claims.entry(
            rank_correlation(begins, best["meta_fitness"]), "rank correlation"
        )
    return found


def rank_correlation(first: pd.Series[float], second: pd.Series[float]) -> Interval:
    """Spearman's correlation with Fisher's interval; −1 to 1 where nothing is known.

    References:
        [Bonett and Wright, 2000](https://doi.org/10.1007/BF02294183)
    """
    count = len(first)
    # 1e-12: ranks may agree in full, and no arctanh is infinite then.
    found = float(np.clip(first.rank().corr(second.rank()), -1 + 1e-12, 1 - 1e-12))
    if np.isnan(found):  # all ranks of one are equal
        return Interval(0.0, -1.0, 1.0, count)
    if count < 4:
        return Interval(found, -1.0, 1.0, count)
    half = 1.96 * np.sqrt((1 + found**2 / 2) / (count - 3))
    low, high = np.tanh(np.arctanh(found) + np.array([-half, half]))
    return Interval(found, float(low), float(high), count)


def speed_claims(frame: pd.DataFrame) -> Claims:
    """Speeds, and how many times slower it were without cache and without liveness."""
    child, evaluation = frame["child_seconds"], frame["evaluation_seconds"]
    with_cache = child + frame["evaluated_share"] * evaluation
    found = {
        "children_per_second": _mean(1 / child, "1/s"),
        "evaluations_per_second": _mean(1 / evaluation, "1/s"),
        "searched_per_second": _mean(1 / with_cache, "1/s"),
        "factor_of_the_cache": _mean((child + evaluation) / with_cache, "ratio"),
        "statements_to_live_ones": _mean(
            frame["statements"] / frame["live_statements"], "ratio"
        ),
        "adamw_step": _mean(1e6 * frame["adamw_step_seconds"], "µs"),
    }
    if "device_evaluation_seconds" in frame:
        on_device = 1 / frame["device_evaluation_seconds"]
        found["evaluations_per_second_on_device"] = _mean(on_device, "1/s")
    return found


def _mean(values: Iterable[float], unit: str) -> claims.Entry:
    return claims.entry(t_interval([*values]), unit)
