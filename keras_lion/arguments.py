"""The arguments of the `keras-lion` command: what each means, and what was meant."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from keras_lion import recipe_command
from keras_lion.argument_types import (
    assignment,
    at_least_one,
    extension,
    number,
    positive_number,
)
from keras_lion.discovery import commands as discovery
from keras_lion.tuning.runs.names import NAMES

BACKENDS = ("tensorflow", "jax")
EXECUTORS = ("loop", "map", "vmap")
PRESETS = ("smoke", "standard", "full", "pilot", "gpu")
MODES = ("matched", "paper")  # of conversion from AdamW

Command = Callable[[argparse.Namespace], None]

# Names of hyperparameters elsewhere → the options that mean them.
_OTHER_NAMES = {
    "--lambda": ("--weight-decay",),
    "--decay": ("--weight-decay",),
    "--eta": ("--learning-rate",),
    "--betas": ("--beta-1", "--beta-2"),
}


class Parser(argparse.ArgumentParser):
    """Errors in one line, with the option or command that was probably meant."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._given: Sequence[str] = ()
        # argparse takes -0.001 for a value, but -1e-3 for an option.
        self._negative_number_matcher = re.compile(r"-(\d|\.\d|inf|nan)")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; what is unknown is an error of the command that it was given to."""
        self._given = list(sys.argv[1:] if args is None else args)
        first = self._given[0] if self._given else ""
        is_help = first in ("-h", "--help")
        if self._subparsers is not None and first.startswith("-") and not is_help:
            self.error(f"{first} is no command: the command comes before options")
        found, unknown = super().parse_known_args(self._given, namespace)
        if unknown:
            self.error(f"unexpected: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """One line, and how to learn more."""
        meant = (
            self._unknown_option()
            or self._value_without_option(message)
            or _unknown_choice(message)
            or message
        )
        text = " ".join(meant.split())
        self.exit(2, f"keras-lion: {text} (see {self.prog} --help)\n")

    def _unknown_option(self) -> str | None:
        if self._subparsers is not None:  # the options are those of its commands
            return None
        known = [name for name in self._option_string_actions if name != "-h"]
        for word in self._given:
            name = word.partition("=")[0]
            if word == "--":
                return None
            if name.startswith("--") and not any(k.startswith(name) for k in known):
                meant = _OTHER_NAMES.get(name, ())
                if meant and set(meant) <= set(known):
                    return f"unknown option {name}. Use {' and '.join(meant)}."
                return f"unknown option {name}.{_did_you_mean(name, known)}"
        return None

    def _value_without_option(self, message: str) -> str | None:
        """What to say where a command that takes options only is given values."""
        if self._get_positional_actions() or "required" not in message:
            return None
        first = self._given[0] if self._given else "-"
        if first.startswith("-"):
            return None
        return f"{message}. Received {first!r} without the name of an option"


def _unknown_choice(message: str) -> str | None:
    found = re.fullmatch(r"(.*)invalid choice: '(.*)' \(choose from (.*)\)", message)
    if found is None:
        return None
    known = re.findall(r"[\w-]+", found[3])
    hint = _did_you_mean(found[2], known)
    return f"{found[1]}invalid choice: '{found[2]}'.{hint} Choose {_either(known)}"


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _either(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser of the whole command line.

    Args:
        commands: Name of a command → the function that it calls. `discover` and
            `recipe` bring their own.
    """
    parser = Parser(
        prog="keras-lion",
        description="Robustness studies of the Lion optimizer on Keras and KerasTuner.",
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_list(subparsers)
    _add_run(subparsers)
    _add_report(subparsers)
    _add_calibrate(subparsers)
    _add_import(subparsers)
    _add_convert(subparsers)
    for name, command in commands.items():
        subparsers.choices[name].set_defaults(command=command)
    recipe_command.add_command(subparsers, BACKENDS)
    discovery.add_commands(subparsers)
    return parser


def _add_list(commands: Any) -> None:
    command = commands.add_parser("list", help="tasks, presets, and studies of a path")
    command.add_argument(
        "path",
        nargs="?",
        default="studies",
        type=Path,
        help="a folder of studies, or one study's file (default: studies)",
    )


def _add_run(commands: Any) -> None:
    command = commands.add_parser("run", help="run a study, or resume one")
    command.add_argument("study", type=Path, help="Python file that declares STUDY")
    command.add_argument(
        "--task",
        nargs="+",
        action="extend",
        help="tasks of the study, one after the other (default: its first)",
    )
    command.add_argument(
        "--preset",
        choices=PRESETS,
        help="default: standard, or the task's only one",
    )
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
        type=at_least_one,
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
        type=at_least_one,
        metavar="K",
        help="number of runs that are trained together",
    )
    command.add_argument(
        "--extend",
        nargs="+",
        action="extend",
        default=[],
        type=extension,
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


def _add_report(commands: Any) -> None:
    command = commands.add_parser("report", help="write the report of a study's folder")
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write DIR/tensorboard, which `tensorboard --logdir DIR` shows",
    )


def _add_calibrate(commands: Any) -> None:
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
        "--draws", type=at_least_one, default=200, help="simulated studies per control"
    )
    command.add_argument(
        "--seeds", type=at_least_one, default=6, help="seeds of each simulated study"
    )


def _add_import(commands: Any) -> None:
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
        type=assignment,
        metavar="NAME=COLUMN",
        help="column of the source to read: learning_rate=config.lr. NAME is one of "
        f"{', '.join(NAMES)}, or one of --axis",
    )
    command.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        type=assignment,
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
        type=number,
        help="result that a diverged run counts with: the accuracy of chance, or the "
        "loss at the start",
    )
    command.add_argument(
        "--epsilon",
        type=number,
        help="distance from the best score that still counts as good, in the unit of "
        "the results: 0.5 for half a point of results in percent",
    )
    command.add_argument(
        "--diverged",
        nargs="+",
        action="extend",
        default=[],
        metavar="STATE",
        help="states that mean divergence ('no result' for an empty result of a run "
        "that finished)",
    )


def _add_convert(commands: Any) -> None:
    command = commands.add_parser(
        "convert", help="AdamW's hyperparameters -> Lion's, and why"
    )
    command.add_argument(
        "--learning-rate",
        "--lr",
        type=positive_number,
        required=True,
        metavar="LR",
        help="of AdamW; the peak of a schedule",
    )
    command.add_argument(
        "--weight-decay",
        "--wd",
        type=number,
        metavar="WD",
        help="of AdamW, which the learning rate multiplies; 0 for none (default: "
        "Keras's 0.004; PyTorch's is 0.01, Optax's 0.0001)",
    )
    command.add_argument(
        "--beta-1", type=number, default=0.9, help="of AdamW (default: 0.9)"
    )
    command.add_argument(
        "--beta-2", type=number, default=0.999, help="of AdamW (default: 0.999)"
    )
    command.add_argument(
        "--mode",
        choices=MODES,
        help="matched: steps and weights of AdamW's size under gradient noise; paper: "
        "the authors' rule, learning rate / ratio, weight decay * ratio (default: "
        "paper with --ratio, otherwise matched)",
    )
    command.add_argument(
        "--ratio",
        type=number,
        help="factor of mode paper, 1 or more; 3 to 10 is usual (default: 10)",
    )
    command.add_argument(
        "--steps",
        type=at_least_one,
        metavar="N",
        help="updates of the training, fewer than batches with gradient accumulation: "
        "says whether it is too short for Lion's learning rate, or for weight decay",
    )
