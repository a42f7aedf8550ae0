"""The canonical form of email addresses."""

from __future__ import annotations

import pytest

from latchkey.domain.errors import InvalidInput
from latchkey.domain.limits import EMAIL_MAX_CHARACTERS
from latchkey.security.addresses import normalise_email


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" Ada@Example.COM ", "Ada@example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@ｅｘａｍｐｌｅ.com", "ada@example.com"),  # noqa: RUF001 - full-width letters
    ],
)
def test_address_has_one_form(typed, address):
    assert normalise_email(typed) == address


def test_length_counts_after_compatibility_forms_are_folded():
    """One character can become eighteen."""
    ligature = "\ufdfa"
    typed = f"ada@{ligature * (EMAIL_MAX_CHARACTERS // 18 + 1)}.example"
    assert len(typed) < EMAIL_MAX_CHARACTERS
    with pytest.raises(InvalidInput) as caught:
        normalise_email(typed)
    assert [problem.code for problem in caught.value.problems] == ["TOO_LONG"]


@pytest.mark.parametrize("typed", ["", "ada", "ada@", "@example.com", "ада@example.com"])
def test_text_that_is_no_address_is_refused(typed):
    with pytest.raises(InvalidInput):
        normalise_email(typed)
