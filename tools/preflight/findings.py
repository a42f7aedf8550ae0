"""What a check says: one sentence, and what it means for the deploy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a finding means for the deploy."""

    OK = "ok"
    WARNING = "warning"
    FAILS = "would fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, with the way to mend what it finds."""

    verdict: Verdict
    sentence: str


def ok(sentence: str) -> Finding:
    """Make a finding that needs nothing."""
    return Finding(Verdict.OK, sentence)


def warning(sentence: str) -> Finding:
    """Make a finding that the deploy survives."""
    return Finding(Verdict.WARNING, sentence)


def fails(sentence: str) -> Finding:
    """Make a finding that the deploy, or its first user, fails at."""
    return Finding(Verdict.FAILS, sentence)
