"""The `keras-lion` command: reads arguments, calls one function, prints."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_lion.arguments import PRESETS, make_parser
from keras_lion.messages import TRACEBACK, duration, error_text, one_line_warnings
from keras_lion.start_up import log_errors_only, quiet_start

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console

    from keras_lion.robustness import Landscape
    from keras_lion.tuning import Study
    from keras_lion.tuning.sweep.preparation import Progress

WIDTH = 150  # of lines where there is no terminal; the table needs about 140
WORTH_WORKERS = 60  # seconds in one process, below which several take longer
WRONG = 2
INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended
NO_READER = 141  # and of one whose output nobody reads any more


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    commands = {
        "list": _list,
        "run": _run,
        "report": _report,
        "calibrate": _calibrate,
        "import": _import,
        "convert": _convert,
    }
    options = make_parser(commands).parse_args(arguments)
    if getattr(options, "backend", None):
        # Keras reads this when it is imported, which no line above has done.
        os.environ["KERAS_BACKEND"] = options.backend
    if not getattr(options, "verbose", False):
        log_errors_only()
    try:
        with one_line_warnings():
            options.command(options)
            sys.stdout.flush()
    except BrokenPipeError:  # `keras-lion list | head`
        with contextlib.suppress(OSError):
            # What is still in the buffer has no reader either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Every finished run is recorded: the same command resumes "
            "from here.",
            file=sys.stderr,
        )
        return INTERRUPTED
    except Exception as error:
        if TRACEBACK in os.environ:
            raise
        print(f"keras-lion: {error_text(error)}", file=sys.stderr)
        return WRONG
    return 0


def _list(options: argparse.Namespace) -> None:
    from keras_lion.tuning.study.study_file import find_study_files, load_study_file
    from keras_lion.tuning.tasks.built_in import TASKS

    path = options.path
    if not path.exists():
        raise FileNotFoundError(
            f"There is no folder or study file {path}. Give one: keras-lion list PATH."
        )
    files = find_study_files(path) if path.is_dir() else [path]
    print("tasks:   ", ", ".join(TASKS))
    print("presets: ", ", ".join(PRESETS))
    wrong = []
    for file in files:
        try:
            with quiet_start():
                study = load_study_file(file)
        except (ValueError, OSError, ImportError) as error:
            if len(files) == 1:
                raise
            print(f"\n{file}\n    cannot be read: {error_text(error)}")
            wrong.append(str(file))
            continue
        print(f"\n{file}\n    {study.question}")
        for task, plans in study.plans.items():
            counts = ", ".join(
                f"{preset} {plan.num_runs} runs" for preset, plan in plans.items()
            )
            print(f"    {task}: {counts}")
    if not files:
        print(f"\nNo Python file in {path} has a module-level STUDY.")
    if wrong:
        raise ValueError(
            f"Correct these files, for the reasons above: {', '.join(wrong)}."
        )


def _run(options: argparse.Namespace) -> None:
    from keras_lion.tuning.study.study_file import load_study_file

    console = _console()
    with quiet_start(verbose=options.verbose):
        study = load_study_file(options.study)
        from keras_lion.tuning.backend import load

        load()
    tasks = [*dict.fromkeys(options.task or [study.default_task])]
    _check_one_task(tasks, options)
    options.preset = options.preset or _usual_preset(study, tasks)
    folder = options.output or Path("results") / f"{study.name}-{options.preset}"
    extend = {task: _extensions(folder, task, options, console) for task in tasks}
    # A task that lacks the preset or the axis is refused before the first one runs.
    studies = {t: study.extended(t, options.preset, extend[t]) for t in tasks}
    if options.dry_run:
        for task in tasks:
            _estimate(studies[task], task, options.preset, folder, console)
        console.print("Nothing was recorded.", highlight=False)
        return
    ready = True
    for place, task in enumerate(tasks, start=1):
        if len(tasks) > 1:
            console.print(f"task {place} of {len(tasks)}: {task}", highlight=False)
        ready = _sweep(study, task, folder, extend[task], options, console)
        if ready:
            _evaluate_selected(studies[task], task, options.preset, folder)
    if ready:
        _report_on(folder, tasks, console)


def _check_one_task(tasks: Sequence[str], options: argparse.Namespace) -> None:
    """Refuse several tasks where a process can have only one."""
    from keras_lion.tuning.sweep.role import current_role

    if len(tasks) == 1:
        return
    if options.only is not None:
        raise ValueError(
            "--only trains one run, which belongs to one task. Received --task "
            f"{' '.join(tasks)}: give one."
        )
    if current_role().address:
        raise ValueError(
            "A chief and its workers (KERASTUNER_* variables) share the runs of one "
            f"task. Received --task {' '.join(tasks)}: give one, and another sweep "
            "for each other task."
        )


def _usual_preset(study: Study, tasks: Sequence[str]) -> str:
    """`standard`, or the only preset of the tasks."""
    usual = {}
    for task in tasks:
        presets = [*study.plans.get(task, {})]
        usual[task] = presets[0] if len(presets) == 1 else PRESETS[1]
    if len(set(usual.values())) > 1:
        named = ", ".join(f"{preset} of {task}" for task, preset in usual.items())
        raise ValueError(
            f"The tasks have different usual presets ({named}): give --preset."
        )
    return usual[tasks[0]]


def _extensions(
    folder: Path, task: str, options: argparse.Namespace, console: Console
) -> list[str]:
    """How the grid is extended: as asked, and as the folder's last sweeps did."""
    from keras_lion.tuning.study.extension import combined
    from keras_lion.tuning.sweep.folder import load_extensions

    kept = load_extensions(folder, task, options.preset)
    extend = combined(kept, options.extend)
    if again := [each for each in kept if each in extend]:
        away = again[0].partition(":")[0]
        console.print(
            f"{folder} has a larger grid than the study's file, and keeps it: --extend "
            f"{' '.join(again)} (to drop one: --extend {away}:0)",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    return extend


def _estimate(
    study: Study, task: str, preset: str, folder: Path, console: Console
) -> None:
    from keras_lion.tuning.sweep.estimate import estimate

    cost = estimate(study, task=task, preset=preset, output=folder)
    total = cost.recorded + cost.missing
    lines = [
        f"{total} runs of task {task}, preset {preset}: {cost.recorded} recorded in "
        f"{folder}, {cost.missing} missing."
    ]
    if cost.missing:
        lines.append(
            f"The missing ones take about {duration(cost.seconds)} here in one "
            f"process, {duration(cost.compiling)} of it for compiling. Other load on "
            "the machine makes it longer."
        )
        if cost.seconds < WORTH_WORKERS:
            lines.append(
                "More --workers would save nothing: each process starts and compiles "
                "by itself."
            )
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _sweep(
    study: Study,
    task: str,
    folder: Path,
    extend: Sequence[str],
    options: argparse.Namespace,
    console: Console,
) -> bool:
    """Run the sweep of a task; True if its folder is now ready for the report."""
    from keras_lion.interrupts import Interrupts
    from keras_lion.progress import measured, sweep_display
    from keras_lion.robustness.frames.quantity import quantity_of_record
    from keras_lion.tuning.runs.records import load_runs
    from keras_lion.tuning.sweep.role import current_role
    from keras_lion.tuning.sweep.run import run_study

    role = current_role()
    if role.is_chief:
        console.print(f"handing out runs at {role.address}", highlight=False)
    with sweep_display(console) as display, Interrupts() as interrupts:

        def progress(state: Progress) -> None:
            display(state)
            interrupts.check()

        run_study(
            study,
            task=task,
            preset=options.preset,
            output=folder,
            progress=progress,
            only=options.only,
            executor=options.executor,
            population=options.population,
            workers=options.workers,
            extend=extend,
        )
    if options.only is not None:
        record = load_runs(folder).set_index("key").loc[options.only]
        quantity = quantity_of_record(record)
        console.print(
            f"{quantity.name}: {measured(quantity, float(record['score']))}. The "
            "record, whose scores are larger where they are better:",
            highlight=False,
        )
        console.print(record.drop("history").to_string(), highlight=False, markup=False)
        return False
    if not role.is_chief:
        console.print(
            f"{display.done} runs executed, {display.skipped} skipped, "
            f"{display.diverged} diverged, {display.failed} failed",
            highlight=False,
        )
        display.list_failures()
    if role.address:
        console.print(
            f"'{role.name}' is done. When all are, give the same command without the "
            "KERASTUNER_ variables: it looks at the test set and writes the report.",
            highlight=False,
            soft_wrap=True,
        )
        return False
    return True


def _evaluate_selected(study: Study, task: str, preset: str, folder: Path) -> None:
    from keras_lion.robustness.summary import runs_of_preset, selected_keys
    from keras_lion.tuning.runs.records import load_runs
    from keras_lion.tuning.sweep.evaluation import evaluate_test

    selected = selected_keys(runs_of_preset(load_runs(folder), preset), task)
    evaluate_test(
        study,
        task=task,
        preset=preset,
        output=folder,
        keys=[key for keys in selected.values() for key in keys],
    )


def _report(options: argparse.Namespace) -> None:
    console = _console()
    _report_on(options.folder, None, console)
    if options.tensorboard:
        from keras_lion.report.tensorboard_export import write_tensorboard

        write_tensorboard(options.folder)
        console.print(
            f"tensorboard --logdir {options.folder}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _report_on(folder: Path, tasks: Sequence[str] | None, console: Console) -> None:
    from keras_lion.last_screen import print_summary
    from keras_lion.report import write_report

    path = write_report(folder)
    print_summary(folder, tasks, console)
    console.print(f"\nreport: {path}", highlight=False, markup=False, soft_wrap=True)


def _calibrate(options: argparse.Namespace) -> None:
    from keras_lion.robustness.calibration.controls import calibrate, calibration_text

    landscapes: dict[str, Landscape] = {}
    epsilon = 1.0
    if options.folder is not None:
        landscapes, epsilon = _landscapes_of(options.folder)
    rates = calibrate(
        0,
        draws=options.draws,
        seeds=options.seeds,
        landscapes=landscapes,
        epsilon=epsilon,
    )
    print(calibration_text(rates))


def _landscapes_of(folder: Path) -> tuple[dict[str, Landscape], float]:
    """The optimizers of a study's first task, and the ε that it declares."""
    from keras_lion.robustness import Landscape
    from keras_lion.robustness.summary import task_optimizers
    from keras_lion.tuning.runs.records import load_runs, load_study

    frame = load_runs(folder)
    comparison = load_study(folder).get("comparison", {})
    task = str(frame["task"].iloc[0])
    landscapes = {
        name: Landscape.from_runs(
            frame,
            optimizer=name,
            task=task,
            value=comparison.get("value", "final_loss"),
        )
        for name in task_optimizers(frame, task)
    }
    return landscapes, comparison.get("epsilon", {}).get(task, 0.05)


def _import(options: argparse.Namespace) -> None:
    from keras_lion.tuning.runs.account import account_lines
    from keras_lion.tuning.runs.readers import UnfinishedRunsWarning, import_runs
    from keras_lion.tuning.runs.records import load_runs, load_study
    from keras_lion.tuning.runs.wording import COMMAND, UnclearSourceError

    earlier = _earlier_import(options.output)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnfinishedRunsWarning)  # printed below
        try:
            import_runs(
                options.source,
                options.output,
                columns=_once("--map", options.map),
                constants=_once("--set", options.set),
                axes=options.axis,
                ignore=options.ignore,
                direction=options.direction,
                floor=options.floor,
                epsilon=options.epsilon,
                diverged_states=options.diverged,
            )
        except UnclearSourceError as error:
            raise ValueError(error.text(COMMAND)) from error
    study = load_study(options.output)
    account = study["import"]
    print("\n".join(account_lines(account)))
    if earlier:
        print(f"  replaced the earlier import of {earlier} in this folder")
    _print_epsilon(study, load_runs(options.output))
    if account["reasons"]:
        reasons = ", ".join(account["reasons"])
        print(
            f"  missing  runs without a result ({reasons}); where that was divergence, "
            "name the state with --diverged and give --floor"
        )
    print(f"imported: {options.output} (next: keras-lion report {options.output})")


def _print_epsilon(study: Mapping[str, Any], runs: DataFrame) -> None:
    """How far from the best still counts as good, next to the range of the results."""
    from keras_lion.robustness.study_verdicts import EPSILON

    declared = study["comparison"]["epsilon"]
    epsilon = next(iter(declared.values()), EPSILON)
    results = runs["score"].abs()
    print(
        f"  epsilon  {epsilon:g}{'' if declared else ' (the default)'}, where results "
        f"are {results.min():.4g} to {results.max():.4g}: runs so near to the best "
        f"count as good{'' if declared else '; --epsilon sets another'}"
    )
    if not declared and results.max() - results.min() > 100 * epsilon:
        print(
            f"  caution  {epsilon:g} is less than 1 % of that range: hardly any run "
            "but the best counts as good. Give --epsilon in the unit of the results."
        )


def _earlier_import(folder: Path) -> str:
    """The source of the import that a folder holds; empty if it holds none."""
    from keras_lion.tuning.runs.records import load_study

    if not (folder / "study.json").exists():
        return ""
    return str(load_study(folder).get("import", {}).get("source", ""))


def _once(option: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{option} has {twice[0]} twice: give it once.")
    return dict(pairs)


def _convert(options: argparse.Namespace) -> None:
    from keras_lion.optimizers.from_adamw.conversion_rule import convert_adamw

    conversion = convert_adamw(
        options.learning_rate,
        options.weight_decay,
        options.beta_1,
        options.beta_2,
        mode=options.mode,
        ratio=options.ratio,
        steps=options.steps,
    )
    print(conversion)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe or a log file has no width of its own.
    return console if console.is_terminal else Console(width=WIDTH)


if __name__ == "__main__":
    sys.exit(main())
