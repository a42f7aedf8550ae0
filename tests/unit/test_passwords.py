"""Passwords as they are kept: no byte of them is lost."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from latchkey.security.passwords import Passwords

PASSWORDS = Passwords()


def test_every_hash_has_owasps_parameters():
    assert PASSWORDS.hash("whatever").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_nothing_is_cut_off():
    # bcrypt would call these two the same (Okta, 2024-10-30).
    base = "x" * 72
    assert not PASSWORDS.verify(PASSWORDS.hash(base + "a"), base + "b")


def test_an_account_that_is_not_there_has_no_password():
    assert not PASSWORDS.verify(None, "a password that nobody has")


def test_what_stands_for_its_hash_is_verified_like_one_and_costs_no_other(monkeypatch):
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


def test_different_key_presses_of_the_same_text_match():
    assert PASSWORDS.verify(PASSWORDS.hash("caf\u00e9 ol\u00e9"), "cafe\u0301 ole\u0301")


@settings(max_examples=15, deadline=None)
@given(st.text(min_size=1, max_size=128))
def test_any_text_is_verified_as_it_was_set(password):
    stored = PASSWORDS.hash(password)
    assert PASSWORDS.verify(stored, password)
    assert not PASSWORDS.verify(stored, password + "x")
