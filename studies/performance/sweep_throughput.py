"""How many runs per minute does the engine train?

Question   The same runs, compilation included, in turn: keras-lion with KerasTuner,
           records and fsync; a loop written by hand that writes nothing; stock
           KerasTuner. Two workers against one. On an accelerator: accelerator.py.
Command    python studies/performance/sweep_throughput.py
Duration   about 15 minutes on 2 cores; --quick: half a minute per backend
Result     studies/results/performance/sweep_throughput.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve()
ROOT = FILE.parents[2]
OUTPUT = ROOT / "studies" / "results" / "performance" / "sweep_throughput.json"
PAGE = ROOT / "docs" / "performance.md"
BEGIN = (
    "<!-- written by `python studies/performance/sweep_throughput.py --document` -->\n"
)
END = "<!-- end of throughput -->"
BACKENDS = ("tensorflow", "jax")
TASKS = ("digits_mlp", "fashion_mnist_mlp", "fashion_mnist_cnn")
PARTS = ("sides", "workers")

# (side, task, backend) → least ratio of our runs a minute to that side's.
AT_LEAST = {
    ("anchor", "digits_mlp", "tensorflow"): 0.85,
    ("anchor", "digits_mlp", "jax"): 0.85,
    ("anchor", "fashion_mnist_mlp", "tensorflow"): 0.85,
    ("anchor", "fashion_mnist_mlp", "jax"): 0.85,
    ("stock", "digits_mlp", "tensorflow"): 12.0,
    ("stock", "digits_mlp", "jax"): 12.0,
    ("stock", "fashion_mnist_mlp", "tensorflow"): 5.0,
    ("stock", "fashion_mnist_mlp", "jax"): 5.0,
    ("stock", "fashion_mnist_cnn", "tensorflow"): 2.0,
}
WORKERS_AT_LEAST = 1.6


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    options = _parser().parse_args(arguments)
    if options.child:
        part, path = options.child
        measured = _measure(part, options)
        Path(path).write_text(json.dumps(measured), encoding="utf-8")
        return 0
    if options.document:
        kept = json.loads(options.output.read_text(encoding="utf-8"))
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(documented(page, kept), encoding="utf-8")
        return 0
    if options.quick:
        options.tasks, options.populations = ["digits_mlp"], []
        options.repeats, options.trials = 1, 1
    result: dict[str, Any] = {"quick": options.quick, "repeats": options.repeats}
    if "sides" in options.parts:
        result["sides"] = []
        for backend in options.backends:
            result["sides"].append(_in_process("sides", backend, options))
            _write(options.output, result)
    if "workers" in options.parts:
        result["workers"] = _in_process("workers", options.backends[0], options)
    _write(options.output, result)
    print("\n".join(table(result)))
    return 0


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS)
    )
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--trials", type=int, default=8, help="of stock KerasTuner")
    parser.add_argument("--populations", type=int, nargs="*", default=[8])
    parser.add_argument(
        "--quick", action="store_true", help="few short runs, no targets"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument(
        "--document", action="store_true", help="only write --output's table to docs/"
    )
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser


def _in_process(part: str, backend: str, options: argparse.Namespace) -> Any:
    """What a part returns in a process of its own with that backend."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, str(FILE), "--child", part, str(path)]
        command += ["--tasks", *options.tasks, "--repeats", str(options.repeats)]
        command += ["--trials", str(options.trials)]
        command += ["--populations", *map(str, options.populations)]
        command += ["--quick"] if options.quick else []
        names = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(command, env={**os.environ, **names}, check=True)
        return json.loads(path.read_text(encoding="utf-8"))


def _measure(part: str, options: argparse.Namespace) -> Any:
    preset = "smoke" if options.quick else "standard"
    if part == "sides":
        from studies.performance import sweep_sides

        return sweep_sides.measure(
            options.tasks,
            preset=preset,
            repeats=options.repeats,
            trials=options.trials,
            populations=options.populations,
        )
    from studies.performance import sweep_workers

    return sweep_workers.measure("smoke" if options.quick else "full")


def table(result: dict[str, Any]) -> Iterator[str]:
    """What was measured, as lines of text."""
    head = ("backend", "task", "side", "runs/min", "ours is", "in turn", "target")
    form = "{:<11}{:<19}{:<8}{:>10}{:>10}  {:<20}{}"
    if "sides" in result:
        yield form.format(*head)
    for part in result.get("sides", ()):
        backend = part["environment"]["backend"]
        for row in part["rows"]:
            turns = " ".join(f"{ratio:.2f}" for ratio in row["ratios"])
            bound = AT_LEAST.get((row["side"], row["task"], backend))
            met = ""
            if bound is not None and not result["quick"]:
                met = f">= {bound:g}: " + ("yes" if row["ratio"] >= bound else "NO")
            yield form.format(
                backend,
                row["task"],
                row["side"],
                f"{row['runs_per_minute']:.0f}",
                f"{row['ratio']:.2f} x",
                turns,
                met,
            )
    if "workers" in result:
        part = result["workers"]
        met = "yes" if part["ratio"] >= WORKERS_AT_LEAST else "NO"
        yield (
            f"workers ({part['backend']}, {part['task']}, one thread each): "
            + ", ".join(
                f"{row['workers']}: {row['runs_per_minute']:.0f} runs/min from first "
                f"to last record, {row['end_to_end_per_minute']:.0f} end to end"
                for row in part["rows"]
            )
            + f"; ratio {part['ratio']:.2f}, end to end {part['end_to_end_ratio']:.2f}"
            + ("" if result["quick"] else f"; >= {WORKERS_AT_LEAST}: {met}")
        )


def documented(page: str, result: dict[str, Any]) -> str:
    """The page with the table between its markers."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    lines = "\n".join(line.rstrip() for line in table(result))
    return f"{before}{BEGIN}\n```text\n{lines}\n```\n\n{END}{after}"


if __name__ == "__main__":
    sys.exit(main())
