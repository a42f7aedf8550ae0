"""Domain objects with sensible defaults: name only what the test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from latchkey.domain.account import Account, Role
from latchkey.domain.audit import Action, AuditSubject, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.ids import SubjectId, new_id
from latchkey.domain.request import RequestContext
from latchkey.domain.session import Device, LoginMethod, Session

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def an_account(**fields: Any) -> Account:
    identity = new_id("usr", NOW)
    defaults: dict[str, Any] = {
        "id": identity,
        "email": f"{identity}@example.com",
        "password_hash": "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "audit": AuditSubject(SubjectId(new_id("sub", NOW)), bytes(32)),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Account(**{**defaults, **fields})


def a_session(account: Account, **fields: Any) -> Session:
    defaults: dict[str, Any] = {
        "id": new_id("ses", NOW),
        "account_id": account.id,
        "audit": account.audit,
        "role": Role.USER,
        "device": Device(name="Chrome on Windows", browser="Chrome", os="Windows", type="desktop"),
        "device_id": new_id("dev", NOW),
        "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + "x" * 100,
        "ip_address": "203.0.113.7",
        "login_method": LoginMethod.PASSWORD,
        "created_at": NOW,
        "authenticated_at": NOW,
        "last_activity_at": NOW,
        "expires_at": NOW + timedelta(days=90),
        "secret": bytes(32),
    }
    return Session(**{**defaults, **fields})


def a_context(**fields: Any) -> RequestContext:
    defaults: dict[str, Any] = {"request_id": "request-1", "now": NOW, "ip_address": "203.0.113.7"}
    return RequestContext(**{**defaults, **fields})


def some_effects(account: Account) -> Effects:
    row = audit_row(Action.SESSION_STARTED, account.audit, a_context(), device="Chrome on Windows")
    return Effects(audit=(row,))
