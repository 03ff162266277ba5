"""`keras-lion discover`: run a program search, look at it, simplify, promote."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_lion.discovery.evaluation import ProxyFitness
    from keras_lion.discovery.evolution import EvaluateAll, Progress
    from keras_lion.discovery.program import Program

METHODS = ("evolution", "constants", "random")
DEVICE = "device"  # in the description of a fitness that NumPy does not compute
LINE_INTERVAL = 2.0  # seconds between lines of progress, four times it off a terminal


def add_commands(subparsers: Any) -> None:
    """Add `discover` and its commands to those of `keras-lion`."""
    discover = subparsers.add_parser(
        "discover", help="search for optimizers, as the one that found Lion"
    )
    commands = discover.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)

    command = commands.add_parser("show", help="where a search stands; a program")
    _add_program(command)
    command.set_defaults(command=_show)

    command = commands.add_parser("simplify", help="a program without what it spares")
    _add_program(command)
    _add_proxies(command)
    command.add_argument("--seeds", type=int, default=5, help="default: 5")
    command.add_argument(
        "--tolerance",
        type=float,
        default=0.01,
        help="loss of fitness that counts as none (default: 0.01)",
    )
    command.set_defaults(command=_simplify)

    command = commands.add_parser(
        "promote", help="the funnel: a search's best programs on larger problems"
    )
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument(
        "--factors",
        type=float,
        nargs="+",
        default=[10.0, 100.0],
        help="compute of each stage, of the search's (default: 10 100)",
    )
    command.add_argument("--seeds", type=int, default=3, help="default: 3")
    command.add_argument(
        "--top", type=int, default=10, help="candidates: the last best (default: 10)"
    )
    command.set_defaults(command=_promote)


def _add_run(commands: Any) -> None:
    command = commands.add_parser("run", help="run a search, or go on with one")
    command.add_argument("--output", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--children", type=int, default=20_000, help="in all (default: 20000)"
    )
    command.add_argument("--seed", type=int, default=0, help="default: 0")
    command.add_argument("--method", choices=METHODS, default=METHODS[0])
    command.add_argument(
        "--start", default="adamw", help="program of the zoo, or file (default: adamw)"
    )
    command.add_argument("--population", type=int, default=1000, help="default: 1000")
    command.add_argument(
        "--restart-after",
        type=int,
        metavar="N",
        help="children without an improvement, then begin anew from the best program",
    )
    command.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes (default: 1)"
    )
    command.add_argument(
        "--device",
        action="store_true",
        help="evaluate by one compiled function, on a GPU many programs at once; needs "
        "KERAS_BACKEND=jax",
    )
    command.add_argument(
        "--generation",
        type=int,
        default=32,
        metavar="N",
        help="children between two looks at the population (default: 32)",
    )
    _add_proxies(command)
    command.set_defaults(command=_run)


def _add_program(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "program", help="folder of a search, program of the zoo, or file"
    )


def _add_proxies(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--proxies", nargs="+", default=[], metavar="NAME", help="default: all"
    )


def _run(options: argparse.Namespace) -> None:
    from keras_lion.discovery.checkpoint import SearchFolder
    from keras_lion.discovery.evaluation import ProxyFitness
    from keras_lion.discovery.parallel import evaluation_pool
    from keras_lion.discovery.search_state import SearchSettings

    settings = SearchSettings(
        start=find_program(options.start),
        seed=options.seed,
        population=options.population,
        method=options.method,
        restart_after=options.restart_after,
        generation=options.generation,
    )
    fitness = ProxyFitness.named(*options.proxies)
    description = fitness.to_json()
    folder = SearchFolder(options.output)
    evaluation: AbstractContextManager[EvaluateAll]
    if options.device:
        if options.workers != 1:
            raise ValueError(
                "--device evaluates programs in one process. Received: --workers "
                f"{options.workers}. Leave one of the two out."
            )
        from keras_lion.discovery.device import device_evaluator
        from keras_lion.tuning.backend import device_name

        evaluation = nullcontext(device_evaluator(fitness))
        # Last digits differ between devices, and a search is of one of them.
        description[DEVICE] = device_name()
    else:
        evaluation = evaluation_pool(fitness, options.workers)
    with evaluation as evaluate_all:
        search = folder.open(
            settings, fitness, evaluate_all=evaluate_all, description=description
        )
        with _ProgressLine() as line:
            search.run(
                options.children, after_generation=folder.record, progress=line.show
            )
    folder.save(search)
    print(search.progress)
    _print_program(search.best.program)


def _show(options: argparse.Namespace) -> None:
    path = Path(options.program)
    if not path.is_dir():
        _print_program(find_program(options.program))
        return
    from keras_lion.discovery.checkpoint import SearchFolder

    state = SearchFolder(path).state()
    if state is None:
        raise FileNotFoundError(
            f"There is no checkpoint in {path} yet. Give the command `discover run` "
            "again to go on with the search."
        )
    print("children  evaluations  hit rate  redundant  length  best fitness")
    for window in state.windows[:: max(1, len(state.windows) // 20)]:
        fitness = window.best_fitness
        print(
            f"{window.num_children:8}  {window.num_evaluations:11}  "
            f"{window.hit_rate:8.1%}  {window.redundancy:9.1%}  {window.length:6.1f}  "
            + ("-" if fitness is None else f"{fitness:.5g}")
        )
    best = state.best
    print(
        f"\nbest of {state.num_children}: child {best.number}, fitness "
        f"{best.fitness:.5g}"
    )
    _print_program(best.program)


def _simplify(options: argparse.Namespace) -> None:
    from keras_lion.discovery.evaluation import ProxyFitness
    from keras_lion.discovery.simplify import Simplifier, simplified

    program = find_program(options.program)
    path = Path(options.program)
    if path.is_dir() and not options.proxies:
        fitness = _fitness_of(path)
    else:
        fitness = ProxyFitness.named(*options.proxies)
    simplifier = Simplifier(
        lambda found, seed: fitness.with_seed(seed)(found),
        range(options.seeds),
        tolerance=options.tolerance,
    )
    steps = simplifier.steps(program)
    for step in steps:
        print(step)
    print()
    _print_program(simplified(steps))


def _promote(options: argparse.Namespace) -> None:
    from keras_lion.discovery.checkpoint import SearchFolder, write_json
    from keras_lion.discovery.meta_validation import funnel
    from keras_lion.discovery.search_state import fitness_to_json
    from keras_lion.discovery.zoo import ADAMW

    folder = SearchFolder(options.folder)
    folder.settings()
    state = folder.state()
    if state is None:
        raise FileNotFoundError(f"There is no checkpoint in {options.folder} yet.")
    candidates = [found.individual.program for found in state.improvements]
    stages = funnel(
        candidates[-options.top :],
        _fitness_of(options.folder),
        ADAMW,
        factors=options.factors,
        num_seeds=options.seeds,
    )
    for stage in stages:
        print(
            f"x{stage.factor:g}: {len(stage.survivors)} of {len(stage.fitness)} "
            f"programs beat tuned AdamW ({stage.baseline:.5g})"
        )
    write_json(
        options.folder / "promoted.json",
        [
            {
                "factor": stage.factor,
                "baseline": fitness_to_json(stage.baseline),
                "fitness": [
                    [str(program), fitness_to_json(fitness)]
                    for program, fitness in stage.fitness.items()
                ],
                "survivors": [str(program) for program in stage.survivors],
            }
            for stage in stages
        ],
    )
    if stages and stages[-1].survivors:
        _print_program(stages[-1].survivors[0])


def find_program(name: str) -> Program:
    """The program that a search found, that the zoo has, or that a file holds.

    Raises:
        ValueError: If there is none of that name.
    """
    from keras_lion.discovery.checkpoint import SearchFolder
    from keras_lion.discovery.program import Program
    from keras_lion.discovery.zoo import ZOO

    path = Path(name)
    if name in ZOO:
        return ZOO[name]
    if path.is_dir():
        folder = SearchFolder(path)
        folder.settings()
        state = folder.state()
        if state is None:
            raise FileNotFoundError(f"There is no checkpoint in {path} yet.")
        return state.best.program
    if path.is_file():
        return Program.parse(path.read_text(encoding="utf-8"))
    raise ValueError(
        f"There is no program {name!r}: no folder of a search, no file, and none of "
        f"{', '.join(ZOO)}."
    )


def _fitness_of(folder: Path) -> ProxyFitness:
    from keras_lion.discovery.checkpoint import SearchFolder
    from keras_lion.discovery.evaluation import ProxyFitness

    description = SearchFolder(folder).description()
    description.pop(DEVICE, None)
    return ProxyFitness.from_json(description)


def _print_program(program: Program) -> None:
    from keras_lion.discovery.abstract import live
    from keras_lion.discovery.behaviour import is_sign_like, size_variation

    statements = live(program)
    sign = "like a sign" if is_sign_like(program) else "not like a sign"
    print(
        f"{len(statements)} live statements of {len(program)}, "
        f"{program.num_state_buffers} state buffers; updates are {sign} "
        f"(variation of sizes {size_variation(program):.2g})\n"
    )
    print("\n".join(f"    {statement}" for statement in statements))


class _ProgressLine:
    """One line that is written over on a terminal; a line now and then elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._interval = LINE_INTERVAL * (1 if self._terminal else 4)
        self._last = time.monotonic()
        self._children: int | None = None

    def __enter__(self) -> _ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print()

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._children is None:
            self._children = progress.num_children
        passed = now - self._last
        if passed < self._interval:
            return
        speed = (progress.num_children - self._children) / passed
        text = f"{progress} · {speed:.0f} children/s"
        print(text, end="\r" if self._terminal else "\n", flush=True)
        self._last, self._children = now, progress.num_children
