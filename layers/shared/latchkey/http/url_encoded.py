"""`application/x-www-form-urlencoded`: the fields of the JSON body. Source: WHATWG URL 5.

OAuth prescribes it for its endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import BODY_MAX_BYTES, FORM_PARTS_MAX
from latchkey.domain.text import REPLACEMENT_CHARACTER
from latchkey.http.request import read_body

if TYPE_CHECKING:
    from latchkey.http.bodies.validation import Body
    from latchkey.http.request import Request


class UrlEncodedForm:
    """How a form becomes a body."""

    media_type = "application/x-www-form-urlencoded"

    def __init__(self, model: type[Body]) -> None:
        """Parse the parameters as fields of `model`."""
        self.model = model

    def fits(self, request: Request[Any]) -> bool:
        """Return whether the request has a form."""
        media_type = request.headers.get("content-type", "").partition(";")[0]
        return media_type.strip().lower() == self.media_type

    def read(self, request: Request[Any]) -> Body:
        """Parse and validate the form. An empty parameter counts as left out: RFC 6749, 3.2.

        Raises InvalidInput.
        """
        content = read_body(request)
        if len(content) > BODY_MAX_BYTES:
            raise _refused(ProblemCode.TOO_LARGE, f"Send at most {BODY_MAX_BYTES} bytes.")
        try:
            pairs = parse_qsl(
                content.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(content),
                errors="strict",
                max_num_fields=FORM_PARTS_MAX,
            )
        except ValueError:
            raise _refused(ProblemCode.MALFORMED_FORM, "This form can't be read.") from None
        if len(pairs) != len(dict(pairs)):
            raise _refused(ProblemCode.MALFORMED_FORM, "Send each field once.")
        if any(REPLACEMENT_CHARACTER in text for pair in pairs for text in pair):
            raise _refused(ProblemCode.MALFORMED_FORM, "Send text in UTF-8.")
        return self.model.parse({name: text for name, text in pairs if text})


def _refused(code: ProblemCode, message: str) -> InvalidInput:
    return InvalidInput(Problem("body", code, message))
