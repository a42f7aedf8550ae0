"""The key that signs the audit trail. It is separate from the signing keys of tokens.

It is in SSM, created by the first deploy, or in KMS, where nobody can read it (AuditKmsKey). All
public keys, including old ones, are in a plain parameter. An auditor takes a copy of them while
they can be trusted.
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
    """The audit key of the deployment."""

    def ensure(self) -> None:
        """Create the key if there is none, and publish its public key. Can be repeated."""
        ...


class PublicKeys:
    """The published public keys. A Verifier."""

    def __init__(self, prefix: str, *, check: Callable[[Jwk, bytes, bytes], bool]) -> None:
        """Use this SSM path.

        check  returns whether a public key verifies a signature of a message
        """
        self._name = f"{prefix}/audit-public-keys"
        self._check = check
        self._ssm = aws_client("ssm")
        self._keys: dict[str, Jwk] = {}

    def verifies(self, signature: Signature, message: bytes) -> bool:
        """See audit_chain.Verifier. Cost: a request at first, and for each unknown key."""
        if signature.kid not in self._keys:
            answer = _call(self._ssm.get_parameter, Name=self._name)
            published = json.loads(answer["Parameter"]["Value"])["keys"]
            self._keys = {key["kid"]: key for key in published}
        key = self._keys.get(signature.kid)
        return key is not None and self._check(key, signature.value, message)


class AuditKeyStore:
    """The key in Parameter Store. A Signer."""

    def __init__(
        self,
        prefix: str,
        *,
        make: Callable[[], tuple[str, str, Jwk]],
        load: Callable[[str, str], Signer],
    ) -> None:
        """Use this SSM path.

        make  creates a key: its id, the private key as PEM, the public key
        load  creates a signer from the first two
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
        """Create the key if there is none. Can be repeated."""
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
        """Sign with this key. The functions convert KMS's DER."""
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
        """Publish the public key."""
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
