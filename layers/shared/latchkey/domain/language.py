"""The languages of the history and of error messages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Language(StrEnum):
    """A supported language."""

    ENGLISH = "en"
    GERMAN = "de"


def choose_language(tags: Iterable[str]) -> Language:
    """Choose the first language tag that is supported, else English."""
    for tag in tags:
        primary = tag.partition("-")[0].lower()
        if primary in Language:
            return Language(primary)
    return Language.ENGLISH
