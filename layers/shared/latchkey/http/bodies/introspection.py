"""The body of an introspection."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from latchkey.domain.limits import AUTHORIZATION_HEADER_MAX_CHARACTERS
from latchkey.http.bodies.validation import Body

_Text = Annotated[
    str, StringConstraints(min_length=1, max_length=AUTHORIZATION_HEADER_MAX_CHARACTERS)
]


class IntrospectionBody(Body):
    """An access token, as a client sent it (RFC 7662).

    `token_type_hint` is accepted and has no effect: only access tokens can be active.
    """

    token: _Text
    token_type_hint: _Text | None = None
