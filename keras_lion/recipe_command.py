"""`keras-lion recipe`: its arguments, and the search for a script."""

from __future__ import annotations

import argparse
import ast
import contextlib
import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_lion.argument_types import at_least_one, number, positive_number

NAMES = "build_model, and x and y or train"
KEPT = "script.py"  # a copy, next to the trials
RECIPE = ("learning_rate", "weight_decay", "beta_1", "beta_2")


def add_command(commands: Any, backends: Sequence[str]) -> None:
    """Add the command to those of `keras-lion`."""
    command = commands.add_parser(
        "recipe",
        help="an AdamW recipe and k trials -> Lion's values, or stay with AdamW",
        description="Without FILE, prints the trials in their order, with reasons. "
        f"With FILE, runs them: a Python script that defines {NAMES}; optionally "
        "validation, and fit, a dictionary of further arguments of model.fit. AdamW's "
        "values are read from the compiled model where the options do not give them.",
    )
    add = command.add_argument
    add(
        "file", nargs="?", type=Path, metavar="FILE", help="script with build_model(hp)"
    )
    add("--trials", type=at_least_one, default=8, metavar="K", help="default: 8")
    rate = "of AdamW; the peak of a schedule"
    add("--learning-rate", "--lr", type=positive_number, metavar="LR", help=rate)
    decay = "of AdamW, which the learning rate multiplies; 0 for none"
    add("--weight-decay", "--wd", type=number, metavar="WD", help=decay)
    add("--beta-1", type=number, help="of AdamW (default: 0.9)")
    add("--beta-2", type=number, help="of AdamW (default: 0.999)")
    add("--steps", type=at_least_one, metavar="N", help="steps of the training")
    add("--batch-size", type=at_least_one, metavar="N", help="examples in a batch")
    objective = "metric that is compared (default: val_loss)"
    add("--objective", default="val_loss", metavar="NAME", help=objective)
    direction = "of the objective, where its name does not say"
    add("--direction", choices=("max", "min"), help=direction)
    lion_only = "all trials look for Lion's best values; no verdict"
    add("--lion-only", action="store_true", help=lion_only)
    to_the_end = "train hopeless trials to the end"
    add("--keep-hopeless", action="store_true", help=to_the_end)
    output = "where trials are kept; the same command resumes (default: recipe-FILE)"
    add("--output", type=Path, metavar="DIR", help=output)
    add("--backend", choices=backends, help="default: KERAS_BACKEND")
    command.set_defaults(command=recipe)


def recipe(options: argparse.Namespace) -> None:
    """List the trials, or run them for a script."""
    given = {name: getattr(options, name) for name in RECIPE}
    values = {name: value for name, value in given.items() if value is not None}
    if options.file is None:
        _list(options, values)
    else:
        _search(options, values)


def _list(options: argparse.Namespace, values: Mapping[str, float]) -> None:
    from keras_lion.tuning.recipe.listing import listing
    from keras_lion.tuning.recipe.proposal import AdamWRecipe

    if "learning_rate" not in values or "weight_decay" not in values:
        raise ValueError(
            "Give AdamW's --learning-rate and --weight-decay for a list of trials, or "
            "a script to run them: keras-lion recipe FILE.py."
        )
    wanted = AdamWRecipe(**values, steps=options.steps, batch_size=options.batch_size)
    print(listing(wanted, options.trials, not options.lion_only))


def _search(options: argparse.Namespace, values: dict[str, Any]) -> None:
    if not options.file.is_file():
        raise FileNotFoundError(f"There is no file {options.file}.")
    folder = options.output or Path(f"recipe-{options.file.stem}")
    text = options.file.read_text(encoding="utf-8")
    kept = folder / KEPT
    _check_script(text, options.file, kept)
    script = runpy.run_path(str(options.file))
    build_model, data, fit = _contract(script, options.file)

    from keras_lion.tuning import RecipeTuner
    from keras_lion.tuning.kerastuner import HyperParameters, Objective
    from keras_lion.tuning.recipe.compiled import recipe_of

    if "learning_rate" not in values or "weight_decay" not in values:
        values = {**recipe_of(build_model(HyperParameters())), **values}
    objective: Any = options.objective
    if options.direction:
        objective = Objective(objective, options.direction)
    tuner = RecipeTuner(
        build_model,
        **values,
        steps=options.steps,
        batch_size=options.batch_size,
        objective=objective,
        max_trials=options.trials,
        compare=not options.lion_only,
        stop_hopeless=not options.keep_hopeless,
        directory=str(folder.parent),
        project_name=folder.name,
    )
    kept.write_text(text, encoding="utf-8")
    tuner.search(*data, **fit)
    print(f"\n{tuner.recommendation()}")


def _check_script(text: str, file: Path, kept: Path) -> None:
    """Refuse a script that has changed, but for comments, since its first trials."""
    if not kept.is_file():
        return
    with contextlib.suppress(SyntaxError):  # which running it reports
        before = ast.parse(kept.read_text(encoding="utf-8"))
        if ast.dump(ast.parse(text)) != ast.dump(before):
            raise ValueError(
                f"{file} has changed since the trials in {kept.parent} were trained. "
                "Give another --output for a new search, or continue with the script "
                f"as it was: {kept}."
            )


def _contract(
    script: Mapping[str, Any], file: Path
) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The model, the training data and the arguments of `fit` that a script defines."""
    data: tuple[Any, ...] | None = None
    if "train" in script:
        data = (script["train"],)
    elif "x" in script and "y" in script:
        data = (script["x"], script["y"])
    has_model = callable(script.get("build_model"))
    if not has_model or data is None:
        missing = [] if has_model else ["build_model"]
        missing += ["the training data"] if data is None else []
        raise ValueError(
            f"{file} must define build_model(hp), which returns a compiled model, and "
            "the training data: x and y, or train; it must not call `fit` itself. "
            f"Missing: {' and '.join(missing)}."
        )
    fit = dict(script.get("fit", {}))
    if "validation" in script:
        fit["validation_data"] = script["validation"]
    elif not {"validation_data", "validation_split"} & set(fit) and len(data) == 2:
        fit["validation_split"] = 0.2
    return script["build_model"], data, fit
