"""Authorizes tokens of other issuers. Loaded only in stacks that trust issuers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import TokenInvalid
from latchkey.domain.ids import AccountId, IdentityId, SessionId, id_of_digest
from latchkey.domain.signing import AccessClaims
from latchkey.domain.values import dataclass, replace
from latchkey.security.external_tokens import external_digest, issuer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from latchkey.domain.issuers import ExternalClaims
    from latchkey.domain.request import RequestContext
    from latchkey.domain.session import Session
    from latchkey.flows.external_sessions import FirstSight
    from latchkey.flows.issuer_tokens import IssuerKeyring
    from latchkey.security.external_tokens import ExternalTokenVerifier
    from latchkey.storage.reads import SessionReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalIds:
    """The ids that a token leads to."""

    account_id: AccountId
    identity_id: IdentityId
    session_id: SessionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAuthorization:
    """The flow and its parts.

    first_sight  created when a token without a session comes, because it loads much
    """

    own_issuer: str
    keyring: IssuerKeyring
    verifier: ExternalTokenVerifier
    sessions: SessionReader
    first_sight: Callable[[], FirstSight]

    def takes(self, token: str) -> bool:
        """Return whether a trusted issuer other than this service is named by a token.

        Raises TemporarilyUnavailable if it names another issuer and the trusted ones are unknown.
        """
        issuer = issuer_of(token)
        if issuer is None or issuer == self.own_issuer:
            return False
        return issuer in self.keyring.trust().issuers

    def find(self, token: str, context: RequestContext) -> tuple[AccessClaims, Session]:
        """Return the claims and the session of a token, with one strongly consistent read.

        The first request of a sign-in starts its session.

        Raises a NotAuthenticated with the reason, or TemporarilyUnavailable.
        """
        trust = self.keyring.trust()
        issuer = trust.issuers.get(issuer_of(token) or "")
        if issuer is None:
            raise TokenInvalid(reason="issuer")
        claims = self.verifier.verify(token, issuer, context.now)
        ids = ids_of(claims, trust.salt)
        session = self.sessions.find(ids.account_id, ids.session_id)
        if session is None:
            session = self.first_sight().see(claims, ids, context)
        verified = AccessClaims(
            ids.account_id, ids.session_id, session.generation, claims.authenticated_at
        )
        # The issuer says when the person authenticated: a later time there is a step-up.
        return verified, replace(session, authenticated_at=claims.authenticated_at)


def ids_of(claims: ExternalClaims, salt: bytes) -> ExternalIds:
    """Return the ids of a verified token's account, identity and session.

    They are keyed digests, so that a token leads to its session without another read. An issuer
    without a name for the sign-in gets one from its time. Two sign-ins of a person in the same
    second are then one session.
    """
    person = claims.issuer.issuer, claims.subject
    second = str(int(claims.authenticated_at.timestamp()))
    sign_in = ("session", claims.session) if claims.session else ("auth_time", second)

    def digest(kind: str, *parts: str) -> bytes:
        return external_digest(salt, kind, *person, *parts)

    return ExternalIds(
        account_id=AccountId(id_of_digest("usr", digest("account"))),
        identity_id=IdentityId(id_of_digest("idn", digest("identity"))),
        session_id=SessionId(id_of_digest("ses", digest(*sign_in))),
    )
