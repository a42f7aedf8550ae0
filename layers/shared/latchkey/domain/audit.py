"""The audit trail's vocabulary: every action that is recorded, and what a row says of it.

A new action needs words for the person whom it concerns: `audit_words.WORDS`, next door.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.ids import new_ordered_id

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.request import Caller, RequestContext


class Action(StrEnum):
    """What happened, as `subject.event[.by_whom]`. Values are stored: add, never rename."""

    ACCOUNT_REGISTERED = "account.registered"
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


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """Whom rows are about: a random pseudonym, and the key that seals what is personal in them.

    Both live on the account and on its sessions only. Erasing those leaves rows that nobody can
    connect to a person or read, while the trail itself stays whole.
    """

    id: str
    key: bytes


OK = "OK"
"""The outcome of what was done; any other outcome is the public code of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row, written in the transaction of the change that it records.

    subject  None for what concerns everybody, such as the signing keys
    actor    the account that acted, as its pseudonym; "system" for schedules
    outcome  OK, or the code of the error that the request was answered with
    reason   our own word on why, where there is one; never what a client sent
    targets  the sessions or other objects that were acted on
    changed  names of changed fields, never their values
    personal what is sealed under the subject's key: IP address, device labels, an
             administrator's reason
    """

    id: str
    at: datetime
    action: Action
    subject: AuditSubject | None
    actor: str
    request_id: str
    outcome: str = OK
    reason: str | None = None
    targets: tuple[str, ...] = ()
    session_id: str | None = None
    changed: tuple[str, ...] = ()
    personal: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """A row as the trail keeps it: its subject is a pseudonym, what is personal is sealed.

    subject_id  None for a request that concerns nobody whom we know
    operation   for the row of a request: the endpoint's name
    """

    id: str
    at: datetime
    action: Action
    actor: str
    request_id: str
    subject_id: str | None = None
    outcome: str = OK
    reason: str | None = None
    operation: str | None = None
    targets: tuple[str, ...] = ()
    session_id: str | None = None
    changed: tuple[str, ...] = ()
    sealed: bytes | None = None

    @property
    def place(self) -> str:
        """Where what is sealed in this row belongs: to it, or to the request that it is of."""
        if self.operation is None:
            return row_place(self.subject_id, self.id)
        return request_place(self.subject_id, self.request_id)


def row_place(subject_id: str | None, row_id: str) -> str:
    """Name the row of a change."""
    return f"row|{subject_id}|{row_id}"


def request_place(subject_id: str | None, request_id: str) -> str:
    """Name the row of a request; its own id is made later, from the line that it logged."""
    return f"request|{subject_id}|{request_id}"


SYSTEM_ACTOR = "system"
UNKNOWN_ACTOR = "unknown"
"""Of a request that nobody is known to have sent."""


def audit_row(
    action: Action,
    subject: AuditSubject,
    context: RequestContext,
    *,
    caller: Caller | None = None,
    actor: str | None = None,
    targets: tuple[str, ...] = (),
    session_id: str | None = None,
    changed: tuple[str, ...] = (),
    device: str | None = None,
) -> AuditRow:
    """Make the row of a change that a request asks for.

    caller  who asked for it, where somebody is signed in: names the actor, the session and the
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
        id=new_ordered_id("aud", context.now),
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
