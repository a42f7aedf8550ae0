"""The vocabulary of the audit trail: every recorded action, and the fields of a row.

A new action needs a text for the person's history in `activity_texts.TEXTS`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.ids import RowId, new_ordered_id
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import SessionId, SubjectId
    from latchkey.domain.request import Caller, RequestContext


class Action(StrEnum):
    """What happened, as `subject.event[.by_actor]`. Values are stored: add, never rename."""

    ACCOUNT_REGISTERED = "account.registered"
    ACCOUNT_REGISTERED_BY_ISSUER = "account.registered.by_issuer"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_DELETED_BY_ADMIN = "account.deleted.by_admin"
    ACCOUNT_RESTORED_BY_ADMIN = "account.restored.by_admin"
    ACCOUNT_RESTORED_BY_LINK = "account.restored.by_link"
    ACCOUNT_RECOVERED_BY_OPERATOR = "account.recovered.by_operator"
    ACCOUNT_SUSPENDED_BY_ADMIN = "account.suspended.by_admin"
    ACCOUNT_UNSUSPENDED_BY_ADMIN = "account.unsuspended.by_admin"
    ACCOUNT_ERASURE_ORDERED = "account.erasure.ordered"
    ACCOUNT_ERASURE_ORDERED_BY_ADMIN = "account.erasure.ordered.by_admin"
    ACCOUNT_ERASURE_STARTED = "account.erasure.started"
    ACCOUNT_ERASED = "account.erased"
    ROLE_CHANGED_BY_ADMIN = "role.changed.by_admin"
    ROLE_CHANGED_BY_OPERATOR = "role.changed.by_operator"
    PROFILE_READ_BY_ADMIN = "profile.read.by_admin"
    USERS_LISTED_BY_ADMIN = "users.listed.by_admin"
    SESSIONS_READ_BY_ADMIN = "sessions.read.by_admin"
    SESSIONS_SEARCHED_BY_ADMIN = "sessions.searched.by_admin"
    SESSIONS_REVOKED_BY_ADMIN = "sessions.revoked.by_admin"
    SESSIONS_REVOCATION_TRIED_BY_ADMIN = "sessions.revocation.tried.by_admin"
    PROFILE_CHANGED = "profile.changed"
    PROFILE_CHANGED_BY_ADMIN = "profile.changed.by_admin"
    PREFERENCES_READ_BY_ADMIN = "preferences.read.by_admin"
    PREFERENCES_CHANGED = "preferences.changed"
    PREFERENCES_CHANGED_BY_ADMIN = "preferences.changed.by_admin"
    PREFERENCES_RESET = "preferences.reset"
    PREFERENCES_RESET_BY_ADMIN = "preferences.reset.by_admin"
    SIGN_IN_REFUSED = "sign_in.refused"
    EMAIL_VERIFIED = "account.email.verified"
    EMAIL_CHANGE_REQUESTED = "account.email.change_requested"
    EMAIL_CHANGED = "account.email.changed"
    EMAIL_CHANGE_UNDONE = "account.email.change_undone"
    MAIL_BOUNCED = "account.mail.bounced"
    MAIL_REPORTED = "account.mail.reported"
    MAIL_ALLOWED_BY_OPERATOR = "account.mail.allowed.by_operator"
    PASSWORD_CHANGED = "account.password.changed"  # noqa: S105 - what happened, not a secret
    PASSWORD_RESET = "account.password.reset"  # noqa: S105 - as above
    SESSION_STARTED = "session.started"
    SESSION_DISOWNED = "session.disowned"
    SESSION_REVOKED_BY_OWNER = "session.revoked.by_owner"
    SESSION_ENDED_BY_LOGOUT = "session.ended.by_logout"
    SESSION_ENDED_BY_LIMIT = "session.ended.by_limit"
    SESSION_SUPERSEDED = "session.superseded"
    SESSION_ENDED_BY_REUSE = "session.ended.by_refresh_token_reuse"
    SESSIONS_REVOKED_BY_OWNER = "sessions.revoked.by_owner"
    SESSION_RENAMED = "session.renamed"
    SESSION_USED_ELSEWHERE = "session.used.elsewhere"
    SESSION_REAUTHENTICATED = "session.reauthenticated"
    EXPORT_REQUESTED = "export.requested"
    EXPORT_COMPLETED = "export.completed"
    EXPORT_FAILED = "export.failed"
    EXPORT_EXPIRED = "export.expired"
    EXPORT_REDRIVEN = "export.redriven"
    EXPORT_LINK_ISSUED = "export.link_issued"
    SIGNING_KEY_ROTATED = "signing_key.rotated"
    HEARTBEAT = "system.heartbeat"
    PEPPER_ROTATED = "pepper.rotated"
    AUDIT_READ_BY_ADMIN = "audit.read.by_admin"
    REQUEST_SERVED = "request.served"
    REQUEST_REFUSED = "request.refused"
    REQUEST_FAILED = "request.failed"
    REQUESTS_PACKED = "requests.packed"
    """Successful requests of known subjects, stored together. Not returned as a row."""
    REQUESTS_COUNTED = "requests.counted"
    """Requests without a known subject, as numbers."""


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """The subject of rows: a random pseudonym, and the key that seals personal data in them.

    Both are stored only on the account and its sessions. After their erasure nobody can connect the
    rows to a person or read the sealed data, and the trail stays complete.
    """

    id: SubjectId
    key: bytes


OK = "OK"
"""The outcome of a success. Any other outcome is the code of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row, written in the transaction of the change that it records.

    subject  None for rows about the system, such as the signing keys
    actor    the account that acted, as its pseudonym; "system" for schedules
    outcome  OK, or the code of the error in the response
    reason   a constant of the code, if there is one; never input of a client
    targets  the sessions or other objects that were acted on
    changed  names of changed fields, never their values
    personal sealed with the subject's key: IP address, device labels, an
             administrator's reason
    """

    id: RowId
    at: datetime
    action: Action
    subject: AuditSubject | None
    actor: str
    request_id: str
    outcome: str = OK
    reason: str | None = None
    targets: tuple[str, ...] = ()
    session_id: SessionId | None = None
    changed: tuple[str, ...] = ()
    personal: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
    """A number of equal requests in a minute. The smallest groups are counted as OTHER.

    network  of the client, truncated; None if the log line has none
    """

    minute: datetime
    operation: str
    outcome: str
    network: str | None
    count: int


OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A stored row. Its subject is a pseudonym, and personal data is sealed.

    subject_id  None for a request without a known account
    operation   for the row of a request: the endpoint's name
    counts      for REQUESTS_COUNTED; its request_id is that of the last one
    """

    id: RowId
    at: datetime
    action: Action
    actor: str
    request_id: str
    subject_id: SubjectId | None = None
    outcome: str = OK
    reason: str | None = None
    operation: str | None = None
    targets: tuple[str, ...] = ()
    session_id: SessionId | None = None
    changed: tuple[str, ...] = ()
    sealed: bytes | None = None
    counts: tuple[RequestCount, ...] = ()

    @property
    def place(self) -> str:
        """The place that the sealed data of this row is bound to: the row, or its request."""
        if self.operation is None:
            return row_place(self.subject_id, self.id)
        return request_place(self.subject_id, self.request_id)


def row_place(subject_id: SubjectId | None, row_id: RowId) -> str:
    """Return the place of a change."""
    return f"row|{subject_id}|{row_id}"


def request_place(subject_id: SubjectId | None, request_id: str) -> str:
    """Return the place of a request. The row's id is derived later from the log line."""
    return f"request|{subject_id}|{request_id}"


SYSTEM_ACTOR = "system"
UNKNOWN_ACTOR = "unknown"
"""The actor of a request without a known account, and of a refused one without a session."""


def audit_row(
    action: Action,
    subject: AuditSubject,
    context: RequestContext,
    *,
    caller: Caller | None = None,
    actor: str | None = None,
    targets: tuple[str, ...] = (),
    session_id: SessionId | None = None,
    changed: tuple[str, ...] = (),
    device: str | None = None,
) -> AuditRow:
    """Return the row of a change that a request makes.

    caller  of the request, if authenticated: gives the actor, the session and the
            device that it was done from
    actor   instead of the caller; without either the subject acted
    device  the label of the device that was acted on
    """
    personal = {
        "ip_address": context.ip_address,
        "device": device or "",
        "reason": context.reason or "",
    }
    if caller is not None:
        personal["from_device"] = caller.device_name
        actor = actor or caller.audit_subject
        session_id = session_id or caller.session_id
    return AuditRow(
        id=RowId(new_ordered_id("aud", context.now)),
        at=context.now,
        action=action,
        subject=subject,
        actor=actor or subject.id,
        request_id=context.request_id,
        targets=targets,
        session_id=session_id,
        changed=changed,
        personal={name: value for name, value in personal.items() if value},
    )
