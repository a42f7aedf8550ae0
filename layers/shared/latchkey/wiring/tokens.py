"""Signing keys, peppers, access tokens, and the authorizer that verifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.config import is_hot, prepares
from latchkey.wiring import part
from latchkey.wiring.storage import account_reader, audit_log, session_reader, task_leases

if TYPE_CHECKING:
    from latchkey.flows.authorization import Authorization
    from latchkey.flows.introspection import Introspection
    from latchkey.flows.metadata import Metadata
    from latchkey.flows.signing_keys import SigningKeys
    from latchkey.security.access_tokens import AccessTokenSigner
    from latchkey.security.token_verification import AccessTokenVerifier
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.signing_keys import SigningKeyStore
    from latchkey.wiring import Services


@part
def signing_key_store(services: Services) -> SigningKeyStore:
    from latchkey.storage.signing_keys import SigningKeyStore

    return SigningKeyStore(services.config.key_prefix, epoch=services.config.key_epoch)


@part
def refresh_peppers(services: Services) -> PepperStore:
    from latchkey.storage.peppers import PepperStore

    peppers = PepperStore(services.config.key_prefix, "refresh")
    if prepares():
        peppers.preload()
    return peppers


@part
def link_peppers(services: Services) -> PepperStore:
    from latchkey.storage.peppers import PepperStore

    return PepperStore(services.config.key_prefix, "link")


@part
def signer(services: Services) -> AccessTokenSigner:
    from latchkey.security.access_tokens import AccessTokenSigner

    if is_hot():
        from latchkey.security.lean_jwt_encoding import encode
    else:
        from latchkey.security.jwt_encoding import encode
    keys = services[signing_key_store]
    if prepares():
        keys.preload(private=True)
    return AccessTokenSigner(
        keys.key_ring,
        encode,
        issuer=services.config.issuer,
        audience=services.config.audience,
        lifetime=services.config.access_token_lifetime,
    )


@part
def verifier(services: Services) -> AccessTokenVerifier:
    from latchkey.security.token_verification import AccessTokenVerifier

    keys = services[signing_key_store]
    if prepares():
        keys.preload(private=False)
    return AccessTokenVerifier(
        keys.find_public,
        issuer=services.config.issuer,
        audience=services.config.audience,
        lifetime=services.config.access_token_lifetime,
    )


@part
def own_authorization(services: Services) -> Authorization:
    """Of own tokens only."""
    from latchkey.flows.authorization import Authorization

    return Authorization(
        verifier=services[verifier],
        accounts=services[account_reader],
        sessions=services[session_reader],
        idle_timeout=services.config.idle_timeout,
        last_activity_interval=services.config.last_activity_interval,
    )


@part
def authorization(services: Services) -> Authorization:
    own = services[own_authorization]
    if not services.config.external_issuers:
        return own
    from latchkey.domain.values import replace
    from latchkey.wiring.issuers import external_authorization

    return replace(own, external=services[external_authorization])


@part
def introspection(services: Services) -> Introspection:
    from latchkey.flows.introspection import Introspection

    return Introspection(
        # A session of another issuer starts with a request of the person, not of a backend.
        authorization=services[own_authorization],
        issuer=services.config.issuer,
        audience=services.config.audience,
    )


@part
def metadata(services: Services) -> Metadata:
    from latchkey.flows.metadata import Metadata

    return Metadata(issuer=services.config.issuer, public_url=services.config.public_url)


@part
def signing_keys(services: Services) -> SigningKeys:
    from latchkey.flows.signing_keys import (
        RotatedPeppers,
        SigningKeys,
        link_lifetime,
        refresh_lifetime,
    )

    config = services.config
    refresh = refresh_lifetime(config.idle_timeout, config.access_token_lifetime)
    link = link_lifetime(config.deletion_grace)
    return SigningKeys(
        store=services[signing_key_store],
        peppers=(
            RotatedPeppers(services[refresh_peppers], refresh),
            RotatedPeppers(services[link_peppers], link),
        ),
        leases=services[task_leases],
        audit=services[audit_log],
        epoch=config.key_epoch,
        rotation_interval=config.key_rotation_interval,
        access_token_lifetime=config.access_token_lifetime,
    )
