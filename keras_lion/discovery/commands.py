"""`keras-lion discover`: run a program search, look at it, simplify, promote."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Hands its names on when they are asked for: help needs no NumPy.
from keras_lion import discovery

if TYPE_CHECKING:
    from keras_lion.discovery.search.evolution import EvaluateAll, Progress
    from keras_lion.discovery.search.meta_validation import Stage
    from keras_lion.discovery.search.search_state import SearchState

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

    command = commands.add_parser(
        "simplify", help="a program without what makes no difference to its fitness"
    )
    _add_program(command)
    _add_proxies(command)
    add = command.add_argument
    add("--seeds", type=int, default=5, help="to measure fitness on (default: 5)")
    tolerance = "change of fitness that counts as none (default: 0.01)"
    add("--tolerance", type=float, default=0.01, help=tolerance)
    command.set_defaults(command=_simplify)

    command = commands.add_parser(
        "promote", help="the funnel: a search's best programs on larger problems"
    )
    add = command.add_argument
    add("folder", type=Path, metavar="DIR")
    factors = "compute of each stage, in multiples of the search's (default: 10 100)"
    add("--factors", type=float, nargs="+", default=[10.0, 100.0], help=factors)
    add("--seeds", type=int, default=3, help="of the larger problems (default: 3)")
    top = "how many programs to try, the last that were the best (default: 10)"
    add("--top", type=int, default=10, help=top)
    command.set_defaults(command=_promote)


def _add_run(commands: Any) -> None:
    command = commands.add_parser("run", help="run a search, or resume one")
    add = command.add_argument
    output = "folder of the search, which one that was stopped goes on from"
    add("--output", type=Path, required=True, metavar="DIR", help=output)
    children = "in all, rounded up to whole generations (default: 20000)"
    add("--children", type=int, default=20_000, help=children)
    add("--seed", type=int, default=0, help="of all random choices (default: 0)")
    method = "all mutations, those of constants alone, or programs without parents"
    add("--method", choices=METHODS, default=METHODS[0], help=method)
    start = "program of the zoo, file, or folder of a search (default: adamw)"
    add("--start", default="adamw", help=start)
    population = "programs that live at a time (default: 1000)"
    add("--population", type=int, default=1000, help=population)
    restart = "children without an improvement, then begin anew from the best program"
    add("--restart-after", type=int, metavar="N", help=restart)
    add("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    device = "one compiled function, on a GPU many programs at once; needs JAX"
    add("--device", action="store_true", help=device)
    generation = "children between two looks at the population (default: 32)"
    add("--generation", type=int, default=32, metavar="N", help=generation)
    _add_proxies(command)
    command.set_defaults(command=_run)


def _add_program(command: argparse.ArgumentParser) -> None:
    text = "folder of a search, program of the zoo, or file"
    command.add_argument("program", help=text)


def _add_proxies(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    proxies = "training problems to measure fitness on (default: all)"
    add("--proxies", nargs="+", default=[], metavar="NAME", help=proxies)


def _run(options: argparse.Namespace) -> None:
    from keras_lion.discovery.search.parallel import evaluation_pool

    if options.children < 1:
        raise ValueError(
            f"--children must be at least 1. Received: {options.children}."
        )
    settings = discovery.SearchSettings(
        start=find_program(options.start),
        seed=options.seed,
        population=options.population,
        method=options.method,
        restart_after=options.restart_after,
        generation=options.generation,
    )
    fitness = discovery.ProxyFitness.named(*options.proxies)
    description = fitness.to_json()
    folder = discovery.SearchFolder(options.output)
    evaluation: AbstractContextManager[EvaluateAll]
    if options.device:
        if options.workers != 1:
            raise ValueError(
                "--device evaluates programs in one process. Received: --workers "
                f"{options.workers}. Leave one of the two out."
            )
        from keras_lion.tuning.backend import device_name

        evaluation = nullcontext(discovery.device_evaluator(fitness))
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
    folder.close()
    print(search.progress)
    _print_program(search.best.program)


def _show(options: argparse.Namespace) -> None:
    path = Path(options.program)
    if not path.is_dir():
        _print_program(find_program(options.program))
        return
    state = _state_in(path)
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
    from keras_lion.discovery.language.simplify import simplified

    program = find_program(options.program)
    path = Path(options.program)
    if path.is_dir() and not options.proxies:
        fitness = _fitness_in(path)
    else:
        fitness = discovery.ProxyFitness.named(*options.proxies)
    simplifier = discovery.Simplifier(
        lambda found, seed: fitness.with_seed(seed)(found),
        range(options.seeds),
        tolerance=options.tolerance,
    )
    steps = simplifier.steps(program)
    print(*steps, "", sep="\n")
    _print_program(simplified(steps))


def _promote(options: argparse.Namespace) -> None:
    from keras_lion.discovery.search.checkpoint import write_json
    from keras_lion.discovery.search.meta_validation import funnel

    if options.top < 1:
        raise ValueError(f"--top must be at least 1. Received: {options.top}.")
    fitness, state = _fitness_in(options.folder), _state_in(options.folder)
    candidates = [found.individual.program for found in state.improvements]
    stages = funnel(
        candidates[-options.top :],
        fitness,
        discovery.zoo.ADAMW,
        factors=options.factors,
        num_seeds=options.seeds,
    )
    for stage in stages:
        print(
            f"x{stage.factor:g}: {len(stage.survivors)} of {len(stage.fitness)} "
            f"programs beat tuned AdamW ({stage.baseline:.5g}); best: "
            f"{max(stage.fitness.values()):.5g}"
        )
    file = options.folder / "promoted.json"
    write_json(file, [*map(_stage_to_json, stages)])
    print(f"The programs and their fitness: {file}")
    if stages and stages[-1].survivors:
        _print_program(stages[-1].survivors[0])


def _stage_to_json(stage: Stage) -> dict[str, Any]:
    from keras_lion.discovery.search.search_state import fitness_to_json

    return {
        "factor": stage.factor,
        "baseline": fitness_to_json(stage.baseline),
        "fitness": [
            [str(program), fitness_to_json(fitness)]
            for program, fitness in stage.fitness.items()
        ],
        "survivors": [str(program) for program in stage.survivors],
    }


def find_program(name: str) -> discovery.Program:
    """The program that a search found, that the zoo has, or that a file holds.

    Raises:
        ValueError: If there is none of that name.
    """
    path, known = Path(name), discovery.zoo.ZOO
    if name in known:
        return known[name]
    if path.is_dir():
        return _state_in(path).best.program
    if path.is_file():
        return discovery.Program.parse(path.read_text(encoding="utf-8"))
    raise ValueError(
        f"There is no program {name!r}: no folder of a search, no file, and none of "
        f"{', '.join(known)}."
    )


def _state_in(folder: Path) -> SearchState:
    search = discovery.SearchFolder(folder)
    search.settings()  # or it is no folder of a search
    state = search.state()
    if state is None:
        raise FileNotFoundError(
            f"There is no checkpoint in {folder} yet. Give the command `discover run` "
            "again to resume the search."
        )
    return state


def _fitness_in(folder: Path) -> discovery.ProxyFitness:
    description = discovery.SearchFolder(folder).description()
    description.pop(DEVICE, None)
    return discovery.ProxyFitness.from_json(description)


def _print_program(program: discovery.Program) -> None:
    from keras_lion.discovery.language.behaviour import is_sign_like

    statements = discovery.abstract.live(program)
    sign = "like a sign" if is_sign_like(program) else "not like a sign"
    print(
        f"{len(statements)} live statements of {len(program)}, "
        f"{program.num_state_buffers} state buffers; updates are {sign} "
        f"(variation of sizes {discovery.size_variation(program):.2g})\n"
    )
    kept = iter([*statements, None])
    expected = next(kept)
    for statement in program:
        # A live statement is the very object, whatever else looks like it.
        dead = "" if statement is expected else "  # dead"
        print(f"    {statement}{dead}")
        expected = expected if dead else next(kept)


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
