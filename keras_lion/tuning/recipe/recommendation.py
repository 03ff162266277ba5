"""What to use after a search: a sentence, the evidence, and code to paste."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_lion.tuning.recipe.proposal import AdamWRecipe, Result, Settings
from keras_lion.tuning.recipe.verdict import Side, Verdict, verdict

NAMES = {"lion": "Lion", "adamw": "AdamW"}


@dataclass(frozen=True)
class Measured:
    """What the trials showed of cost.

    Attributes:
        epoch_seconds: Median seconds of an epoch after the first, by optimizer.
        parameters: Number of trainable parameters; 0 if not known.
    """

    epoch_seconds: Mapping[str, float]
    parameters: int = 0


@dataclass(frozen=True)
class Recommendation:
    """What to use.

    Attributes:
        switch: Whether Lion is shown to be better than AdamW.
        code: Lines of Python that make the recommended optimizer.
        text: The recommendation with its evidence.
        learning_rate: Of the recommended optimizer; of a schedule its peak.
        weight_decay: Of the recommended optimizer.
    """

    switch: bool
    code: str
    text: str
    learning_rate: float
    weight_decay: float

    def __str__(self) -> str:
        return f"{self.text}\n\n{self.code}"


def recommendation(
    recipe: AdamWRecipe,
    results: Sequence[Result],
    *,
    objective: str,
    sign: float = 1.0,
    compare: bool = True,
    scheduled: bool = False,
    measured: Measured | None = None,
) -> Recommendation:
    """The recommendation after some trials.

    Args:
        recipe: What AdamW is trained with today.
        results: Of all trials.
        objective: Name of the objective.
        sign: −1 where a smaller objective is better.
        compare: Whether AdamW took part; if not, Lion's best is recommended.
        scheduled: Whether the learning rate is a schedule.
        measured: Cost.

    Raises:
        ValueError: If no trial has a score.
    """
    found = verdict(recipe, results)
    if found.lion is None and found.adamw is None:
        if not results:
            raise ValueError("No trial has run yet: call `search` first.")
        raise ValueError(
            "No trial has a score: all of them diverged, failed or still run. Look at "
            "the messages of `oracle.trials`, and try an AdamW recipe that trains."
        )
    lines = [_headline(found, objective, sign, compare)]
    lines += [
        _side_line(side, objective, sign)
        for side in (found.lion, found.adamw)
        if side is not None
    ]
    if diverged := sum(
        each.score is not None and not each.finished for each in results
    ):
        lines.append(f"  {diverged} of {len(results)} trials diverged or failed.")
    if compare and found.lion and found.adamw:
        lines.append(_evidence(found, objective))
    lines += _cost(found, measured)
    use_lion = found.switch or (not compare or found.adamw is None)
    side = found.lion if use_lion and found.lion else found.adamw or found.lion
    assert side is not None
    settings = side.settings
    return Recommendation(
        switch=found.switch,
        code=_code(settings, recipe, scheduled),
        text="\n".join(lines),
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )


def _headline(found: Verdict, objective: str, sign: float, compare: bool) -> str:
    if not compare or found.adamw is None:
        return "Lion's best values (AdamW was not tried)."
    if found.lion is None:
        return "Stay with AdamW: no trial of Lion has a score."
    if found.switch:
        return "Switch to Lion: its best is better than AdamW's by more than noise."
    if found.difference > 0:
        return (
            "Stay with AdamW: Lion's best is better, but not by more than noise and "
            "one more trial of AdamW may explain."
        )
    return "Stay with AdamW: Lion's best is not better."


def _side_line(side: Side, objective: str, sign: float) -> str:
    name = NAMES[side.settings.optimizer]
    seeds = "one seed" if len(side.scores) == 1 else f"{len(side.scores)} seeds"
    tried = "its only values" if side.tried == 1 else f"the best of {side.tried} pairs"
    found, best = f"{objective} {sign * side.mean:.4g} ({seeds})", side.settings
    return (
        f"  {name + ':':7}{found} at learning rate {best.learning_rate:.3g} and weight "
        f"decay {best.weight_decay:.3g}, {tried};\n"
        f"         one more trial is expected to gain {side.worth:.2g}"
    )


def _evidence(found: Verdict, objective: str) -> str:
    basis = (
        "a prior from earlier studies"
        if found.repeated == 0
        else f"{found.repeated} repeated trials and a prior from earlier studies"
    )
    return (
        f"  Lion is {'better' if found.difference > 0 else 'worse'} by "
        f"{abs(found.difference):.2g}; for a switch it would have to be better by "
        f"more than {found.margin:.2g}.\n"
        f"  Noise of a seed: {found.noise:.2g}, from {basis}."
        + ("" if found.repeated else " Without repeats hardly any difference counts.")
    )


def _cost(found: Verdict, measured: Measured | None) -> list[str]:
    if measured is None:
        return []
    lines = []
    if measured.parameters:
        saved = 4 * measured.parameters / 2**20
        lines.append(
            f"  Lion keeps one number per parameter less than AdamW: {saved:.3g} MiB "
            f"of {measured.parameters:,} parameters in float32."
        )
    seconds = measured.epoch_seconds
    if all(math.isfinite(seconds.get(name, math.nan)) for name in NAMES):
        lines.append(
            f"  An epoch took {seconds['lion']:.3g} s with Lion and "
            f"{seconds['adamw']:.3g} s with AdamW (medians on this machine)."
        )
    return lines


def _code(settings: Settings, recipe: AdamWRecipe, scheduled: bool) -> str:
    name = (
        "from keras_lion import Lion"
        if settings.optimizer == "lion"
        else ("import keras")
    )
    code = settings.code()
    if not scheduled:
        return f"{name}\n\noptimizer = {code}"
    factor = settings.learning_rate / recipe.learning_rate
    rate = f"learning_rate={settings.learning_rate:.3g}"
    return (
        f"{name}\n\n"
        f"# `schedule`: yours, with all of its learning rates times {factor:.4g}\n"
        f"optimizer = {code.replace(rate, 'learning_rate=schedule')}"
    )
