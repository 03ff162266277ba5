"""How often does the analysis err, where the answer is known?

Question   Do the intervals of the reports hold the true value as often as they say, and
           how often do the verdicts name a difference that is not there, or miss one
           that is?
Command    python studies/calibration.py
Duration   about 2 minutes on one core
Result     studies/results/calibration/ (2026-11-28): intervals that reports use cover
           .933 to .997 at 2 to 20 seeds; none of 200 A/A studies names a better one. A
           verdict on tolerance needs the widths around the common and the own best to
           agree: with a 7 x 7 grid and 6 seeds a gap of 1 decade is found by 175 of 200
           studies, reversed by 183. The table has the power by grid, seeds and gap.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from keras_lion.robustness import study_verdicts
from keras_lion.robustness.calibration.controls import (
    calibrate,
    calibration_frame,
    calibration_text,
    power_table,
)
from keras_lion.robustness.calibration.coverage import coverage_table
from keras_lion.robustness.calibration.planted import Noise
from keras_lion.robustness.verdict import DETECTED_GAP

OUTPUT = Path(__file__).parent / "results" / "calibration"
# Every report prints this copy.
PRINTED = Path(study_verdicts.__file__).parent
LEAST_COVERAGE = 0.93
# In units of epsilon; the middle one is what seeds of `mnist1d_mlp` showed.
NOISES = (Noise(0.2, 0.05), Noise(), Noise(0.7, 0.3))


ONCE = ("cell mean", "accuracy", "best accuracy")


def coverage(draws: int, generator: np.random.Generator) -> pd.DataFrame:
    """Coverage tables at three levels of noise, one below the other."""
    tables = []
    for noise in NOISES:
        table = coverage_table(generator, draws=draws, noise=noise)
        table = table.assign(cell_noise=noise.cell, optimizer_noise=noise.optimizer)
        # The coverage of a mean does not depend on the size of the noise, and
        # accuracies have their own.
        once = noise == Noise()
        tables.append(table if once else table[~table["quantity"].isin(ONCE)])
    return pd.concat(tables, ignore_index=True)


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Coverage with one column for each number of seeds."""
    rows = ["quantity", "surface", "interval", "used", "cell_noise"]
    wide = table.pivot_table("coverage", rows, "n", sort=False)
    return wide.round(3).reset_index()


def power(draws: int, generator: np.random.Generator) -> pd.DataFrame:
    """Power by grid and seeds, and by noise on the grid of the `full` preset."""
    by_grid = power_table(
        generator,
        draws=draws,
        sizes=((3, 3), (5, 5), (7, 7), (9, 9)),
        seeds=(3, 6, 10, 20),
        gaps=(0.5, 0.75, 1.0),
    )
    by_noise = power_table(
        generator,
        draws=draws,
        sizes=((7, 7),),
        seeds=(6,),
        gaps=(0.5, 0.75, 1.0, 1.5),
        noises=(NOISES[0], NOISES[2]),
    )
    return pd.concat([by_grid, by_noise], ignore_index=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=200, help="studies a control")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args(arguments)
    generator = np.random.default_rng(options.seed)
    options.output.mkdir(parents=True, exist_ok=True)

    covered = coverage(10 * options.draws, generator)
    print("Coverage of intervals of 95 %, by number of seeds\n")
    print(shown(covered).to_string(index=False))

    rates = calibrate(generator, draws=options.draws)
    print("\nError rates: 7 x 7 grid and a row without decay, 6 seeds\n")
    print(calibration_text(rates))

    powers = power(max(1, options.draws // 2), generator)
    print("\nPower: share of studies that support a true claim\n")
    columns = ["weight_decays", "learning_rates", "gap", "cell_noise"]
    wide = powers.pivot_table("power", columns, "seeds", sort=False)
    print(wide.round(2).reset_index().to_string(index=False, na_rep=""))

    used = covered[covered["used"]]
    summary = {
        "draws": options.draws,
        "seed": options.seed,
        "least_coverage_of_used_intervals": used["coverage"].min(),
        "largest_coverage_of_used_intervals": used["coverage"].max(),
        "least_coverage_asked_for": LEAST_COVERAGE,
        "gap_that_full_claims_to_see": DETECTED_GAP,
        "error_rates_kept": bool(all(each.passed for each in rates)),
    }
    print(
        f"\nIntervals that reports use cover {used['coverage'].min():.3f} to "
        f"{used['coverage'].max():.3f}, of nominal 0.95."
    )
    covered.to_csv(options.output / "coverage.csv", index=False, float_format="%.5g")
    frame = calibration_frame(rates)
    folders = [options.output, *([PRINTED] if options.output == OUTPUT else [])]
    for folder in folders:
        frame.to_csv(folder / "error_rates.csv", index=False, float_format="%.5g")
    powers.to_csv(options.output / "power.csv", index=False, float_format="%.5g")
    text = json.dumps(summary, indent=2) + "\n"
    (options.output / "calibration.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
