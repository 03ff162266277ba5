"""The studies of this repository: questions, and the commands that repeat them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

from keras_lion.tuning import Study, load_study_file
from studies.evidence.runs import STUDIES, all_runs

PRESET = "full"
GPU = "gpu"
# A line of a docstring that is a command to type.
COMMAND = re.compile(r"(Command)? +(python|keras-lion run) studies/\S+\.py( |$)")


@dataclass(frozen=True)
class Listed:
    """One study.

    Attributes:
        file: Its file, relative to `studies/`.
        question: First line of its docstring.
        duration: What its docstring says of the time that it takes.
        commands: Those of its docstring, without placeholders.
        declares: Whether `keras-lion run` takes it: it declares a `STUDY`.
    """

    file: str
    question: str
    duration: str
    commands: tuple[str, ...]
    declares: bool


def listed() -> list[Listed]:
    """Every study, by file: all files whose docstring has a command."""
    found = []
    for path in sorted(STUDIES.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = (ast.get_docstring(tree) or "").splitlines()
        duration = _field(lines, "Duration")
        if path.parent.name == "evidence" or not duration:
            continue
        assigned = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        file = path.relative_to(STUDIES).as_posix()
        commands = tuple(
            line.removeprefix("Command").partition(" [")[0].strip()
            for line in lines
            if COMMAND.match(line)
        )
        found.append(Listed(file, lines[0], duration, commands, "STUDY" in assigned))
    return found


def table(prefix: str = "") -> str:
    """A Markdown table of every study, with links that begin with `prefix`."""
    text = "| study | question | run it with | duration |\n|---|---|---|---|\n"
    for each in listed():
        command = "keras-lion run" if each.declares else "python"
        text += (
            f"| [{each.file}]({prefix}{each.file}) | {each.question} | `{command}` | "
            f"{each.duration} |\n"
        )
    return text


def repeat(file: str, places: Collection[str]) -> list[str]:
    """The commands that make the numbers of a study again.

    Args:
        file: The study's file, relative to `studies/`.
        places: Tasks or conditions of the measurements: of a study that declares
            tasks, only those that are named, or that begin with a name (`length` stands
            for `length_15`), are repeated, or all if none is.
    """
    found = next(each for each in listed() if each.file == file)
    if not found.declares:
        return list(found.commands)
    study = load_study_file(STUDIES / file)
    starts = tuple(f"{place}_" for place in places if place not in study.plans)
    # Tasks of a GPU's preset are repeated only where a study has no others.
    run = [task for task, plans in study.plans.items() if PRESET in plans]
    preset = PRESET if run else GPU
    named = [
        task for task in run or study.plans if task in places or task.startswith(starts)
    ]
    return [
        f"keras-lion run studies/{file} --task {task} --preset {preset} "
        f"--backend {_backend(study.name, task)}"
        for task in named or _measured(study)
    ]


def _measured(study: Study) -> list[str]:
    """The tasks of which the public table has runs of the preset."""
    runs = all_runs()
    chosen = (runs["study"] == study.name) & (runs["preset"] == PRESET)
    known = set(runs.loc[chosen, "task"])
    return [task for task in study.plans if task in known]


def _backend(study: str, task: str) -> str:
    """The backend of most of the runs; JAX, which is the fastest, if there are none."""
    runs = all_runs()
    chosen = (runs["study"] == study) & (runs["task"] == task)
    backends = runs.loc[chosen & (runs["preset"] == PRESET), "backend"]
    return "jax" if backends.empty else str(backends.mode()[0])


def _field(lines: list[str], name: str) -> str:
    """The text of a docstring's field, in one line; "" where there is none."""
    found: list[str] = []
    for line in lines:
        if line.startswith(f"{name} "):
            found = [line.removeprefix(name).strip()]
        elif found and line.startswith("   "):
            found.append(line.strip())
        elif found:
            break
    return " ".join(found)
