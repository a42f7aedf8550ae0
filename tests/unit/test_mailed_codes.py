"""Codes by mail: however a code is typed, it is one code of one account."""

from __future__ import annotations

import pytest

from latchkey.domain.mailed_code import CodePurpose
from latchkey.security.mailed_codes import digest_of

ACCOUNT = "usr_01kdx2w3wne4ns8ppdxwvxxxx0"
CODE = "01K7QMX3T9"


def digest(text, *, account_id=ACCOUNT):
    return digest_of(text, purpose=CodePurpose.SIGN_IN, account_id=account_id)


@pytest.mark.parametrize(
    "typed",
    ["01k7qmx3t9", "01K7Q-MX3T9", " 01K7Q MX3T9 ", "OIK7QMX3T9", "oik7qmx3t9", "olk7qmx3t9"],
)
def test_code_may_be_typed_in_lower_case_with_spaces_and_look_alikes(typed):
    assert digest(typed) == digest(CODE)


@pytest.mark.parametrize("typed", ["", "01K7QMX3T", "01K7QMX3T99", "11K7QMX3T9", "9T3XMQ7K10"])
def test_other_code_has_another_digest(typed):
    assert digest(typed) != digest(CODE)


def test_digest_is_of_one_account():
    assert digest(CODE, account_id=ACCOUNT[:-1] + "1") != digest(CODE)
