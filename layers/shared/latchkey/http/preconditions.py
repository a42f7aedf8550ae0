"""Conditional requests with ETags. Source: RFC 9110 13."""

from __future__ import annotations

import re

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_LIST = re.compile(rf"\s*(?:{_TAG.pattern}\s*(?:,\s*|$))+")
_VERSION = re.compile(r"0|[1-9][0-9]{0,14}")


def etag(version: int) -> dict[str, str]:
    """Return the ETag header of a version. It is strong, because it changes with every change."""
    return {"etag": f'"{version}"'}


def read_if_match(header: str | None) -> frozenset[int] | None:
    """Parse If-Match. None if it is absent, or `*` for an existing resource.

    A weak or unknown tag is a version that never matches. Raises InvalidInput.
    """
    if header is None or header.strip() == "*":
        return None
    if _LIST.fullmatch(header) is None:
        message = 'Send the ETag of the response that you have, such as "7".'
        raise InvalidInput(Problem("If-Match", ProblemCode.INVALID, message))
    tags = (match.groups() for match in _TAG.finditer(header))
    return frozenset(
        int(opaque) for weak, opaque in tags if not weak and _VERSION.fullmatch(opaque)
    )
