"""What can go wrong, in the domain's words: a code and data. No HTTP here.

`http/errors.py` says, in one table, which status and which words each of them becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.throttle import Standing


class DomainError(Exception):
    """The root. A subclass's `code` is public and stable for ever."""

    code: ClassVar[str]

    def __init__(self, **data: object) -> None:
        """Keep what is worth logging; only what the HTTP table names leaves the building."""
        super().__init__(self.code)
        self.data = data


# Input ---------------------------------------------------------------------------------------


class ProblemCode(StrEnum):
    """What can be wrong with a part of an input; public and stable for ever, as errors' codes.

    `http.errors.PROBLEMS` says what each means.
    """

    # A body as a whole.
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    MALFORMED_BODY = "MALFORMED_BODY"
    MALFORMED_JSON = "MALFORMED_JSON"
    MALFORMED_FORM = "MALFORMED_FORM"
    TOO_DEEP = "TOO_DEEP"
    TOO_LARGE = "TOO_LARGE"
    # Which fields and parameters there are.
    REQUIRED = "REQUIRED"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNKNOWN_PARAMETER = "UNKNOWN_PARAMETER"
    # What is in them.
    WRONG_TYPE = "WRONG_TYPE"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NOT_AN_OPTION = "NOT_AN_OPTION"
    NOT_AN_ID = "NOT_AN_ID"
    NOT_A_TIME = "NOT_A_TIME"
    FORBIDDEN_CHARACTER = "FORBIDDEN_CHARACTER"
    INVALID = "INVALID"
    INVALID_EMAIL = "INVALID_EMAIL"
    INVALID_LANGUAGE_CODE = "INVALID_LANGUAGE_CODE"
    INVALID_CURSOR = "INVALID_CURSOR"
    TOO_COMMON = "TOO_COMMON"
    UNCHANGED = "UNCHANGED"
    # Where the field is right and the moment is not, or the company.
    SINGLE_USE_TOKEN_INVALID = "SINGLE_USE_TOKEN_INVALID"  # noqa: S105 - a code
    CURRENT_SESSION_UNKNOWN = "CURRENT_SESSION_UNKNOWN"
    ONE_FILTER_ONLY = "ONE_FILTER_ONLY"
    USER_REQUIRED = "USER_REQUIRED"
    EMPTY_PERIOD = "EMPTY_PERIOD"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: where, which, and in words."""

    field: str
    code: ProblemCode
    message: str


class InvalidInput(DomainError):
    """The request can't be understood or breaks a rule; `problems` name each field."""

    code = "VALIDATION_ERROR"

    def __init__(self, *problems: Problem) -> None:
        """Carry the problems, which never repeat the value that was sent."""
        super().__init__()
        self.problems = problems


class InvalidLanguageCode(InvalidInput):
    """A language is not a BCP 47 tag of registered subtags."""

    code = "INVALID_LANGUAGE_CODE"


class CurrentSessionUnknown(InvalidInput):
    """The caller's own session can't be told from the others, so "others" has no meaning."""

    code = "CURRENT_SESSION_UNKNOWN"


class InvalidCursor(InvalidInput):
    """A cursor that we did not hand out for this listing of this caller's."""

    code = "INVALID_CURSOR"


class WeakPassword(InvalidInput):
    """A password that is too short, too long, or too common."""

    code = "PASSWORD_NOT_ACCEPTED"


class UnusablePicture(InvalidInput):
    """What came as a picture is none that we take: another format, broken, too large in pixels."""

    code = "UNUSABLE_PICTURE"

    def __init__(self, *problems: Problem, reason: str) -> None:
        """Keep which check it was, for our own log; problems name a limit that was exceeded."""
        super().__init__(*problems)
        self.data["reason"] = reason


class IdempotencyKeyReused(DomainError):
    """An idempotency key came again, with another request than before."""

    code = "IDEMPOTENCY_KEY_REUSED"


# Who is asking -------------------------------------------------------------------------------


class NotAuthenticated(DomainError):
    """No usable proof of who is asking. Subclasses say why."""


class TokenMissing(NotAuthenticated):
    """No access token came with the request."""

    code = "TOKEN_MISSING"


class TokenInvalid(NotAuthenticated):
    """What came is not a token of ours: garbled, forged, of another key or purpose."""

    code = "TOKEN_INVALID"


class TokenExpired(NotAuthenticated):
    """A genuine access token whose time has passed: refresh it."""

    code = "TOKEN_EXPIRED"


class SessionRevoked(NotAuthenticated):
    """The session was ended: signed out here or elsewhere, superseded, over the limit."""

    code = "SESSION_REVOKED"


class SessionOfDeletedAccount(SessionRevoked):
    """The session ended when its account was deleted."""

    code = "ACCOUNT_DELETED"


class SessionOfSuspendedAccount(SessionRevoked):
    """The session ended when its account was suspended."""

    code = "ACCOUNT_SUSPENDED"


class SessionExpired(NotAuthenticated):
    """The session reached its absolute timeout."""

    code = "SESSION_EXPIRED"


class SessionIdleTimeout(NotAuthenticated):
    """The session was not used for longer than the idle timeout."""

    code = "SESSION_IDLE_TIMEOUT"


class RefreshTokenInvalid(NotAuthenticated):
    """What came is not a refresh token of ours."""

    code = "REFRESH_TOKEN_INVALID"


class RefreshTokenReused(NotAuthenticated):
    """A refresh token that was replaced long ago: somebody has a copy, so the session ended."""

    code = "REFRESH_TOKEN_REUSED"


class InvalidCredentials(NotAuthenticated):
    """Sign-in failed; outside, an unknown account and a wrong password are the same."""

    code = "INVALID_CREDENTIALS"


class CodeInvalid(NotAuthenticated):
    """A code that was mailed is not right, was used already, or is too old: the three are the same.

    An unknown account's is never right, so the answer does not tell whether there is one.
    """

    code = "CODE_INVALID"


class OriginNotAllowed(DomainError):
    """A cookie came with a request of a page that is not ours."""

    code = "ORIGIN_NOT_ALLOWED"


class DirectAccessRefused(DomainError):
    """The request went round the CDN, straight to the API."""

    code = "DIRECT_ACCESS_REFUSED"


# What they may do ----------------------------------------------------------------------------


class EmailNotVerified(DomainError):
    """The right password, but the address has not been confirmed and the deployment asks for it."""

    code = "EMAIL_NOT_VERIFIED"


class PasswordResetRequired(DomainError):
    """The right password, but its owner has said that somebody else used it: reset it by mail."""

    code = "PASSWORD_RESET_REQUIRED"


class AccountDeleted(DomainError):
    """The right password of an account that was deleted, and until when it can be restored."""

    code = "ACCOUNT_DELETED"

    def __init__(self, purge_at: datetime | None = None) -> None:
        """Carry when everything is erased; None when that has begun."""
        super().__init__()
        self.purge_at = purge_at


class AccountSuspended(DomainError):
    """The right password of an account that an administrator has suspended."""

    code = "ACCOUNT_SUSPENDED"


class ReauthenticationRequired(DomainError):
    """The last proof of who the person is lies too far back for this: reauthenticate first."""

    code = "REAUTHENTICATION_REQUIRED"


class AdministratorsOnly(DomainError):
    """The caller is signed in but is not an administrator."""

    code = "ADMINISTRATORS_ONLY"


class LastAdministrator(DomainError):
    """Somebody has to be able to administrate: make another administrator first."""

    code = "LAST_ADMINISTRATOR"


class RevocationNotConfirmed(DomainError):
    """What is to be ended was not shown first: send a dry run, then its confirmation."""

    code = "REVOCATION_NOT_CONFIRMED"


class ErasureStarted(DomainError):
    """The account is being erased, which nobody can stop any more."""

    code = "ERASURE_STARTED"


class TooManyPendingUploads(DomainError):
    """As many uploads as a person may have are waiting to be finished."""

    code = "TOO_MANY_PENDING_UPLOADS"

    def __init__(self, *, retry_after_seconds: int) -> None:
        """Carry when the first of them expires."""
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttempts(DomainError):
    """A limit was reached; nothing was looked at."""

    code = "TOO_MANY_ATTEMPTS"

    def __init__(
        self, *, retry_after_seconds: int, standing: Standing | None = None, **data: object
    ) -> None:
        """Carry how long to wait, and where the client stands with the limit.

        problems  what the client can send to get in without waiting
        """
        super().__init__(**data)
        self.retry_after_seconds = retry_after_seconds
        self.standing = standing
        self.problems: tuple[Problem, ...] = ()


class SingleUseTokenInvalid(InvalidInput):
    """A link's token is not ours, was used already, or is too old: the three are the same."""

    code = "SINGLE_USE_TOKEN_INVALID"


# What is there -------------------------------------------------------------------------------


class EmailAlreadyRegistered(DomainError):
    """The address belongs to an account (told only where EmailVerification is optional)."""

    code = "EMAIL_ALREADY_REGISTERED"


class UsernameTaken(DomainError):
    """The username belongs to another account."""

    code = "USERNAME_TAKEN"


class AccountNotFound(DomainError):
    """No such account."""

    code = "ACCOUNT_NOT_FOUND"


class PreconditionFailed(DomainError):
    """What was to be changed is no longer the version that the client has seen."""

    code = "PRECONDITION_FAILED"


class UploadNotFound(DomainError):
    """No such upload, or used, or expired, or not the caller's: they can't be told apart."""

    code = "UPLOAD_NOT_FOUND"


class UploadNotComplete(DomainError):
    """The upload is there, its file is not."""

    code = "UPLOAD_NOT_COMPLETE"


class SessionNotFound(DomainError):
    """No such session, or not the caller's: the two can't be told apart."""

    code = "SESSION_NOT_FOUND"


class ExportNotFound(DomainError):
    """No such export, or not the caller's: the two can't be told apart."""

    code = "EXPORT_NOT_FOUND"


class ExportAlreadyRunning(DomainError):
    """The person has an export under way, and there is one at a time."""

    code = "EXPORT_ALREADY_RUNNING"

    def __init__(self, *, export_id: str) -> None:
        """Carry which one, for whoever wants to wait for it."""
        super().__init__(export_id=export_id)
        self.export_id = export_id


# The system ----------------------------------------------------------------------------------


class TemporarilyUnavailable(DomainError):
    """Something that we depend on is down or throttled; nothing was half done."""

    code = "TEMPORARILY_UNAVAILABLE"

    def __init__(self, *, retry_after_seconds: int, **data: object) -> None:
        """Carry how long to wait."""
        super().__init__(**data)
        self.retry_after_seconds = retry_after_seconds
