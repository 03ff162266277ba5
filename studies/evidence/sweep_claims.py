"""Claims that the other sweeps measure: batch size, betas, warm-up, noise, storage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from outcome import Measured, Outcome, negative, outcome_of, written
from runs import best_cell_errors, coverage, declared, is_complete, landscapes, runs_of
from shared import NATS, POINTS, best_values, each_task, missing, windows_agreeing

from keras_lion.robustness import Landscape, compare_best
from keras_lion.robustness.landscape import Value
from keras_lion.statistics import Interval, t_interval

Pair = tuple[str, float, float]  # optimizer, β₁, β₂


def rule_of_thumb() -> list[Measured]:
    """Along AdamW's lr / k, λ · k, some k of 3 to 10 is as good as AdamW's recipe."""
    study = "transfer_from_adamw"

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        epsilon = declared(study).comparison.epsilon[task]
        curve = transfer_curve(frame)
        line = curve[curve["on_line"]]
        advised = line[line["factor"].between(3, 10.01)]
        k = _factor_of_least_loss(advised)
        loss = _losses(frame)
        gain = t_interval(loss["adamw"].iloc[:, 0] - _at_factor(loss, k))
        best = _factor_of_least_loss(line)
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


def larger_batches() -> list[Measured]:
    """Lion gains on AdamW as the batch grows, and is weaker below 64."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        gains = batch_gains(frame)
        x = np.log2(gains.columns.to_numpy(float))
        slopes = [np.polyfit(x, row, 1)[0] for row in gains.to_numpy(float)]
        slope = t_interval(slopes)
        small = t_interval(gains.to_numpy(float)[:, x < np.log2(64)].mean(axis=1))
        outcome, reasons = outcome_of(slope, margin=POINTS / 5)
        return Measured(
            where=task,
            text="best accuracy Lion − AdamW changes by "
            f"{written(slope, 'points a doubling')}; below 64: "
            f"{written(small, 'points')}",
            outcome=outcome,
            interval=slope,
            errors=best_cell_errors(slope.n),
            reasons=reasons,
        )

    return each_task("batch_size", measure, *declared("batch_size").plans)


def bfloat16_momentum() -> list[Measured]:
    """A bfloat16 momentum changes the best score by less than the margin."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        value: Value = "final_loss"
        found = landscapes(frame, value)
        both = compare_best(found["lion_bfloat16"], found["lion"]).difference
        outcome: Outcome = "reproduced" if both.low > -NATS else "underpowered"
        if both.high < -NATS:
            outcome = "not reproduced"
        return Measured(
            where=f"{task}, margin {NATS:g} nats",
            text=f"loss with float32 − with bfloat16 {written(both, 'nats', 3)}",
            outcome=outcome,
            interval=both,
            windows=windows_agreeing(found["lion_bfloat16"], found["lion"]),
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
            loss[optimizer] = best_values(with_it) - best_values(without)
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
                errors=best_cell_errors(difference.n),
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
            windows=windows_agreeing(lions[best], one),
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
            windows=windows_agreeing(first, second),
            errors=coverage("best score", gain.n),
            reasons=reasons,
        )

    return each_task("betas", measure, "python_lm", "mnist1d_mlp")


def better_best_with_tuned_betas() -> list[Measured]:
    """AdamW's lowest loss is below Lion's when the betas of both are tuned as well."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        grids = beta_landscapes(frame)
        adamw, lion = (
            max((key for key in grids if key[0] == name), key=_best_of(grids))
            for name in ("adamw", "lion")
        )
        difference = compare_best(grids[lion], grids[adamw]).difference
        windows = windows_agreeing(grids[lion], grids[adamw])
        outcome, reasons = outcome_of(
            negative(difference), margin=NATS, windows=windows
        )
        return Measured(
            where=f"{task}, betas tuned for both",
            text=f"loss of AdamW ({adamw[1]:g}/{adamw[2]:g}) − loss of Lion "
            f"({lion[1]:g}/{lion[2]:g}): {written(difference, 'nats', 3)}",
            outcome=outcome,
            interval=difference,
            windows=windows,
            errors=coverage("best score", difference.n)
            + ", before the choice of betas on the same seeds",
            reasons=reasons,
        )

    return each_task("betas", measure, "mnist1d_mlp", "python_lm")


def augmentation() -> list[Measured]:
    """Lion's best score less AdamW's shrinks as the noise grows."""

    def measure(task: str, frame: pd.DataFrame) -> Measured:
        gains = {}
        for noise in sorted(frame["noise"].unique().tolist()):
            found = landscapes(frame[frame["noise"] == noise])
            gains[noise] = 100 * (
                best_values(found["lion"]) - best_values(found["adamw"])
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
            errors=best_cell_errors(shrink.n),
            reasons=reasons if gains[weak].mean() > 0 else limited,
        )

    return each_task("augmentation", measure, "mnist1d_mlp_noise")


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
    for batch_size in sorted(frame["batch_size"].unique().tolist()):
        found = landscapes(frame[frame["batch_size"] == batch_size])
        values = {name: best_values(each) for name, each in found.items()}
        gains[batch_size] = 100 * (values["lion"] - values["adamw"])
    return pd.DataFrame(gains)


def beta_landscapes(frame: pd.DataFrame) -> dict[Pair, Landscape]:
    """(optimizer, β₁, β₂) → landscape of the negated validation loss."""
    columns = ["optimizer", "beta_1", "beta_2"]
    found = {}
    for name, beta_1, beta_2 in frame[columns].drop_duplicates().to_numpy().tolist():
        runs = frame[(frame["beta_1"] == beta_1) & (frame["beta_2"] == beta_2)]
        found[name, beta_1, beta_2] = Landscape.from_runs(
            runs, optimizer=name, value="final_loss"
        )
    return found


def _best_of(grids: dict[Pair, Landscape]) -> Callable[[Pair], float]:
    return lambda pair: grids[pair].best.value


def _factor_of_least_loss(curve: pd.DataFrame) -> float:
    return float(curve.sort_values("mean")["factor"].iloc[0])


def _losses(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Optimizer → validation losses, seeds × learning rates."""
    return {
        str(name): runs.pivot_table("final_loss", "seed", "learning_rate")
        for name, runs in frame.groupby("optimizer")
    }


def _at_factor(losses: dict[str, pd.DataFrame], factor: float) -> pd.Series[float]:
    rate = float(losses["adamw"].columns.to_numpy(float)[0]) / factor
    columns = losses["lion"].columns.to_numpy(float)
    return losses["lion"].iloc[:, int(np.argmin(np.abs(np.log(columns / rate))))]
