"""Passwords: what is accepted, and that no byte of them is lost."""

from __future__ import annotations

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from latchkey.domain.errors import WeakPassword
from latchkey.security.passwords import Passwords

PASSWORDS = Passwords(min_length=15)


def refusal(password, known=()):
    with pytest.raises(WeakPassword) as caught:
        PASSWORDS.require_acceptable(password, field="password", known=known)
    (problem,) = caught.value.problems
    return problem.code


def test_length_counts_code_points():
    PASSWORDS.require_acceptable("vexing quilt 7\u00e9", field="password")
    assert refusal("vexing quilt 7") == "TOO_SHORT"
    assert refusal("\U0001f600" * 14) == "TOO_SHORT"
    PASSWORDS.require_acceptable("k3 vowel \U0001f600 " * 11, field="password")
    assert refusal("x" * 129) == "TOO_LONG"


@pytest.mark.parametrize(
    "password",
    ["\ufdfa", "\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468\u2469\u246a\u246b"],
    ids=["one ligature", "twelve circled numbers"],
)
def test_length_counts_what_was_typed_and_not_what_it_is_normalised_to(password):
    assert refusal(password) == "TOO_SHORT"


def test_length_counts_what_is_left_when_normalising_shortens():
    assert refusal("e\u0301" * 14) == "TOO_SHORT"


@pytest.mark.parametrize(
    "password", ["passwordpassword", "123456789012345678", "qwertyuiopasdfgh", "a" * 100]
)
def test_common_ones_are_refused(password):
    assert refusal(password) == "TOO_COMMON"


def test_what_is_known_of_the_person_is_worth_nothing():
    known = ("ada.lovelace@analytical.example", "Ada Lovelace")
    assert refusal("lovelaceanalytical", known) == "TOO_COMMON"


def test_every_hash_has_owasps_parameters():
    assert PASSWORDS.hash("whatever").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_nothing_is_cut_off():
    # bcrypt would call these two the same (Okta, 2024-10-30).
    base = "x" * 72
    assert not PASSWORDS.verify(PASSWORDS.hash(base + "a"), base + "b")


def test_an_account_that_is_not_there_has_no_password():
    assert not PASSWORDS.verify(None, "a password that nobody has")


def test_what_stands_for_its_hash_is_verified_like_one_and_costs_no_other(monkeypatch):
    fresh = Passwords(min_length=15)
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
