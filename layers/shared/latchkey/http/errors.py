"""The one table that turns what went wrong into what the client is told.

Read from top to bottom it is the policy, also where it tells less than it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey.domain import errors as domain
from latchkey.domain.errors import ProblemCode
from latchkey.domain.text import escape_unprintable
from latchkey.http.response import export_path, render_json

if TYPE_CHECKING:
    from latchkey.domain.errors import DomainError
    from latchkey.http.request import Event


@dataclass(frozen=True, slots=True)
class Row:
    """How one kind of error leaves the building."""

    status: int
    message: str


CATALOGUE: dict[type[DomainError], Row] = {
    domain.InvalidInput: Row(400, "The request is not valid; see the details."),
    domain.InvalidLanguageCode: Row(400, "A language is not a registered BCP 47 tag."),
    domain.InvalidCursor: Row(400, "This cursor does not belong to this listing."),
    domain.UnusablePicture: Row(400, "This is no JPEG, PNG or WebP picture that can be used."),
    domain.WeakPassword: Row(400, "This password can't be accepted; see the details."),
    domain.CurrentSessionUnknown: Row(400, "Your own session can't be told from the others."),
    domain.SingleUseTokenInvalid: Row(400, "This link was used already or is too old."),
    # An unknown account and a wrong password are one error from here on: enumeration.
    domain.InvalidCredentials: Row(401, "The e-mail address or the password is wrong."),
    domain.RefreshTokenInvalid: Row(401, "The refresh token is not valid."),
    domain.RefreshTokenReused: Row(401, "This refresh token was replaced; the session has ended."),
    domain.TokenMissing: Row(401, "Send an access token: Authorization: Bearer <token>."),
    domain.TokenInvalid: Row(401, "The access token is not valid."),
    domain.TokenExpired: Row(401, "The access token has expired; refresh it."),
    domain.SessionRevoked: Row(401, "This session has been signed out."),
    # The two that follow are told to whoever holds a token of the account, and 403 to whoever has
    # just shown its password.
    domain.SessionOfDeletedAccount: Row(401, "This session ended with its account's deletion."),
    domain.SessionOfSuspendedAccount: Row(401, "This session ended with its account's suspension."),
    domain.SessionExpired: Row(401, "This session has reached its end; sign in again."),
    domain.SessionIdleTimeout: Row(401, "This session was unused for too long; sign in again."),
    domain.OriginNotAllowed: Row(403, "Requests with cookies are taken from our own pages only."),
    domain.EmailNotVerified: Row(403, "Confirm your e-mail address first."),
    domain.PasswordResetRequired: Row(403, "Choose a new password by mail first."),
    domain.AccountDeleted: Row(403, "This account has been deleted."),
    domain.AccountSuspended: Row(403, "This account has been suspended."),
    domain.ReauthenticationRequired: Row(403, "Enter your password again first."),
    domain.AdministratorsOnly: Row(403, "Only administrators may do this."),
    domain.AccountNotFound: Row(404, "There is no such account."),
    # Somebody else's session and one that never was are one error: enumeration.
    domain.SessionNotFound: Row(404, "Session not found or already terminated."),
    # Somebody else's export, likewise.
    domain.ExportNotFound: Row(404, "There is no such export."),
    domain.ExportAlreadyRunning: Row(409, "An export is under way already; its location is given."),
    # Somebody else's upload, a used one and one that never was are one error: enumeration.
    domain.UploadNotFound: Row(404, "There is no such upload, or it was used or has expired."),
    domain.UploadNotComplete: Row(409, "The file has not been uploaded yet."),
    domain.EmailAlreadyRegistered: Row(409, "This e-mail address is registered already."),
    domain.UsernameTaken: Row(409, "This username is taken."),
    domain.LastAdministrator: Row(409, "This is the last administrator."),
    domain.RevocationNotConfirmed: Row(409, "Run it with dry_run first and send its confirmation."),
    domain.ErasureStarted: Row(409, "This account is being erased."),
    domain.PreconditionFailed: Row(412, "It has changed since you read it; read it again."),
    domain.IdempotencyKeyReused: Row(422, "This idempotency key belongs to another request."),
    domain.TooManyPendingUploads: Row(429, "Finish an upload first, or wait until one expires."),
    domain.TooManyAttempts: Row(429, "Too many attempts; try again later."),
    domain.TemporarilyUnavailable: Row(503, "Something we need is not answering; try again."),
}

PROBLEMS: dict[ProblemCode, str] = {
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: "the body is of a type that this operation does not read",
    ProblemCode.MALFORMED_BODY: "the body can't be read at all",
    ProblemCode.MALFORMED_JSON: "no JSON as RFC 8259 has it: UTF-8, each name once, finite numbers",
    ProblemCode.MALFORMED_FORM: "no form as RFC 7578 has it, a field came twice, or is not UTF-8",
    ProblemCode.TOO_DEEP: "the JSON is nested too deep",
    ProblemCode.TOO_LARGE: "more bytes than are taken",
    ProblemCode.REQUIRED: "it has to be sent",
    ProblemCode.UNKNOWN_FIELD: "there is no such field, or nobody may set it here",
    ProblemCode.UNKNOWN_PARAMETER: "there is no such query parameter",
    ProblemCode.WRONG_TYPE: "not of the type that is documented, such as a number as text",
    ProblemCode.TOO_SHORT: "too few characters",
    ProblemCode.TOO_LONG: "too many characters",
    ProblemCode.OUT_OF_RANGE: "a number that is too small or too large",
    ProblemCode.NOT_AN_OPTION: "none of the words that are documented",
    ProblemCode.NOT_AN_ID: "no id of the kind that is wanted",
    ProblemCode.NOT_A_TIME: "no RFC 3339 time with its zone",
    ProblemCode.FORBIDDEN_CHARACTER: "a control, direction or invisible character is in it",
    ProblemCode.INVALID: "it does not have the form that is documented",
    ProblemCode.INVALID_EMAIL: "no e-mail address that mail could be sent to",
    ProblemCode.INVALID_LANGUAGE_CODE: "no registered BCP 47 language tag",
    ProblemCode.INVALID_CURSOR: "a cursor that this listing did not hand out to this caller",
    ProblemCode.TOO_COMMON: "a password that many people use, or that is easily guessed",
    ProblemCode.UNCHANGED: "it is so already",
    ProblemCode.SINGLE_USE_TOKEN_INVALID: "the link was used already, is too old, or is not ours",
    ProblemCode.CURRENT_SESSION_UNKNOWN: "which session is this one can't be told",
    ProblemCode.ONE_FILTER_ONLY: "only one of these can be searched by at a time",
    ProblemCode.USER_REQUIRED: "this is found by `user_id` only",
    ProblemCode.EMPTY_PERIOD: "the period ends before it begins",
}
"""What the codes in `details` say of a field."""

INTERNAL_ERROR = "INTERNAL_ERROR"
_INTERNAL_ROW = Row(500, "Something went wrong on our side.")


def render_error(error: Exception, request_id: str, *, problem_json: bool = False) -> Event:
    """Answer an error in the envelope, or as RFC 9457 `problem+json` when asked for.

    Only the code, the table's words, the problems' fields and the day on which a deleted account is
    erased leave; an error that is not in the table is INTERNAL_ERROR and says nothing more. A field
    that we do not know is named by the client, so its unprintable characters are replaced.
    """
    row, code = _INTERNAL_ROW, INTERNAL_ERROR
    if isinstance(error, domain.DomainError) and type(error) in CATALOGUE:
        row, code = CATALOGUE[type(error)], error.code
    details = [
        {"field": escape_unprintable(p.field), "code": p.code, "message": p.message}
        for p in getattr(error, "problems", ())
    ]
    message = row.message
    if isinstance(error, domain.AccountDeleted) and error.purge_at is not None:
        message += f" It can be restored until {error.purge_at:%Y-%m-%d %H:%M} UTC."
    headers = _headers(error, code)
    if problem_json:
        body: dict[str, Any] = {
            "type": f"urn:latchkey:error:{code.lower()}",
            "title": row.message,
            "status": row.status,
            "code": code,
            "request_id": request_id,
        }
        if message != row.message:
            body["detail"] = message
        if details:
            body["details"] = details
        headers["content-type"] = "application/problem+json"
    else:
        content: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
        if details:
            content["details"] = details
        body = {"success": False, "error": content}
    return render_json(row.status, body, request_id, headers=headers)


def _headers(error: Exception, code: str) -> dict[str, str]:
    headers = {}
    if isinstance(error, domain.TokenMissing):
        headers["www-authenticate"] = "Bearer"
    elif isinstance(error, domain.NotAuthenticated):
        # RFC 6750 section 3.1; the description carries the stable code.
        headers["www-authenticate"] = f'Bearer error="invalid_token", error_description="{code}"'
    if isinstance(
        error, (domain.TemporarilyUnavailable, domain.TooManyAttempts, domain.TooManyPendingUploads)
    ):
        headers["retry-after"] = str(error.retry_after_seconds)
    if isinstance(error, domain.ExportAlreadyRunning):
        headers["location"] = export_path(error.export_id)
    return headers
