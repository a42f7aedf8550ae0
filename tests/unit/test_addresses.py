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


@pytest.mark.parametrize(
    "typed",
    [
        "ada@ex\u0430mple.com",  # a Cyrillic a
        "ada@g\u03bfogle.example",  # a Greek o
        "ada@example.\u0441om",  # in any label
        "ada@\u65e5\u672c\u0430.example",  # Japanese and Cyrillic
    ],
)
def test_domain_that_mixes_scripts_is_refused(typed):
    with pytest.raises(InvalidInput) as caught:
        normalise_email(typed)
    assert [problem.code for problem in caught.value.problems] == ["INVALID_EMAIL"]


@pytest.mark.parametrize(
    "domain",
    [
        "\u043f\u0440\u0438\u043c\u0435\u0440.example",  # Cyrillic only
        "\u65e5\u672c\u8a9e\u30ab\u30ca.example",  # Japanese is written in several scripts
        "\u65e5\u672c\u8a9eabc.example",  # and with Latin letters
        "123-abc.example",
    ],
)
def test_domain_in_the_scripts_of_one_language_is_accepted(domain):
    assert normalise_email(f"ada@{domain}").startswith("ada@")
