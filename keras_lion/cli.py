"""The `keras-lion` command: reads arguments, calls one function, prints."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from keras_lion._lazy import missing_package
from keras_lion.discovery import commands as discovery
from keras_lion.start_up import log_errors_only, quiet_start
from keras_lion.tuning.runs.names import NAMES
from keras_lion.tuning.study.extension import Extension

if TYPE_CHECKING:
    from rich.console import Console

    from keras_lion.robustness import Landscape
    from keras_lion.tuning import Study
    from keras_lion.tuning.sweep.preparation import Progress

BACKENDS = ("tensorflow", "jax")
EXECUTORS = ("loop", "map", "vmap")
PRESETS = ("smoke", "standard", "full", "pilot")
MODES = ("paper", "matched")  # of conversion from AdamW
WIDTH = 150  # of lines where there is no terminal; the table needs about 140
INTERRUPTED = 130  # what a shell reports of a command that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    if getattr(options, "backend", None):
        # Keras reads this when it is imported, which no line above has done.
        os.environ["KERAS_BACKEND"] = options.backend
    if not getattr(options, "verbose", False):
        log_errors_only()
    try:
        options.command(options)
    except (ValueError, OSError, ImportError) as error:
        advice = None
        if isinstance(error, ModuleNotFoundError):
            advice = missing_package("this command", error)
        print(f"keras-lion: {advice or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nInterrupted. Every finished run is recorded: the same command resumes "
            "from here.",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, received {text!r}")
    return int(text)


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, received {text!r}")
    return name, value


def _extension(text: str) -> str:
    try:
        Extension.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and how to learn more."""
        self.exit(2, f"keras-lion: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-lion",
        description="Robustness studies of the Lion optimizer on Keras and KerasTuner.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="tasks, presets, and studies of a path")
    command.add_argument("path", nargs="?", default="studies", type=Path)
    command.set_defaults(command=_list)

    command = commands.add_parser("run", help="run a study, or resume one")
    command.add_argument("study", type=Path, help="Python file that declares STUDY")
    command.add_argument("--task", help="one of the study's tasks (default: its first)")
    command.add_argument("--preset", choices=PRESETS, default="standard")
    command.add_argument(
        "--backend",
        choices=BACKENDS,
        help="default: the environment variable KERAS_BACKEND",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="the study's folder (default: results/STUDY-PRESET)",
    )
    command.add_argument(
        "--workers",
        type=_at_least_one,
        default=1,
        metavar="N",
        help="processes that train, one thread each (default: 1)",
    )
    command.add_argument(
        "--executor",
        choices=EXECUTORS,
        help="how runs share a program (default: that of the folder's last sweep, or "
        "the fastest)",
    )
    command.add_argument(
        "--population",
        type=_at_least_one,
        metavar="K",
        help="number of runs that are trained together",
    )
    command.add_argument(
        "--extend",
        nargs="+",
        action="extend",
        default=[],
        type=_extension,
        metavar="AXIS=up[:N]",
        help="add N values (default: 2) to an axis of the grid, above it (up) or below "
        "(down), in steps of its own ratio: learning_rate=up:2 weight_decay=down:1. "
        "Finished runs are used again",
    )
    command.add_argument("--only", metavar="KEY", help="train this one run again")
    command.add_argument(
        "--dry-run", action="store_true", help="count the runs, estimate their cost"
    )
    command.add_argument(
        "--verbose",
        action="store_true",
        help="show what the backend prints when it starts",
    )
    command.set_defaults(command=_run)

    command = commands.add_parser("report", help="write the report of a study's folder")
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write DIR/tensorboard, which `tensorboard --logdir DIR` shows",
    )
    command.set_defaults(command=_report)

    command = commands.add_parser(
        "calibrate", help="error rates of the analysis, on cases with known answers"
    )
    command.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="a study whose optimizers are compared with themselves, too",
    )
    command.add_argument(
        "--draws", type=_at_least_one, default=200, help="simulated studies per control"
    )
    command.add_argument(
        "--seeds", type=_at_least_one, default=6, help="seeds of each simulated study"
    )
    command.set_defaults(command=_calibrate)

    command = commands.add_parser(
        "import", help="runs of W&B, Optuna, TensorBoard or KerasTuner, as a study"
    )
    command.add_argument(
        "source",
        type=Path,
        help="CSV or JSON lines, KerasTuner project, or folder of TensorBoard events",
    )
    command.add_argument("--output", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        type=_assignment,
        metavar="NAME=COLUMN",
        help="column of the source to read: learning_rate=config.lr. NAME is one of "
        f"{', '.join(NAMES)}, or one of --axis",
    )
    command.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="value of a column that the source lacks: optimizer=lion",
    )
    command.add_argument(
        "--axis",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="columns that are hyperparameters of your own: runs that differ in them "
        "are kept apart",
    )
    command.add_argument(
        "--ignore",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="columns that are no hyperparameters and are not read",
    )
    command.add_argument(
        "--direction",
        choices=("max", "min"),
        help="whether larger or smaller results are better, where the name of their "
        "column does not say",
    )
    command.add_argument(
        "--floor",
        type=float,
        help="result that a diverged run counts with: the accuracy of chance, or the "
        "loss at the start",
    )
    command.add_argument(
        "--epsilon",
        type=float,
        help="distance from the best score that still counts as good",
    )
    command.add_argument(
        "--diverged",
        nargs="+",
        action="extend",
        default=[],
        metavar="STATE",
        help="states that mean divergence ('no result' for an empty result)",
    )
    command.set_defaults(command=_import)

    command = commands.add_parser(
        "convert", help="AdamW's hyperparameters -> Lion's, and why"
    )
    command.add_argument("--learning-rate", type=float, required=True, metavar="LR")
    command.add_argument(
        "--weight-decay", type=float, default=0.004, metavar="WD", help="default: 0.004"
    )
    command.add_argument("--beta-1", type=float, default=0.9, help="default: 0.9")
    command.add_argument("--beta-2", type=float, default=0.999, help="default: 0.999")
    command.add_argument("--mode", choices=MODES, default=MODES[0])
    command.add_argument(
        "--ratio", type=float, help="factor of mode paper, 3 to 10 (default: 10)"
    )
    command.set_defaults(command=_convert)

    discovery.add_commands(commands)
    return parser


def _list(options: argparse.Namespace) -> None:
    from keras_lion.tuning.study.study_file import find_study_files, load_study_file
    from keras_lion.tuning.tasks.built_in import TASKS

    print("tasks:   ", ", ".join(TASKS))
    print("presets: ", ", ".join(PRESETS))
    if not options.path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {options.path} to list studies of."
        )
    for file in find_study_files(options.path):
        with quiet_start():
            study = load_study_file(file)
        print(f"\n{file}\n    {study.question}")
        for task, plans in study.plans.items():
            counts = ", ".join(
                f"{preset} {plan.num_runs} runs" for preset, plan in plans.items()
            )
            print(f"    {task}: {counts}")


def _run(options: argparse.Namespace) -> None:
    from keras_lion.tuning.study.study_file import load_study_file

    console = _console()
    with quiet_start(verbose=options.verbose):
        study = load_study_file(options.study)
        from keras_lion.tuning.backend import load

        load()
    task = options.task or study.default_task
    declared, study = study, study.extended(task, options.preset, options.extend)
    folder = options.output or Path("results") / f"{study.name}-{options.preset}"
    if options.dry_run:
        _estimate(study, task, options.preset, console)
        return
    if _sweep(declared, task, folder, options, console):
        _report_on(folder, task, console)


def _estimate(study: Study, task: str, preset: str, console: Console) -> None:
    from keras_lion.tuning.backend import check_backend
    from keras_lion.tuning.sweep.run import estimate_seconds

    count = len(study.runs(task, preset, check_backend()))
    seconds = estimate_seconds(study, task=task, preset=preset)
    console.print(
        f"{count} runs of task {task}, preset {preset}: about "
        f"{seconds / 60:.1f} minutes here. Nothing was recorded.",
        highlight=False,
    )


def _sweep(
    study: Study,
    task: str,
    folder: Path,
    options: argparse.Namespace,
    console: Console,
) -> bool:
    """Run the sweep; True if its folder is now ready for the report."""
    from keras_lion.interrupts import Interrupts
    from keras_lion.progress import sweep_display
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
            extend=options.extend,
        )
    if options.only is not None:
        record = load_runs(folder).set_index("key").loc[options.only]
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
    study = study.extended(task, options.preset, options.extend)
    _evaluate_selected(study, task, options.preset, folder)
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


def _report_on(folder: Path, task: str | None, console: Console) -> None:
    from keras_lion.last_screen import print_summary
    from keras_lion.report import write_report

    path = write_report(folder)
    print_summary(folder, task, console)
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
    from keras_lion.tuning.runs.records import load_study
    from keras_lion.tuning.runs.wording import COMMAND, UnclearSourceError

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
    account = load_study(options.output)["import"]
    print("\n".join(account_lines(account)))
    if account["reasons"]:
        reasons = ", ".join(account["reasons"])
        print(
            f"  missing  runs without a result ({reasons}); where that was divergence, "
            "name the state with --diverged and give --floor"
        )
    print(f"imported: {options.output} (next: keras-lion report {options.output})")


def _once(option: str, pairs: list[tuple[str, str]]) -> dict[str, str]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{option} has {twice[0]} twice: give it once.")
    return dict(pairs)


def _convert(options: argparse.Namespace) -> None:
    from keras_lion.optimizers.conversion_rule import convert_adamw

    conversion = convert_adamw(
        options.learning_rate,
        options.weight_decay,
        options.beta_1,
        options.beta_2,
        mode=options.mode,
        ratio=options.ratio,
    )
    print(conversion.code())
    print(conversion.explanation)


def _console() -> Console:
    from rich.console import Console

    console = Console()
    # A pipe or a log file has no width of its own.
    return console if console.is_terminal else Console(width=WIDTH)


if __name__ == "__main__":
    sys.exit(main())
