"""Claims that a script of its own measures: cost, memory, update size, flatness."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from keras_lion.statistics import Interval
from studies.evidence.measured import every_part, of_several, within, written
from studies.evidence.row import NOT_TUNED, Row, missing, unmeasured
from studies.evidence.runs import RESULTS, coverage

MODELS = ("mlp", "vision_transformer", "language_model")
TURNS = "medians of interleaved turns; bootstrap over turns"


def entries(*path: str) -> dict[str, Any]:
    """The entries of a results file; empty if it was not made yet."""
    file = RESULTS.joinpath(*path)
    return read(file)["claims"] if file.exists() else {}


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def interval(entry: dict[str, Any]) -> Interval:
    """The number of an entry."""
    return Interval(entry["value"], entry["low"], entry["high"], entry["n"])


def state_size() -> list[Row]:
    """Lion's optimizer state is half of AdamW's."""
    found = entries("performance", "optimizer_memory.json")
    measured = []
    for model in MODELS:
        ratio = found[f"{model}.state.lion_to_adamw"]["value"]
        half = found[f"{model}.state.lion_bfloat16_to_adamw"]["value"]
        whole, whole_half = (
            found[f"{model}.training.{name}_to_adamw"]["value"]
            for name in ("lion", "lion_bfloat16")
        )
        measured.append(
            Row(
                where=model,
                text=f"state {ratio:.3f} of AdamW's; weights, gradients and state "
                f"together {whole:.3f}; with a bfloat16 momentum {half:.3f} and "
                f"{whole_half:.3f} (counted, n=1)",
                shows="supported" if abs(ratio - 0.5) < 0.01 else "not supported",
                interval=_exact(ratio),
                unit="of AdamW's",
                coverage="a count",
                windows=None,
                basis=NOT_TUNED,
                counted=True,
            )
        )
    return measured


FASTER = (1.02, 1.15)  # time of AdamW over time of Lion, as claimed


def step_time() -> list[Row]:
    """A whole training step with Lion is 2-15 % faster than with AdamW."""
    return [
        Row(
            where=where,
            text=f"time of AdamW / time of Lion {written(ratio)}; claimed: "
            f"{FASTER[0]:g} to {FASTER[1]:g}",
            shows=within(ratio, *FASTER),
            interval=ratio,
            unit="times",
            coverage=TURNS,
            windows=None,
            basis=NOT_TUNED,
        )
        for where, ratio in _step_ratios()
    ] or [missing("CPU")]


def bare_update() -> str:
    """A remark on the update alone, which no claim on training steps rests on."""
    kept = entries("performance", "step_time.json")
    found = [
        f"{written(interval(kept[name]))} on {backend}"
        for backend in ("jax", "tensorflow")
        if (name := f"{backend}.large.compiled.adamw_to_lion") in kept
    ]
    return (
        "The update alone, without the forward and the backward pass, is a small part "
        f"of a step; time of AdamW / time of Lion: {' and '.join(found)}."
        if found
        else ""
    )


def _step_ratios() -> list[tuple[str, Interval]]:
    suffix = ".adamw_to_lion"
    return [
        (name.removesuffix(suffix).replace(".", ", "), interval(entry))
        for name, entry in entries("performance", "model_step.json").items()
        if name.endswith(suffix)
    ]


def update_size() -> list[Row]:
    """Lion's updates are larger than AdamW's at one learning rate."""
    found = entries("update_norm", "update_norm.json")
    measured = []
    for part, where in (
        ("whole", "whole run"),
        ("step_1", "first step"),
        ("step_100", "step 100"),
        ("part_10_of_10", "last tenth"),
    ):
        ratio = interval(found[f"{part}.update_rms.lion_to_adamw"])
        measured.append(
            Row(
                where=f"mnist1d_mlp, {where}",
                text=f"RMS of the update over the learning rate, Lion / AdamW "
                f"{written(ratio)}; theory of pure noise "
                f"{found['predicted_ratio']['value']:.2f}",
                shows="supported" if ratio.low > 1.05 else "not supported",
                interval=ratio,
                unit="times",
                coverage=coverage("cell mean", ratio.n),
                windows=None,
                basis=NOT_TUNED,
            )
        )
    return measured


TEN = (9, 11)  # what counts as ten times


def memory() -> list[Row]:
    """Lion remembers ten times the history of gradients, by each measure of it."""
    found = entries("memory", "memory.json")
    measured = []
    for what, where in (
        ("lion_momentum_to_adamw_direction", "momentum, against AdamW's first moment"),
        ("lion_direction_to_adamw_direction", "direction of the step, likewise"),
    ):
        ratios = {
            words: float(found[f"{what}.{name}"]["value"])
            for name, words in (
                ("time_constant", "time constant"),
                ("half", "steps that hold half of the weight"),
                ("effective_number", "effective number of gradients"),
            )
        }
        texts = [f"{words} {ratio:.3g} times" for words, ratio in ratios.items()]
        measured.append(
            Row(
                where=where,
                text=f"{', '.join(texts)} (exact, n=1); {TEN[0]} to {TEN[1]} counts as "
                "ten",
                shows=every_part(
                    within(_exact(ratio), *TEN) for ratio in ratios.values()
                ),
                interval=_exact(ratios["effective number of gradients"]),
                unit="times",
                coverage="exact",
                windows=None,
                basis=NOT_TUNED,
                counted=True,
            )
        )
    return measured


def _exact(value: float) -> Interval:
    return Interval(value, value, value, 1)


def flatness() -> list[Row]:
    """Lion's minima are flatter, by the trace of the Hessian and by the loss nearby."""
    found = entries("flatness", "flatness.json")
    measured = []
    for state, where in (
        ("best_cell", "at the best cell of each"),
        ("training_loss_0.05", "at training loss 0.05"),
        ("training_loss_0.01", "at training loss 0.01"),
    ):
        for other in ("adamw", "unsigned"):
            # Scaled by the size of the weights, which sharpness must not depend on.
            trace = interval(found[f"{state}.relative_trace.lion_to_{other}"])
            rise = interval(found[f"{state}.rise_at_0.1.lion_to_{other}"])
            name = "AdamW" if other == "adamw" else "Lion without the sign"
            measured.append(
                Row(
                    where=f"mnist1d_mlp, {where}, against {name}",
                    text="Lion's Hessian trace × weight RMS² is "
                    f"{written(trace)} times as large, its rise of the loss under "
                    f"weight noise of 0.1 RMS {written(rise)} times",
                    shows=of_several(within(each, 0, 1) for each in (trace, rise)),
                    interval=trace,
                    unit="times",
                    coverage=coverage("cell mean", trace.n),
                    windows=None,
                    basis=NOT_TUNED,
                )
            )
    return measured


def regularisation() -> list[Row]:
    """The noise of the sign regularizes: less overfitting at one training loss."""
    found = entries("flatness", "flatness.json")
    measured = []
    for state in ("training_loss_0.05", "training_loss_0.01"):
        for other, name in (("unsigned", "Lion without the sign"), ("adamw", "AdamW")):
            gap = interval(found[f"{state}.gap.lion_to_{other}"])
            measured.append(
                Row(
                    where=f"mnist1d_mlp, training loss {state[-4:]}, against {name}",
                    text="gap of validation and training loss, Lion − other "
                    f"{written(gap, 'nats')}",
                    shows=within(gap, -math.inf, 0),
                    interval=gap,
                    unit="nats",
                    coverage=coverage("cell mean", gap.n),
                    windows=None,
                    basis=NOT_TUNED,
                )
            )
    return measured


def large_scale() -> list[Row]:
    """What only large models can show."""
    return [
        unmeasured(
            "ImageNet, ViT-B/16, 300 epochs",
            "needs about 94,000 steps of 4,096 images for one run, and a window of "
            "runs with seeds for each optimizer: thousands of accelerator hours",
            "out of reach",
        ),
        unmeasured(
            "language models of 1.1 to 7.5 billion weights",
            "needs thousands of accelerators for weeks",
            "out of reach",
        ),
    ]
