"""Verifies tokens with the session in DynamoDB, for backends in the account of Latchkey."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import jwt
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from latchkey_client.keys import Keys
from latchkey_client.verify import Caller, Refused, Verifier, at, bearer_token

ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a type
SKEW_SECONDS = 30
_CLAIMS = ["iss", "aud", "sub", "sid", "iat", "exp", "auth_time", "gen"]
_ENDED = {"account_deleted": "ACCOUNT_DELETED", "account_suspended": "ACCOUNT_SUSPENDED"}
_ATTRIBUTES = (
    "ended_at",
    "end_reason",
    "expires_at",
    "last_activity_at",
    "generation",
    "authenticated_at",
    "reauthenticated_at",
    "role",
)
"""The attributes that are read. The item has secrets, which the role should not be able to read."""


class TableVerifier(Verifier):
    """Verifies the signature, then reads the session with one strongly consistent GetItem.

    table_name    the output TableName of the stack
    issuer        `iss` of the tokens: the output Url, or the parameter Issuer
    idle_timeout  SessionIdleSeconds of the stack
    dynamodb      a client of boto3; by default one with short timeouts
    keys          where the public keys are; by default below the issuer
    """

    def __init__(
        self,
        table_name: str,
        *,
        issuer: str,
        audience: str = "latchkey",
        idle_timeout: timedelta = timedelta(days=14),
        dynamodb: Any = None,
        keys: Keys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table_name = table_name
        self._issuer = issuer
        self._audience = audience
        self._idle_timeout = idle_timeout
        self._dynamodb = dynamodb or boto3.client("dynamodb", config=_QUICK)
        self._keys = keys or Keys(f"{issuer.rstrip('/')}/.well-known/jwks.json")
        self._clock = clock

    def verify(self, authorization: str | None) -> Caller:
        """Return the caller. Raises Refused with the reason."""
        claims = self._claims(bearer_token(authorization))
        account_id, session_id = str(claims["sub"]), str(claims["sid"])
        session = self._read(account_id, f"SESSION#{session_id}", _ATTRIBUTES)
        if session is None:
            raise Refused("SESSION_REVOKED")
        self._require_active(session)
        if claims["gen"] > _number(session, "generation"):
            raise Refused("TOKEN_INVALID")
        proven_at = _number(session, "reauthenticated_at") or _number(session, "authenticated_at")
        return Caller(
            account_id=account_id,
            session_id=session_id,
            role=self._role(account_id, session),
            authenticated_at=at(min(claims["auth_time"], proven_at / 1000)),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TOKEN_TYPE or "crit" in header or "b64" in header:
                raise Refused("TOKEN_INVALID")
            claims: dict[str, Any] = jwt.decode(
                token,
                self._keys.find(header.get("kid")),
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                # The clock of this verifier is used, below.
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise Refused("TOKEN_INVALID") from error
        times = [claims[name] for name in ("iat", "exp", "auth_time", "gen")]
        if not all(type(each) is int for each in times):
            raise Refused("TOKEN_INVALID")
        now = self._clock()
        if max(claims["iat"], claims["auth_time"]) > now + SKEW_SECONDS:
            raise Refused("TOKEN_INVALID")
        if now >= claims["exp"] + SKEW_SECONDS:
            raise Refused("TOKEN_EXPIRED")
        return claims

    def _require_active(self, session: dict[str, Any]) -> None:
        now = self._clock() * 1000
        if "ended_at" in session:
            raise Refused(_ENDED.get(session.get("end_reason", {}).get("S", ""), "SESSION_REVOKED"))
        if now >= _number(session, "expires_at"):
            raise Refused("SESSION_EXPIRED")
        if now >= _number(session, "last_activity_at") + self._idle_timeout.total_seconds() * 1000:
            raise Refused("SESSION_IDLE_TIMEOUT")

    def _role(self, account_id: str, session: dict[str, Any]) -> str:
        role = str(session["role"]["S"])
        if role != "admin":
            return role
        # An outdated role would give access to every account.
        account = self._read(account_id, "ACCOUNT", ("role",))
        return str(account["role"]["S"]) if account and "role" in account else "user"

    def _read(
        self, account_id: str, sort_key: str, attributes: tuple[str, ...]
    ) -> dict[str, Any] | None:
        names = {f"#{number}": name for number, name in enumerate(attributes)}
        try:
            answer = self._dynamodb.get_item(
                TableName=self._table_name,
                Key={"pk": {"S": f"ACCOUNT#{account_id}"}, "sk": {"S": sort_key}},
                ConsistentRead=True,
                ProjectionExpression=", ".join(names),
                ExpressionAttributeNames=names,
            )
        except (BotoCoreError, ClientError) as error:
            raise Refused("TEMPORARILY_UNAVAILABLE") from error
        item: dict[str, Any] | None = answer.get("Item")
        return item


_QUICK = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2})


def _number(item: dict[str, Any], name: str) -> int:
    return int(item[name]["N"]) if name in item and "N" in item[name] else 0
