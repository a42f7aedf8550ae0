"""The key that signs the audit trail: not the tokens' keys, and for the chainers only.

In SSM, made on the first deploy, or in KMS, where nobody can read it (AuditKmsKey). The public
halves, all that there ever were, lie in a plain parameter: an auditor takes a copy of them while
they can be trusted, and needs nothing else of ours.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.audit_chain import Signature, Signer
from latchkey.storage.boto_client import aws_client, error_code, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

type Jwk = dict[str, str]


class AuditKey(Signer, Protocol):
    """What the service needs of it."""

    def ensure(self) -> None:
        """Make the key unless there is one, and publish its public half; any number of times."""
        ...


class AuditKeyStore:
    """The key in Parameter Store. A Signer."""

    def __init__(
        self,
        prefix: str,
        *,
        make: Callable[[], tuple[str, str, Jwk]],
        load: Callable[[str, str], Signer],
    ) -> None:
        """Keep it under this SSM path.

        make  makes a key: its id, the private half in PEM, the public one
        load  makes a signer of the first two
        """
        self._make = make
        self._load = load
        self._private_name = f"{prefix}/audit-key"
        self._public_name = f"{prefix}/audit-public-keys"
        self._ssm = aws_client("ssm")

    @cached_property
    def _signer(self) -> Signer:
        key = json.loads(
            _call(self._ssm.get_parameter, Name=self._private_name, WithDecryption=True)[
                "Parameter"
            ]["Value"]
        )
        return self._load(key["kid"], key["private_pem"])

    def sign(self, message: bytes) -> Signature:
        """See audit_chain.Signer."""
        return self._signer.sign(message)

    def ensure(self) -> None:
        """Make the key unless there is one; safe to run any number of times."""
        kid, private_pem, jwk = self._make()
        document = json.dumps({"kid": kid, "private_pem": private_pem, "public_jwk": jwk})
        try:
            self._ssm.put_parameter(
                Name=self._private_name, Value=document, Type="SecureString", Overwrite=False
            )
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            answer = _call(self._ssm.get_parameter, Name=self._private_name, WithDecryption=True)
            jwk = json.loads(answer["Parameter"]["Value"])["public_jwk"]
        _publish(self._ssm, self._public_name, jwk)


class KmsAuditKey:
    """The key in KMS (ECC_NIST_P256, SIGN_VERIFY). A Signer."""

    def __init__(
        self,
        key_arn: str,
        prefix: str,
        *,
        to_raw: Callable[[bytes], bytes],
        to_jwk: Callable[[str, bytes], Jwk],
    ) -> None:
        """Sign with this key; the functions turn KMS's DER into ours."""
        self._to_raw = to_raw
        self._to_jwk = to_jwk
        self._key_arn = key_arn
        self._public_name = f"{prefix}/audit-public-keys"
        self._kms = aws_client("kms")

    def sign(self, message: bytes) -> Signature:
        """See audit_chain.Signer. Cost: a request to KMS for each block and each anchor."""
        answer = _call(
            self._kms.sign,
            KeyId=self._key_arn,
            Message=message,
            MessageType="RAW",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        return Signature(self._kid, self._to_raw(answer["Signature"]))

    def ensure(self) -> None:
        """Publish the public half."""
        answer = _call(self._kms.get_public_key, KeyId=self._key_arn)
        _publish(aws_client("ssm"), self._public_name, self._to_jwk(self._kid, answer["PublicKey"]))

    @property
    def _kid(self) -> str:
        return self._key_arn.rpartition("/")[2]


def _publish(ssm: Any, name: str, jwk: Jwk) -> None:
    try:
        keys = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])["keys"]
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
        keys = []
    if jwk["kid"] not in {key["kid"] for key in keys}:
        value = json.dumps({"keys": [*keys, jwk]})
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def _call(method: Any, **parameters: Any) -> Any:
    try:
        return method(**parameters)
    except (ClientError, BotoCoreError) as error:
        raise unavailable(error) from error
