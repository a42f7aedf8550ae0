"""Back up and restore a stack's keys: `python -m tools.recovery.stack_keys backup STACK FILE`.

They are in Parameter Store, which AWS Backup does not include: the signing keys of tokens, the
peppers of refresh tokens and links, and the key of the audit trail. The file is encrypted with a
passphrase (scrypt, AES-256-GCM). No secret is printed.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC = b"latchkey-keys-1\n"
SALT_BYTES = 16
NONCE_BYTES = 12
SCRYPT = {"length": 32, "n": 2**17, "r": 8, "p": 1}
"""OWASP's parameters of scrypt for passwords: 128 MB and half a second."""

PASSPHRASE_MIN_CHARACTERS = 20
"""Long, because the file can be attacked offline."""


class KeysError(Exception):
    """The keys can't be backed up or restored. The message says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stack.

    name  without the stack's path, so that another stack can have it
    """

    name: str
    value: str
    kind: str


def prefix(stack: str) -> str:
    """Return the path of a stack's parameters."""
    return f"/latchkey/{stack}/"


def read(ssm: Any, stack: str) -> list[Parameter]:
    """Read every key of a stack. Raises KeysError when there is none."""
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=prefix(stack).rstrip("/"), Recursive=True, WithDecryption=True
    )
    found = [
        Parameter(each["Name"].removeprefix(prefix(stack)), each["Value"], each["Type"])
        for page in pages
        for each in page["Parameters"]
    ]
    if not found:
        msg = f"There is no parameter under {prefix(stack)} in this region."
        raise KeysError(msg)
    return sorted(found, key=lambda each: each.name)


def write(
    ssm: Any, stack: str, parameters: Sequence[Parameter], *, overwrite: bool, kms_key: str = ""
) -> list[str]:
    """Write them under a stack's path. Existing keys are kept unless `overwrite` is set.

    kms_key  encrypts the secret ones; empty: the account's key of Parameter Store

    Returns the names that were written. Raises KeysError if one exists and differs.
    """
    names = []
    for each in parameters:
        full = prefix(stack) + each.name
        there = _value(ssm, full)
        if there == each.value:
            continue
        if there is not None and not overwrite:
            msg = (
                f"{full} exists and differs. A stack that runs on it would lose its sessions; "
                "use OVERWRITE=1 to replace it."
            )
            raise KeysError(msg)
        key = {"KeyId": kms_key} if kms_key and each.kind == "SecureString" else {}
        ssm.put_parameter(Name=full, Value=each.value, Type=each.kind, Overwrite=True, **key)
        names.append(full)
    return names


def seal(parameters: Sequence[Parameter], passphrase: str) -> bytes:
    """Encrypt keys for a file. Raises KeysError for a passphrase that is too short."""
    if len(passphrase) < PASSPHRASE_MIN_CHARACTERS:
        msg = f"The passphrase needs {PASSPHRASE_MIN_CHARACTERS} characters or more."
        raise KeysError(msg)
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    plain = json.dumps([asdict(each) for each in parameters]).encode()
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, MAGIC)
    return MAGIC + salt + nonce + sealed


def unseal(content: bytes, passphrase: str) -> list[Parameter]:
    """Decrypt a file's keys. Raises KeysError for another file or passphrase."""
    if not content.startswith(MAGIC):
        msg = "This is not a file of `make backup-keys`."
        raise KeysError(msg)
    rest = content[len(MAGIC) :]
    salt, rest = rest[:SALT_BYTES], rest[SALT_BYTES:]
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, MAGIC)
    except InvalidTag as error:
        msg = "The passphrase is wrong, or the file was changed."
        raise KeysError(msg) from error
    return [Parameter(**each) for each in json.loads(plain)]


def main(arguments: list[str]) -> int:
    """Back up, restore or copy keys."""
    parser = argparse.ArgumentParser(prog="python -m tools.recovery.stack_keys")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (("backup", "write an encrypted file"), ("restore", "read the file")):
        command = commands.add_parser(name, help=summary)
        command.add_argument("stack")
        command.add_argument("file", type=Path)
    copied = commands.add_parser("copy", help="copy them to another region's Parameter Store")
    copied.add_argument("stack")
    copied.add_argument("region")
    copied.add_argument("--kms-key", default="", help="a key of that region")
    for command in (commands.choices["restore"], copied):
        command.add_argument("--overwrite", action="store_true", help="replace what differs")
    options = parser.parse_args(arguments)
    try:
        print(_do(options))
    except KeysError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _do(options: argparse.Namespace) -> str:
    ssm = boto3.client("ssm")
    if options.command == "backup":
        parameters = read(ssm, options.stack)
        content = seal(parameters, _passphrase())
        descriptor = os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return f"{len(parameters)} parameters of {options.stack} are in {options.file}."
    if options.command == "restore":
        parameters = unseal(options.file.read_bytes(), _passphrase())
        names = write(ssm, options.stack, parameters, overwrite=options.overwrite)
        return f"{len(names)} of {len(parameters)} parameters were written: {', '.join(names)}"
    parameters = read(ssm, options.stack)
    target = boto3.client("ssm", region_name=options.region)
    names = write(
        target, options.stack, parameters, overwrite=options.overwrite, kms_key=options.kms_key
    )
    return f"{len(names)} of {len(parameters)} parameters were copied to {options.region}."


def _passphrase() -> str:
    return os.environ.get("PASSPHRASE") or getpass.getpass("Passphrase: ")


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, **SCRYPT).derive(passphrase.encode())


def _value(ssm: Any, name: str) -> str | None:
    try:
        value: str = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        return None
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
