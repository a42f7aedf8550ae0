"""Domain errors: a stable code and data, without HTTP.

`http/errors.py` maps each error to a status and to messages.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import ExportId
    from latchkey.domain.throttle import RateLimitStatus


class DomainError(Exception):
    """Base class of every domain error. Each subclass has a public `code` that never changes."""

    code: ClassVar[str]

    def __init__(self, **data: object) -> None:
        """Store data for the log. Only what http/errors.py names is sent to the client."""
        super().__init__(self.code)
        self.data = data


# Input ---------------------------------------------------------------------------------------


class ProblemCode(StrEnum):
    """What can be wrong with a part of the input. The codes are public and never change.

    `http.errors.PROBLEMS` explains each one.
    """

    # The body as a whole.
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    MALFORMED_BODY = "MALFORMED_BODY"
    MALFORMED_JSON = "MALFORMED_JSON"
    MALFORMED_FORM = "MALFORMED_FORM"
    TOO_DEEP = "TOO_DEEP"
    TOO_LARGE = "TOO_LARGE"
    # The set of fields or parameters.
    REQUIRED = "REQUIRED"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNKNOWN_PARAMETER = "UNKNOWN_PARAMETER"
    # The value of a field.
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
    # The field is valid, but not in this state or combination.
    SINGLE_USE_TOKEN_INVALID = "SINGLE_USE_TOKEN_INVALID"  # noqa: S105 - a code
    CURRENT_SESSION_UNKNOWN = "CURRENT_SESSION_UNKNOWN"
    ONE_FILTER_ONLY = "ONE_FILTER_ONLY"
    USER_REQUIRED = "USER_REQUIRED"
    EMPTY_PERIOD = "EMPTY_PERIOD"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of the input: its field, its code and a message."""

    field: str
    code: ProblemCode
    message: str


class InvalidInput(DomainError):
    """The request can't be parsed or breaks a rule. `details` name each field."""

    code = "VALIDATION_ERROR"

    def __init__(self, *problems: Problem) -> None:
        """Store the problems. They never contain a value that was sent."""
        super().__init__()
        self.problems = problems


class InvalidLanguageCode(InvalidInput):
    """A language tag is not a registered BCP 47 tag."""

    code = "INVALID_LANGUAGE_CODE"


class CurrentSessionUnknown(InvalidInput):
    """The service can't tell which session is the caller's, so `scope=others` can't be applied."""

    code = "CURRENT_SESSION_UNKNOWN"


class InvalidCursor(InvalidInput):
    """The cursor was not issued to this caller for this list."""

    code = "INVALID_CURSOR"


class WeakPassword(InvalidInput):
    """The password is too short, too long, or too common."""

    code = "PASSWORD_NOT_ACCEPTED"


class UnusablePicture(InvalidInput):
    """The file is not a JPEG, PNG or WebP, is broken, or has too many pixels."""

    code = "UNUSABLE_PICTURE"

    def __init__(self, *problems: Problem, reason: str) -> None:
        """Store the failed check for the log. `problems` name an exceeded limit."""
        super().__init__(*problems)
        self.data["reason"] = reason


class IdempotencyKeyReused(DomainError):
    """The idempotency key was used before with a different request."""

    code = "IDEMPOTENCY_KEY_REUSED"


# Authentication ---------------------------------------------------------------------------


class NotAuthenticated(DomainError):
    """The caller is not authenticated. Subclasses say why."""


class TokenMissing(NotAuthenticated):
    """The request has no access token."""

    code = "TOKEN_MISSING"


class TokenInvalid(NotAuthenticated):
    """The access token is malformed, forged, or signed by another key."""

    code = "TOKEN_INVALID"


class TokenExpired(NotAuthenticated):
    """The access token is genuine but has expired."""

    code = "TOKEN_EXPIRED"


class SessionRevoked(NotAuthenticated):
    """The session has ended: it was signed out, ended by another action, or over the limit."""

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
    """The token is not a refresh token of this service."""

    code = "REFRESH_TOKEN_INVALID"


class RefreshTokenReused(NotAuthenticated):
    """The refresh token was replaced long ago. A copy of it exists, so the session has ended."""

    code = "REFRESH_TOKEN_REUSED"


class InvalidCredentials(NotAuthenticated):
    """Sign-in failed. An unknown account and a wrong password get the same response."""

    code = "INVALID_CREDENTIALS"


class CodeInvalid(NotAuthenticated):
    """The emailed code is wrong, used, or expired. The three get the same response.

    The code of an unknown account is always wrong, so the response does not reveal whether an
    account exists.
    """

    code = "CODE_INVALID"


class OriginNotAllowed(DomainError):
    """The request has a cookie, and its `Origin` is not allowed."""

    code = "ORIGIN_NOT_ALLOWED"


class DirectAccessRefused(DomainError):
    """The request was sent to the API directly instead of through the CDN."""

    code = "DIRECT_ACCESS_REFUSED"


# Authorization ----------------------------------------------------------------------------


class SignatureRequired(DomainError):
    """The request is not signed by a role of AWS that may invoke this route."""

    code = "SIGNATURE_REQUIRED"


class MetadataUnavailable(DomainError):
    """The issuer of this deployment is not a URL, so that nobody can look its metadata up."""

    code = "METADATA_UNAVAILABLE"


class EmailNotVerified(DomainError):
    """The password is right, but the email address is not confirmed, which is required."""

    code = "EMAIL_NOT_VERIFIED"


class PasswordResetRequired(DomainError):
    """The password is right, but its owner reported that somebody else used it."""

    code = "PASSWORD_RESET_REQUIRED"


class AccountDeleted(DomainError):
    """The password is right, but the account is deleted. The message says when it is erased."""

    code = "ACCOUNT_DELETED"

    def __init__(self, purge_at: datetime | None = None) -> None:
        """Store the time of the erasure. None: the erasure has begun."""
        super().__init__()
        self.purge_at = purge_at


class AccountSuspended(DomainError):
    """The password is right, but an administrator has suspended the account."""

    code = "ACCOUNT_SUSPENDED"


class NoPassword(DomainError):
    """The account has no password, because the person signs in at another issuer."""

    code = "NO_PASSWORD"


class ReauthenticationRequired(DomainError):
    """The operation requires a recent authentication, and the last one is too old."""

    code = "REAUTHENTICATION_REQUIRED"


class AdministratorsOnly(DomainError):
    """The caller is signed in but is not an administrator."""

    code = "ADMINISTRATORS_ONLY"


class LastAdministrator(DomainError):
    """The operation would leave the service without an administrator."""

    code = "LAST_ADMINISTRATOR"


class RevocationNotConfirmed(DomainError):
    """The revocation was not confirmed. Send a dry run, then its confirmation."""

    code = "REVOCATION_NOT_CONFIRMED"


class ErasureStarted(DomainError):
    """The account is being erased. The erasure can't be stopped."""

    code = "ERASURE_STARTED"


class TooManyPendingUploads(DomainError):
    """The person has as many unfinished uploads as allowed."""

    code = "TOO_MANY_PENDING_UPLOADS"

    def __init__(self, *, retry_after_seconds: int) -> None:
        """Store the seconds until the first upload expires."""
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class TooManyAttempts(DomainError):
    """A rate limit was reached. The request was not processed."""

    code = "TOO_MANY_ATTEMPTS"

    def __init__(
        self,
        *,
        retry_after_seconds: int,
        limit_status: RateLimitStatus | None = None,
        **data: object,
    ) -> None:
        """Store how long to wait, and the state of the rate limit.

        problems  what the client can send to be let in without waiting
        """
        super().__init__(**data)
        self.retry_after_seconds = retry_after_seconds
        self.limit_status = limit_status
        self.problems: tuple[Problem, ...] = ()


class SingleUseTokenInvalid(InvalidInput):
    """The link's token is unknown, used, or expired. The three get the same response."""

    code = "SINGLE_USE_TOKEN_INVALID"


# State -------------------------------------------------------------------------------------


class EmailAlreadyRegistered(DomainError):
    """The address belongs to an account. Revealed only where `EmailVerification` is optional."""

    code = "EMAIL_ALREADY_REGISTERED"


class UsernameTaken(DomainError):
    """The username belongs to another account."""

    code = "USERNAME_TAKEN"


class AccountNotFound(DomainError):
    """The account does not exist."""

    code = "ACCOUNT_NOT_FOUND"


class ProfilesNotPublic(DomainError):
    """The deployment does not show people's profiles to others: parameter PublicProfiles."""

    code = "PROFILES_NOT_PUBLIC"


class PreconditionFailed(DomainError):
    """The resource was changed after the client read it."""

    code = "PRECONDITION_FAILED"


class UploadNotFound(DomainError):
    """The upload does not exist, is used, has expired, or is another person's."""

    code = "UPLOAD_NOT_FOUND"


class UploadNotComplete(DomainError):
    """The upload exists, but its file was not uploaded."""

    code = "UPLOAD_NOT_COMPLETE"


class SessionNotFound(DomainError):
    """The session does not exist or is another person's. The two get the same response."""

    code = "SESSION_NOT_FOUND"


class ExportNotFound(DomainError):
    """The export does not exist or is another person's. The two get the same response."""

    code = "EXPORT_NOT_FOUND"


class ExportAlreadyRunning(DomainError):
    """The person already has a running export. Only one runs at a time."""

    code = "EXPORT_ALREADY_RUNNING"

    def __init__(self, *, export_id: ExportId) -> None:
        """Store the id of the running export."""
        super().__init__(export_id=export_id)
        self.export_id = export_id


# System ------------------------------------------------------------------------------------


class TemporarilyUnavailable(DomainError):
    """A dependency is down or throttled. Nothing was changed."""

    code = "TEMPORARILY_UNAVAILABLE"

    def __init__(self, *, retry_after_seconds: int, **data: object) -> None:
        """Store how long to wait, in seconds."""
        super().__init__(**data)
        self.retry_after_seconds = retry_after_seconds
