"""Sessions: refresh, step-up, ending, and administrators' searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import (
    account_store,
    administrators,
    audit_log,
    session_store,
    table,
    throttling,
)

if TYPE_CHECKING:
    from latchkey.flows.administration import Administration
    from latchkey.flows.ending import SessionEnding
    from latchkey.flows.reauthentication import Reauthentication
    from latchkey.flows.refreshing import Refreshing
    from latchkey.flows.session_upkeep import SessionUpkeep
    from latchkey.flows.sessions import Sessions
    from latchkey.storage.revocations import RevocationStore
    from latchkey.storage.search import SearchStore
    from latchkey.wiring import Services


@part
def session_ending(services: Services) -> SessionEnding:
    from latchkey.flows.ending import SessionEnding

    return SessionEnding(
        accounts=services[account_store],
        sessions=services[session_store],
        idle_timeout=services.config.idle_timeout,
    )


@part
def sessions(services: Services) -> Sessions:
    from latchkey.flows.sessions import Sessions

    return Sessions(
        store=services[session_store],
        ending=services[session_ending],
        idle_timeout=services.config.idle_timeout,
    )


@part
def refreshing(services: Services) -> Refreshing:
    from latchkey.flows.refreshing import Refreshing
    from latchkey.wiring.tokens import refresh_peppers, signer

    return Refreshing(
        sessions=services[session_store],
        signer=services[signer],
        peppers=services[refresh_peppers],
        idle_timeout=services.config.idle_timeout,
    )


@part
def reauthentication(services: Services) -> Reauthentication:
    from latchkey.flows.reauthentication import Reauthentication
    from latchkey.wiring.sign_in import passwords
    from latchkey.wiring.tokens import signer

    return Reauthentication(
        accounts=services[account_store],
        sessions=services[session_store],
        passwords=services[passwords],
        throttling=services[throttling],
        signer=services[signer],
    )


@part
def session_upkeep(services: Services) -> SessionUpkeep:
    from latchkey.flows.session_upkeep import SessionUpkeep

    return SessionUpkeep(
        sessions=services[session_store], absolute_timeout=services.config.absolute_timeout
    )


@part
def search_store(services: Services) -> SearchStore:
    from latchkey.storage.search import SearchStore

    return SearchStore(services[table])


@part
def revocation_store(services: Services) -> RevocationStore:
    from latchkey.storage.revocations import RevocationStore

    return RevocationStore(services[table])


@part
def administration(services: Services) -> Administration:
    from latchkey.flows.administration import Administration

    return Administration(
        accounts=services[account_store],
        sessions=services[session_store],
        administrators=services[administrators],
        search=services[search_store],
        revocations=services[revocation_store],
        audit=services[audit_log],
        ending=services[session_ending],
        idle_timeout=services.config.idle_timeout,
    )
