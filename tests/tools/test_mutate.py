"""`make mutate`: every file is drawn from, tests notice a mutant, a survivor is explained."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from tools.mutants import code_of, mutant_by_hand, mutants_of, sample
from tools.mutate import LAYER, ROOT, SETTINGS, chosen, drawn, replacements, unexplained

SOURCE = '''\
"""A module."""

LIMIT = 3


class Door:
    """A door."""

    @property
    def opens(self) -> bool:
        """Return whether it opens."""
        if self.locked and not self.key:
            raise PermissionError
        return [turn for turn in self.turns if turn > LIMIT]


def knock(door: Door, times: int = 1) -> None:
    logger.info("knocks")
    door.hear(times + 1, loud=True)
'''
KNOWN = tomllib.loads(SETTINGS.read_text())
SURVIVORS = KNOWN.get("survivor", [])


def changes(source=SOURCE):
    return {(m.function, m.after) for m in mutants_of("a/doors.py", source)}


@pytest.mark.parametrize(
    ("function", "after"),
    [
        ("a.doors.Door.opens", "if (not (self.locked and (not self.key))):"),
        ("a.doors.Door.opens", "if False:"),
        ("a.doors.Door.opens", "if (self.locked or not self.key):"),
        ("a.doors.Door.opens", "if (self.locked):"),
        ("a.doors.Door.opens", "if (not self.key):"),
        ("a.doors.Door.opens", "if self.locked and (self.key):"),
        ("a.doors.Door.opens", "pass"),
        ("a.doors.Door.opens", "return None"),
        ("a.doors.Door.opens", "return ([turn for turn in self.turns])"),
        ("a.doors.Door.opens", "return [turn for turn in self.turns if (turn >= LIMIT)]"),
        ("a.doors.knock", "pass"),
        ("a.doors.knock", "door.hear((times - 1), loud=True)"),
        ("a.doors.knock", "door.hear(times + (2), loud=True)"),
        ("a.doors.knock", "door.hear(times + 1, loud=(False))"),
        ("a.doors.knock", "(door.hear(times + 1))"),
    ],
)
def test_condition_guard_call_argument_and_constant_are_changed(function, after):
    assert (function, after) in changes()


def test_log_defaults_annotations_and_values_of_a_module_stay():
    assert len(changes()) == 15
    assert not any("knocks" in after or "LIMIT = " in after for _, after in changes())
    assert changes("async def f(a: int = 1) -> 'B':\n    logger.warning('x', y=1)\n") == set()


def test_every_mutant_compiles_and_changes_one_function():
    for mutant in mutants_of("a/doors.py", SOURCE):
        (old, new), *_ = replacements(mutant, SOURCE)
        assert f"a.doors.{old.co_qualname}" == mutant.function
        assert old.co_qualname == new.co_qualname
        assert old != new


def test_code_is_found_in_the_order_of_the_file_without_functions_inside():
    source = "def a[T]():\n    def b(): ...\nclass C[T]:\n    def d(self): ...\n"
    assert [code.co_qualname for code in code_of(source)] == ["a", "C.d"]


def test_sample_depends_on_the_seed_and_not_on_other_lines():
    found = mutants_of("a/doors.py", SOURCE)
    assert sample(found, 5, 1) != sample(found, 5, 2)
    moved = mutants_of("a/doors.py", SOURCE.replace("LIMIT = 3", "LIMIT = 3\nNONE = 0"))
    assert sample(found, 5, 1) == sample(moved, 5, 1)


def test_every_file_of_the_four_packages_is_drawn_from():
    packages = {"security", "flows", "storage", "http"}
    files = {path for package in packages for path in (LAYER / package).rglob("*.py")}
    assert {LAYER / name for name, _ in chosen([], None)} == files
    assert all(count >= 3 for _, count in chosen([], None))


def test_paths_choose_files_and_folders():
    assert [name for name, _ in chosen(["security/sealing.py"], None)] == ["security/sealing.py"]
    counts = dict(chosen(["security", "flows"], 1))
    assert {name.partition("/")[0] for name in counts} == {"security", "flows"}
    assert counts["security/sealing.py"] == 40
    assert {m.file for m in drawn(["security/sealing.py"], None, 1)} == {"security/sealing.py"}


def test_survivor_without_an_explanation_is_listed():
    mutants = mutants_of("a/doors.py", SOURCE)
    entry = mutants[0]
    known = (
        f"[[survivor]]\nfunction = '{entry.function}'\nbefore = '''{entry.before}'''\n"
        f"after = '''{entry.after}'''\nwhy = 'w'\n"
    )
    assert unexplained(mutants, known) == mutants[1:]
    assert unexplained(mutants, known.replace("'w'", "''")) == mutants
    assert unexplained(mutants, "") == mutants


def test_campaign_finds_a_survivor_and_fails():
    """It has its own process, because it replaces code."""
    command = [sys.executable, "-m", "tools.mutate", "flows/conflicts.py", "security/peppers.py"]
    command += ["--jobs", "1", "--tests", "tests/unit/test_conflicts.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1, done.stdout + done.stderr
    killed, remaining = (
        len(drawn([name], None, 1)) for name in ("flows/conflicts.py", "security/peppers.py")
    )
    assert f"flows      {killed} killed\n" in done.stdout
    assert f"security   {remaining} not executed\n" in done.stdout
    assert f"{remaining} of them without an explanation\n\nsecurity.peppers." in done.stdout


@pytest.mark.parametrize("entry", SURVIVORS, ids=lambda entry: entry["after"][:40])
def test_explanation_is_about_a_line_that_exists(entry):
    module, names = locate(entry["function"])
    tree = ast.parse(module.read_text())
    for name in names:
        (tree,) = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name
        ]
    lines = module.read_text().splitlines()[tree.lineno - 1 : tree.end_lineno]
    body = " ".join(" ".join(lines).split())
    assert entry["before"] in body, "the line has changed: remove the entry, or mutate again"
    assert entry["why"].endswith(".")


@pytest.mark.parametrize("entry", KNOWN["required"], ids=lambda entry: entry["before"][:40])
def test_required_mutant_can_be_made(entry):
    source = (LAYER / entry["file"]).read_text()
    mutant = mutant_by_hand(entry["file"], source, entry["before"], entry["after"])
    assert replacements(mutant, source)
    assert entry["why"].endswith(".")


def test_required_mutant_of_another_text_is_refused():
    with pytest.raises(ValueError, match="0 times"):
        mutant_by_hand("a/doors.py", SOURCE, "if self.open", "if False")
    with pytest.raises(ValueError, match="1 times"):
        mutant_by_hand("a/doors.py", SOURCE, "LIMIT = 3", "LIMIT = 4")


def test_required_mutants_of_a_file_are_always_tried():
    first, second, *_ = drawn(["flows/sessions.py"], None, 1)
    assert {first.after, second.after} == {
        entry["after"] for entry in KNOWN["required"] if entry["file"] == "flows/sessions.py"
    }


def test_tests_that_are_left_out_exist():
    assert all((ROOT / name).is_file() for name in KNOWN["left_out"])


def locate(function):
    """The file of `security.access_tokens.Verifier._key`, and the names within it."""
    parts = function.split(".")
    for at in range(2, len(parts)):
        module = LAYER.joinpath(*parts[:at]).with_suffix(".py")
        if module.is_file():
            return module, parts[at:]
    raise AssertionError(function)
