"""Accounts: profile, picture, preferences, consents, deletion and restoration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import (
    account_store,
    administrators,
    effect_writer,
    idempotency_store,
    table,
)

if TYPE_CHECKING:
    from latchkey.flows.avatars import Avatars, Media
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.flows.preferences import PreferenceFlows
    from latchkey.flows.profile import Profile
    from latchkey.flows.public_profiles import PublicProfiles
    from latchkey.storage.avatars import AvatarStore
    from latchkey.storage.consents import ConsentStore
    from latchkey.storage.preferences import PreferenceStore
    from latchkey.wiring import Services


@part
def consent_store(services: Services) -> ConsentStore:
    from latchkey.storage.consents import ConsentStore

    return ConsentStore(services[table])


@part
def profile(services: Services) -> Profile:
    from latchkey.flows.profile import Profile

    return Profile(
        accounts=services[account_store],
        consents=services[consent_store],
        consent_text_version=services.config.consent_text_version,
    )


@part
def public_profiles(services: Services) -> PublicProfiles:
    from latchkey.flows.public_profiles import PublicProfiles
    from latchkey.storage.reads import AccountReader

    return PublicProfiles(
        accounts=AccountReader(services[table]), is_enabled=services.config.public_profiles
    )


@part
def preference_store(services: Services) -> PreferenceStore:
    from latchkey.storage.preferences import PreferenceStore

    return PreferenceStore(services[table], services[effect_writer])


@part
def preferences(services: Services) -> PreferenceFlows:
    from latchkey.flows.preferences import PreferenceFlows

    return PreferenceFlows(accounts=services[account_store], store=services[preference_store])


@part
def avatar_store(services: Services) -> AvatarStore:
    from latchkey.storage.avatars import AvatarStore

    return AvatarStore(services[table])


@part
def media(services: Services) -> Media:
    from latchkey.storage.media import MediaBucket

    return MediaBucket(services.config.media_bucket)


@part
def avatars(services: Services) -> Avatars:
    from latchkey.flows.avatars import Avatars

    def render(content: bytes) -> bytes:
        # Pillow is only in the layer of the functions that accept pictures.
        from latchkey.security.images import to_avatar

        return to_avatar(content)

    return Avatars(
        profile=services[profile],
        store=services[avatar_store],
        keys=services[idempotency_store],
        media=lambda: services[media],
        render=render,
    )


@part
def life_cycle(services: Services) -> LifeCycle:
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.wiring.sessions import session_ending

    return LifeCycle(
        accounts=services[account_store],
        administrators=services[administrators],
        ending=services[session_ending],
        grace=services.config.deletion_grace,
        restorable=services.config.self_service_restore,
    )
