"""Shared parts: the clock, public URLs, the table and its stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.config import prepares, uses_lean_client
from latchkey.domain.clock import Clock, SystemClock
from latchkey.domain.request import PublicUrls
from latchkey.wiring import part

if TYPE_CHECKING:
    from latchkey.flows.throttling import Throttling
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.administrators import Administrators
    from latchkey.storage.audit_log import AuditLog
    from latchkey.storage.aws import Client
    from latchkey.storage.devices import DeviceStore
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.idempotency import IdempotencyStore
    from latchkey.storage.identities import IdentityStore
    from latchkey.storage.mailed_codes import MailedCodeStore
    from latchkey.storage.outbox import OutboxStore
    from latchkey.storage.rate_limits import RateLimitStore
    from latchkey.storage.reads import AccountReader, SessionReader
    from latchkey.storage.sessions import SessionStore
    from latchkey.storage.sign_ins import SignInReader
    from latchkey.storage.table import Table
    from latchkey.storage.task_leases import TaskLeases
    from latchkey.wiring import Services


@part
def clock(_: Services) -> Clock:
    return SystemClock()


@part
def public_urls(services: Services) -> PublicUrls:
    return PublicUrls(
        public_url=services.config.public_url,
        allowed_origins=services.config.allowed_origins,
        media_url=services.config.media_url,
    )


@part
def table(services: Services) -> Table:
    from latchkey.storage.dynamodb import DynamoDBTable

    names = {"main": services.config.table_name, "audit": services.config.audit_table_name}
    return DynamoDBTable(_client(), names)  # type: ignore[arg-type]


def _client() -> Client:
    """Return the client of DynamoDB. In Lambda, a lean one connects now."""
    if uses_lean_client():
        from latchkey.storage.lean_client import LeanClient

        lean = LeanClient()
        if prepares():
            lean.connect()
        return lean
    from latchkey.storage.boto_client import BotoClient

    return BotoClient()


@part
def effect_writer(services: Services) -> EffectWriter:
    from latchkey.security.sealing import seal
    from latchkey.storage.effects import EffectWriter

    return EffectWriter(seal, retention=services.config.audit_retention)


@part
def account_reader(services: Services) -> AccountReader:
    from latchkey.storage.reads import AccountReader

    return AccountReader(services[table])


@part
def session_reader(services: Services) -> SessionReader:
    from latchkey.storage.reads import SessionReader

    return SessionReader(services[table])


@part
def account_store(services: Services) -> AccountStore:
    from latchkey.storage.accounts import AccountStore

    return AccountStore(services[table], services[effect_writer])


@part
def session_store(services: Services) -> SessionStore:
    from latchkey.storage.sessions import SessionStore

    return SessionStore(services[table], services[effect_writer])


@part
def identity_store(services: Services) -> IdentityStore:
    from latchkey.storage.identities import IdentityStore

    return IdentityStore(services[table], services[effect_writer])


@part
def administrators(services: Services) -> Administrators:
    from latchkey.storage.administrators import Administrators

    return Administrators(services[table])


@part
def audit_log(services: Services) -> AuditLog:
    from latchkey.storage.audit_log import AuditLog

    return AuditLog(services[table], services[effect_writer])


@part
def outbox_store(services: Services) -> OutboxStore:
    from latchkey.storage.outbox import OutboxStore

    return OutboxStore(services[table])


@part
def device_store(services: Services) -> DeviceStore:
    from latchkey.storage.devices import DeviceStore

    return DeviceStore(services[table])


@part
def sign_in_reader(services: Services) -> SignInReader:
    from latchkey.storage.sign_ins import SignInReader

    return SignInReader(services[table])


@part
def mailed_code_store(services: Services) -> MailedCodeStore:
    from latchkey.storage.mailed_codes import MailedCodeStore

    return MailedCodeStore(services[table])


@part
def idempotency_store(services: Services) -> IdempotencyStore:
    from latchkey.storage.idempotency import IdempotencyStore

    return IdempotencyStore(services[table])


@part
def task_leases(services: Services) -> TaskLeases:
    from latchkey.storage.task_leases import TaskLeases

    return TaskLeases(services[table])


@part
def rate_limit_store(services: Services) -> RateLimitStore:
    from latchkey.storage.rate_limits import RateLimitStore

    return RateLimitStore(services[table])


@part
def throttling(services: Services) -> Throttling:
    from latchkey.flows.throttling import Throttling

    return Throttling(store=services[rate_limit_store], factor=services.config.rate_limit_factor)
