"""Tokens of emailed links: their form, their purpose, and what voids them."""

from __future__ import annotations

import dataclasses

import pytest

from latchkey.domain.ids import TokenId, new_id
from latchkey.domain.peppers import UNNAMED
from latchkey.domain.single_use import Purpose
from latchkey.security.peppers import new_pepper
from latchkey.security.single_use_tokens import is_genuine, mint, parse, state_of
from tests.support.builders import NOW, an_account

TOKEN_ID = TokenId(new_id("tok", NOW))
PEPPER = new_pepper("7", created_at=NOW, active_at=NOW)
OLDEST = dataclasses.replace(PEPPER, id=UNNAMED)


@pytest.mark.parametrize(("pepper", "parts"), [(PEPPER, 3), (OLDEST, 2)])
def test_link_names_its_token_and_its_pepper_unless_that_has_no_name(pepper, parts):
    text = mint(TOKEN_ID, Purpose.RESET_PASSWORD, pepper)
    assert len(text.split(".")) == parts
    presented = parse(text)
    assert presented is not None
    assert (presented.token_id, presented.pepper_id) == (TOKEN_ID, pepper.id)
    assert is_genuine(presented, Purpose.RESET_PASSWORD, pepper)


def test_link_is_genuine_for_its_purpose_token_and_pepper_only():
    presented = parse(mint(TOKEN_ID, Purpose.RESET_PASSWORD, PEPPER))
    assert presented is not None
    assert not is_genuine(presented, Purpose.RESTORE_ACCOUNT, PEPPER)
    other = new_pepper("7", created_at=NOW, active_at=NOW)
    assert not is_genuine(presented, Purpose.RESET_PASSWORD, other)
    moved = dataclasses.replace(presented, token_id=TokenId(new_id("tok", NOW)))
    assert not is_genuine(moved, Purpose.RESET_PASSWORD, PEPPER)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:0],
        lambda text: text[:-1],
        lambda text: f"{text}A",
        lambda text: f"{text}\n",
        lambda text: text.upper(),
        lambda text: text.replace("tok_", "usr_"),
        lambda text: text.replace(".7.", ".07."),
    ],
)
def test_other_text_is_no_link(change):
    assert parse(change(mint(TOKEN_ID, Purpose.RESET_PASSWORD, PEPPER))) is None


@pytest.mark.parametrize("field", ["email", "password_hash", "id"])
def test_state_changes_with_the_credentials_of_the_account(field):
    account = an_account()
    assert state_of(account) == state_of(dataclasses.replace(account))
    assert state_of(account) != state_of(dataclasses.replace(account, **{field: "other"}))
