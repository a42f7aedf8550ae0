"""`make mutate`: a survivor is explained by its function and lines, or fails the command."""

from __future__ import annotations

import ast
import tomllib

import pytest

from tools.mutate import EXPLAINED, LAYER, ROOT, Mutant, parse, unexplained

DIFF = """\
--- src/latchkey/security/refresh_tokens.py
+++ src/latchkey/security/refresh_tokens.py
@@ -1,3 +1,3 @@
 def parse(text):
-    if a or b:
+    if a and b:
         return None
"""
KNOWN = tomllib.loads(EXPLAINED.read_text())


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("latchkey.security.refresh_tokens.x_parse__mutmut_3", "security.refresh_tokens.parse"),
        ("latchkey.security.access_tokens.x__id__mutmut_8", "security.access_tokens._id"),
        ("latchkey.flows.a.xǁSignInǁ_start__mutmut_12", "flows.a.SignIn._start"),
    ],
)
def test_mutant_is_named_by_its_function_and_its_lines(name, function):
    assert parse(name, DIFF) == Mutant(function, "if a or b:", "if a and b:")


def test_lines_that_belong_together_are_one_text():
    diff = "-    dklen=32,\n-    ).hex()\n+    ).hex()\n"
    assert parse("latchkey.a.x_f__mutmut_1", diff) == Mutant("a.f", "dklen=32, ).hex()", ").hex()")


def test_survivor_without_an_explanation_is_listed():
    known = '[[survivor]]\nfunction = "a.f"\nbefore = "x"\nafter = "y"\nwhy = "w"\n'
    explained, other_line = Mutant("a.f", "x", "y"), Mutant("a.f", "x", "z")
    other_function = Mutant("a.g", "x", "y")
    found = [explained, other_line, other_function]
    assert unexplained(found, known) == [other_line, other_function]
    assert unexplained(found, known.replace('"w"', '""')) == found
    assert unexplained(found, "") == found


@pytest.mark.parametrize("entry", KNOWN["survivor"], ids=lambda entry: entry["after"][:40])
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


def test_every_file_and_its_tests_exist():
    for name, tests in KNOWN["tests"].items():
        assert (LAYER / name).is_file()
        assert tests
        assert all((ROOT / test).is_file() for test in tests)


def locate(function):
    """The file of `security.access_tokens.Verifier._key`, and the names within it."""
    package, module, *names = function.split(".")
    assert f"{package}/{module}.py" in KNOWN["tests"]
    return LAYER / package / f"{module}.py", names
