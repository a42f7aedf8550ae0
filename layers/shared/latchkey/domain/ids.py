"""Identifiers: a prefix for the type, and a UUIDv7.

The text form is TypeID's (`ses_01h455vb4pex5vsknk084sn02q`): 26 characters of lower-case Crockford
base 32. It sorts by creation time and has 74 random bits, so it can't be guessed.
"""

from __future__ import annotations

import itertools
import os
import re
from datetime import UTC, datetime
from typing import NewType

from latchkey.domain.clock import to_milliseconds

# A type for each kind, so that mypy refuses the id of another kind.
AccountId = NewType("AccountId", str)
SessionId = NewType("SessionId", str)
AvatarId = NewType("AvatarId", str)
ConsentId = NewType("ConsentId", str)
DeviceId = NewType("DeviceId", str)
ExportId = NewType("ExportId", str)
LeaseId = NewType("LeaseId", str)
"""A worker's lease of an export."""
MessageId = NewType("MessageId", str)
"""A message of the outbox."""
ReceiptId = NewType("ReceiptId", str)
RowId = NewType("RowId", str)
"""A row of the audit trail."""
SubjectId = NewType("SubjectId", str)
"""A person's pseudonym in the audit trail."""
TokenId = NewType("TokenId", str)
"""A single-use token: not the token itself."""
UploadId = NewType("UploadId", str)
IdentityId = NewType("IdentityId", str)
"""A person at another issuer."""

_ORDER = itertools.count()
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_SUFFIX = "[0-7][0-9a-hjkmnp-tv-z]{25}"
"""The regular expression of an id without its prefix."""
_SUFFIX = re.compile(ID_SUFFIX)


def new_ordered_id(prefix: str, now: datetime) -> str:
    """Create an id that sorts after this process's earlier ones of the same millisecond.

    62 random bits, for ids that are listed in order and grant nothing. Source: RFC 9562 section
    6.2.
    """
    order = next(_ORDER) % 0x1000 << 4
    return compose_id(prefix, now, order.to_bytes(2, "big") + os.urandom(8))


def new_id(prefix: str, now: datetime) -> str:
    """Create an id. Source: RFC 9562 section 5.7 (UUIDv7), TypeID 0.3 (text form)."""
    return compose_id(prefix, now, os.urandom(10))


def compose_id(prefix: str, at: datetime, content: bytes) -> str:
    """Build an id from a time and 74 of these 80 bits."""
    milliseconds = to_milliseconds(at)
    bits = int.from_bytes(content, "big")
    rand_a, rand_b = bits >> 68, bits & ((1 << 62) - 1)
    number = (milliseconds << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def id_of_digest(prefix: str, digest: bytes) -> str:
    """Return the id of 16 bytes that are the same each time. It has no time, so it does not sort.

    For what another issuer names: the id can be computed, and needs no read.
    """
    number = int.from_bytes(digest[:16])
    return f"{prefix}_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def floor_of(at: datetime) -> str:
    """Return the lower bound of all ids of this time or later, without a prefix."""
    number = to_milliseconds(at) << 80
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_id(prefix: str, text: str) -> bool:
    """Return whether `text` has the form of an id of this type. Nothing is looked up."""
    head, _, suffix = text.partition("_")
    return head == prefix and _SUFFIX.fullmatch(suffix) is not None


def id_pattern(prefix: str) -> str:
    """Return the regular expression of an id, for the contract."""
    return f"^{prefix}_{ID_SUFFIX}$"


def minted_at(identifier: str) -> datetime:
    """Return the creation time of an id, to the second."""
    return datetime.fromtimestamp(minted_at_milliseconds(identifier) // 1000, UTC)


def minted_at_milliseconds(identifier: str) -> int:
    """Return the creation time of an id in epoch milliseconds, from its first 48 bits."""
    number = 0
    for character in identifier.partition("_")[2]:
        number = number << 5 | _ALPHABET.index(character)
    return number >> 80
