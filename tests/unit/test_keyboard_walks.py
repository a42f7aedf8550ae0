"""Passwords along neighboring keys, or with interleaved rows of keys."""

from __future__ import annotations

import pytest

from latchkey.security.password_policy import is_walk


@pytest.mark.parametrize(
    "password",
    [
        "qwertyuiop",
        "q1w2e3r4t5y6u7i8",
        "Q1 W2 E3 R4",
        "q1w2e3p4",  # one step of three differs
    ],
)
def test_walk_is_found(password):
    assert is_walk(password)


@pytest.mark.parametrize("password", ["q1w2p3", "correct horse", "q1m2e9r4t5"])
def test_other_text_is_no_walk(password):
    assert not is_walk(password)
