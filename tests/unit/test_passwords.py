"""Stored passwords: no byte of them is ignored."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from latchkey.security.passwords import Passwords

PASSWORDS = Passwords()


def test_every_hash_has_owasps_parameters():
    assert PASSWORDS.hash("whatever").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_long_passwords_are_not_truncated():
    # bcrypt would call these two the same (Okta, 2024-10-30).
    base = "x" * 72
    assert not PASSWORDS.verify(PASSWORDS.hash(base + "a"), base + "b")


def test_missing_account_matches_no_password():
    assert not PASSWORDS.verify(None, "a password that nobody has")


def test_placeholder_hash_costs_the_same_as_a_real_one(monkeypatch):
    fresh = Passwords()
    made = PASSWORDS.hash("a password that somebody has")

    def never(_):
        pytest.fail("a decoy that is hashed takes time that tells")

    monkeypatch.setattr("argon2.PasswordHasher.hash", never)
    assert not fresh.verify(None, "a password that somebody has")
    assert extract_parameters(fresh._decoy) == extract_parameters(made)
    assert not fresh.needs_rehash(fresh._decoy)


def test_a_damaged_hash_matches_nothing():
    assert not PASSWORDS.verify("not a hash", "password")


def test_unicode_spellings_of_a_password_match():
    assert PASSWORDS.verify(PASSWORDS.hash("caf\u00e9 ol\u00e9"), "cafe\u0301 ole\u0301")


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1, max_size=128))
def test_any_text_works_as_a_password(password):
    stored = PASSWORDS.hash(password)
    assert PASSWORDS.verify(stored, password)
    assert not PASSWORDS.verify(stored, password + "x")
