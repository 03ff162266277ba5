"""Claims that the sweeps measure: one function a claim, from runs to measurements."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from outcome import Measured, negative, outcome_of, scaled, written
from runs import (
    MAIN,
    coverage,
    declared,
    is_complete,
    landscapes,
    law_errors,
    runs_of,
    width_errors,
)

from keras_lion.robustness import (
    Landscape,
    boundary_optimum,
    compare_best,
    compare_parametrizations,
    findings,
    window_agreement,
)
from keras_lion.robustness.landscape import Value
from keras_lion.robustness.product_lines import iso_product
from keras_lion.statistics import Interval, t_interval

MAIN_TASKS = (
    "mnist1d_mlp",
    "digits_mlp",
    "fashion_mnist_mlp",
    "fashion_mnist_cnn",
    "fashion_mnist_vit",
    "python_lm",
)
OUTCOMES = {
    "supported": "reproduced",
    "not supported": "not reproduced",
    "underpowered": "underpowered",
    "provisional": "provisional",
    "untestable": "untestable",
}
POINTS = 0.5  # percentage points of accuracy that are too few to matter
NATS = 0.02  # of validation loss
SLOPE = 0.15  # of log steps over log lr: what the predictions allow


def missing(where: str) -> Measured:
    """Runs that were declared and are not in the table."""
    return Measured(where, "declared, not all runs made yet", "out of reach here")


def each_task(
    study: str, measure: Callable[[str, pd.DataFrame], Measured], *tasks: str
) -> list[Measured]:
    """One measurement a task, of those whose runs are complete."""
    return [
        measure(task, runs_of(study, task))
        if is_complete(study, task)
        else missing(task)
        for task in tasks
    ]


def less_sensitive() -> list[Measured]:
    """Lion tolerates a wider range of learning rates than AdamW."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        epsilon = declared(MAIN).comparison.epsilon[task]
        found = findings(frame, task=task, epsilon=epsilon)[0]
        gap = f", could see {found.detectable_gap:.2f}" if found.detectable_gap else ""
        return Measured(
            where=f"{task}, ε = {epsilon:g} nats",
            text=f"width Lion − AdamW {written(found.estimate, 'decades')}{gap}",
            outcome=OUTCOMES[found.outcome],  # type: ignore[arg-type]
            interval=found.estimate,
            windows=None if math.isnan(found.window_share) else found.window_share,
            errors=width_errors(),
            reasons=() if found.outcome == "not supported" else found.reasons,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


def lr_and_decay_shift() -> list[Measured]:
    """The best learning rate is 3-10 times smaller, the best λ as many times larger."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        found = landscapes(frame, "final_loss")
        adamw, lion = found["adamw"].best, found["lion"].best
        lower = adamw.learning_rate / lion.learning_rate
        higher = lion.weight_decay / adamw.weight_decay if adamw.weight_decay else 0.0
        edges = [
            f"the optimum of {name} lies on the {edge.side} {edge.axis} edge"
            for name, each in found.items()
            for edge in boundary_optimum(each)
        ]
        inside = all(3 <= round(ratio, 3) <= 10.01 for ratio in (lower, higher))
        product = higher / lower
        outcome = "reproduced" if inside else "not reproduced"
        return Measured(
            where=task,
            text=f"best lr {lower:.2g} times smaller, best λ {higher:.2g} times "
            f"larger, lr·λ {product:.2g} times AdamW's (validation loss; grid of half "
            f"decades, n={found['lion'].num_seeds.max()})",
            outcome="provisional" if edges else outcome,  # type: ignore[arg-type]
            errors="a ratio is known to half a decade",
            reasons=edges,
        )

    return each_task(MAIN, measure, *MAIN_TASKS)


def rule_of_thumb() -> list[Measured]:
    """Along AdamW's lr / k, λ · k, some k of 3 to 10 is as good as AdamW's recipe."""
    study = "transfer_from_adamw"

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        epsilon = declared(study).comparison.epsilon[task]
        curve = transfer_curve(frame)
        line = curve[curve["on_line"]]
        advised = line[line["factor"].between(3, 10.01)]
        k = float(advised.loc[advised["mean"].idxmin(), "factor"])
        loss = _losses(frame)
        gain = t_interval(loss["adamw"].iloc[:, 0] - _at_factor(loss, k))
        best = float(line.loc[line["mean"].idxmin(), "factor"])
        outcome, reasons = outcome_of(
            Interval(
                gain.estimate + epsilon, gain.low + epsilon, gain.high + epsilon, gain.n
            ),
            margin=0.0,
        )
        return Measured(
            where=f"{task}, ε = {epsilon:g} nats",
            text=f"loss AdamW − Lion at k = {k:.2g}: "
            f"{written(gain, 'nats', 3)}; best k of 1 … 32: {best:.2g}",
            outcome=outcome,
            interval=gain,
            errors=coverage("cell mean", gain.n),
            reasons=reasons,
        )

    return each_task(study, measure, *declared(study).plans)


def better_best() -> list[Measured]:
    """Lion's best score is above AdamW's; on MNIST-sized tasks AdamW's is."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        return _best(frame, "lion", "adamw", where=task, claimed=-1)

    return each_task(MAIN, measure, *MAIN_TASKS)


def larger_batches() -> list[Measured]:
    """Lion gains on AdamW as the batch grows, and is weaker below 64."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        gains = batch_gains(frame)
        x = np.log2(gains.columns.to_numpy(float))
        slopes = [np.polyfit(x, row, 1)[0] for row in gains.to_numpy(float)]
        slope = t_interval(slopes)
        small = t_interval(gains.loc[:, gains.columns < 64].mean(axis=1))
        outcome, reasons = outcome_of(slope, margin=POINTS / 5)
        return Measured(
            where=task,
            text="best accuracy Lion − AdamW changes by "
            f"{written(slope, 'points a doubling')}; below 64: "
            f"{written(small, 'points')}",
            outcome=outcome,
            interval=slope,
            errors=coverage("best score", slope.n),
            reasons=reasons,
        )

    return each_task("batch_size", measure, *declared("batch_size").plans)


def bfloat16_momentum() -> list[Measured]:
    """A bfloat16 momentum changes the best score by less than the margin."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        value: Value = "final_loss"
        found = landscapes(frame, value)
        both = compare_best(found["lion_bfloat16"], found["lion"]).difference
        outcome = "reproduced" if both.low > -NATS else "underpowered"
        if both.high < -NATS:
            outcome = "not reproduced"
        return Measured(
            where=f"{task}, margin {NATS:g} nats",
            text=f"loss with float32 − with bfloat16 {written(both, 'nats', 3)}",
            outcome=outcome,  # type: ignore[arg-type]
            interval=both,
            windows=_windows(found["lion_bfloat16"], found["lion"]),
            errors=coverage("best score", both.n),
        )

    return each_task("momentum_dtype", measure, "mnist1d_mlp", "python_lm")


def warm_up() -> list[Measured]:
    """Without warm-up Lion loses more of its best score than AdamW."""
    found = []
    for task in ("mnist1d_mlp", "python_lm"):
        names = [f"{task}_warm_up_{per_cent}" for per_cent in (5, 0)]
        if not all(is_complete("warm_up", name) for name in names):
            found.append(missing(task))
            continue
        loss = {}
        for optimizer in ("lion", "adamw"):
            with_it, without = (
                landscapes(runs_of("warm_up", name), "final_loss")[optimizer]
                for name in names
            )
            loss[optimizer] = _best_values(with_it) - _best_values(without)
        difference = t_interval(loss["lion"] - loss["adamw"])
        outcome, reasons = outcome_of(difference, margin=NATS)
        alone = {name: t_interval(values) for name, values in loss.items()}
        found.append(
            Measured(
                where=task,
                text=f"loss without − with 5 %: Lion "
                f"{written(alone['lion'], 'nats', 3)}, AdamW "
                f"{written(alone['adamw'], 'nats', 3)}; Lion's is larger by "
                f"{written(difference, 'nats', 3)}",
                outcome=outcome,
                interval=difference,
                errors=coverage("best score", difference.n),
                reasons=reasons,
            )
        )
    return found


def both_betas() -> list[Measured]:
    """Lion with two betas is better than with one, and which pair is best."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        grids = beta_landscapes(frame)
        lions = {
            (beta_1, beta_2): each
            for (name, beta_1, beta_2), each in grids.items()
            if name == "lion"
        }
        one = lions.pop((0.95, 0.95))
        best = max(lions, key=lambda pair: lions[pair].best.value)
        gain = compare_best(lions[best], one).difference
        outcome, reasons = outcome_of(gain, margin=NATS)
        return Measured(
            where=task,
            text=f"loss with one beta (0.95) − with {best[0]:g}/{best[1]:g}, the best "
            f"of three pairs: {written(gain, 'nats', 3)}",
            outcome=outcome,
            interval=gain,
            windows=_windows(lions[best], one),
            errors=coverage("best score", gain.n),
            reasons=reasons,
        )

    return each_task("betas", measure, "mnist1d_mlp", "python_lm")


def language_betas() -> list[Measured]:
    """0.95/0.98 is better than 0.9/0.99."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        grids = beta_landscapes(frame)
        first, second = grids["lion", 0.95, 0.98], grids["lion", 0.9, 0.99]
        gain = compare_best(first, second).difference
        outcome, reasons = outcome_of(gain, margin=NATS)
        return Measured(
            where=task,
            text=f"loss with 0.9/0.99 − with 0.95/0.98: {written(gain, 'nats', 3)}",
            outcome=outcome,
            interval=gain,
            windows=_windows(first, second),
            errors=coverage("best score", gain.n),
            reasons=reasons,
        )

    return each_task("betas", measure, "python_lm", "mnist1d_mlp")


def augmentation() -> list[Measured]:
    """Lion's best score less AdamW's shrinks as the noise grows."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        gains = {}
        for noise, runs in frame.groupby("noise"):
            found = landscapes(runs)
            gains[noise] = 100 * (
                _best_values(found["lion"]) - _best_values(found["adamw"])
            )
        weak, strong = min(gains), max(gains)
        shrink = t_interval(gains[weak] - gains[strong])
        outcome, reasons = outcome_of(shrink, margin=POINTS)
        at = "; ".join(
            f"at {noise:g} {written(t_interval(values), 'points', 1)}"
            for noise, values in gains.items()
        )
        limited = ["Lion has no gain without noise that could shrink"]
        return Measured(
            where=task,
            text=f"best accuracy Lion − AdamW: {at}; shrinks by "
            f"{written(shrink, 'points', 1)}",
            outcome=outcome if gains[weak].mean() > 0 else "untestable",
            interval=shrink,
            errors=coverage("best score", shrink.n),
            reasons=reasons if gains[weak].mean() > 0 else limited,
        )

    return each_task("augmentation", measure, "mnist1d_mlp_noise")


def product_law() -> list[Measured]:
    """lr·λ alone explains the validation loss: of either optimizer, on every task."""

    def measure_both(task: str, frame: pd.DataFrame) -> list[Measured]:
        epsilon = declared(MAIN).comparison.epsilon[task]
        return [
            Measured(
                where=f"{task}, {found.claim.rstrip('.').rsplit(' ', 1)[-1]}",
                text=found.sentence,
                outcome=OUTCOMES[found.outcome],  # type: ignore[arg-type]
                interval=found.estimate,
                windows=None if math.isnan(found.window_share) else found.window_share,
                errors=law_errors(),
                reasons=() if found.outcome == "not supported" else found.reasons,
            )
            for found in findings(frame, task=task, epsilon=epsilon)[1:]
        ]

    found: list[Measured] = []
    for task in MAIN_TASKS:
        if is_complete(MAIN, task):
            found += measure_both(task, runs_of(MAIN, task))
        else:
            found.append(missing(task))
    return found


def schedule_coupling() -> list[Measured]:
    """With lr·λ held fixed the learning rate matters less than with λ held fixed."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        texts, gains = [], {}
        for name, each in landscapes(frame, "final_loss").items():
            gains[name] = compare_parametrizations(each).difference
            texts.append(f"{name} {written(gains[name], 'nats')}")
        lowest = min(gains.values(), key=lambda each: each.low)
        outcome, reasons = outcome_of(lowest, margin=NATS)
        return Measured(
            where=task,
            text="mean loss along a decade of lr, λ fixed − lr·λ fixed: "
            + "; ".join(texts),
            outcome=outcome,
            interval=lowest,
            errors=coverage("tolerance width", lowest.n),
            reasons=reasons,
        )

    return each_task(MAIN, measure, "mnist1d_mlp", "digits_mlp", "fashion_mnist_mlp")


def time_to_generalise() -> list[Measured]:
    """lr·λ alone sets the steps to the target: no slope along lines of equal lr·λ."""
    study, found = "effective_decay", []
    for task in declared(study).plans:
        if not is_complete(study, task):
            found.append(missing(task))
            continue
        frame = runs_of(study, task)
        for optimizer in ("adamw", "lion", "signum"):
            lines = iso_product(frame, optimizer=optimizer)
            along = negative(lines.slope_along_lines)  # scores are −log10 steps
            across = negative(lines.slope_over_product)
            within = along.low >= -SLOPE and along.high <= SLOPE
            beyond = along.low > SLOPE or along.high < -SLOPE
            outcome = "reproduced" if within else "underpowered"
            cells = int(lines.fitted.sum())
            if math.isnan(along.estimate) or cells < 6:
                outcome = "untestable"
            elif beyond:
                outcome = "not reproduced"
            declared_cells = int((lines.landscape.num_seeds > 0).sum())
            found.append(
                Measured(
                    where=f"{task}, {optimizer}",
                    text=f"d log steps / d log lr along lines {written(along)}, across "
                    f"them d log steps / d log lr·λ {written(across)}; {cells} of "
                    f"{declared_cells} cells reach the target with every seed",
                    outcome=outcome,  # type: ignore[arg-type]
                    interval=along,
                    errors=coverage("tolerance width", along.n),
                )
            )
    return found


# What several claims, and the figures, ask of a frame.


def transfer_curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean validation loss of Lion over the factor k, and the pair of equal norms."""
    adamw = frame[frame["optimizer"] == "adamw"].iloc[0]
    lion = frame[frame["optimizer"] == "lion"]
    cells = []
    for (rate, decay), runs in lion.groupby(["learning_rate", "weight_decay"]):
        loss = t_interval(runs["final_loss"])
        cells.append((rate, decay, loss.estimate, loss.low, loss.high))
    columns = ["learning_rate", "weight_decay", "mean", "low", "high"]
    curve = pd.DataFrame(cells, columns=columns)
    curve["factor"] = adamw["learning_rate"] / curve["learning_rate"]
    larger = curve["weight_decay"] / adamw["weight_decay"]
    curve["on_line"] = np.isclose(curve["factor"], larger, rtol=1e-2)
    return curve.sort_values("factor", ignore_index=True)


def batch_gains(frame: pd.DataFrame) -> pd.DataFrame:
    """Best accuracy of Lion − AdamW in points: seeds × batch sizes."""
    gains = {}
    for batch_size, runs in frame.groupby("batch_size"):
        found = landscapes(runs)
        values = {name: _best_values(each) for name, each in found.items()}
        gains[batch_size] = 100 * (values["lion"] - values["adamw"])
    return pd.DataFrame(gains)


def beta_landscapes(frame: pd.DataFrame) -> dict[tuple[str, float, float], Landscape]:
    """(optimizer, β₁, β₂) → landscape of the negated validation loss."""
    return {
        (str(name), float(beta_1), float(beta_2)): Landscape.from_runs(
            runs, optimizer=str(name), value="final_loss"
        )
        for (name, beta_1, beta_2), runs in frame.groupby(
            ["optimizer", "beta_1", "beta_2"]
        )
    }


def _best(
    frame: pd.DataFrame, first: str, second: str, *, where: str, claimed: int
) -> Measured:
    """Difference of best scores, in points of accuracy or in nats."""
    is_loss = (frame["metric"] == "loss").all()
    found = landscapes(frame)
    difference = compare_best(found[first], found[second]).difference
    if not is_loss:
        difference = scaled(difference, 100)
    edges = [
        f"the optimum of {name} lies on the {edge.side} {edge.axis} edge of its grid"
        for name in (first, second)
        for edge in boundary_optimum(found[name])
        if edge.limit == "range"
    ]
    windows = _windows(found[first], found[second])
    outcome, reasons = outcome_of(
        difference if claimed > 0 else negative(difference),
        margin=NATS if is_loss else POINTS,
        windows=windows,
        limited=edges,
    )
    best = " and ".join(
        f"{name} {(1 if is_loss else 100) * found[name].best.value:.2f}".replace(
            "-", "−"
        )
        for name in (first, second)
    )
    unit = "nats" if is_loss else "points"
    return Measured(
        where=where,
        text=f"best {'−loss' if is_loss else 'accuracy'} {best}; difference "
        f"{written(difference, unit)}",
        outcome=outcome,
        interval=difference,
        windows=windows,
        errors=coverage("best score", difference.n),
        reasons=reasons,
    )


def _windows(first: Landscape, second: Landscape) -> float | None:
    """Share of other windows in which the sign of the best scores' difference stays."""
    try:
        found = window_agreement(
            first, second, measure=lambda each, reference: each.best.value - reference
        )
    except ValueError:  # grids of one cell, or of different sizes
        return None
    return found.share


def _best_values(landscape: Landscape) -> np.ndarray:
    """Scores of every seed at the cell that is best on average."""
    return landscape.scores[landscape.best.cell]


def _losses(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Optimizer → validation losses, seeds × learning rates."""
    return {
        str(name): runs.pivot_table("final_loss", "seed", "learning_rate")
        for name, runs in frame.groupby("optimizer")
    }


def _at_factor(losses: dict[str, pd.DataFrame], factor: float) -> pd.Series[float]:
    rate = losses["adamw"].columns[0] / factor
    columns = losses["lion"].columns.to_numpy(float)
    return losses["lion"].iloc[:, int(np.argmin(np.abs(np.log(columns / rate))))]
