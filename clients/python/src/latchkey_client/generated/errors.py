"""Generated from the contract by `make openapi`. Do not edit."""

from __future__ import annotations

from latchkey_client.errors import ApiError


class ValidationError(ApiError):
    """The request is not valid. See details."""

    code = "VALIDATION_ERROR"


class InvalidLanguageCode(ApiError):
    """A language is not a registered BCP 47 tag. Send a tag such as pt-BR."""

    code = "INVALID_LANGUAGE_CODE"


class InvalidCursor(ApiError):
    """This cursor does not belong to this list. Start at the first page."""

    code = "INVALID_CURSOR"


class UnusablePicture(ApiError):
    """This file is not a usable JPEG, PNG or WebP image."""

    code = "UNUSABLE_PICTURE"


class PasswordNotAccepted(ApiError):
    """This password is not accepted. See details."""

    code = "PASSWORD_NOT_ACCEPTED"


class CurrentSessionUnknown(ApiError):
    """Your current session cannot be identified. Sign in again or use scope=all."""

    code = "CURRENT_SESSION_UNKNOWN"


class SingleUseTokenInvalid(ApiError):
    """This link has been used or has expired."""

    code = "SINGLE_USE_TOKEN_INVALID"


class InvalidCredentials(ApiError):
    """The email address or the password is wrong."""

    code = "INVALID_CREDENTIALS"


class CodeInvalid(ApiError):
    """This code is wrong, has been used or has expired."""

    code = "CODE_INVALID"


class RefreshTokenInvalid(ApiError):
    """The refresh token is not valid. Sign in again."""

    code = "REFRESH_TOKEN_INVALID"


class RefreshTokenReused(ApiError):
    """This refresh token was already replaced. The session has ended. Sign in again."""

    code = "REFRESH_TOKEN_REUSED"


class TokenMissing(ApiError):
    """Send an access token: Authorization: Bearer <token>."""

    code = "TOKEN_MISSING"


class TokenInvalid(ApiError):
    """The access token is not valid."""

    code = "TOKEN_INVALID"


class TokenExpired(ApiError):
    """The access token has expired. Refresh it."""

    code = "TOKEN_EXPIRED"


class SessionRevoked(ApiError):
    """This session has been signed out."""

    code = "SESSION_REVOKED"


class AccountDeleted(ApiError):
    """This session ended because the account was deleted."""

    code = "ACCOUNT_DELETED"


class AccountSuspended(ApiError):
    """This session ended because the account was suspended."""

    code = "ACCOUNT_SUSPENDED"


class SessionExpired(ApiError):
    """This session has expired. Sign in again."""

    code = "SESSION_EXPIRED"


class SessionIdleTimeout(ApiError):
    """This session was unused for too long. Sign in again."""

    code = "SESSION_IDLE_TIMEOUT"


class OriginNotAllowed(ApiError):
    """Requests with cookies are accepted only from allowed origins."""

    code = "ORIGIN_NOT_ALLOWED"


class DirectAccessRefused(ApiError):
    """The API cannot be called directly. Use the service's public address."""

    code = "DIRECT_ACCESS_REFUSED"


class SignatureRequired(ApiError):
    """Sign the request with SigV4 as a role that may invoke this route."""

    code = "SIGNATURE_REQUIRED"


class EmailNotVerified(ApiError):
    """Confirm your email address first."""

    code = "EMAIL_NOT_VERIFIED"


class PasswordResetRequired(ApiError):
    """Reset your password by email first."""

    code = "PASSWORD_RESET_REQUIRED"


class ReauthenticationRequired(ApiError):
    """Enter your password again first."""

    code = "REAUTHENTICATION_REQUIRED"


class NoPassword(ApiError):
    """This account has no password. Sign in again at your identity provider instead."""

    code = "NO_PASSWORD"


class AdministratorsOnly(ApiError):
    """Only administrators may do this."""

    code = "ADMINISTRATORS_ONLY"


class MetadataUnavailable(ApiError):
    """This deployment has no address that could be an issuer."""

    code = "METADATA_UNAVAILABLE"


class AccountNotFound(ApiError):
    """Account not found."""

    code = "ACCOUNT_NOT_FOUND"


class ProfilesNotPublic(ApiError):
    """Profiles of other people are not available."""

    code = "PROFILES_NOT_PUBLIC"


class SessionNotFound(ApiError):
    """Session not found or already terminated."""

    code = "SESSION_NOT_FOUND"


class ExportNotFound(ApiError):
    """Export not found."""

    code = "EXPORT_NOT_FOUND"


class ExportAlreadyRunning(ApiError):
    """An export is already running. See Location."""

    code = "EXPORT_ALREADY_RUNNING"


class UploadNotFound(ApiError):
    """Upload not found, already used, or expired."""

    code = "UPLOAD_NOT_FOUND"


class UploadNotComplete(ApiError):
    """The file has not been uploaded yet."""

    code = "UPLOAD_NOT_COMPLETE"


class EmailAlreadyRegistered(ApiError):
    """This email address is already registered."""

    code = "EMAIL_ALREADY_REGISTERED"


class UsernameTaken(ApiError):
    """This username is taken."""

    code = "USERNAME_TAKEN"


class LastAdministrator(ApiError):
    """This is the last administrator. Make another account an administrator first."""

    code = "LAST_ADMINISTRATOR"


class RevocationNotConfirmed(ApiError):
    """Send the filter with dry_run first, then with its confirmation."""

    code = "REVOCATION_NOT_CONFIRMED"


class ErasureStarted(ApiError):
    """This account is being erased and can no longer be changed."""

    code = "ERASURE_STARTED"


class PreconditionFailed(ApiError):
    """The resource has changed since you read it. Read it again."""

    code = "PRECONDITION_FAILED"


class IdempotencyKeyReused(ApiError):
    """This idempotency key was used for another request. Use a new one."""

    code = "IDEMPOTENCY_KEY_REUSED"


class TooManyPendingUploads(ApiError):
    """Finish an upload first, or wait until one expires."""

    code = "TOO_MANY_PENDING_UPLOADS"


class TooManyAttempts(ApiError):
    """Too many attempts. Try again later."""

    code = "TOO_MANY_ATTEMPTS"


class TemporarilyUnavailable(ApiError):
    """The service is temporarily unavailable. Try again later."""

    code = "TEMPORARILY_UNAVAILABLE"


class InternalError(ApiError):
    """An unexpected error of the service. The log has it under the `request_id`."""

    code = "INTERNAL_ERROR"


BY_CODE: dict[str, type[ApiError]] = {
    ValidationError.code: ValidationError,
    InvalidLanguageCode.code: InvalidLanguageCode,
    InvalidCursor.code: InvalidCursor,
    UnusablePicture.code: UnusablePicture,
    PasswordNotAccepted.code: PasswordNotAccepted,
    CurrentSessionUnknown.code: CurrentSessionUnknown,
    SingleUseTokenInvalid.code: SingleUseTokenInvalid,
    InvalidCredentials.code: InvalidCredentials,
    CodeInvalid.code: CodeInvalid,
    RefreshTokenInvalid.code: RefreshTokenInvalid,
    RefreshTokenReused.code: RefreshTokenReused,
    TokenMissing.code: TokenMissing,
    TokenInvalid.code: TokenInvalid,
    TokenExpired.code: TokenExpired,
    SessionRevoked.code: SessionRevoked,
    AccountDeleted.code: AccountDeleted,
    AccountSuspended.code: AccountSuspended,
    SessionExpired.code: SessionExpired,
    SessionIdleTimeout.code: SessionIdleTimeout,
    OriginNotAllowed.code: OriginNotAllowed,
    DirectAccessRefused.code: DirectAccessRefused,
    SignatureRequired.code: SignatureRequired,
    EmailNotVerified.code: EmailNotVerified,
    PasswordResetRequired.code: PasswordResetRequired,
    ReauthenticationRequired.code: ReauthenticationRequired,
    NoPassword.code: NoPassword,
    AdministratorsOnly.code: AdministratorsOnly,
    MetadataUnavailable.code: MetadataUnavailable,
    AccountNotFound.code: AccountNotFound,
    ProfilesNotPublic.code: ProfilesNotPublic,
    SessionNotFound.code: SessionNotFound,
    ExportNotFound.code: ExportNotFound,
    ExportAlreadyRunning.code: ExportAlreadyRunning,
    UploadNotFound.code: UploadNotFound,
    UploadNotComplete.code: UploadNotComplete,
    EmailAlreadyRegistered.code: EmailAlreadyRegistered,
    UsernameTaken.code: UsernameTaken,
    LastAdministrator.code: LastAdministrator,
    RevocationNotConfirmed.code: RevocationNotConfirmed,
    ErasureStarted.code: ErasureStarted,
    PreconditionFailed.code: PreconditionFailed,
    IdempotencyKeyReused.code: IdempotencyKeyReused,
    TooManyPendingUploads.code: TooManyPendingUploads,
    TooManyAttempts.code: TooManyAttempts,
    TemporarilyUnavailable.code: TemporarilyUnavailable,
    InternalError.code: InternalError,
}
