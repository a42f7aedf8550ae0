"""Refresh tokens: only the form that we write is taken apart."""

from __future__ import annotations

import dataclasses

import pytest

from latchkey.domain.peppers import UNNAMED
from latchkey.security.peppers import new_pepper
from latchkey.security.refresh_tokens import is_genuine, mint, parse
from tests.support.builders import NOW, a_session, an_account

PEPPER = new_pepper("7", created_at=NOW, active_at=NOW)
SESSION = a_session(an_account())
TOKEN = mint(SESSION, PEPPER)
ACCOUNT_ID, SESSION_ID, *REST = TOKEN.split(".")


def token(account_id=ACCOUNT_ID, session_id=SESSION_ID):
    return ".".join([account_id, session_id, *REST])


def test_token_names_its_account_session_generation_and_pepper():
    presented = parse(TOKEN)
    assert presented is not None
    assert (presented.account_id, presented.session_id) == (SESSION.account_id, SESSION.id)
    assert (presented.generation, presented.pepper_id) == (SESSION.generation, PEPPER.id)
    assert is_genuine(presented, SESSION, PEPPER)


def test_token_is_genuine_for_its_session_and_pepper_only():
    presented = parse(TOKEN)
    assert presented is not None
    assert not is_genuine(presented, dataclasses.replace(SESSION, secret=b"\1" * 32), PEPPER)
    assert not is_genuine(presented, SESSION, new_pepper("7", created_at=NOW, active_at=NOW))
    later = dataclasses.replace(presented, generation=presented.generation + 1)
    assert not is_genuine(later, SESSION, PEPPER)


@pytest.mark.parametrize(
    "text",
    [
        token(account_id=SESSION_ID),
        token(session_id=ACCOUNT_ID),
        token(account_id=SESSION_ID, session_id=ACCOUNT_ID),
        token(account_id=ACCOUNT_ID.replace("usr_", "exp_")),
        token(session_id=SESSION_ID.replace("ses_", "exp_")),
        token(account_id=ACCOUNT_ID.upper()),
        f"{TOKEN}A",
        f"{TOKEN}\n",
        f" {TOKEN}",
        TOKEN[:-1],
        "",
    ],
)
def test_other_text_is_no_token(text):
    assert parse(text) is None


@pytest.mark.parametrize("generation", ["0", "01", "-1", "1234567890", ""])
def test_generation_is_a_positive_number_in_one_spelling(generation):
    parts = [ACCOUNT_ID, SESSION_ID, generation, *REST[1:]]
    assert parse(".".join(parts)) is None


def test_token_of_an_unnamed_pepper_has_no_pepper():
    unnamed = dataclasses.replace(PEPPER, id=UNNAMED)
    presented = parse(mint(SESSION, unnamed))
    assert presented is not None
    assert presented.pepper_id == unnamed.id
    assert is_genuine(presented, SESSION, unnamed)
