"""Findings of checks: a sentence, and its effect on the deploy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The effect of a finding on the deploy."""

    OK = "ok"
    WARNING = "warning"
    FAILS = "would fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, with a repair if something is wrong."""

    verdict: Verdict
    sentence: str


def ok(sentence: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(Verdict.OK, sentence)


def warning(sentence: str) -> Finding:
    """Return a finding that does not stop the deploy."""
    return Finding(Verdict.WARNING, sentence)


def fails(sentence: str) -> Finding:
    """Return a finding that makes the deploy, or its first user, fail."""
    return Finding(Verdict.FAILS, sentence)
