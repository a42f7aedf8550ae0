"""Error codes: one table, unique and never renamed."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, StringConstraints

from latchkey.domain import errors
from latchkey.domain.errors import InvalidInput, ProblemCode
from latchkey.http.bodies.validation import Body
from latchkey.http.errors import _GERMAN_PROBLEMS, CATALOGUE, INTERNAL_ERROR, PROBLEMS
from tools.error_docs import ADVICE
from tools.operations import operations
from tools.template import ROOT

SNAPSHOT = Path(__file__).parent / "error_codes.txt"
PROBLEM_SNAPSHOT = Path(__file__).parent / "problem_codes.txt"


def leaving_errors():
    """Every error that can leave: those with a code of their own."""
    found, pending = [], [errors.DomainError]
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        # A private refinement is caught, or leaves, as what it refines.
        if "code" in vars(kind) and kind.__module__ == errors.__name__:
            found.append(kind)
    return found


def test_every_error_is_in_the_catalogue():
    assert set(leaving_errors()) == set(CATALOGUE)


def test_codes_are_unique_and_in_upper_snake_case():
    """With their status: what ended a session (401) is also what refuses a sign-in (403)."""
    answers = [(row.status, kind.code) for kind, row in CATALOGUE.items()]
    assert len(answers) == len(set(answers))
    codes = [kind.code for kind in CATALOGUE] + [INTERNAL_ERROR]
    assert [code for code in codes if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)] == []


def test_codes_are_never_renamed_or_removed():
    """The file is append-only: clients out there decide by these words."""
    recorded = SNAPSHOT.read_text().split()
    assert recorded == list(dict.fromkeys(recorded))
    current = {kind.code for kind in CATALOGUE} | {INTERNAL_ERROR}
    assert set(recorded) - current == set(), "a code that clients know is gone"
    assert current - set(recorded) == set(), f"append it to {SNAPSHOT.name}"


def test_every_code_has_advice():
    assert set(ADVICE) == {kind.code for kind in CATALOGUE} | {INTERNAL_ERROR}


def test_every_error_and_problem_has_a_german_message():
    assert [kind.code for kind, row in CATALOGUE.items() if not row.de or row.de == row.en] == []
    assert set(_GERMAN_PROBLEMS) == set(ProblemCode)


# The codes in `details` ------------------------------------------------------------------------


def calls_of(*names):
    """Every call of these in the code, with the file that it is in."""
    for path in (ROOT / "layers/shared/latchkey").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) in names:
                yield path.name, node


def test_problem_codes_are_explained_and_never_removed():
    assert set(PROBLEMS) == set(ProblemCode)
    recorded = PROBLEM_SNAPSHOT.read_text().split()
    assert recorded == list(dict.fromkeys(recorded))
    assert set(recorded) - set(ProblemCode) == set(), "a code that clients know is gone"
    assert set(ProblemCode) - set(recorded) == set(), f"append it to {PROBLEM_SNAPSHOT.name}"


def test_every_problem_code_is_used():
    """Mypy holds Problem to it; pydantic's own errors take any text, and theirs are Problem's."""
    for file, call in calls_of("PydanticCustomError"):
        assert ast.unparse(call.args[0]).startswith("ProblemCode."), (file, call.lineno)
    text = "".join(path.read_text() for path in (ROOT / "layers/shared/latchkey").rglob("*.py"))
    used = Counter(re.findall(r"\bProblemCode\.([A-Z_]+)\b", text))
    assert [code for code in ProblemCode if used[code] < 2] == [], "in the table, and nowhere else"


def test_pydantic_errors_get_problem_codes():
    class Every(Body):
        short: Annotated[str, StringConstraints(min_length=2, max_length=3)]
        number: Annotated[float, Field(ge=1, le=2, allow_inf_nan=False)]
        picked: Literal["a"]
        at: Annotated[datetime, Field(strict=False)]

    documents = [
        {},
        *({"short": value} for value in ("", "1234", 1)),
        *({"number": value} for value in (0, 3, "1", math.nan)),
        {"picked": "b", "at": "yesterday", "further": 1},
    ]
    for document in documents:
        with pytest.raises(InvalidInput) as refused:
            Every.parse(document)
        assert {type(problem.code) for problem in refused.value.problems} == {ProblemCode}


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_an_endpoint_declares_only_its_own_errors(operation):
    """What the wrapper adds for every endpoint of its kind is not said again."""
    spec = operation.endpoint.spec
    common = {*spec.caller.refusals, errors.InvalidInput, errors.TemporarilyUnavailable}
    assert [kind.__name__ for kind in spec.errors if kind in common] == []
    assert len(spec.errors) == len(set(spec.errors))
