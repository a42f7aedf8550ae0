"""Every key of the system.

    entity          table  pk                    sk
    account         main   ACCOUNT#<account id>  ACCOUNT
    session         main   ACCOUNT#<account id>  SESSION#<session id>
    consent         main   ACCOUNT#<account id>  CONSENT#<consent id>
    preferences     main   ACCOUNT#<account id>  PREFERENCES
    e-mail claim    main   EMAIL#<address>       CLAIM
    username claim  main   USERNAME#<name>       CLAIM
    single-use token main  TOKEN#<token id>      TOKEN
    outbox message  main   OUTBOX#<hour>#<shard> <queue>#<message id>
    audit row       audit  SUBJECT#<pseudonym>   <row id>

What belongs to a person lies in the person's own partition: somebody else's session can't even be
addressed, and one strongly consistent query lists them all. Claims are what makes an address or a
name unique: they are put on the condition that they are absent, in the account's transaction.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from latchkey.domain.effects import Queue
from latchkey.domain.ids import minted_at
from latchkey.storage.table import Key

SESSION_PREFIX = "SESSION#"
CONSENT_PREFIX = "CONSENT#"


def account_partition(account_id: str) -> str:
    """The partition of everything that is one person's."""
    return f"ACCOUNT#{account_id}"


def account(account_id: str) -> Key:
    """The account itself."""
    return Key(account_partition(account_id), "ACCOUNT")


def session(account_id: str, session_id: str) -> Key:
    """One session of an account."""
    return Key(account_partition(account_id), f"{SESSION_PREFIX}{session_id}")


def consent(account_id: str, consent_id: str) -> Key:
    """One decision on a consent; their ids sort by time."""
    return Key(account_partition(account_id), f"{CONSENT_PREFIX}{consent_id}")


def preferences(account_id: str) -> Key:
    """An account's preferences."""
    return Key(account_partition(account_id), "PREFERENCES")


def email_claim(email_key: str) -> Key:
    """Who has this address."""
    return Key(f"EMAIL#{email_key}", "CLAIM")


def username_claim(username_key: str) -> Key:
    """Who has this name."""
    return Key(f"USERNAME#{username_key}", "CLAIM")


def single_use_token(token_id: str) -> Key:
    """A token that was mailed: to verify, to reset, to object."""
    return Key(f"TOKEN#{token_id}", "TOKEN")


OUTBOX_PREFIX = "OUTBOX#"
"""What the relay's event source filters the table's stream by; the template says it again."""

OUTBOX_SHARDS = 4
"""Partitions that one hour's messages are spread over. A message costs four write units and a
partition has a thousand a second, so a thousand messages a second fit."""


def outbox(queue: Queue, message_id: str) -> Key:
    """A message that waits for its work to be done.

    Everything that the relay needs is in the key, so that the table's stream carries keys only:
    no password hash and no session's secret ever enters it.
    """
    shard = ord(message_id[-1]) % OUTBOX_SHARDS
    return Key(_outbox_partition(minted_at(message_id), shard), f"{queue}#{message_id}")


def outbox_message(key: Key) -> tuple[Queue, str]:
    """Read a message's queue and id back from its key."""
    queue, _, message_id = key.sk.partition("#")
    return Queue(queue), message_id


def outbox_partitions(since: datetime, until: datetime) -> list[str]:
    """The partitions of every message that was made in this time, oldest first."""
    first = since.replace(minute=0, second=0, microsecond=0)
    hours = (until - first) // timedelta(hours=1) + 1
    return [
        _outbox_partition(first + timedelta(hours=hour), shard)
        for hour in range(hours)
        for shard in range(OUTBOX_SHARDS)
    ]


def _outbox_partition(at: datetime, shard: int) -> str:
    return f"{OUTBOX_PREFIX}{at.astimezone(UTC):%Y-%m-%dT%H}#{shard}"


def audit_partition(subject_id: str) -> str:
    """The partition of the rows about one person."""
    return f"SUBJECT#{subject_id}"


def audit_row(subject_id: str, row_id: str) -> Key:
    """One row; row ids sort by time."""
    return Key(audit_partition(subject_id), row_id, "audit")
