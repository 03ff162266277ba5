"""The import rules of the architecture, read from the source."""

from __future__ import annotations

import ast
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "keras_lion"
FILES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(file.parent for file in FILES if file.name == "__init__.py")

# A file imports from lower floors only, and inside its own folder without circles.
FLOORS = {
    "argument_types": 4,
    "arguments": 6,
    "cli": 6,
    "last_screen": 6,
    "messages": 6,
    "progress": 6,  # the display of the command
    "recipe_command": 5,
    "report": 5,
    "robustness": 4,
    "discovery": 4,
    "tuning": 3,
    "optimizers": 2,
    "theory": 1,
    "statistics": 1,
    "_lazy": 0,
    "interrupts": 0,  # Ctrl-C
    "start_up": 0,  # what backends print
}
# The rooms of `tuning`: each may import from those before it, and all from the files
# outside of rooms, which import from no room.
ROOMS = ("tasks", "study", "runs", "engine", "sweep", "recipe")
FIRST_PATHS = ("readers", "search")  # where older scripts import public names from
OF_CLI = (
    "arguments",
    "last_screen",
    "messages",
    "progress",
    "recipe_command",
)  # parts of the command, on its floor
THIRD_PARTY = {
    "cli": {"pandas", "rich"},
    "last_screen": {"pandas", "rich"},
    "progress": {"rich"},
    "report": {"jinja2", "matplotlib", "numpy", "pandas", "seaborn", "tensorboard"},
    "robustness": {"numpy", "pandas", "scipy"},
    "discovery": {"keras", "numpy"},
    "tuning": {
        "keras",
        "keras_tuner",
        "mnist1d",
        "numpy",
        "pandas",
        "scipy",
        "sklearn",
        "tensorboard",
        "tensorflow_datasets",
    },
    "optimizers": {"keras", "numpy", "tensorboard"},
    "theory": {"numpy", "scipy"},
    "statistics": {"numpy", "scipy"},
    "_lazy": {"lazy_loader"},
    "interrupts": set(),
    "start_up": set(),
}
BACKENDS = {"jax", "tensorflow", "torch"}
# Only the command and the figures may need them.
HEAVY = ("matplotlib", "seaborn", "jinja2", "rich")


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def wing_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def imports_of(file: Path) -> frozenset[str]:
    """Every module that a file imports, at its top or within a function.

    `from package import name` counts as `package.name` where that is a module.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            assert node.module is not None
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in inner if is_module(name)}
            found |= modules
            if len(modules) < len(inner):
                found.add(node.module)
    return frozenset(found)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def ours(file: Path) -> set[str]:
    return {name for name in imports_of(file) if name.split(".")[0] == "keras_lion"}


def third_party(file: Path) -> set[str]:
    roots = {name.split(".")[0] for name in imports_of(file)}
    return roots - set(sys.stdlib_module_names) - {"keras_lion"}


def ids(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_lead_downwards(file):
    wing = wing_of(name_of(file))
    if not wing:  # keras_lion/__init__.py
        assert ours(file) == {"keras_lion._lazy"}
        return
    for name in ours(file):
        other = wing_of(name)
        assert other, f"{name}: import from the module itself"
        lower = FLOORS[other] < FLOORS[wing] or (other in OF_CLI and wing == "cli")
        assert other == wing or lower, f"{wing} imports {name}"


def room_of(module: str) -> int:
    """Number of a module's room; -1 for the files outside of rooms."""
    _, _, name, *_ = [*module.split("."), ""]
    return ROOMS.index(name) if name in ROOMS else -1


def test_tuning_has_the_rooms_of_this_list():
    folders = {file.parent for file in PACKAGE.glob("tuning/*/__init__.py")}
    assert {folder.name for folder in folders} == set(ROOMS)


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("tuning/**/[!_]*.py")), ids=ids)
def test_arrows_between_rooms_lead_one_way(file):
    room = len(ROOMS) if file.stem in FIRST_PATHS else room_of(name_of(file))
    for name in ours(file):
        if wing_of(name) == "tuning":
            assert room_of(name) <= room, f"{name} is imported from a later room"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_third_party_packages_of_each_floor(file):
    wing = wing_of(name_of(file))
    assert third_party(file) - BACKENDS <= THIRD_PARTY.get(wing, set())


def test_the_tuner_is_named_in_one_module():
    named = [file for file in FILES if "keras_tuner" in third_party(file)]
    assert [ids(file) for file in named] == ["keras_lion/tuning/kerastuner.py"]


@pytest.mark.parametrize("wing", sorted(set(FLOORS) - {"_lazy"}))
def test_backends_are_named_in_one_module_of_a_wing_at_most(wing):
    named = [
        ids(file)
        for file in FILES
        if wing_of(name_of(file)) == wing and third_party(file) & BACKENDS
    ]
    assert named in ([], ["keras_lion/tuning/backend.py"]) or (
        wing == "optimizers" and len(named) == 1
    )


@pytest.mark.parametrize(
    "wing", ["discovery", "tuning", "robustness", "optimizers", "statistics"]
)
def test_nothing_below_draws_or_prints(wing):
    for file in FILES:
        if wing_of(name_of(file)) == wing:
            assert not third_party(file) & set(HEAVY), ids(file)


def test_reading_records_imports_no_tuner_and_no_keras():
    seen, waiting = set(), ["keras_lion.tuning.runs.records"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        assert not third_party(file) & {"keras", "keras_tuner", "tensorflow", "jax"}
        waiting += ours(file) - seen - {"keras_lion._lazy"}


def test_inside_a_folder_there_are_no_circles():
    # TopologicalSorter raises CycleError on a circle, and names it.
    graph = {name_of(file): ours(file) for file in FILES}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("file", sorted((ROOT / "studies").glob("*.py")), ids=ids)
def test_studies_stand_on_the_package(file):
    for name in ours(file):
        wing = wing_of(name)
        # A script that shows what was measured may use the figures.
        assert FLOORS.get(wing, 0) < FLOORS["cli"], name
    text = ast.parse(file.read_text(encoding="utf-8"))
    assert ast.get_docstring(text)


@pytest.mark.parametrize("folder", PACKAGES, ids=ids)
def test_package_files_only_hand_names_on(folder):
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    docstring, *statements = tree.body
    assert isinstance(docstring, ast.Expr)
    if not statements:  # a folder that hands nothing on
        return
    lazy, attached = statements
    assert isinstance(lazy, ast.ImportFrom)
    assert lazy.module == "keras_lion._lazy"
    assert isinstance(attached, ast.Assign)
    assert ast.unparse(attached.targets[0]) == "(__getattr__, __dir__, __all__)"
    assert ast.unparse(attached.value).startswith(ATTACHED)


ATTACHED = "attach_stub(__name__, __file__)"
LAZY = [f for f in PACKAGES if "attach" in (f / "__init__.py").read_text("utf-8")]


@pytest.mark.parametrize("folder", LAZY, ids=ids)
def test_every_name_that_is_exported_exists(folder):
    package = import_module(name_of(folder / "__init__.py"))
    assert dir(package) == sorted(package.__all__)
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("folder", LAZY, ids=ids)
def test_stubs_list_every_public_name_once(folder):
    tree = ast.parse((folder / "__init__.pyi").read_text(encoding="utf-8"))
    listed = []
    for node in tree.body:
        if isinstance(node, ast.Assign):  # the old form
            continue
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "`as` makes it a public name"
            listed.append(alias.name)
    package = import_module(name_of(folder / "__init__.py"))
    assert sorted(listed) == package.__all__
