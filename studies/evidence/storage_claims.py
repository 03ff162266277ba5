"""The claim that Lion trains as well with less memory for momentum and weights."""

from __future__ import annotations

from studies.evidence.basis import trivial
from studies.evidence.practice_claims import found, interval, row
from studies.evidence.row import Baseline, Basis, Row
from studies.momentum_storage import FLOAT32, SETTINGS, VARIANTS

STUDY = "momentum_storage"
LABELS = {
    "bfloat16_momentum": "bfloat16 momentum",
    "int8_momentum": "int8 momentum",
    "bfloat16_model": "bfloat16 model",
    "bfloat16_model_to_nearest": "bfloat16 model, weights rounded to the nearest",
}


def small_storage() -> list[Row]:
    """Final accuracy is not lower than with float32 by more than the margin."""
    rows = []
    known = trivial("fashion_mnist")
    assert known is not None
    for task, setting in SETTINGS.items():
        for variant in VARIANTS:
            name = f"{task}.{variant}"
            if variant == FLOAT32 or name not in found(STUDY):
                continue
            change = interval(STUDY, name)
            reached = found(STUDY)[f"{task}.{FLOAT32}"]["value"] + change.estimate
            model, value, unit = known
            baseline = Baseline(model, value, reached, f"Lion, {LABELS[variant]}", unit)
            primary = (task, variant) == ("fashion_mnist_mlp", "int8_momentum")
            basis = Basis(edges=(), baseline=baseline, primary=primary)
            rows.append(
                row(
                    f"{task}, {LABELS[variant]}",
                    "final accuracy less that with float32",
                    change,
                    "points",
                    0.0,
                    basis,
                    tolerance=setting.margin,
                )
            )
    return rows
