"""Backups of keys: a file that only its passphrase opens."""

from __future__ import annotations

import json
import stat

import boto3
import pytest
from moto import mock_aws

from latchkey.domain.audit_chain import Signature
from latchkey.security.key_pairs import new_signing_key
from latchkey.storage.audit_keys import AuditKeyStore
from latchkey.storage.signing_keys import SigningKeyStore
from tools.recovery import stack_keys
from tools.recovery.stack_keys import KeysError, Parameter, main, read, seal, unseal, write

PASSPHRASE = "paper lantern harbour 42"
SECRET = "-----PRIVATE-----"
PARAMETERS = [
    Parameter("audit-key", SECRET, "SecureString"),
    Parameter("public-keys", "{}", "String"),
]


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    with mock_aws():
        yield


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setitem(stack_keys.SCRYPT, "n", 2**4)


@pytest.fixture
def ssm():
    return boto3.client("ssm")


def test_backup_restores_lost_keys(ssm, tmp_path, capsys):
    write(ssm, "latchkey", PARAMETERS, overwrite=False)
    file = tmp_path / "keys"
    assert main(["backup", "latchkey", str(file)]) == 0
    for name in ("audit-key", "public-keys"):
        ssm.delete_parameter(Name=f"/latchkey/latchkey/{name}")
    assert main(["restore", "latchkey", str(file)]) == 0
    assert read(ssm, "latchkey") == PARAMETERS
    output = capsys.readouterr()
    assert SECRET not in output.out + output.err


def test_backup_is_private_and_encrypted(ssm, tmp_path):
    write(ssm, "latchkey", PARAMETERS, overwrite=False)
    file = tmp_path / "keys"
    main(["backup", "latchkey", str(file)])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SECRET.encode() not in file.read_bytes()
    with pytest.raises(FileExistsError):
        main(["backup", "latchkey", str(file)])


def test_wrong_passphrase_or_changed_file_is_refused():
    content = seal(PARAMETERS, PASSPHRASE)
    assert unseal(content, PASSPHRASE) == PARAMETERS
    with pytest.raises(KeysError, match="passphrase"):
        unseal(content, PASSPHRASE + "!")
    with pytest.raises(KeysError, match="changed"):
        unseal(content[:-1] + bytes([content[-1] ^ 1]), PASSPHRASE)
    with pytest.raises(KeysError, match="not a file of"):
        unseal(b"PK", PASSPHRASE)


def test_a_short_passphrase_is_refused():
    with pytest.raises(KeysError, match="20 characters"):
        seal(PARAMETERS, "short")


def test_existing_keys_are_not_overwritten_by_default(ssm):
    write(ssm, "latchkey", PARAMETERS, overwrite=False)
    changed = [Parameter("audit-key", "another", "SecureString")]
    with pytest.raises(KeysError, match="OVERWRITE=1") as raised:
        write(ssm, "latchkey", changed, overwrite=False)
    assert SECRET not in str(raised.value)
    assert write(ssm, "latchkey", PARAMETERS, overwrite=False) == []
    assert write(ssm, "latchkey", changed, overwrite=True) == ["/latchkey/latchkey/audit-key"]


def test_copy_in_another_region_is_encrypted(ssm):
    write(ssm, "latchkey", PARAMETERS, overwrite=False)
    assert main(["copy", "latchkey", "eu-central-1"]) == 0
    there = boto3.client("ssm", region_name="eu-central-1")
    assert read(there, "latchkey") == PARAMETERS


def test_backup_without_keys_is_an_error(tmp_path, capsys):
    assert main(["backup", "latchkey", str(tmp_path / "keys")]) == 1
    assert "no parameter under /latchkey/latchkey/" in capsys.readouterr().err


# The two runbooks --------------------------------------------------------------------------------


def test_restored_signing_keys_keep_sessions(ssm, tmp_path, manual_ring):
    SigningKeyStore("/latchkey/latchkey", epoch=1).replace(manual_ring)
    main(["backup", "latchkey", str(tmp_path / "keys")])
    for each in read(ssm, "latchkey"):
        ssm.delete_parameter(Name=f"/latchkey/latchkey/{each.name}")
    assert SigningKeyStore("/latchkey/latchkey", epoch=1).read_now() is None
    main(["restore", "latchkey", str(tmp_path / "keys")])
    store = SigningKeyStore("/latchkey/latchkey", epoch=1)
    assert store.read_now() == manual_ring
    assert [key["kid"] for key in store.public_jwks()] == [key.kid for key in manual_ring.keys]


def test_new_audit_key_keeps_the_old_public_key(ssm):
    made = iter(["one", "two"])

    def make():
        kid = next(made)
        return kid, "pem", {"kid": kid}

    def store():
        return AuditKeyStore("/latchkey/latchkey", make=make, load=lambda *_: Signer())

    store().ensure()
    ssm.delete_parameter(Name="/latchkey/latchkey/audit-key")
    store().ensure()
    published = ssm.get_parameter(Name="/latchkey/latchkey/audit-public-keys")
    kids = [key["kid"] for key in json.loads(published["Parameter"]["Value"])["keys"]]
    assert kids == ["one", "two"]


class Signer:
    def sign(self, message):
        return Signature("x", message)


@pytest.fixture
def manual_ring():
    from datetime import UTC, datetime  # noqa: PLC0415

    from latchkey.domain.signing import KeyRing  # noqa: PLC0415

    start = datetime(2026, 1, 1, tzinfo=UTC)
    key = new_signing_key(created_at=start, active_at=start)
    return KeyRing(keys=(key,), epoch=1)
