"""Error codes: one table, each once, stable for ever."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from latchkey.domain import errors
from latchkey.http.errors import CATALOGUE, INTERNAL_ERROR
from tools.error_docs import ADVICE
from tools.operations import operations

SNAPSHOT = Path(__file__).parent / "error_codes.txt"


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


def test_every_error_that_can_leave_is_in_the_catalogue():
    assert set(leaving_errors()) == set(CATALOGUE)


def test_codes_are_unique_and_upper_snake():
    """With their status: what ended a session (401) is also what refuses a sign-in (403)."""
    answers = [(row.status, kind.code) for kind, row in CATALOGUE.items()]
    assert len(answers) == len(set(answers))
    codes = [kind.code for kind in CATALOGUE] + [INTERNAL_ERROR]
    assert [code for code in codes if not re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)] == []


def test_no_code_was_ever_renamed_or_dropped():
    """The file is append-only: clients out there decide by these words."""
    recorded = SNAPSHOT.read_text().split()
    assert recorded == list(dict.fromkeys(recorded))
    current = {kind.code for kind in CATALOGUE} | {INTERNAL_ERROR}
    assert set(recorded) - current == set(), "a code that clients know is gone"
    assert current - set(recorded) == set(), f"append it to {SNAPSHOT.name}"


def test_advice_is_given_for_every_code_and_no_other():
    assert set(ADVICE) == {kind.code for kind in CATALOGUE} | {INTERNAL_ERROR}


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_an_endpoint_declares_only_its_own_errors(operation):
    """What the wrapper adds for every endpoint of its kind is not said again."""
    spec = operation.endpoint.spec
    common = {*spec.caller.refusals, errors.InvalidInput, errors.TemporarilyUnavailable}
    assert [kind.__name__ for kind in spec.errors if kind in common] == []
    assert len(spec.errors) == len(set(spec.errors))
