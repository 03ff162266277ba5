"""The datasheet of the public table: results/DATASHEET.md."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from studies.evidence.runs import TABLE, all_runs, is_declared

COLUMNS = {
    "key": "hash of all that decides the result: study, task, configuration, schedule, "
    "seed, budget, size of the data, backend",
    "study": "name of the study, a file of `studies/`",
    "preset": "size of the sweep that the run was made for",
    "task": "data set, model, loss, metric and splits, by name",
    "optimizer": "its name in the engine",
    "learning_rate": "peak learning rate η",
    "weight_decay": "decoupled weight decay λ: θ ← θ − η_t λ θ, on weights of two or "
    "more dimensions",
    "beta_1": "β₁; empty where the optimizer has none, or Keras's default",
    "beta_2": "β₂, likewise",
    "batch_size": "examples a step",
    "seed": "number of the seed; with study and task it decides split, initial weights "
    "and order of the data, whatever the configuration",
    "schedule": "of the learning rate; warm-up as a share of the steps",
    "sum_learning_rate": "Σ η_t over the steps",
    "epochs": "budget in passes over the training examples; empty if it is in steps",
    "steps": "optimizer steps",
    "train_examples": "training examples",
    "kappa": "λ Σ η_t",
    "metric": "what the score is made of",
    "likelihood": "1 where losses are negative log-likelihoods; empty in older records",
    "lower_is_better": "1 where the score is the negated metric; likewise",
    "floor": "score of a run that diverged, or did not reach the target",
    "status": "`ok`, `diverged` or `failed`",
    "reason": "why it diverged",
    "score": "larger is better: accuracy (share), −loss (nats) or −log₁₀ steps to the "
    "target, on validation examples, at the end of training",
    "best_score": "the same at the best evaluation, not used for any claim",
    "best_epoch": "epoch (step, where the budget is in steps) of that evaluation",
    "initial_loss": "validation loss before the first step, nats",
    "final_loss": "validation loss at the end, nats",
    "final_train_loss": "mean training loss of the last epoch, nats",
    "history": "JSON: epoch (or step), training loss, validation loss and accuracy at "
    "every evaluation, six digits",
    "test_score": "score on the test examples, of selected cells only",
    "seconds": "wall time of the run; of runs that shared a program, its share",
    "backend": "Keras backend",
    "executor": "`loop` (alone) or `vmap` (several runs in one program)",
    "epsilon": "AdamW's ε, where a study sets it",
    "initial_scale": "factor of all initial weights (effective_decay, network exact)",
    "noise": "standard deviation of the noise on the training inputs (augmentation)",
}
TEXT = """<!-- written by `make evidence`: do not edit -->

# Datasheet of runs.csv.gz

{count:,} training runs of small networks: optimizers over learning rate, weight decay,
betas, batch size and seeds. One run a row.

```python
import pandas as pd

runs = pd.read_csv("studies/results/runs.csv.gz")
```

`keras_lion.tuning.load_table` reads it too, with `history` as a dict.

**Why it was made.** To measure what is said of Lion's sensitivity, on data that
anybody can make again. **By whom.** The keras-lion authors. **How.** `keras-lion run`
with the studies in `studies/`, on two CPU cores; none is left out, and diverged runs
are in it with their reason. **What it is not.** The tasks are small; no run took more
than a few minutes. Validation scores select; test scores exist for a few cells only.
**Data.** MNIST-1D (generated), digits (scikit-learn), Fashion-MNIST, sources of the
Python standard library, modular addition: no personal data. **Licence.** Apache-2.0, as
the repository; cite `CITATION.cff`. **Changes.** Rows are added, and none is changed.

## Runs

Tasks that are marked *earlier* belong to an earlier form of their study, which its file
no longer declares and the ledger does not use; the file's history has the declaration.

The ledger uses the runs that a study declares now. The counts below are of all runs,
and differ from what `keras-lion list` counts for reasons that were checked key by key.
More, or others: windows that were moved later, because an optimum lay on an edge
(`learning_rate_weight_decay`: fashion_mnist_vit and python_lm, and pilots), and a
second backend (“tensorflow / jax”, whose keys differ). Fewer: a run is in the table
once, under the preset that made it first; and pilots that were stopped.

| study | task | preset | optimizers | runs | diverged | backend |
|---|---|---|---|---|---|---|
{rows}

## Columns

| column | meaning |
|---|---|
{columns}
"""


def text() -> str:
    """The datasheet.

    Raises:
        ValueError: If a column of the table has no description.
    """
    # `load_table` adds the columns of later records, which the file need not have.
    frame = all_runs()[list(pd.read_csv(TABLE, nrows=0).columns)]
    unknown = sorted(set(frame.columns) - set(COLUMNS))
    if unknown:
        raise ValueError(
            f"Every column needs a description in {Path(__file__).name}. Without one: "
            f"{', '.join(unknown)}."
        )
    rows = []
    for (study, task, preset), runs in frame.groupby(["study", "task", "preset"]):
        diverged = int((runs["status"] == "diverged").sum())
        earlier = "" if is_declared(str(study), str(task)) else " (*earlier*)"
        rows.append(
            f"| {study} | {task}{earlier} | {preset} | {runs['optimizer'].nunique()} | "
            f"{len(runs)} | {diverged} | {' / '.join(sorted(set(runs['backend'])))} |"
        )
    columns = [f"| `{name}` | {COLUMNS[name]} |" for name in frame.columns]
    return TEXT.format(
        count=len(frame), rows="\n".join(rows), columns="\n".join(columns)
    )


def write(results: Path) -> None:
    """Write results/DATASHEET.md."""
    (results / "DATASHEET.md").write_text(text(), encoding="utf-8")
