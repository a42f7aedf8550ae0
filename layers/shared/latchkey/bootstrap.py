"""The composition root: the only place that knows which class stands behind what.

Imports are inside the properties, so that a function loads only what it uses; nothing else in the
package imports lazily. Tests build `Services` with other parts and put them in place with `use`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from latchkey.config import Config
from latchkey.domain.clock import Clock, SystemClock

if TYPE_CHECKING:
    from latchkey.flows.activity import Activity
    from latchkey.flows.administration import Administration
    from latchkey.flows.audit_chain import AuditChain
    from latchkey.flows.audit_search import AuditSearch
    from latchkey.flows.authorization import Authorization
    from latchkey.flows.avatars import Avatars, Media
    from latchkey.flows.cleanup import Cleanup
    from latchkey.flows.disowning import Disowning
    from latchkey.flows.email_address import EmailAddress
    from latchkey.flows.ending import SessionEnding
    from latchkey.flows.erasure import Erasure
    from latchkey.flows.export_parts import Sources
    from latchkey.flows.export_upkeep import ExportUpkeep
    from latchkey.flows.export_worker import ExportWorker
    from latchkey.flows.exports import Exports
    from latchkey.flows.identification import Identification
    from latchkey.flows.life_cycle import LifeCycle
    from latchkey.flows.links import Links
    from latchkey.flows.login_codes import LoginCodes
    from latchkey.flows.mail_health import MailHealth
    from latchkey.flows.mailing import Mailing, MailSender
    from latchkey.flows.outbox import OutboxRelay, QueueSender
    from latchkey.flows.password import Password
    from latchkey.flows.preferences import PreferenceFlows
    from latchkey.flows.profile import Profile
    from latchkey.flows.reauthentication import Reauthentication
    from latchkey.flows.refreshing import Refreshing
    from latchkey.flows.registration import Registration
    from latchkey.flows.request_trail import RequestTrail
    from latchkey.flows.self_restore import SelfRestore
    from latchkey.flows.sessions import Sessions
    from latchkey.flows.sign_in import SignIn
    from latchkey.flows.signing_keys import SigningKeys
    from latchkey.flows.throttling import Throttling
    from latchkey.security.access_tokens import AccessTokenSigner, AccessTokenVerifier
    from latchkey.security.password_policy import PasswordPolicy
    from latchkey.security.passwords import Passwords
    from latchkey.security.places import Places
    from latchkey.storage.accounts import AccountStore
    from latchkey.storage.administrators import Administrators
    from latchkey.storage.audit import AuditStore
    from latchkey.storage.audit_keys import AuditKey
    from latchkey.storage.audit_vault import AuditVault
    from latchkey.storage.avatars import AvatarStore
    from latchkey.storage.consents import ConsentStore
    from latchkey.storage.deletions import DeletionStore
    from latchkey.storage.devices import DeviceStore
    from latchkey.storage.effects import EffectWriter
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore
    from latchkey.storage.idempotency import IdempotencyStore
    from latchkey.storage.mail_suppressions import MailSuppressionStore
    from latchkey.storage.mailed_codes import MailedCodeStore
    from latchkey.storage.outbox import OutboxStore
    from latchkey.storage.peppers import PepperStore
    from latchkey.storage.preferences import PreferenceStore
    from latchkey.storage.rate_limits import RateLimitStore
    from latchkey.storage.sessions import SessionStore
    from latchkey.storage.signing_keys import SigningKeyStore
    from latchkey.storage.single_use_tokens import SingleUseTokenStore
    from latchkey.storage.table import Table


class Services:
    """Everything that one running function may need, made when it is first asked for."""

    def __init__(self, config: Config | None = None, **parts: object) -> None:
        """Take the configuration from the environment unless it is given.

        parts  stand in, by name, for what the properties would make: `table=MemoryTable()`
        """
        self.config = config or Config.from_env()
        for name, part in parts.items():
            if not isinstance(getattr(type(self), name, None), cached_property):
                msg = f"there is no part named {name}"
                raise TypeError(msg)
            setattr(self, name, part)

    @cached_property
    def clock(self) -> Clock:
        return SystemClock()

    # Storage ---------------------------------------------------------------------------------

    @cached_property
    def table(self) -> Table:
        from latchkey.storage.boto_client import BotoClient
        from latchkey.storage.dynamodb import DynamoDBTable

        names = {"main": self.config.table_name, "audit": self.config.audit_table_name}
        return DynamoDBTable(BotoClient(), names)  # type: ignore[arg-type]

    @cached_property
    def accounts(self) -> AccountStore:
        from latchkey.storage.accounts import AccountStore

        return AccountStore(self.table, self._effects)

    @cached_property
    def avatar_store(self) -> AvatarStore:
        from latchkey.storage.avatars import AvatarStore

        return AvatarStore(self.table)

    @cached_property
    def idempotency_keys(self) -> IdempotencyStore:
        from latchkey.storage.idempotency import IdempotencyStore

        return IdempotencyStore(self.table)

    @cached_property
    def media(self) -> Media:
        from latchkey.storage.media import MediaBucket

        return MediaBucket(self.config.media_bucket)

    @cached_property
    def consents(self) -> ConsentStore:
        from latchkey.storage.consents import ConsentStore

        return ConsentStore(self.table)

    @cached_property
    def preference_store(self) -> PreferenceStore:
        from latchkey.storage.preferences import PreferenceStore

        return PreferenceStore(self.table, self._effects)

    @cached_property
    def administrators(self) -> Administrators:
        from latchkey.storage.administrators import Administrators

        return Administrators(self.table)

    @cached_property
    def deletions(self) -> DeletionStore:
        from latchkey.storage.deletions import DeletionStore

        return DeletionStore(self.table, self._effects)

    @cached_property
    def sessions(self) -> SessionStore:
        from latchkey.storage.sessions import SessionStore

        return SessionStore(self.table, self._effects)

    @cached_property
    def audit(self) -> AuditStore:
        from latchkey.storage.audit import AuditStore

        return AuditStore(self.table, request_retention=self.config.request_retention)

    @cached_property
    def audit_key(self) -> AuditKey:
        from latchkey.security import audit_signatures as signatures
        from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey

        if self.config.audit_kms_key:
            return KmsAuditKey(
                self.config.audit_kms_key,
                self.config.key_prefix,
                to_raw=signatures.raw_signature,
                to_jwk=signatures.jwk_of_der,
            )
        return AuditKeyStore(
            self.config.key_prefix, make=signatures.new_audit_key, load=signatures.LocalSigner
        )

    @cached_property
    def audit_vault(self) -> AuditVault:
        from latchkey.storage.audit_vault import S3AuditVault

        return S3AuditVault(self.config.audit_bucket)

    @cached_property
    def devices(self) -> DeviceStore:
        from latchkey.storage.devices import DeviceStore

        return DeviceStore(self.table)

    @cached_property
    def mailed_codes(self) -> MailedCodeStore:
        from latchkey.storage.mailed_codes import MailedCodeStore

        return MailedCodeStore(self.table)

    @cached_property
    def rate_limits(self) -> RateLimitStore:
        from latchkey.storage.rate_limits import RateLimitStore

        return RateLimitStore(self.table)

    @cached_property
    def signing_key_store(self) -> SigningKeyStore:
        from latchkey.storage.signing_keys import SigningKeyStore

        return SigningKeyStore(self.config.key_prefix, epoch=self.config.key_epoch)

    @cached_property
    def refresh_peppers(self) -> PepperStore:
        from latchkey.storage.peppers import PepperStore

        return PepperStore(self.config.key_prefix, "refresh")

    @cached_property
    def link_peppers(self) -> PepperStore:
        from latchkey.storage.peppers import PepperStore

        return PepperStore(self.config.key_prefix, "link")

    @cached_property
    def outbox(self) -> OutboxStore:
        from latchkey.storage.outbox import OutboxStore

        return OutboxStore(self.table)

    @cached_property
    def single_use_tokens(self) -> SingleUseTokenStore:
        from latchkey.storage.single_use_tokens import SingleUseTokenStore

        return SingleUseTokenStore(self.table)

    @cached_property
    def mail_suppressions(self) -> MailSuppressionStore:
        from latchkey.storage.mail_suppressions import MailSuppressionStore

        return MailSuppressionStore(self.table, self._effects)

    @cached_property
    def mailer(self) -> MailSender:
        from latchkey.storage.mailer import Mailer

        return Mailer(
            sender=self.config.mail_sender,
            sender_name=self.config.service_name,
            configuration_set=self.config.mail_configuration_set,
        )

    @cached_property
    def queues(self) -> QueueSender:
        from latchkey.storage.queues import Queues

        return Queues(self.config.queue_urls)

    @cached_property
    def exports(self) -> ExportStore:
        from latchkey.storage.exports import ExportStore

        return ExportStore(self.table, self._effects)

    @cached_property
    def export_files(self) -> ExportFiles:
        from latchkey.storage.s3_export_files import S3ExportFiles

        return S3ExportFiles(self.config.export_bucket)

    @cached_property
    def _effects(self) -> EffectWriter:
        from latchkey.security.sealing import seal
        from latchkey.storage.effects import EffectWriter

        return EffectWriter(seal, retention=self.config.audit_retention)

    # Security --------------------------------------------------------------------------------

    @cached_property
    def passwords(self) -> Passwords:
        from latchkey.security.passwords import Passwords

        return Passwords()

    @cached_property
    def password_policy(self) -> PasswordPolicy:
        import urllib.parse

        from latchkey.security.common_passwords import CommonPasswords
        from latchkey.security.password_policy import PasswordPolicy

        host = urllib.parse.urlsplit(self.config.public_url).hostname or ""
        return PasswordPolicy(
            min_length=self.config.password_min_length,
            common=CommonPasswords(),
            service_words=(self.config.service_name, host),
        )

    @cached_property
    def places(self) -> Places | None:
        if not self.config.geoip_database_path:
            return None
        from latchkey.security.places import Places

        return Places(self.config.geoip_database_path)

    @cached_property
    def signer(self) -> AccessTokenSigner:
        from latchkey.security.access_tokens import AccessTokenSigner

        return AccessTokenSigner(
            self.signing_key_store.ring,
            issuer=self.config.issuer,
            audience=self.config.audience,
            lifetime=self.config.access_token_lifetime,
        )

    @cached_property
    def verifier(self) -> AccessTokenVerifier:
        from latchkey.security.access_tokens import AccessTokenVerifier

        return AccessTokenVerifier(
            self.signing_key_store.find_public,
            issuer=self.config.issuer,
            audience=self.config.audience,
            lifetime=self.config.access_token_lifetime,
        )

    # Flows -----------------------------------------------------------------------------------

    @cached_property
    def audit_chain(self) -> AuditChain:
        from latchkey.flows.audit_chain import AuditChain
        from latchkey.storage.audit_chain import AuditChainStore

        return AuditChain(
            store=AuditChainStore(self.table), signer=self.audit_key, vault=self.audit_vault
        )

    @cached_property
    def audit_search(self) -> AuditSearch:
        from latchkey.flows.audit_search import AuditSearch
        from latchkey.security.sealing import unseal

        return AuditSearch(
            accounts=self.accounts, audit=self.audit, effects=self._effects, unseal=unseal
        )

    @cached_property
    def request_trail(self) -> RequestTrail:
        from latchkey.flows.request_trail import RequestTrail

        return RequestTrail(audit=self.audit)

    @cached_property
    def activity(self) -> Activity:
        from latchkey.flows.activity import Activity
        from latchkey.security.sealing import unseal

        return Activity(accounts=self.accounts, audit=self.audit, unseal=unseal)

    @cached_property
    def authorization(self) -> Authorization:
        from latchkey.flows.authorization import Authorization

        return Authorization(
            verifier=self.verifier,
            accounts=self.accounts,
            sessions=self.sessions,
            idle_timeout=self.config.idle_timeout,
        )

    @cached_property
    def throttling(self) -> Throttling:
        from latchkey.flows.throttling import Throttling

        return Throttling(store=self.rate_limits, factor=self.config.rate_limit_factor)

    @cached_property
    def sign_in(self) -> SignIn:
        from latchkey.flows.sign_in import SignIn

        return SignIn(
            accounts=self.accounts,
            identification=self._identification,
            # Few sign-ins have a code.
            codes=lambda: self.login_codes,
            sessions=self.sessions,
            devices=self.devices,
            throttling=self.throttling,
            passwords=self.passwords,
            signer=self.signer,
            peppers=self.refresh_peppers,
            email_verification=self.config.email_verification,
            idle_timeout=self.config.idle_timeout,
            absolute_timeout=self.config.absolute_timeout,
            session_limit=self.config.session_limit,
            places=self.places,
        )

    @cached_property
    def _identification(self) -> Identification:
        from latchkey.flows.identification import Identification

        return Identification(accounts=self.accounts, peppers=self.refresh_peppers)

    @cached_property
    def login_codes(self) -> LoginCodes:
        from latchkey.flows.login_codes import LoginCodes

        return LoginCodes(
            accounts=self.accounts,
            identification=self._identification,
            codes=self.mailed_codes,
        )

    @cached_property
    def registration(self) -> Registration:
        from latchkey.flows.registration import Registration

        return Registration(
            accounts=self.accounts,
            passwords=self.passwords,
            policy=self.password_policy,
            throttling=self.throttling,
            sign_in=self.sign_in,
            email_verification=self.config.email_verification,
            keys=self.idempotency_keys,
        )

    @cached_property
    def session_flows(self) -> Sessions:
        from latchkey.flows.sessions import Sessions

        return Sessions(
            store=self.sessions,
            ending=self.session_ending,
            idle_timeout=self.config.idle_timeout,
        )

    @cached_property
    def session_ending(self) -> SessionEnding:
        from latchkey.flows.ending import SessionEnding

        return SessionEnding(
            accounts=self.accounts,
            sessions=self.sessions,
            idle_timeout=self.config.idle_timeout,
        )

    @cached_property
    def refreshing(self) -> Refreshing:
        from latchkey.flows.refreshing import Refreshing

        return Refreshing(
            sessions=self.sessions,
            signer=self.signer,
            peppers=self.refresh_peppers,
            idle_timeout=self.config.idle_timeout,
        )

    @cached_property
    def reauthentication(self) -> Reauthentication:
        from latchkey.flows.reauthentication import Reauthentication

        return Reauthentication(
            accounts=self.accounts,
            sessions=self.sessions,
            passwords=self.passwords,
            throttling=self.throttling,
            signer=self.signer,
        )

    @cached_property
    def avatars(self) -> Avatars:
        from latchkey.flows.avatars import Avatars

        def render(content: bytes) -> bytes:
            # Pillow is in the layer of the functions that take pictures, and in no other.
            from latchkey.security.images import to_avatar

            return to_avatar(content)

        return Avatars(
            profile=self.profile,
            store=self.avatar_store,
            keys=self.idempotency_keys,
            media=lambda: self.media,
            render=render,
        )

    @cached_property
    def preferences(self) -> PreferenceFlows:
        from latchkey.flows.preferences import PreferenceFlows

        return PreferenceFlows(accounts=self.accounts, store=self.preference_store)

    @cached_property
    def profile(self) -> Profile:
        from latchkey.flows.profile import Profile

        return Profile(
            accounts=self.accounts,
            consents=self.consents,
            consent_text_version=self.config.consent_text_version,
        )

    @cached_property
    def life_cycle(self) -> LifeCycle:
        from latchkey.flows.life_cycle import LifeCycle

        return LifeCycle(
            accounts=self.accounts,
            administrators=self.administrators,
            ending=self.session_ending,
            grace=self.config.deletion_grace,
            restorable=self.config.self_service_restore,
        )

    @cached_property
    def self_restore(self) -> SelfRestore:
        from latchkey.flows.self_restore import SelfRestore

        return SelfRestore(
            life_cycle=self.life_cycle,
            links=self._links,
            offered=self.config.self_service_restore,
        )

    @cached_property
    def administration(self) -> Administration:
        from latchkey.flows.administration import Administration
        from latchkey.storage.audit_log import AuditLog
        from latchkey.storage.revocations import RevocationStore
        from latchkey.storage.search import SearchStore

        return Administration(
            accounts=self.accounts,
            sessions=self.sessions,
            administrators=self.administrators,
            search=SearchStore(self.table),
            revocations=RevocationStore(self.table),
            audit=AuditLog(self.table, self._effects),
            ending=self.session_ending,
            idle_timeout=self.config.idle_timeout,
        )

    @cached_property
    def erasure(self) -> Erasure:
        """What is stored of a person outside the table is one line here."""
        from latchkey.flows.erasure import Erasure
        from latchkey.flows.picture_erasure import PictureErasure
        from latchkey.security.receipts import ReceiptSigner

        return Erasure(
            accounts=self.accounts,
            deletions=self.deletions,
            outbox=self.outbox,
            elsewhere=(
                self.export_upkeep,
                PictureErasure(accounts=self.accounts, media=lambda: self.media),
            ),
            sign=ReceiptSigner(self.signing_key_store.ring, issuer=self.config.issuer).sign,
        )

    @cached_property
    def _links(self) -> Links:
        from latchkey.flows.links import Links

        return Links(tokens=self.single_use_tokens, peppers=self.link_peppers)

    @cached_property
    def email_address(self) -> EmailAddress:
        from latchkey.flows.email_address import EmailAddress

        return EmailAddress(
            accounts=self.accounts,
            passwords=self.passwords,
            links=self._links,
            ending=self.session_ending,
            throttling=self.throttling,
        )

    @cached_property
    def disowning(self) -> Disowning:
        from latchkey.flows.disowning import Disowning

        return Disowning(sessions=self.sessions, links=self._links, ending=self.session_ending)

    @cached_property
    def password(self) -> Password:
        from latchkey.flows.password import Password

        return Password(
            accounts=self.accounts,
            passwords=self.passwords,
            policy=self.password_policy,
            links=self._links,
            ending=self.session_ending,
            throttling=self.throttling,
        )

    @cached_property
    def mailing(self) -> Mailing:
        from latchkey.flows.mailing import Mailing

        return Mailing(
            accounts=self.accounts,
            sessions=self.sessions,
            tokens=self.single_use_tokens,
            suppressions=self.mail_suppressions,
            codes=self.mailed_codes,
            throttling=self.throttling,
            sender=self.mailer,
            peppers=self.link_peppers,
            link_base=self.config.link_base,
            service_name=self.config.service_name,
            support_contact=self.config.support_contact,
        )

    @cached_property
    def mail_health(self) -> MailHealth:
        from latchkey.flows.mail_health import MailHealth

        return MailHealth(accounts=self.accounts, suppressions=self.mail_suppressions)

    @cached_property
    def outbox_relay(self) -> OutboxRelay:
        from latchkey.flows.outbox import OutboxRelay

        return OutboxRelay(outbox=self.outbox, queues=self.queues)

    @cached_property
    def export_flows(self) -> Exports:
        from latchkey.flows.exports import Exports

        return Exports(
            accounts=self.accounts,
            store=self.exports,
            keys=self.idempotency_keys,
            files=self.export_files,
            daily_limit=self.config.exports_per_day,
        )

    @cached_property
    def export_worker(self) -> ExportWorker:
        from latchkey.flows.export_worker import ExportWorker

        return ExportWorker(
            accounts=self.accounts,
            exports=self.exports,
            sources=self.export_sources,
            files=self.export_files,
            clock=self.clock,
            retention=self.config.export_retention,
        )

    @cached_property
    def export_sources(self) -> Sources:
        from latchkey.flows.export_parts import Sources

        return Sources(
            sessions=self.sessions,
            preferences=self.preference_store,
            consents=self.consents,
            exports=self.exports,
            suppressions=self.mail_suppressions,
            activity=self.activity,
            media=lambda: self.media,
        )

    @cached_property
    def export_upkeep(self) -> ExportUpkeep:
        from latchkey.flows.export_upkeep import ExportUpkeep

        return ExportUpkeep(accounts=self.accounts, exports=self.exports, files=self.export_files)

    @cached_property
    def cleanup(self) -> Cleanup:
        """What the schedule does: a new task is one line here."""
        from latchkey.flows.cleanup import Cleanup, Task
        from latchkey.flows.heartbeats import Heartbeats
        from latchkey.flows.session_upkeep import SessionUpkeep
        from latchkey.storage.audit_log import AuditLog
        from latchkey.storage.task_leases import TaskLeases

        exports = self.export_upkeep
        sessions = SessionUpkeep(
            sessions=self.sessions, absolute_timeout=self.config.absolute_timeout
        )
        heartbeats = Heartbeats(outbox=self.outbox, audit=AuditLog(self.table, self._effects))
        return Cleanup(
            tasks=(
                Task(name="send_heartbeats", run=heartbeats.send),
                Task(name="relay_overdue", run=self.outbox_relay.relay_overdue),
                Task(name="requeue_exports", run=exports.requeue_stuck),
                Task(name="expire_exports", run=exports.expire),
                Task(name="erase_due_accounts", run=self.erasure.start_due),
                Task(name="remove_overdue_sessions", run=sessions.remove_overdue),
                Task(name="redrive_exports", run=exports.redrive, by_hand=True),
            ),
            leases=TaskLeases(self.table),
        )

    @cached_property
    def signing_keys(self) -> SigningKeys:
        from latchkey.flows.signing_keys import (
            RotatedPeppers,
            SigningKeys,
            link_lifetime,
            refresh_lifetime,
        )
        from latchkey.storage.audit_log import AuditLog
        from latchkey.storage.task_leases import TaskLeases

        refresh = refresh_lifetime(self.config.idle_timeout, self.config.access_token_lifetime)
        link = link_lifetime(self.config.deletion_grace)
        return SigningKeys(
            store=self.signing_key_store,
            peppers=(
                RotatedPeppers(self.refresh_peppers, refresh),
                RotatedPeppers(self.link_peppers, link),
            ),
            leases=TaskLeases(self.table),
            audit=AuditLog(self.table, self._effects),
            epoch=self.config.key_epoch,
            rotation_interval=self.config.key_rotation_interval,
            access_token_lifetime=self.config.access_token_lifetime,
        )


_services: Services | None = None


def services() -> Services:
    """Return this process's services, made from the environment on first use."""
    global _services  # noqa: PLW0603 - one composition root a process is the point
    if _services is None:
        _services = Services()
    return _services


def use(replacement: Services | None) -> None:
    """Put other services in place, for a test; None goes back to the environment's."""
    global _services  # noqa: PLW0603 - see services()
    _services = replacement


# What a handler names in `needs=` --------------------------------------------------------------


def authorization() -> Authorization:
    """The authorizer's flow."""
    return services().authorization


def throttling() -> Throttling:
    """Counting attempts."""
    return services().throttling


def sign_in() -> SignIn:
    """Signing in."""
    return services().sign_in


def login_codes() -> LoginCodes:
    """Codes by mail, to sign in with."""
    return services().login_codes


def registration() -> Registration:
    """Registering."""
    return services().registration


def session_flows() -> Sessions:
    """A person's own sessions."""
    return services().session_flows


def refreshing() -> Refreshing:
    """Refreshing tokens."""
    return services().refreshing


def reauthentication() -> Reauthentication:
    """Proving again who one is."""
    return services().reauthentication


def avatars() -> Avatars:
    """A person's picture."""
    return services().avatars


def preferences() -> PreferenceFlows:
    """A person's preferences."""
    return services().preferences


def profile() -> Profile:
    """A person's own account."""
    return services().profile


def audit_chain() -> AuditChain:
    """The chains of the audit trail."""
    return services().audit_chain


def audit_search() -> AuditSearch:
    """Searching the audit trail."""
    return services().audit_search


def audit_key() -> AuditKey:
    """The key that signs the audit trail."""
    return services().audit_key


def request_trail() -> RequestTrail:
    """Requests in the audit trail."""
    return services().request_trail


def activity() -> Activity:
    """A person's own history."""
    return services().activity


def export_flows() -> Exports:
    """A person's own exports."""
    return services().export_flows


def export_worker() -> ExportWorker:
    """Making exports."""
    return services().export_worker


def cleanup() -> Cleanup:
    """What the schedule tidies up."""
    return services().cleanup


def signing_keys() -> SigningKeys:
    """The signing keys' life."""
    return services().signing_keys


def signing_key_store() -> SigningKeyStore:
    """The signing keys themselves."""
    return services().signing_key_store


def life_cycle() -> LifeCycle:
    """Deleting, restoring and suspending accounts."""
    return services().life_cycle


def disowning() -> Disowning:
    """Saying that a sign-in was somebody else's."""
    return services().disowning


def self_restore() -> SelfRestore:
    """Coming back by the link of a mail."""
    return services().self_restore


def erasure() -> Erasure:
    """Erasing accounts."""
    return services().erasure


def administration() -> Administration:
    """The administrators' desk."""
    return services().administration


def mailing() -> Mailing:
    """The mails that other flows have asked for."""
    return services().mailing


def mail_health() -> MailHealth:
    """Bounces and complaints."""
    return services().mail_health


def email_address() -> EmailAddress:
    """An account's e-mail address."""
    return services().email_address


def password() -> Password:
    """An account's password."""
    return services().password
