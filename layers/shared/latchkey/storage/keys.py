"""Every key of the system.

    entity          table  pk                    sk
    account         main   ACCOUNT#<account id>  ACCOUNT
    session         main   ACCOUNT#<account id>  SESSION#<session id>
    consent         main   ACCOUNT#<account id>  CONSENT#<consent id>
    preferences     main   ACCOUNT#<account id>  PREFERENCES
    export          main   ACCOUNT#<account id>  EXPORT#<export id>
    export ledger   main   ACCOUNT#<account id>  EXPORTS
    deletion        main   ACCOUNT#<account id>  DELETION
    suppressed mail main   ACCOUNT#<account id>  MAIL_SUPPRESSION#<digest of the address>
    avatar upload   main   ACCOUNT#<account id>  AVATAR_UPLOAD#<slot>
    idempotency key main   ACCOUNT#<account id>  IDEMPOTENCY#<digest>
    the same, of a registration  main  REGISTRATION#<digest>  REGISTRATION
    unshown avatar  main   UNSHOWN_AVATARS       <avatar id>
    e-mail claim    main   EMAIL#<address>       CLAIM
    username claim  main   USERNAME#<name>       CLAIM
    known device    main   ACCOUNT#<account id>  DEVICE#<device id>
    single-use token main  TOKEN#<token id>      TOKEN
    mailed code     main   TOKEN#<digest>        CODE
    quota's window  main   LIMIT#<name>#<whose>  WINDOW#<number>
    attempts        main   LIMIT#<name>#<whose>  ATTEMPTS
    outbox message  main   OUTBOX#<hour>#<shard> <queue>#<message id>
    heartbeat       main   OUTBOX#HEARTBEAT      <when, epoch ms>
    task lease      main   TASK#<task>           LEASE
    administrators  main   ADMINISTRATORS        COUNT
    erasure receipt main   RECEIPT#<receipt id>  RECEIPT
    audit row       audit  SUBJECT#<pseudonym>   <row id>
    request row     audit  REQUESTS#<hour>       <row id>, of a request that concerns nobody
    chain block     audit  CHAIN#<chain>         <number of the block>

The audit table's indexes hold keys only. Rows of requests that were served are in none of them.

    index  pk                              sk
    gsi1   SESSION#<session id>            <row id without its prefix>
    gsi2   DAY#<day>#<shard>               <row id without its prefix>
    gsi3   ACTION#<action>#<day>#<shard>   <row id without its prefix>

What belongs to a person lies in the person's own partition: somebody else's session can't even be
addressed, and one strongly consistent query lists them all. Claims are what makes an address or a
name unique: they are put on the condition that they are absent, in the account's transaction.

    index  what is listed                   gsi1pk          gsi1sk
    gsi1   exports that cleanup looks at    EXPORT_DUE      <when, epoch ms>#<export id>
    gsi1   exports that can be redriven     EXPORT_FAILED   <when, epoch ms>#<export id>
    gsi1   accounts, by when they were made  ACCOUNTS#<status>  <when, epoch ms>#<account id>
    gsi1   sessions, by when they began     SESSIONS              <when, epoch ms>#<session id>
    gsi2   accounts, by their address       ADDRESSES#<its first> <address>
    gsi2   sessions, by their IP address    IPS#<its first bits>  <address, hex>#<session id>
    gsi1   deletions to look at             PURGE_DUE             <when, epoch ms>#<account id>
    gsi1   mailed tokens of an account      TOKENS#<account id>   <token id>
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.effects import Queue
from latchkey.domain.ids import minted_at
from latchkey.domain.limits import AUDIT_CHAINS, AUDIT_INDEX_SHARDS
from latchkey.storage.table import Key

if TYPE_CHECKING:
    from datetime import date

    from latchkey.domain.audit import Action

SESSION_PREFIX = "SESSION#"
CONSENT_PREFIX = "CONSENT#"
AUDIT_CHANGE_PREFIX = "aud_"
AUDIT_REQUEST_PREFIX = "req_"
EXPORT_PREFIX = "EXPORT#"

EXPORT_DUE = "EXPORT_DUE"
EXPORT_FAILED = "EXPORT_FAILED"
AVATAR_UPLOAD_PREFIX = "AVATAR_UPLOAD#"
UNSHOWN_AVATARS = "UNSHOWN_AVATARS"
"""One partition: changing an avatar is rare, and a partition takes 1,000 writes a second."""

PURGE_DUE = "PURGE_DUE"
SESSIONS = "SESSIONS"
"""One partition: a thousand sign-ins a second (ADR 9)."""

REVOCATION_PREFIX = "REVOCATION#"


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


def export(account_id: str, export_id: str) -> Key:
    """One export of a person's data."""
    return Key(account_partition(account_id), f"{EXPORT_PREFIX}{export_id}")


def export_ledger(account_id: str) -> Key:
    """Which of a person's exports is under way: one at most."""
    return Key(account_partition(account_id), "EXPORTS")


def deletion(account_id: str) -> Key:
    """That an account is to be erased, and how far that is."""
    return Key(account_partition(account_id), "DELETION")


def revocation(account_id: str, revocation_id: str) -> Key:
    """That an administrator has seen what a revocation would end."""
    return Key(account_partition(account_id), f"{REVOCATION_PREFIX}{revocation_id}")


MAIL_SUPPRESSION_PREFIX = "MAIL_SUPPRESSION#"


def mail_suppression(account_id: str, email_key: str) -> Key:
    """That an address of an account gets no mails."""
    digest = hashlib.sha256(email_key.encode()).hexdigest()[:32]
    return Key(account_partition(account_id), f"{MAIL_SUPPRESSION_PREFIX}{digest}")


def accounts_partition(status: str) -> str:
    """The index partition (gsi1) of the accounts in a state."""
    return f"ACCOUNTS#{status}"


def addresses_partition(email_key: str) -> str:
    """The index partition (gsi2) of the accounts whose address begins as this one."""
    return f"ADDRESSES#{email_key[:1]}"


def receipt(receipt_id: str) -> Key:
    """What is left of an account that was erased."""
    return Key(f"RECEIPT#{receipt_id}", "RECEIPT")


def administrators() -> Key:
    """How many administrators there are."""
    return Key("ADMINISTRATORS", "COUNT")


def account_tokens_partition(account_id: str) -> str:
    """The index partition (gsi1) of the mailed tokens that act on an account."""
    return f"TOKENS#{account_id}"


def due(milliseconds: int, item_id: str) -> str:
    """Sort key of what has to be looked at by an instant; thirteen digits last until 2286."""
    return f"{milliseconds:013d}#{item_id}"


def avatar_upload(account_id: str, slot: int) -> Key:
    """One of the few uploads that an account may have pending."""
    return Key(account_partition(account_id), f"{AVATAR_UPLOAD_PREFIX}{slot}")


def idempotency(account_id: str | None, digest: str) -> Key:
    """What an idempotency key has created: an account's key, or one of a registration (None)."""
    if account_id is None:
        return Key(f"REGISTRATION#{digest}", "REGISTRATION")
    return Key(account_partition(account_id), f"IDEMPOTENCY#{digest}")


def unshown_avatar(avatar_id: str) -> Key:
    """A picture's file that may exist and that no account shows; their ids sort by time."""
    return Key(UNSHOWN_AVATARS, avatar_id)


def device(account_id: str, device_id: str) -> Key:
    """A device that an account has been signed in on."""
    return Key(account_partition(account_id), f"DEVICE#{device_id}")


LIMIT_PREFIX = "LIMIT#"


def quota_window(name: str, subject: str, number: int) -> Key:
    """How often somebody did something in one window of the clock."""
    return Key(_limit_partition(name, subject), f"WINDOW#{number}")


def attempts(name: str, subject: str) -> Key:
    """What somebody has tried in vain."""
    return Key(_limit_partition(name, subject), "ATTEMPTS")


def _limit_partition(name: str, subject: str) -> str:
    # A digest, because subjects are network addresses and accounts, which nobody should be able to
    # read in a key for the hour or so that it is there.
    return f"{LIMIT_PREFIX}{name}#{hashlib.sha256(subject.encode()).hexdigest()[:32]}"


def email_claim(email_key: str) -> Key:
    """Who has this address."""
    return Key(f"EMAIL#{email_key}", "CLAIM")


def username_claim(username_key: str) -> Key:
    """Who has this name."""
    return Key(f"USERNAME#{username_key}", "CLAIM")


def single_use_token(token_id: str) -> Key:
    """A token that was mailed: to verify, to reset, to object."""
    return Key(f"TOKEN#{token_id}", "TOKEN")


def mailed_code(digest: str) -> Key:
    """A code that was mailed; whose it is, is in the digest."""
    return Key(f"TOKEN#{digest}", "CODE")


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


HEARTBEATS = f"{OUTBOX_PREFIX}HEARTBEAT"
"""Under the outbox's prefix, so that heartbeats take the same way as its messages."""


def heartbeat(at: datetime) -> Key:
    """A sign of life that goes through the table's stream to the relay."""
    return Key(HEARTBEATS, f"{to_milliseconds(at):013d}")


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


def task_lease(task: str) -> Key:
    """Who is at a scheduled task."""
    return Key(f"TASK#{task}", "LEASE")


def audit_partition(subject_id: str) -> str:
    """The partition of the rows about one person."""
    return f"SUBJECT#{subject_id}"


def audit_row(subject_id: str, row_id: str) -> Key:
    """One row; row ids sort by time."""
    return Key(audit_partition(subject_id), row_id, "audit")


def audit_request_partition(at: datetime) -> str:
    """The partition of an hour's requests that concern nobody whom we know."""
    return f"REQUESTS#{at.astimezone(UTC):%Y-%m-%dT%H}"


def audit_session_partition(session_id: str) -> str:
    """The index partition (gsi1) of what happened to a session, or in it."""
    return f"SESSION#{session_id}"


def audit_day_partitions(day: date) -> list[str]:
    """The index partitions (gsi2) of a day's rows."""
    return [f"DAY#{day:%Y-%m-%d}#{shard}" for shard in range(AUDIT_INDEX_SHARDS)]


def audit_action_partitions(action: Action, day: date) -> list[str]:
    """The index partitions (gsi3) of a day's rows of one action."""
    return [f"ACTION#{action.value}#{day:%Y-%m-%d}#{s}" for s in range(AUDIT_INDEX_SHARDS)]


def audit_index_shard(row_id: str) -> int:
    """Which of a day's partitions a row is in: so that no day is one hot partition."""
    return zlib.crc32(row_id.encode()) % AUDIT_INDEX_SHARDS


def audit_chain_of(partition: str) -> int:
    """Which chain the rows of a partition are in, for ever."""
    return zlib.crc32(partition.encode()) % AUDIT_CHAINS


def audit_chain_partition(chain: int) -> str:
    """The partition of a chain's blocks."""
    return f"CHAIN#{chain}"


def audit_block(chain: int, number: int) -> Key:
    """One block of a chain; the first has number 1."""
    return Key(audit_chain_partition(chain), f"{number:012d}", "audit")
