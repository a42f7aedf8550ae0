"""Trusted issuers: their keys, and the sessions of their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.config import prepares
from latchkey.wiring import part
from latchkey.wiring.storage import clock, identity_store, session_reader, session_store, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.domain.issuers import TrustedIssuer
    from latchkey.flows.external_authorization import ExternalAuthorization
    from latchkey.flows.external_sessions import FirstSight
    from latchkey.flows.issuer_keys import IssuerKeyFetching
    from latchkey.flows.issuer_tokens import IssuerKeyring
    from latchkey.storage.issuer_documents import IssuerDocuments
    from latchkey.storage.issuers import IssuerStore
    from latchkey.wiring import Services


@part
def issuer_store(services: Services) -> IssuerStore:
    from latchkey.storage.issuers import IssuerStore

    return IssuerStore(services[table])


@part
def issuer_documents(services: Services) -> IssuerDocuments:
    from latchkey.storage.issuer_documents import IssuerDocuments

    return IssuerDocuments(loopback=services.config.local_issuers)


@part
def issuer_key_fetching(services: Services) -> IssuerKeyFetching:
    from latchkey.flows.issuer_keys import IssuerKeyFetching

    config = services.config
    return IssuerKeyFetching(
        parameter=config.trusted_issuers,
        loopback=config.local_issuers,
        own_issuer=config.issuer,
        store=services[issuer_store],
        documents=services[issuer_documents],
    )


@part
def invoker(_: Services) -> Callable[[str, Mapping[str, str]], None]:
    from latchkey.storage.invocations import invoke

    return invoke


@part
def issuer_keyring(services: Services) -> IssuerKeyring:
    from latchkey.flows.issuer_tokens import IssuerKeyring
    from latchkey.storage.parameters import CachedParameter

    store = services[issuer_store]
    cache = CachedParameter(store.read, name="trusted issuers")
    if prepares():
        cache.preload()

    def ask(issuer: TrustedIssuer) -> None:
        function = services.config.fetch_issuer_keys_function
        services[invoker](function, {"issuer": issuer.issuer})

    return IssuerKeyring(store=store, cache=cache, ask=ask, clock=services[clock])


@part
def external_authorization(services: Services) -> ExternalAuthorization:
    from latchkey.flows.external_authorization import ExternalAuthorization
    from latchkey.security.external_tokens import ExternalTokenVerifier

    keyring = services[issuer_keyring]
    return ExternalAuthorization(
        own_issuer=services.config.issuer,
        keyring=keyring,
        verifier=ExternalTokenVerifier(keyring.find),
        sessions=services[session_reader],
        first_sight=lambda: services[first_sight],
    )


@part
def first_sight(services: Services) -> FirstSight:
    from latchkey.flows.external_sessions import FirstSight

    return FirstSight(
        identities=services[identity_store],
        sessions=services[session_store],
        idle_timeout=services.config.idle_timeout,
        absolute_timeout=services.config.absolute_timeout,
        session_limit=services.config.session_limit,
    )
