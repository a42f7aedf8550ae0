"""Emails: sending them, bounces and complaints, and the relay from the outbox to the queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import (
    account_store,
    effect_writer,
    mailed_code_store,
    outbox_store,
    session_store,
    table,
    throttling,
)

if TYPE_CHECKING:
    from latchkey.flows.mail_health import MailHealth
    from latchkey.flows.mailing import Mailing, MailSender
    from latchkey.flows.outbox import OutboxRelay, QueueSender
    from latchkey.storage.mail_suppressions import MailSuppressionStore
    from latchkey.wiring import Services


@part
def queues(services: Services) -> QueueSender:
    from latchkey.storage.queues import Queues

    return Queues(services.config.queue_urls)


@part
def outbox_relay(services: Services) -> OutboxRelay:
    from latchkey.flows.outbox import OutboxRelay

    return OutboxRelay(outbox=services[outbox_store], queues=services[queues])


@part
def mail_suppression_store(services: Services) -> MailSuppressionStore:
    from latchkey.storage.mail_suppressions import MailSuppressionStore

    return MailSuppressionStore(services[table], services[effect_writer])


@part
def mail_health(services: Services) -> MailHealth:
    from latchkey.flows.mail_health import MailHealth

    return MailHealth(
        accounts=services[account_store], suppressions=services[mail_suppression_store]
    )


@part
def mailer(services: Services) -> MailSender:
    from latchkey.storage.mailer import Mailer

    return Mailer(
        sender=services.config.mail_sender,
        sender_name=services.config.service_name,
        configuration_set=services.config.mail_configuration_set,
    )


@part
def mailing(services: Services) -> Mailing:
    from latchkey.flows.mailing import Mailing
    from latchkey.wiring.links import single_use_token_store
    from latchkey.wiring.tokens import link_peppers

    return Mailing(
        accounts=services[account_store],
        sessions=services[session_store],
        tokens=services[single_use_token_store],
        suppressions=services[mail_suppression_store],
        codes=services[mailed_code_store],
        throttling=services[throttling],
        sender=services[mailer],
        peppers=services[link_peppers],
        link_base=services.config.link_base,
        service_name=services.config.service_name,
        support_contact=services.config.support_contact,
    )
