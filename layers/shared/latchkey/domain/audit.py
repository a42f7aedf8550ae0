"""The audit trail's vocabulary: every action that is recorded, and what a row says of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.request import RequestContext


class Action(StrEnum):
    """What happened, as `subject.event[.by_whom]`. Values are stored: add, never rename."""

    ACCOUNT_REGISTERED = "account.registered"
    PROFILE_CHANGED = "profile.changed"
    PROFILE_CHANGED_BY_ADMIN = "profile.changed.by_admin"
    PREFERENCES_CHANGED = "preferences.changed"
    PREFERENCES_CHANGED_BY_ADMIN = "preferences.changed.by_admin"
    PREFERENCES_RESET = "preferences.reset"
    PREFERENCES_RESET_BY_ADMIN = "preferences.reset.by_admin"
    SESSION_STARTED = "session.started"
    SESSION_REVOKED_BY_OWNER = "session.revoked.by_owner"
    SESSION_ENDED_BY_LOGOUT = "session.ended.by_logout"
    SESSION_ENDED_BY_LIMIT = "session.ended.by_limit"
    SESSION_SUPERSEDED = "session.superseded"
    SESSION_ENDED_BY_REUSE = "session.ended.by_refresh_token_reuse"
    SESSIONS_REVOKED_BY_OWNER = "sessions.revoked.by_owner"
    SESSION_REAUTHENTICATED = "session.reauthenticated"
    SIGNING_KEY_ROTATED = "signing_key.rotated"


@dataclass(frozen=True, slots=True)
class AuditSubject:
    """Whom rows are about: a random pseudonym, and the key that seals what is personal in them.

    Both live on the account and on its sessions only. Erasing those leaves rows that nobody can
    connect to a person or read, while the trail itself stays whole.
    """

    id: str
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row, written in the transaction of the change that it records.

    actor    the account that acted, as its pseudonym; "system" for schedules
    targets  the sessions or other objects that were acted on
    changed  names of changed fields, never their values
    personal what is sealed under the subject's key: IP address, device label
    """

    id: str
    at: datetime
    action: Action
    subject: AuditSubject
    actor: str
    request_id: str
    targets: tuple[str, ...] = ()
    session_id: str | None = None
    changed: tuple[str, ...] = ()
    personal: dict[str, str] | None = None


SYSTEM_ACTOR = "system"


def audit_row(
    action: Action,
    subject: AuditSubject,
    context: RequestContext,
    *,
    actor: str | None = None,
    targets: tuple[str, ...] = (),
    session_id: str | None = None,
    changed: tuple[str, ...] = (),
    device: str | None = None,
) -> AuditRow:
    """Make the row of a change that a request asks for; the actor is the subject unless named."""
    personal = {"ip_address": context.ip_address, "device": device or ""}
    return AuditRow(
        id=context.new_id("aud"),
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
