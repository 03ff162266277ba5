"""What lazy rows save and diagnostics cost, as tables for the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FORMS = {"eager": "eager", "graph": "`tf.function`", "xla": "XLA"}
WORKLOADS = {"mlp": "MLP (`mnist1d_mlp`)", "vision_transformer": "vision transformer"}
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow"}


def sparse_rows(results: Path) -> str:
    """A row per mode of TensorFlow: time and memory, lazy and dense."""
    kept = read(results, "sparse_rows")
    found = kept["claims"]
    lines = [
        "| | time of a step, lazy | dense | dense / lazy | memory, lazy | dense "
        "| dense / lazy |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, name in FORMS.items():
        cells = [name]
        for what, unit in (("time", "ms"), ("memory", "MiB")):
            cells += [
                f"{_short(found[f'{mode}.{side}.{what}']['value'])} {unit}"
                for side in ("lazy", "dense")
            ]
            cells.append(_ratio(found[f"{mode}.dense_to_lazy.{what}"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n" + _load([kept["load_average"]])


def diagnostics(results: Path) -> str:
    """A row per backend and model: time of a step, and how much longer it takes."""
    kept = read(results, "diagnostics_overhead")
    found = kept["claims"]
    lines = [
        "| backend | model | time of a step | with diagnostics / without |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {backend} | {model} | {found[f'{key}.{workload}.step']['value']:.2g} ms "
        f"| {_ratio(found[f'{key}.{workload}.with_to_without'], digits=2)} |"
        for key, backend in BACKENDS.items()
        for workload, model in WORKLOADS.items()
        if f"{key}.{workload}.step" in found
    ]
    loads = [each["load_average"] for each in kept["environments"].values()]
    return "\n".join(lines) + "\n" + _load(loads)


def read(results: Path, name: str) -> dict[str, Any]:
    """A file of measurements."""
    path = results / "performance" / f"{name}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _short(value: float) -> str:
    """`1.2`, `350`, `2,100`."""
    return f"{float(f'{value:.2g}'):,g}"


def _ratio(entry: dict[str, Any], digits: int = 0) -> str:
    """`12 [10, 14]`; without an interval where there is none."""
    value = f"{entry['value']:,.{digits}f}"
    if entry["n"] == 1:
        return value
    return f"{value} [{entry['low']:,.{digits}f}, {entry['high']:,.{digits}f}]"


def _load(averages: list[float]) -> str:
    """How busy the machine was, which slows both sides of a ratio."""
    loads = " and ".join(f"{each:g}" for each in averages)
    return f"\n2 cores, load average {loads}; brackets: 95 % intervals over 21 turns.\n"
