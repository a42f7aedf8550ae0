"""Erasing accounts, and the tasks of the cleanup schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.exports import export_upkeep
from latchkey.wiring.storage import (
    account_store,
    audit_log,
    effect_writer,
    outbox_store,
    table,
    task_leases,
)

if TYPE_CHECKING:
    from latchkey.flows.avatar_erasure import AvatarErasure
    from latchkey.flows.cleanup import Cleanup
    from latchkey.flows.erasure import Erasure
    from latchkey.flows.heartbeats import Heartbeats
    from latchkey.storage.deletions import DeletionStore
    from latchkey.wiring import Services


@part
def deletion_store(services: Services) -> DeletionStore:
    from latchkey.storage.deletions import DeletionStore

    return DeletionStore(services[table], services[effect_writer])


@part
def avatar_erasure(services: Services) -> AvatarErasure:
    from latchkey.flows.avatar_erasure import AvatarErasure
    from latchkey.wiring.users import media

    return AvatarErasure(accounts=services[account_store], media=lambda: services[media])


@part
def erasure(services: Services) -> Erasure:
    """Each store of user data outside the table is one entry of `external_data`."""
    from latchkey.flows.erasure import Erasure
    from latchkey.security.receipts import ReceiptSigner
    from latchkey.wiring.tokens import signing_key_store

    signer = ReceiptSigner(services[signing_key_store].key_ring, issuer=services.config.issuer)
    return Erasure(
        accounts=services[account_store],
        deletions=services[deletion_store],
        outbox=services[outbox_store],
        external_data=(services[export_upkeep], services[avatar_erasure]),
        sign=signer.sign,
    )


@part
def heartbeats(services: Services) -> Heartbeats:
    from latchkey.flows.heartbeats import Heartbeats

    return Heartbeats(outbox=services[outbox_store], audit=services[audit_log])


@part
def cleanup(services: Services) -> Cleanup:
    """A new scheduled task is one entry here."""
    from latchkey.flows.cleanup import Cleanup, Task
    from latchkey.wiring.mail import outbox_relay
    from latchkey.wiring.sessions import session_upkeep

    exports = services[export_upkeep]
    return Cleanup(
        tasks=(
            Task(name="send_heartbeats", run=services[heartbeats].send),
            Task(name="relay_overdue", run=services[outbox_relay].relay_overdue),
            Task(name="requeue_exports", run=exports.requeue_stuck),
            Task(name="expire_exports", run=exports.expire),
            Task(name="erase_due_accounts", run=services[erasure].start_due),
            Task(name="remove_overdue_sessions", run=services[session_upkeep].remove_overdue),
            Task(name="redrive_exports", run=exports.redrive, manual=True),
        ),
        leases=services[task_leases],
    )
