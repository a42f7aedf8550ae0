"""`multipart/form-data`: the fields of the JSON body, and a file. Source: RFC 7578.

A separate module, so that only handlers with forms load the parser.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from multipart import MultipartError, MultipartParser, parse_options_header

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import BODY_MAX_BYTES, FORM_PARTS_MAX
from latchkey.domain.text import REPLACEMENT_CHARACTER
from latchkey.http.request import read_body

if TYPE_CHECKING:
    from multipart import MultipartPart

    from latchkey.http.bodies.validation import Body
    from latchkey.http.request import Request

MEDIA_TYPE = "multipart/form-data"


class Form:
    """How a form becomes a body."""

    media_type = MEDIA_TYPE

    def __init__(self, model: type[Body], *, file: str, file_max_bytes: int) -> None:
        """Parse text parts as fields of `model`, and the part `file` as bytes."""
        self.model = model
        self.file = file
        self.file_max_bytes = file_max_bytes

    def fits(self, request: Request[Any]) -> bool:
        """Return whether the request has a form."""
        media_type = request.headers.get("content-type", "").partition(";")[0]
        return media_type.strip().lower() == MEDIA_TYPE

    def read(self, request: Request[Any]) -> Body:
        """Parse and validate the form.

        An empty text field is null. A file part without name and content is ignored: browsers send
        it if no file was chosen.

        Raises InvalidInput.
        """
        content = read_body(request)
        if len(content) > self.file_max_bytes + BODY_MAX_BYTES:
            raise _refused(
                ProblemCode.TOO_LARGE, f"Send a picture of at most {self.file_max_bytes} bytes."
            )
        fields: dict[str, Any] = {}
        for part in self._parts(request, content):
            if part.name in fields:
                raise _refused(ProblemCode.MALFORMED_FORM, "Send each field once.")
            if part.name == self.file:
                self._take_file(part, fields)
            elif part.filename is not None:
                raise InvalidInput(
                    Problem(part.name[:64], ProblemCode.UNKNOWN_FIELD, "No file is expected.")
                )
            else:
                fields[part.name] = _text(part) or None
        return self.model.parse(fields)

    def _take_file(self, part: MultipartPart, fields: dict[str, Any]) -> None:
        if part.filename is None:
            raise InvalidInput(
                Problem(self.file, ProblemCode.WRONG_TYPE, "Send a file, with its name.")
            )
        if part.filename or part.size:
            fields[self.file] = part.raw

    def _parts(self, request: Request[Any], content: bytes) -> list[MultipartPart]:
        _, options = parse_options_header(request.headers["content-type"])
        limit = self.file_max_bytes
        parser = MultipartParser(
            io.BytesIO(content),
            options.get("boundary", ""),
            strict=True,
            part_limit=FORM_PARTS_MAX,
            partsize_limit=limit,
            # The body is already in memory, so nothing is written to disk.
            spool_limit=limit + BODY_MAX_BYTES,
            memory_limit=limit + BODY_MAX_BYTES,
        )
        try:
            return list(parser)
        except (MultipartError, UnicodeDecodeError) as error:
            raise _refused(ProblemCode.MALFORMED_FORM, "This form can't be read.") from error


def _text(part: MultipartPart) -> str:
    if part.size > BODY_MAX_BYTES:
        raise InvalidInput(Problem(part.name[:64], ProblemCode.TOO_LONG, "This is too long."))
    with contextlib.suppress(UnicodeDecodeError):
        text = str(part.raw, "utf-8")
        # As in JSON: a proxy may have replaced invalid bytes with it.
        if REPLACEMENT_CHARACTER not in text:
            return text
    raise _refused(ProblemCode.MALFORMED_FORM, "Send text in UTF-8.")


def _refused(code: ProblemCode, message: str) -> InvalidInput:
    return InvalidInput(Problem("body", code, message))
