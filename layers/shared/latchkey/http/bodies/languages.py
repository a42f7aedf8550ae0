"""Language fields. They have a module of their own because it loads the registry of languages."""

from __future__ import annotations

from typing import Annotated

from langcodes import standardize_tag, tag_is_valid
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode

LANGUAGE_FORMAT = "bcp47"
"""The contract's format of languages. A body with one may get INVALID_LANGUAGE_CODE."""

_LANGUAGE_MAX_CHARACTERS = 35
"""Maximum length of a language tag. Source: RFC 5646 section 4.4.1."""


def _language(text: str) -> str:
    # langcodes also accepts POSIX's underscore, CLDR's `root`, and private use (`x-…`, `qaa-qtz`).
    language = text.lower().partition("-")[0]
    private = language == "x" or (len(language) == len("qaa") and "qaa" <= language <= "qtz")
    plain = text.replace("-", "").isalnum() and not private and language != "root"
    if len(text) > _LANGUAGE_MAX_CHARACTERS or not plain or not tag_is_valid(text):
        raise PydanticCustomError(
            ProblemCode.INVALID_LANGUAGE_CODE,
            "Send a registered BCP 47 language tag, such as pt-BR.",
        )
    return standardize_tag(text)


LanguageTag = Annotated[
    str, AfterValidator(_language), Field(json_schema_extra={"format": LANGUAGE_FORMAT})
]
"""A BCP 47 tag, made canonical (`pt-br` becomes `pt-BR`, `iw` becomes `he`)."""
