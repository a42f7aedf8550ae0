"""Text for people: real names are accepted, blank and deceptive ones are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.text import is_readable, readable_part, to_stored_form

WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"

READABLE = [
    "Ada Lovelace",
    "O\u2019Neil",
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf\u0dc0",  # Sri Lanka, Sinhala
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # Alireza, Persian
    "\u0645\u064f\u200c\u0645",  # a mark between letter and joiner
    "\u0915\u094d\u200d\u0937",  # Devanagari half form
    "\u0995\u09cd\u200c\u09b7",  # Bengali explicit virama
    "\u09b0\u200d\u09cd\u09af\u09be\u09ac",  # Bengali RAB: the joiner before the virama
    "\u1820\u182f\u180e\u1820",  # Mongolian separator
    "\u90c9\U000e0100",  # a variant of an ideograph in Japanese names
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 iPad",  # family
    "\U0001f3f3\ufe0f\u200d\U0001f308",  # rainbow flag
    "\U0001f469\U0001f3fd\u200d\U0001f680",  # a skin tone before the joiner
    "\U0001f9d1\u200d\u2695\ufe0f",
    "\u2764\ufe0f\u200d\U0001f525",
    "\U0001f642\u200d\u2194\ufe0f",
    "1\ufe0f\u20e3",
    WALES,
    "\U0001faf8\U0001faff",  # an emoji of a later Unicode than Python's
]

UNREADABLE = [
    "",
    "\u3164",
    "\u2800",
    "\u2800\u2800 \u2800",
    "\u115f",
    "\u1160",
    "\uffa0",
    "x\u3164",
    "\u034f",
    "\U0001d159",
    "\ufffc",
    "\ufffd",
    "\ufe0f",
    "\U000e0100",
    "\u0301",
    "\u200d",
    "\u200c",
    "a\u200db",
    "a\u200cb",
    "\u0639\u200c",
    "\u200c\u0639",
    "\U0001f468\u200d",
    "\u200d\U0001f468",
    "\U0001f600\u200d\u200d\U0001f600",
    "\U0001f600\ufe0f\ufe0f",
    "\U000e0067",
    WALES[:-1],
    "a\u200bb",
    "\u202eabc",
    "\u2066x\u2069",
    "\u200eabc",
    "\ufeffabc",
    "a\u00adb",
    "a\u2060b",
    "a\nb",
    "\u2028",
    "\ue000",
    "\ud800",
    "a\x00",
]


@pytest.mark.parametrize("text", READABLE, ids=ascii)
def test_real_names_are_readable(text):
    assert is_readable(to_stored_form(text))
    assert to_stored_form(to_stored_form(text)) == to_stored_form(text)


@pytest.mark.parametrize("text", UNREADABLE, ids=ascii)
def test_invisible_or_deceptive_text_is_not_readable(text):
    assert not is_readable(text)


INVISIBLE = st.sampled_from(
    "\u200b\u200c\u200d\u2060\u3164\u2800\u115f\u1160\uffa0\u034f\ufe0f\u180e \u00a0\u00ad\u202e"
)


@given(st.text(INVISIBLE, max_size=8))
def test_text_of_invisible_characters_is_not_readable(text):
    assert not is_readable(text)


@given(st.text(INVISIBLE | st.sampled_from("a\u0639\u0dca\U0001f468\u0301") | st.characters()))
def test_readable_part_is_readable(text):
    part = readable_part(text)
    while readable_part(part) != part:
        part = readable_part(part)
    assert is_readable(part) or not any(c.isalnum() for c in part)


@given(st.text(max_size=40))
def test_letters_and_digits_are_readable(text):
    plain = to_stored_form("".join(c for c in text if c.isascii() and c.isalnum()))
    assert readable_part(plain) == plain
