"""Validation of bodies. Maps pydantic's errors to stable codes, without the sent values."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from latchkey.domain.errors import InvalidInput, InvalidLanguageCode, Problem, ProblemCode

MAX_PROBLEMS = 20
"""Problems reported per request. More would echo a hostile body."""


class Body(BaseModel):
    """Base class of bodies: strict JSON types, and no undeclared fields."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @classmethod
    def may_be_left_out(cls) -> bool:
        """Return whether an empty body is valid."""
        try:
            cls.parse({})
        except InvalidInput:
            return False
        return True

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Validate a JSON document.

        Raises InvalidInput, or InvalidLanguageCode if a language is one of the invalid fields.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            problems = problems_of(error)
            kind = InvalidInput
            if any(problem.code is ProblemCode.INVALID_LANGUAGE_CODE for problem in problems):
                kind = InvalidLanguageCode
            raise kind(*problems) from None


def problems_of(error: ValidationError) -> list[Problem]:
    """Return the first problems that pydantic found."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_problem(finding) for finding in found[:MAX_PROBLEMS]]


_CODES = {
    "missing": (ProblemCode.REQUIRED, "This field is required."),
    "extra_forbidden": (ProblemCode.UNKNOWN_FIELD, "This field does not exist. Remove it."),
    "string_too_short": (ProblemCode.TOO_SHORT, "This is too short."),
    "string_too_long": (ProblemCode.TOO_LONG, "This is too long."),
    "greater_than_equal": (ProblemCode.OUT_OF_RANGE, "This number is too small."),
    "less_than_equal": (ProblemCode.OUT_OF_RANGE, "This number is too large."),
    "literal_error": (ProblemCode.NOT_AN_OPTION, "This is not one of the allowed values."),
    "enum": (ProblemCode.NOT_AN_OPTION, "This is not one of the allowed values."),
    "string_pattern_mismatch": (ProblemCode.INVALID, "This does not have the documented form."),
}


def _problem(finding: Any) -> Problem:
    # The client chose the names of undeclared fields. They are echoed, so they are cut.
    field = ".".join(str(part)[:64] for part in finding["loc"]) or "body"
    kind: str = finding["type"]
    if kind.isupper():
        return Problem(field, ProblemCode(kind), finding["msg"])
    if kind in _CODES:
        return Problem(field, *_CODES[kind])
    if kind.endswith("_type") or kind == "int_from_float":
        return Problem(field, ProblemCode.WRONG_TYPE, "This has the wrong type.")
    return Problem(field, ProblemCode.INVALID, "This is not valid.")
