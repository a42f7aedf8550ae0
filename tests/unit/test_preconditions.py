"""If-Match as in RFC 9110 13.1.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.domain.errors import InvalidInput
from latchkey.http.preconditions import etag, read_if_match


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"7"', {7}),
        ('"7", "8"', {7, 8}),
        ('"7","8"', {7, 8}),
        ('W/"7"', set()),
        ('W/"7", "8"', {8}),
        ('"7-gzip"', set()),
        ('"07"', set()),
        ('""', set()),
        ('"99999999999999999999"', set()),
    ],
)
def test_if_match_names_versions(header, versions):
    assert read_if_match(header) == versions


@pytest.mark.parametrize("header", ["7", '"7', '7"', '"7" "8"', ",", "", 'w/"7"', '"a b"', "**"])
def test_malformed_if_match_is_refused(header):
    with pytest.raises(InvalidInput):
        read_if_match(header)


@given(st.integers(min_value=0, max_value=10**12))
def test_version_is_parsed_from_its_etag(version):
    assert read_if_match(etag(version)["etag"]) == frozenset({version})


def test_a_long_header_is_read_in_linear_time():
    with pytest.raises(InvalidInput):
        read_if_match('"1",' * 2500 + "x")
