"""Bodies that are read without pydantic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.errors import InvalidInput
from latchkey.domain.limits import REFRESH_TOKEN_MAX_CHARACTERS
from latchkey.http.bodies.auth import RefreshBody
from latchkey.http.bodies.plain import REFRESH_BODY, PresentedToken

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=5,
)
NAMES = st.sampled_from(["refresh_token", "refreshToken", "", "token"])
LONGEST = "a" * REFRESH_TOKEN_MAX_CHARACTERS


def outcome(body, document):
    """Return the token, or what is wrong."""
    try:
        return body.parse(document).refresh_token
    except InvalidInput as error:
        return error.problems


@given(document=JSON | st.dictionaries(NAMES, JSON | st.just(LONGEST)))
def test_outcome_is_that_of_the_model(document):
    assert outcome(REFRESH_BODY, document) == outcome(RefreshBody, document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"refresh_token": None},
        {"refresh_token": "a"},
        {"refresh_token": LONGEST},
        {"refresh_token": LONGEST + "a"},
        {"refresh_token": ""},
        {"refresh_token": 1},
        {"refresh_token": "a", "other": 1},
        {"other": None},
        [],
        None,
        "a",
    ],
)
def test_edges_are_those_of_the_model(document):
    assert outcome(REFRESH_BODY, document) == outcome(RefreshBody, document)


def test_valid_body_is_read_without_the_model():
    assert REFRESH_BODY.parse({"refresh_token": "a"}) == PresentedToken("a")
    assert REFRESH_BODY.may_be_left_out()
    assert RefreshBody.may_be_left_out()
