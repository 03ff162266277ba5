"""The ledger of claims: studies/README.md and results/ledger.json, from the results."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_lion.robustness.verdict import LEAST_SEEDS, LEAST_WINDOW_SHARE
from keras_lion.statistics import FEW
from studies.evidence import (
    decay_claims,
    decay_predictions,
    main_claims,
    optimum_claims,
    other_claims,
    search_claims,
    sweep_claims,
)
from studies.evidence.catalog import repeat, table
from studies.evidence.measured import Claim, Measured
from studies.evidence.runs import MAIN as MAIN_STUDY
from studies.evidence.runs import all_runs, declared

CHEN = "Chen et al. 2023"
MAIN = "learning_rate_weight_decay.py"
LADDER = "effective_decay/figures/ladder.png"


def _better_best() -> list[Measured]:
    return [
        *main_claims.better_best(),
        *sweep_claims.better_best_with_tuned_betas(),
    ]


CLAIMS = (
    Claim(
        "less-sensitive",
        "Lion is less sensitive to the learning rate than AdamW.",
        f"{CHEN}, figure 8",
        MAIN,
        main_claims.less_sensitive,
        "learning_rate_weight_decay/figures/mnist1d_mlp_heatmap_loss.png",
    ),
    Claim(
        "smaller-lr-larger-decay",
        "Lion's best learning rate is 3 to 10 times smaller than AdamW's and its best "
        "λ 3 to 10 times larger, so that lr × λ is alike.",
        f"{CHEN}, section 5",
        MAIN,
        optimum_claims.lr_and_decay_shift,
    ),
    Claim(
        "rule-of-thumb",
        "At AdamW's lr / k and λ·k with a k from 3 to 10, Lion is as good as AdamW, to "
        "within ε.",
        f"{CHEN}, section 5; README of google/automl",
        "transfer_from_adamw.py",
        sweep_claims.rule_of_thumb,
        "transfer_from_adamw/figures/curves.png",
    ),
    Claim(
        "product-law",
        "The product lr × λ alone explains how good a setting is.",
        "Loshchilov & Hutter 2019; Wang & Aitchison 2024; Chen et al. 2023, section 5",
        MAIN,
        main_claims.product_law,
        "learning_rate_weight_decay/figures/mnist1d_mlp_collapse.png",
    ),
    Claim(
        "pace-alone",
        "Where every weight is scale-invariant and weight decay is enough, lr × λ "
        "alone decides.",
        "van Laarhoven 2017; Wang & Aitchison 2024; predicted in the study",
        "effective_decay.py",
        decay_claims.pace_alone,
        LADDER,
    ),
    Claim(
        "size-counts",
        "Where the scale of some weights matters and weight decay is enough, lr × λ "
        "alone still decides.",
        "often said of AdamW and Lion; the study predicts that it does not",
        "effective_decay.py",
        decay_claims.with_size,
        LADDER,
    ),
    Claim(
        "pace-predictions",
        "Every prediction on lr × λ, written down before the runs, holds.",
        "docstring of studies/effective_decay.py",
        "effective_decay.py",
        decay_predictions.predictions,
        LADDER,
    ),
    Claim(
        "best-pace",
        "The best memory of the weights, 1 / (lr × λ) in epochs, is the same at every "
        "batch size and number of examples, and grows like the root of the training "
        "length.",
        "Wang & Aitchison 2024; Bergsma et al. 2025; predicted in the study",
        "pace.py",
        decay_claims.best_pace,
    ),
    Claim(
        "independent-decay",
        "A decay that the learning rate does not multiply makes the learning rate less "
        "critical.",
        "Wortsman et al. 2023",
        "parametrisation.py",
        main_claims.schedule_coupling,
        others=(MAIN,),
    ),
    Claim(
        "larger-batches",
        "Lion prefers larger batches than AdamW: it gains on AdamW as the batch grows.",
        f"{CHEN}, figure 8 and section 6",
        "batch_size.py",
        sweep_claims.larger_batches,
        "batch_size/figures/mnist1d_mlp_fixed_epochs_batch_size.png",
    ),
    Claim(
        "small-batches",
        "Lion is weaker than AdamW at batch sizes below 64.",
        f"{CHEN}, section 6",
        "batch_size.py",
        sweep_claims.small_batches,
        "batch_size/figures/mnist1d_mlp_fixed_epochs_batch_size.png",
    ),
    Claim(
        "small-tasks",
        "On MNIST-sized tasks Adam is better than Lion.",
        "issue threads of google/automl and lucidrains/lion-pytorch",
        MAIN,
        _better_best,
        "learning_rate_weight_decay/figures/mnist1d_mlp_heatmap.png",
        others=("betas.py",),
        note=lambda: sweep_claims.two_bests("other-optimizers", here=MAIN_STUDY),
    ),
    Claim(
        "other-optimizers",
        "Tuned with one budget, Lion's best is above that of other optimizers.",
        f"{CHEN}, table 7; the question of every reader",
        "optimizers.py",
        sweep_claims.against_others,
        "optimizers/figures/mnist1d_mlp_best_of_k.png",
        note=lambda: sweep_claims.two_bests("small-tasks", here="optimizers"),
    ),
    Claim(
        "both-betas",
        "Lion needs two betas: one is worse.",
        f"{CHEN}, table 7 and section 4",
        "betas.py",
        sweep_claims.both_betas,
    ),
    Claim(
        "language-betas",
        "Betas 0.95/0.98 are better than 0.9/0.99 for language models.",
        f"{CHEN}, section 4",
        "betas.py",
        sweep_claims.language_betas,
    ),
    Claim(
        "warm-up",
        "Lion needs warm-up more than AdamW.",
        "issue threads of lucidrains/lion-pytorch",
        "warm_up.py",
        sweep_claims.warm_up,
    ),
    Claim(
        "augmentation",
        "Lion's gains shrink with strong augmentation.",
        f"{CHEN}, section 6",
        "augmentation.py",
        sweep_claims.augmentation,
    ),
    Claim(
        "bfloat16-momentum",
        "A bfloat16 momentum is harmless.",
        f"{CHEN}, section 6",
        "momentum_dtype.py",
        sweep_claims.bfloat16_momentum,
    ),
    Claim(
        "state-size",
        "Lion keeps half of AdamW's optimizer state.",
        f"{CHEN}, section 1",
        "performance/optimizer_state.py",
        other_claims.state_size,
    ),
    Claim(
        "step-time",
        "Whole training steps are 2 to 15 % faster than with AdamW.",
        f"{CHEN}, section 3; README of google/automl",
        "performance/optimizer_steps.py",
        other_claims.step_time,
        note=other_claims.bare_update,
    ),
    Claim(
        "update-size",
        "At one learning rate Lion's updates are larger than AdamW's.",
        f"{CHEN}, section 5",
        "update_norm.py",
        other_claims.update_size,
    ),
    Claim(
        "memory-of-gradients",
        "Lion remembers ten times the history of gradients that is usual, by any "
        "measure of it.",
        f"{CHEN}, section 3",
        "memory.py",
        other_claims.memory,
    ),
    Claim(
        "flatter-minima",
        "Lion finds flatter minima.",
        f"{CHEN}, section 3",
        "flatness.py",
        other_claims.flatness,
    ),
    Claim(
        "noise-regularizes",
        "The noise that the sign adds regularizes.",
        f"{CHEN}, section 3",
        "flatness.py",
        other_claims.regularisation,
    ),
    Claim(
        "search-savings",
        "In the program search the cache answers nine children in ten, and seven "
        "statements in ten do nothing.",
        f"{CHEN}, section 2.2 and figure 2",
        "discovery.py",
        search_claims.savings,
    ),
    Claim(
        "search-beats-baselines",
        "The search ends above tuned constants and above random programs that get 4 "
        "times its evaluations.",
        f"{CHEN}, figure 2",
        "discovery.py",
        search_claims.beats_baselines,
    ),
    Claim(
        "search-finds-signs",
        "A search that starts from AdamW ends with an update like a sign.",
        f"{CHEN}, section 2",
        "discovery.py",
        search_claims.finds_signs,
    ),
    Claim(
        "search-finds-planted",
        "Where the updates of Signum or Lion are the aim of the search, so that "
        "fitness has no noise, most searches find them.",
        "a control of the search of this repository",
        "discovery.py",
        search_claims.finds_planted,
    ),
    Claim(
        "search-overfits",
        "The best programs of a search lose their lead on larger problems.",
        f"{CHEN}, section 2.3 and figure 3",
        "discovery.py",
        search_claims.overfits,
    ),
    Claim(
        "large-scale",
        "Lion beats AdamW on ImageNet Vision Transformers and large language models.",
        f"{CHEN}, tables 2 and 5",
        None,
        other_claims.large_scale,
    ),
)
HEAD = """<!-- written by `make evidence`: do not edit -->

# The ledger of claims

What the sources claim about Lion, and what the runs of this repository show. Every
number below comes from [the public table](results/runs.csv.gz) of {runs:,} runs
([datasheet](results/DATASHEET.md)) or from a file next to it, and `make evidence-check`
fails if one does not.

**How to read it.** Measurements have their 95 % intervals over n seeds; how often such
an interval covers is under each table. *Supported*: the interval lies on the claimed
side. *Not supported*: it lies on the other side, or within the margin that the study
declared as too small to matter (“smallest that matters”). *Underpowered*: neither.
*Mixed*: two measures of one thing contradict each other; of a claim, at least one of
its measurements supports it, and at least one does not. *Provisional*: fewer than
{least} seeds, an optimum on the edge of its grid, or a sign that fewer than
{windows:.0%} of the other windows share (“windows” is that share). *Indicative*: fewer
than {few} seeds. *Untestable*: the conditions of the claim are not met here. *Out of
reach here*: it needs more than two cores; the text says how much. *Not run yet*:
declared, and the runs are still to be made. A claim that says several things is
supported where all of them are. Best scores are subtracted so that a positive number is
in favor of the claim.

The tasks are small, and trained on a CPU in seconds to a minute: each outcome holds at
this scale only. Studies differ in grids and seeds, so that the best score of one task
differs between sections: compare numbers within a section only.

**How to repeat it.** Each section has the commands that train its runs again. Give them
in the folder of the repository, after `pip install -e ".[tensorflow,jax,studies]"`. The
report of each command then shows the numbers; `python studies/evidence/collect.py
FOLDER` adds runs that the table does not have, and `make evidence` writes this page.

{totals}
"""


def entries() -> list[dict[str, Any]]:
    """Every claim with its measurements, as JSON values."""
    return [
        {
            "claim": claim.name,
            "text": claim.text,
            "source": claim.source,
            "study": claim.study,
            "figure": claim.figure,
            "note": claim.note(),
            "repeat": _commands(claim, measured),
            "measurements": [_record(each) for each in measured],
        }
        for claim in CLAIMS
        for measured in [claim.measure()]
    ]


def _commands(claim: Claim, measured: Sequence[Measured]) -> list[str]:
    """What to type to make the measurements again."""
    places = {each.where.partition(",")[0] for each in measured}
    files = [claim.study] if claim.study else []
    return [
        command for file in (*files, *claim.others) for command in repeat(file, places)
    ]


def page(found: Sequence[dict[str, Any]], results: Path) -> str:
    """studies/README.md."""
    counts = Counter(
        each["outcome"] for entry in found for each in entry["measurements"]
    )
    totals = "Measurements by outcome: " + ", ".join(
        f"{outcome} {count}" for outcome, count in sorted(counts.items())
    )
    text = HEAD.format(
        runs=len(all_runs()),
        least=LEAST_SEEDS,
        few=FEW,
        windows=LEAST_WINDOW_SHARE,
        totals=totals + ".",
    )
    text += "\n| claim | outcome |\n|---|---|\n"
    for entry in found:
        text += f"| [{entry['text']}](#{entry['claim']}) | {_outcomes(entry)} |\n"
    for entry in found:
        text += _section(entry, results)
    return f"{text}\n## Every study\n\n{table()}"


def _section(entry: dict[str, Any], results: Path) -> str:
    text = f"\n## {entry['claim']}\n\n{entry['text']}\n\n"
    study = entry["study"]
    text += f"Source: {entry['source']}."
    text += f" Study: [{study}]({study}).\n" if study else "\n"
    figure = entry["figure"]
    if figure:
        links = [
            f"[{task or 'figure'}](results/{path.relative_to(results).as_posix()})"
            for task, path in figures_like(results / figure)
        ]
        text += f"Figures: {', '.join(links)}.\n"
    text += "\n| where | measured | windows | outcome |\n|---|---|---|---|\n"
    for each in entry["measurements"]:
        windows = each["windows"]
        share = "–" if windows is None else f"{windows:.0%}"
        doubts = [*_indicative(each), *each["reasons"]]
        why = f" ({'; '.join(doubts)})" if doubts else ""
        text += (
            f"| {each['where']} | {_cell(each['text'])} | {share} | "
            f"**{each['outcome']}**{_cell(why)} |\n"
        )
    errors: list[str] = sorted(
        {each["errors"] for each in entry["measurements"]} - {""}
    )
    if errors:
        text += f"\nHow often the analysis errs: {'; '.join(errors)}.\n"
    if entry["note"]:
        text += f"\n{entry['note']}\n"
    if entry["repeat"]:
        text += "\nRepeat:\n\n```bash\n" + "\n".join(entry["repeat"]) + "\n```\n"
    return text


def figures_like(figure: Path) -> list[tuple[str, Path]]:
    """(task, figure) of the same kind, for every task of its study that has one."""
    tasks = list(declared(figure.parents[1].name).plans)
    named = [each for each in tasks if figure.name.startswith(f"{each}_")]
    if not named:
        return [("", figure)]
    task = max(named, key=len)
    kind = figure.name.removeprefix(f"{task}_")
    paths = [(each, figure.with_name(f"{each}_{kind}")) for each in tasks]
    return [(each, path) for each, path in paths if path.exists()]


def _outcomes(entry: dict[str, Any]) -> str:
    counts = Counter(each["outcome"] for each in entry["measurements"])
    if len(counts) == 1 and sum(counts.values()) == 1:
        return str(next(iter(counts)))
    listed = ", ".join(
        f"{outcome} {count}" for outcome, count in sorted(counts.items())
    )
    mixed = {"supported", "not supported"} <= set(counts)
    return f"mixed: {listed}" if mixed else listed


def _indicative(measurement: dict[str, Any]) -> list[str]:
    """A doubt about an outcome that rests on few seeds."""
    number = measurement["number"]
    decided = measurement["outcome"] in ("supported", "not supported")
    return ["indicative"] if decided and number and number["n"] < FEW else []


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _record(each: Measured) -> dict[str, Any]:
    number = None
    if each.interval is not None:
        number = {
            name: _rounded(getattr(each.interval, name))
            for name in ("estimate", "low", "high")
        } | {"n": each.interval.n}
    return {
        "where": each.where,
        "text": each.text,
        "outcome": each.outcome,
        "number": number,
        "windows": None if each.windows is None else _rounded(each.windows),
        "errors": each.errors,
        "reasons": list(each.reasons),
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def write(studies: Path, results: Path) -> None:
    """Write results/ledger.json and studies/README.md."""
    found = entries()
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    (results / "ledger.json").write_text(text + "\n", encoding="utf-8")
    (studies / "README.md").write_text(page(found, results), encoding="utf-8")
