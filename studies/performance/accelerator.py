"""What does Lion gain on a GPU or TPU, and is everything right there?

Question   Correctness, step time, memory, populations, the program search and the
           presets `gpu` of the studies, measured on whatever device JAX finds.
Command    python studies/performance/accelerator.py --part steps --minutes 10
           make accelerator
           again and again, until nothing is left: what is measured is not repeated
Duration   its minutes for each part; with --small on a CPU, seconds
Result     studies/results/accelerator/<device>/: none yet, no accelerator was at hand

    check        equality with the NumPy reference, rounding, checkpoints, no copies
    steps        updates and training steps against Keras, optax and AdamW, and the
                 share of the copy bandwidth
    memory       bytes of a training step by optimizer, and the largest batch
    populations  runs per minute of `loop`, `map` and `vmap`, and the largest population
    discovery    programs per second of the program search's interpreter
    studies      the presets `gpu`

Needs JAX, NumPy, Keras and keras-lion. Nothing is downloaded. Rows are appended to
<part>.jsonl as they are measured; kill it at any time. The exit status is 1 if
something failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # next to a wheel, `studies` is no installed package

from studies.performance.accelerator_parts.names import PARTS  # noqa: E402
from studies.performance.accelerator_parts.supervision import run_part  # noqa: E402
from studies.performance.accelerator_parts.table import has_failed, table  # noqa: E402

OUTPUT = ROOT / "studies" / "results" / "accelerator"
SMALL_OUTPUT = Path("results") / "accelerator"  # nothing to keep


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts one after the other, and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--part", nargs="+", choices=PARTS, default=PARTS, help="default: all"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="of each part")
    parser.add_argument(
        "--small", action="store_true", help="sizes that show that all works on a CPU"
    )
    parser.add_argument(
        "--only",
        default="",
        metavar="TEXT",
        help="measurements with this in their name",
    )
    parser.add_argument("--output", type=Path, help="folder above the device's own")
    options = parser.parse_args(arguments)
    if not options.minutes > 0:
        parser.error(f"--minutes must be above 0. Received: {options.minutes:g}.")
    output = options.output or (SMALL_OUTPUT if options.small else OUTPUT)
    failed = False
    for name in options.part:
        part = run_part(
            name,
            minutes=options.minutes,
            output=output,
            small=options.small,
            only=options.only,
        )
        print("\n".join(table(part)), flush=True)
        failed = failed or has_failed(part)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
