"""docs/errors.md, written from the catalogue: every code, what it means, what a client does."""

from __future__ import annotations

import inspect
from http import HTTPStatus
from typing import TYPE_CHECKING

from latchkey.http.errors import CATALOGUE, INTERNAL_ERROR, PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.domain.errors import DomainError

ADVICE = {
    "LAST_ADMINISTRATOR": "Make somebody else an administrator first.",
    "REVOCATION_NOT_CONFIRMED": "Send the filter alone, show the count, then add `confirmation`.",
    "ERASURE_STARTED": "Nothing: it can't be stopped any more.",
    "VALIDATION_ERROR": "Show each of `details` at its field. Sending the same again is useless.",
    "INVALID_LANGUAGE_CODE": "Send a registered BCP 47 tag, such as `pt-BR`.",
    "INVALID_CURSOR": "Read the listing again from its first page.",
    "UNUSABLE_PICTURE": "Ask for another picture: JPEG, PNG or WebP, up to 25 megapixels.",
    "PASSWORD_NOT_ACCEPTED": "Show `details`, and let the person choose another password.",
    "CURRENT_SESSION_UNKNOWN": "Ask for `scope=all`, or sign in here first.",
    "SINGLE_USE_TOKEN_INVALID": "Offer to send a new link.",
    "INVALID_CREDENTIALS": "Say that e-mail or password is wrong, and never which of the two.",
    "CODE_INVALID": "Ask for the newest code in the mailbox, or have another one mailed.",
    "TOKEN_MISSING": "Send the access token; without one, sign in.",
    "TOKEN_INVALID": "Forget the token and sign in.",
    "TOKEN_EXPIRED": "Refresh once, then repeat the request.",
    "SESSION_REVOKED": "Forget all tokens and sign in; a refresh is refused too.",
    "SESSION_EXPIRED": "Forget all tokens and sign in; a refresh is refused too.",
    "SESSION_IDLE_TIMEOUT": "Forget all tokens and sign in; a refresh is refused too.",
    "REFRESH_TOKEN_INVALID": "Forget all tokens and sign in.",
    "REFRESH_TOKEN_REUSED": "Forget all tokens and sign in, and say why: somebody had a copy.",
    "DIRECT_ACCESS_REFUSED": "Call the service's public address, not the API behind it.",
    "ORIGIN_NOT_ALLOWED": "Call from an allowed origin, or send the token in the body.",
    "PASSWORD_RESET_REQUIRED": "Offer to send the link to choose a new password.",
    "EMAIL_NOT_VERIFIED": "Ask the person to follow the link in the mail, or offer a new one.",
    "ACCOUNT_DELETED": "Say so; an administrator can restore it within the grace period.",
    "ACCOUNT_SUSPENDED": "Say so, and whom to ask.",
    "REAUTHENTICATION_REQUIRED": "Ask for the password, reauthenticate, then repeat the request.",
    "ADMINISTRATORS_ONLY": "Do not offer this to people who are not administrators.",
    "ACCOUNT_NOT_FOUND": "Treat it as gone, and read the list again.",
    "SESSION_NOT_FOUND": "Treat it as ended, and read the list again.",
    "EXPORT_NOT_FOUND": "Treat it as gone, and read the list again.",
    "EXPORT_ALREADY_RUNNING": "Watch the one that `Location` names.",
    "EMAIL_ALREADY_REGISTERED": "Offer to sign in, or to reset the password.",
    "USERNAME_TAKEN": "Let the person choose another.",
    "PRECONDITION_FAILED": "Read it again, show what has changed, and let the person decide.",
    "UPLOAD_NOT_FOUND": "Start a new upload.",
    "UPLOAD_NOT_COMPLETE": "Upload the file first, then repeat the request.",
    "IDEMPOTENCY_KEY_REUSED": "Make a new key for a new request.",
    "TOO_MANY_PENDING_UPLOADS": "Finish an upload, or wait for `Retry-After` seconds.",
    "TOO_MANY_ATTEMPTS": "Wait for `Retry-After` seconds, and do not try before. If `details` name "
    "`code`, offer to mail a code (`requestLoginCode`), and send it with the password at once.",
    "TEMPORARILY_UNAVAILABLE": "Wait for `Retry-After` seconds, then repeat the request.",
    INTERNAL_ERROR: "Repeat once at most, then report the `request_id`.",
}

INTERNAL_ERROR_MEANING = "Something went wrong on our side; nothing more is said of it"

_HEAD = """\
<!-- Written by `make openapi` from layers/shared/latchkey/http/errors.py: change it there. -->

# Errors

Every error has one of these codes. A code is stable for ever: it is never renamed, and never gets
another meaning. Its message is for people and may change. Programs decide by the code alone.

```json
{
  "success": false,
  "error": {
    "code": "VALIDATION_ERROR",
    "message": "The request is not valid; see the details.",
    "request_id": "Hk2yUgXBFiAEPQw=",
    "details": [{ "field": "email", "code": "REQUIRED", "message": "This field is required." }]
  }
}
```

With `Accept: application/problem+json` the same error is an RFC 9457 document whose `type` is
`urn:latchkey:error:` and the code in lower case. `details` is there for errors of input, and where
another field would get the request through. It never repeats a value that was sent;
[its codes](#details) are at the end. The name of a field or parameter that we do not know is
repeated: cut to 64 characters, the unprintable ones as U+FFFD.

Bodies, forms and queries are UTF-8. One with U+FFFD, sent or escaped, is refused: a byte that is
not UTF-8 may have become that character on its way, and two different passwords the same.

API Gateway itself answers what reaches none of our functions, as `{"message": …}`: a route that
does not exist (404), a request that is too large (413), and its own throttling (429 and 503).
"""


def render_error_page(answered_by: Mapping[type[DomainError], list[str]], *, total: int) -> str:
    """Write the page.

    answered_by  the operations that may answer with an error
    total        how many operations there are

    Raises ValueError for a code without advice.
    """
    if silent := [kind.code for kind in CATALOGUE if kind.code not in ADVICE]:
        msg = f"{', '.join(silent)}: say in tools/error_docs.py what a client should do."
        raise ValueError(msg)
    rows: dict[int, list[str]] = {
        500: [_row(INTERNAL_ERROR, f"{INTERNAL_ERROR_MEANING}.", "every operation")]
    }
    for kind, row in CATALOGUE.items():
        operations = answered_by.get(kind, [])
        where = ", ".join(f"`{name}`" for name in operations)
        if len(operations) == total:
            where = "every operation"
        meaning = " ".join((inspect.getdoc(kind) or "").split())
        rows.setdefault(row.status, []).append(_row(kind.code, meaning, where))
    sections = [_section(status, rows[status]) for status in sorted(rows)]
    return "\n".join([_HEAD, *sections, _problems()])


def _problems() -> str:
    lines = [
        "## `details`",
        "",
        "What is wrong with which part of the request. `field` is a field of the body, a query",
        "parameter or a header; `body` is the body as a whole. These codes are as stable as the",
        "others.",
        "",
        "| code | what it says of the field |",
        "|---|---|",
        *(f"| `{code}` | {meaning} |" for code, meaning in PROBLEMS.items()),
        "",
    ]
    return "\n".join(lines)


def _section(status: int, rows: list[str]) -> str:
    lines = [
        f"## {status} {HTTPStatus(status).phrase}",
        "",
        "| code | what it means | what a client does | answered by |",
        "|---|---|---|---|",
        *rows,
        "",
    ]
    return "\n".join(lines)


def _row(code: str, meaning: str, where: str) -> str:
    return f"| `{code}` | {meaning} | {ADVICE[code]} | {where} |"
