"""Validating bodies: pydantic's findings in our own stable codes, without what was sent."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from latchkey.domain.errors import InvalidInput, InvalidLanguageCode, Problem, ProblemCode

MAX_PROBLEMS = 20
"""Enough for the largest form; a hostile body of a thousand wrong fields is not echoed back."""


class Body(BaseModel):
    """What every body has in common: JSON's own types, and no field that was not asked for."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @classmethod
    def may_be_left_out(cls) -> bool:
        """Tell whether a body without any field is valid."""
        try:
            cls.parse({})
        except InvalidInput:
            return False
        return True

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Validate a JSON document.

        Raises InvalidInput, or InvalidLanguageCode if a language is among what is wrong.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            problems = [_problem(finding) for finding in found[:MAX_PROBLEMS]]
            kind = InvalidInput
            if any(problem.code is ProblemCode.INVALID_LANGUAGE_CODE for problem in problems):
                kind = InvalidLanguageCode
            raise kind(*problems) from None


_CODES = {
    "missing": (ProblemCode.REQUIRED, "This field is required."),
    "extra_forbidden": (ProblemCode.UNKNOWN_FIELD, "There is no such field."),
    "string_too_short": (ProblemCode.TOO_SHORT, "This is too short."),
    "string_too_long": (ProblemCode.TOO_LONG, "This is too long."),
    "greater_than_equal": (ProblemCode.OUT_OF_RANGE, "This is too small."),
    "less_than_equal": (ProblemCode.OUT_OF_RANGE, "This is too large."),
    "literal_error": (ProblemCode.NOT_AN_OPTION, "This is not one of the options."),
    "string_pattern_mismatch": (ProblemCode.INVALID, "This has the wrong form."),
}


def _problem(finding: Any) -> Problem:
    # Field names that we did not declare are the client's own text: cut, as they are echoed.
    field = ".".join(str(part)[:64] for part in finding["loc"]) or "body"
    kind: str = finding["type"]
    if kind.isupper():
        return Problem(field, ProblemCode(kind), finding["msg"])
    if kind in _CODES:
        return Problem(field, *_CODES[kind])
    if kind.endswith("_type") or kind == "int_from_float":
        return Problem(field, ProblemCode.WRONG_TYPE, "This has the wrong type.")
    return Problem(field, ProblemCode.INVALID, "This is not valid.")
