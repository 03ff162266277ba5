"""`keras-lion discover`, as it is typed."""

import json

import pytest

from keras_lion import cli
from keras_lion.discovery import zoo
from keras_lion.discovery.commands import find_program
from keras_lion.discovery.language import abstract
from keras_lion.discovery.search.checkpoint import SearchFolder

PROXY = "heavy_tailed_logistic"


SIZE = ("--children", "64", "--population", "20", "--proxies", PROXY)


def search(folder, *arguments):
    return cli.main(["discover", "run", "--output", str(folder), *SIZE, *arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("search")
    assert search(path) == 0
    return path


def test_run_ends_with_the_best_program(tmp_path, capsys):
    assert search(tmp_path, "--seed", "1", "--start", "lion") == 0
    printed = capsys.readouterr().out
    assert "64 children · " in printed
    assert "hit rate" in printed
    assert "live statements of" in printed
    assert SearchFolder(tmp_path).settings().start == zoo.LION
    assert SearchFolder(tmp_path).settings().seed == 1


def test_run_goes_on(folder, capsys):
    before = SearchFolder(folder).state()
    assert search(folder, "--children", "96") == 0
    after = SearchFolder(folder).state()
    assert (before.num_children, after.num_children) == (64, 96)
    assert search(folder, "--seed", "5") == 2
    assert "another search: seed differ" in capsys.readouterr().err


def test_baselines_run(tmp_path, capsys):
    assert search(tmp_path, "--method", "constants") == 0
    assert SearchFolder(tmp_path).settings().method == "constants"
    assert "9 live statements of 9" in capsys.readouterr().out


def test_show(folder, tmp_path, capsys):
    assert cli.main(["discover", "show", str(folder)]) == 0
    printed = capsys.readouterr().out
    best = SearchFolder(folder).state().best
    assert f"child {best.number}, fitness {best.fitness:.5g}" in printed
    assert cli.main(["discover", "show", "lion"]) == 0
    printed = capsys.readouterr().out
    assert "7 live statements of 7, 1 state buffers; updates are like a sign" in printed
    assert "    c = interpolate(g, m, 0.9)\n" in printed
    assert cli.main(["discover", "show", str(tmp_path)]) == 2
    assert "There is no program search in" in capsys.readouterr().err


def test_show_marks_what_is_dead(capsys):
    assert cli.main(["discover", "show", "program_8"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.removesuffix("  # dead").strip() for line in lines] == [
        str(statement) for statement in zoo.PROGRAM_8
    ]
    kept = [line.strip() for line in lines if not line.endswith("  # dead")]
    assert kept == [str(statement) for statement in abstract.live(zoo.PROGRAM_8)]


def test_numbers_that_are_too_small(folder, tmp_path, capsys):
    new = ["discover", "run", "--output", str(tmp_path / "new")]
    assert cli.main([*new, "--children", "0"]) == 2
    assert "--children must be at least 1. Received: 0" in capsys.readouterr().err
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert cli.main([*new, "--start", str(empty)]) == 2
    assert "`update` is an output and is never assigned" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    promote = ["discover", "promote", str(folder)]
    for arguments, message in (
        (["--top", "0"], "--top must be at least 1. Received: 0"),
        (["--seeds", "0"], "one seed at least"),
        (["--factors", "-2"], "Expected factors above 0"),
    ):
        assert cli.main([*promote, *arguments]) == 2
        assert message in capsys.readouterr().err


def test_simplify(tmp_path, capsys):
    file = tmp_path / "program.txt"
    file.write_text("m = cosh(g)\nupdate = g * lr\nupdate = update * 0.01\n")
    command = ["discover", "simplify", str(file), "--proxies", PROXY, "--seeds", "2"]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert "dead statements dropped (3 → 2 statements" in printed
    assert "live statements of" in printed


def test_promote(folder, capsys):
    command = ["discover", "promote", str(folder), "--factors", "1", "--seeds", "1"]
    assert cli.main([*command, "--top", "2"]) == 0
    assert "programs beat tuned AdamW" in capsys.readouterr().out
    (stage,) = json.loads((folder / "promoted.json").read_text())
    assert stage["factor"] == 1
    assert 1 <= len(stage["fitness"]) <= 2
    assert cli.main(["discover", "promote", "nowhere"]) == 2
    assert "no program search in nowhere" in capsys.readouterr().err


def test_programs_are_found_by_name(folder, tmp_path):
    assert find_program("adamw") == zoo.ADAMW
    assert find_program(str(folder)) == SearchFolder(folder).state().best.program
    file = tmp_path / "lion.txt"
    file.write_text(str(zoo.LION))
    assert find_program(str(file)) == zoo.LION
    with pytest.raises(ValueError, match="no program 'tiger': no folder of a search"):
        find_program("tiger")


def test_mistakes_are_told(tmp_path, capsys):
    assert search(tmp_path, "--population", "0") == 2
    assert "`population` must be at least 1" in capsys.readouterr().err
    assert search(tmp_path, "--proxies", "imagenet") == 2
    assert "no proxy 'imagenet'" in capsys.readouterr().err
