"""Generated from the contract by `make openapi`. Do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

JsonValue = Any

ErrorCode = Literal[
    "VALIDATION_ERROR",
    "INVALID_LANGUAGE_CODE",
    "INVALID_CURSOR",
    "UNUSABLE_PICTURE",
    "PASSWORD_NOT_ACCEPTED",
    "CURRENT_SESSION_UNKNOWN",
    "SINGLE_USE_TOKEN_INVALID",
    "INVALID_CREDENTIALS",
    "CODE_INVALID",
    "REFRESH_TOKEN_INVALID",
    "REFRESH_TOKEN_REUSED",
    "TOKEN_MISSING",
    "TOKEN_INVALID",
    "TOKEN_EXPIRED",
    "SESSION_REVOKED",
    "ACCOUNT_DELETED",
    "ACCOUNT_SUSPENDED",
    "SESSION_EXPIRED",
    "SESSION_IDLE_TIMEOUT",
    "ORIGIN_NOT_ALLOWED",
    "DIRECT_ACCESS_REFUSED",
    "SIGNATURE_REQUIRED",
    "EMAIL_NOT_VERIFIED",
    "PASSWORD_RESET_REQUIRED",
    "REAUTHENTICATION_REQUIRED",
    "NO_PASSWORD",
    "ADMINISTRATORS_ONLY",
    "METADATA_UNAVAILABLE",
    "ACCOUNT_NOT_FOUND",
    "PROFILES_NOT_PUBLIC",
    "SESSION_NOT_FOUND",
    "EXPORT_NOT_FOUND",
    "EXPORT_ALREADY_RUNNING",
    "UPLOAD_NOT_FOUND",
    "UPLOAD_NOT_COMPLETE",
    "EMAIL_ALREADY_REGISTERED",
    "USERNAME_TAKEN",
    "LAST_ADMINISTRATOR",
    "REVOCATION_NOT_CONFIRMED",
    "ERASURE_STARTED",
    "PRECONDITION_FAILED",
    "IDEMPOTENCY_KEY_REUSED",
    "TOO_MANY_PENDING_UPLOADS",
    "TOO_MANY_ATTEMPTS",
    "TEMPORARILY_UNAVAILABLE",
    "INTERNAL_ERROR",
]

PictureType = Literal["image/jpeg", "image/png", "image/webp"]

PreferenceValue = bool | int | str

PreferencesBody = dict[str, JsonValue]

PreferencesView = dict[str, JsonValue]

ProblemCode = Literal[
    "UNSUPPORTED_MEDIA_TYPE",
    "MALFORMED_BODY",
    "MALFORMED_JSON",
    "MALFORMED_FORM",
    "TOO_DEEP",
    "TOO_LARGE",
    "REQUIRED",
    "UNKNOWN_FIELD",
    "UNKNOWN_PARAMETER",
    "WRONG_TYPE",
    "TOO_SHORT",
    "TOO_LONG",
    "OUT_OF_RANGE",
    "NOT_AN_OPTION",
    "NOT_AN_ID",
    "NOT_A_TIME",
    "FORBIDDEN_CHARACTER",
    "INVALID",
    "INVALID_EMAIL",
    "INVALID_LANGUAGE_CODE",
    "INVALID_CURSOR",
    "TOO_COMMON",
    "UNCHANGED",
    "SINGLE_USE_TOKEN_INVALID",
    "CURRENT_SESSION_UNKNOWN",
    "ONE_FILTER_ONLY",
    "USER_REQUIRED",
    "EMPTY_PERIOD",
]


class AccountStatusView(msgspec.Struct, kw_only=True):
    """The status of an account."""

    id: str
    status: str
    role: str
    suspended_at: datetime | None
    deleted_at: datetime | None
    purge_at: datetime | None


class AccountView(msgspec.Struct, kw_only=True):
    """An account."""

    id: str
    email: str | None
    username: str | None
    full_name: str | None
    display_name: str | None
    avatar_url: str | None
    speaking_language: str | None
    listening_language: str | None
    age: int | None
    occupation: str | None
    location: str | None
    transactional_consent: bool
    marketing_consent: bool
    is_active: bool
    is_verified: bool
    role: str
    created_at: datetime
    updated_at: datetime


class ActivityListView(msgspec.Struct, kw_only=True):
    """A page of the history, newest first."""

    activity: list[ActivityView]
    next_cursor: str | None


class ActivityView(msgspec.Struct, kw_only=True):
    """One event."""

    id: str
    at: datetime
    action: str
    description: str
    outcome: str
    device_name: str | None
    from_device_name: str | None
    ip_address: str | None
    session_id: str | None
    changed: list[str]
    reason: str | None


class AuditListView(msgspec.Struct, kw_only=True):
    """A page of the audit trail, newest first."""

    rows: list[AuditRowView]
    next_cursor: str | None
    complete_until: datetime | None


class AuditRowView(msgspec.Struct, kw_only=True):
    """A row of the audit trail."""

    id: str
    at: datetime
    action: str
    outcome: str
    reason: str | None
    operation: str | None
    subject: str | None
    actor: str
    session_id: str | None
    targets: list[str]
    changed: list[str]
    given_reason: str | None
    request_id: str
    counts: list[RequestCountView]


class AvatarUploadView(msgspec.Struct, kw_only=True):
    """An upload. POST a form to `url` with these fields first, then `file`."""

    upload_id: str
    url: str
    fields: dict[str, str]
    max_bytes: int
    upload_until: datetime
    expires_at: datetime


class ChangePasswordBody(msgspec.Struct, kw_only=True):
    """The current password and a new one."""

    current_password: str
    new_password: str


class ConfirmEmailBody(msgspec.Struct, kw_only=True):
    """The token of an emailed link, and the account's password.  The device that asked for the
    link may omit the password.
    """

    token: str
    password: str | None | msgspec.UnsetType = msgspec.UNSET
    device_id: str | None | msgspec.UnsetType = msgspec.UNSET


class ConsentListView(msgspec.Struct, kw_only=True):
    """A page of decisions, newest first."""

    consents: list[ConsentView]
    next_cursor: str | None


class ConsentView(msgspec.Struct, kw_only=True):
    """One decision."""

    id: str
    consent: str
    decision: str
    decided_at: datetime
    session_id: str
    text_version: str


class CreateAvatarUploadBody(msgspec.Struct, kw_only=True):
    """The type and size of a picture to upload."""

    content_type: PictureType


class DeletionView(msgspec.Struct, kw_only=True):
    """An account that was just deleted."""

    deleted_at: datetime
    purge_at: datetime


class DeviceInfo(msgspec.Struct, kw_only=True):
    """What the device reported at sign-in. Unknown parts are null."""

    browser: str | None
    browser_version: str | None
    os: str | None
    os_version: str | None
    device: str | None
    device_type: str


class EmailBody(msgspec.Struct, kw_only=True):
    """An email address."""

    email: str


class EndedSessionView(msgspec.Struct, kw_only=True):
    """A session that was just ended."""

    session_id: str
    device_name: str


class EndedSessionsView(msgspec.Struct, kw_only=True):
    """The number of sessions that were ended."""

    terminated_count: int


class ErrorAnswer(msgspec.Struct, kw_only=True):
    """An error."""

    success: Literal[False]
    error: dict[str, Any]


class ErrorDetail(msgspec.Struct, kw_only=True):
    """One problem of the request."""

    field: str
    code: ProblemCode
    message: str


class ExportFailureView(msgspec.Struct, kw_only=True):
    """Why an export failed, and what to do."""

    code: str
    message: str


class ExportListView(msgspec.Struct, kw_only=True):
    """The caller's exports, newest first."""

    exports: list[ExportView]
    total_count: int


class ExportView(msgspec.Struct, kw_only=True):
    """An export of a person's data."""

    id: str
    status: str
    progress: int
    step: str
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    size_bytes: int | None
    sha256: str | None
    failure: ExportFailureView | None
    download_url: str | None
    download_url_expires_at: datetime | None
    download_blocked_by: str | None


class FoundSessionListView(msgspec.Struct, kw_only=True):
    """A page of sessions of any account."""

    sessions: list[FoundSessionView]
    next_cursor: str | None


class FoundSessionView(msgspec.Struct, kw_only=True):
    """A session of any account."""

    id: str
    user_id: str
    device_name: str
    device_id: str
    device_type: str
    user_agent: str
    ip_address: str
    last_ip_address: str
    country: str | None
    city: str | None
    login_method: str
    created_at: datetime
    last_activity: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class HealthView(msgspec.Struct, kw_only=True):
    """The health of the service."""

    status: str


class IdentifierBody(msgspec.Struct, kw_only=True):
    """An email address or a username."""

    email: str | None | msgspec.UnsetType = msgspec.UNSET
    username: str | None | msgspec.UnsetType = msgspec.UNSET


class IntrospectionBody(msgspec.Struct, kw_only=True):
    """An access token, as a client sent it (RFC 7662).  `token_type_hint` is accepted and has
    no effect: only access tokens can be active.
    """

    token: str
    token_type_hint: str | None | msgspec.UnsetType = msgspec.UNSET


class IntrospectionView(msgspec.Struct, kw_only=True):
    """Whether a token is accepted now (RFC 7662). An inactive token has only `active`."""

    active: bool
    iss: str | None | None = None
    sub: str | None | None = None
    aud: str | None | None = None
    exp: int | None | None = None
    iat: int | None | None = None
    sid: str | None | None = None
    auth_time: int | None | None = None
    role: str | None | None = None


class JwksView(msgspec.Struct, kw_only=True):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]


class KnownDeviceView(msgspec.Struct, kw_only=True):
    """A device that is known from now on."""

    device_id: str


class LoginBody(msgspec.Struct, kw_only=True):
    """An email address or a username, and the password."""

    email: str | None | msgspec.UnsetType = msgspec.UNSET
    username: str | None | msgspec.UnsetType = msgspec.UNSET
    password: str
    code: str | None | msgspec.UnsetType = msgspec.UNSET
    device_name: str | None | msgspec.UnsetType = msgspec.UNSET
    device_id: str | None | msgspec.UnsetType = msgspec.UNSET
    token_transport: Literal["cookie", "body"] | msgspec.UnsetType = msgspec.UNSET


class MetadataView(msgspec.Struct, kw_only=True):
    """The metadata of the issuer of access tokens (RFC 8414)."""

    issuer: str
    jwks_uri: str
    introspection_endpoint: str
    id_token_signing_alg_values_supported: list[str]
    subject_types_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]


class ProblemAnswer(msgspec.Struct, kw_only=True):
    """An error as RFC 9457 `application/problem+json`."""

    type: str
    title: str
    detail: str | None = None
    status: int
    code: ErrorCode
    request_id: str
    details: list[ErrorDetail] | None = None


class ProfileListView(msgspec.Struct, kw_only=True):
    """The profiles that were found."""

    profiles: list[ProfileView]


class ProfileView(msgspec.Struct, kw_only=True):
    """What others see of a person."""

    id: str
    display_name: str | None
    avatar_url: str | None


class ReasonBody(msgspec.Struct, kw_only=True):
    """Why the administrator does this. The audit row stores it, and the person can read it."""

    reason: str | None | msgspec.UnsetType = msgspec.UNSET


class ReauthenticateBody(msgspec.Struct, kw_only=True):
    """The current password."""

    password: str


class ReauthenticatedView(msgspec.Struct, kw_only=True):
    """An access token for operations that require a recent authentication."""

    access_token: str
    token_type: str
    expires_in: int


class RefreshBody(msgspec.Struct, kw_only=True):
    """The refresh token. Browsers leave it out, because it is in a cookie."""

    refresh_token: str | None | msgspec.UnsetType = msgspec.UNSET


class RefreshedView(msgspec.Struct, kw_only=True):
    """The next token pair."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None
    session: SessionView


class RegisterBody(msgspec.Struct, kw_only=True):
    """A new account."""

    email: str
    password: str
    full_name: str | None | msgspec.UnsetType = msgspec.UNSET
    username: str | None | msgspec.UnsetType = msgspec.UNSET
    speaking_language: str | None | msgspec.UnsetType = msgspec.UNSET
    listening_language: str | None | msgspec.UnsetType = msgspec.UNSET
    device_name: str | None | msgspec.UnsetType = msgspec.UNSET
    device_id: str | None | msgspec.UnsetType = msgspec.UNSET
    token_transport: Literal["cookie", "body"] | msgspec.UnsetType = msgspec.UNSET


class RenameSessionBody(msgspec.Struct, kw_only=True):
    """The name of a device, chosen by its owner."""

    device_name: str


class ReplaceAvatarBody(msgspec.Struct, kw_only=True):
    """The upload to use."""

    upload_id: str


class ReplaceUserBody(msgspec.Struct, kw_only=True):
    """A complete profile.  Consents are not part of it: only the person can give a consent,
    and leaving it out of a form does not withdraw it.
    """

    username: str | None | msgspec.UnsetType = msgspec.UNSET
    full_name: str | None | msgspec.UnsetType = msgspec.UNSET
    display_name: str | None | msgspec.UnsetType = msgspec.UNSET
    speaking_language: str | None | msgspec.UnsetType = msgspec.UNSET
    listening_language: str | None | msgspec.UnsetType = msgspec.UNSET
    age: int | None | msgspec.UnsetType = msgspec.UNSET
    occupation: str | None | msgspec.UnsetType = msgspec.UNSET
    location: str | None | msgspec.UnsetType = msgspec.UNSET


class ReportView(msgspec.Struct, kw_only=True):
    """The sign-in that the emailed link belongs to."""

    session: ReportedSessionView | None


class ReportedSessionView(msgspec.Struct, kw_only=True):
    """A sign-in that an email reported."""

    device_name: str
    ip_address: str
    location: str | None
    created_at: datetime
    is_active: bool


class RequestCountView(msgspec.Struct, kw_only=True):
    """A number of requests in a minute."""

    minute: datetime
    operation: str
    outcome: str
    network: str | None
    count: int


class ResetPasswordBody(msgspec.Struct, kw_only=True):
    """The token of an emailed link, and a new password."""

    token: str
    new_password: str
    device_id: str | None | msgspec.UnsetType = msgspec.UNSET


class RevocationBody(msgspec.Struct, kw_only=True):
    """A filter of active sessions to end, with at least one parameter of `GET /sessions`.  A
    request with a `confirmation` ends the sessions. A request without one is a dry run.
    """

    user_id: str | None | msgspec.UnsetType = msgspec.UNSET
    ip: str | None | msgspec.UnsetType = msgspec.UNSET
    device: str | None | msgspec.UnsetType = msgspec.UNSET
    country: str | None | msgspec.UnsetType = msgspec.UNSET
    created_from: datetime | None | msgspec.UnsetType = msgspec.UNSET
    created_to: datetime | None | msgspec.UnsetType = msgspec.UNSET
    dry_run: bool | None | msgspec.UnsetType = msgspec.UNSET
    confirmation: str | None | msgspec.UnsetType = msgspec.UNSET
    reason: str | None | msgspec.UnsetType = msgspec.UNSET


class RevocationView(msgspec.Struct, kw_only=True):
    """Sessions that a revocation would end, or has ended."""

    count: int
    sample: list[FoundSessionView]
    confirmation: str | None
    is_complete: bool


class RoleBody(msgspec.Struct, kw_only=True):
    """A new role."""

    reason: str | None | msgspec.UnsetType = msgspec.UNSET
    role: Literal["user", "admin"]


class SessionListView(msgspec.Struct, kw_only=True):
    """The caller's active sessions: the current one first, then by last use."""

    sessions: list[SessionView]
    total_count: int


class SessionView(msgspec.Struct, kw_only=True):
    """A signed-in device."""

    id: str
    device_name: str
    device_info: DeviceInfo
    user_agent: str
    ip_address: str
    location: str | None
    last_ip_address: str
    last_location: str | None
    login_method: str
    is_active: bool
    is_current: bool
    created_at: datetime
    last_activity: datetime
    expires_at: datetime


class TokenBody(msgspec.Struct, kw_only=True):
    """The token of an emailed link."""

    token: str


class TokensView(msgspec.Struct, kw_only=True):
    """A session that was started or refreshed, and its tokens."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str | None
    device_id: str
    session: SessionView
    user: AccountView


class UpdateMeBody(msgspec.Struct, kw_only=True):
    """A partial profile. An absent field is unchanged, a null clears it."""

    username: str | None | msgspec.UnsetType = msgspec.UNSET
    full_name: str | None | msgspec.UnsetType = msgspec.UNSET
    display_name: str | None | msgspec.UnsetType = msgspec.UNSET
    speaking_language: str | None | msgspec.UnsetType = msgspec.UNSET
    listening_language: str | None | msgspec.UnsetType = msgspec.UNSET
    age: int | None | msgspec.UnsetType = msgspec.UNSET
    occupation: str | None | msgspec.UnsetType = msgspec.UNSET
    location: str | None | msgspec.UnsetType = msgspec.UNSET
    transactional_consent: bool | msgspec.UnsetType = msgspec.UNSET
    marketing_consent: bool | msgspec.UnsetType = msgspec.UNSET


class UserListView(msgspec.Struct, kw_only=True):
    """A page of accounts."""

    users: list[UserView]
    next_cursor: str | None


class UserView(msgspec.Struct, kw_only=True):
    """An account in a list."""

    id: str
    email: str | None
    username: str | None
    full_name: str | None
    role: str
    status: str
    is_verified: bool
    created_at: datetime
    deleted_at: datetime | None
    purge_at: datetime | None
