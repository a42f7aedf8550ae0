"""All keys of the tables.

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
    unused avatar   main   UNSHOWN_AVATARS        <avatar id>
    address claim   main   EMAIL#<address>       CLAIM
    username claim  main   USERNAME#<name>       CLAIM
    known device    main   ACCOUNT#<account id>  DEVICE#<device id>
    single-use token main  TOKEN#<token id>      TOKEN
    emailed code    main   TOKEN#<digest>        CODE
    quota's window  main   LIMIT#<name>#<subject> WINDOW#<number>
    attempts        main   LIMIT#<name>#<subject> ATTEMPTS
    outbox message  main   OUTBOX#<day>#<shard>  <queue>#<message id>
    heartbeat       main   OUTBOX#HEARTBEAT      <when, epoch ms>
    task lease      main   TASK#<task>           LEASE
    administrators  main   ADMINISTRATORS        COUNT
    identity        main   ACCOUNT#<account id>  IDENTITY#<identity id>, of another issuer
    forgotten session  main  ACCOUNT#<account id>  ENDED#<session id>, of another issuer
    erased identity main   ERASED#<identity id>  IDENTITY
    trusted issuers main   ISSUERS               CONFIG
    the salt of external ids  main  ISSUERS      SALT
    keys of an issuer  main  ISSUERS             KEYS#<digest of the issuer>
    last request for keys  main  ISSUERS         ASKED#<digest of the issuer>
    index of a day  main   REQUEST_INDEX         DAY#<day>: the files with its requests
    index progress  main   REQUEST_INDEX         PROGRESS
    erasure receipt main   RECEIPT#<receipt id>  RECEIPT
    audit row       audit  SUBJECT#<pseudonym>   <row id>
    request row     audit  REQUESTS#<hour>#<n>   <row id>, of requests without an account
    request pack    audit  REQUESTS#<hour>#PACKS#<n>  <row id>, of requests in one hour
    late pack       audit  LATE_PACKS#<hour>     <when stored, epoch ms>#<partition>#<row id>
    chain block     audit  CHAIN#<chain>         <number of the block>
    shard's chain   audit  CHAINS                <shard of the audit table's stream>

The audit table's indexes have keys only. Rows of successful requests are in none of them.

    index  pk                              sk
    gsi1   SESSION#<session id>            <row id without its prefix>
    gsi2   DAY#<day>#<shard>               <row id without its prefix>
    gsi3   ACTION#<action>#<day>#<shard>   <row id without its prefix>

All data of a person is in the person's partition: another person's session can't be addressed, and
one strongly consistent query lists all sessions. Claims keep addresses and usernames unique: they
are put on the condition that they are absent, in the account's transaction.

    index  lists                            pk                           sk
    gsi1   exports that cleanup checks      EXPORT_DUE                   <when, epoch ms>#<export>
    gsi1   failed exports                   EXPORT_FAILED                <when, epoch ms>#<export>
    gsi1   accounts, by creation            ACCOUNTS#<status>#<shard>    <when, epoch ms>#<account>
    gsi1   sessions, by start               SESSIONS#<shard>             <when, epoch ms>#<session>
    gsi2   accounts, by their address       ADDRESSES#<its first>        <address>
    gsi2   sessions, by their IP address    IPS#<its first bits>         <address, hex>#<session id>
    gsi1   deletions to check               PURGE_DUE                    <when, epoch ms>#<account>
    gsi1   emailed tokens of an account     TOKENS#<account id>          <token id>

A partition takes 1,000 write units and 3,000 read units a second. A key that all people share has
as many shards as `docs/scale.md` needs.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from latchkey.domain.clock import to_milliseconds
from latchkey.domain.effects import Queue
from latchkey.domain.ids import minted_at
from latchkey.domain.limits import AUDIT_INDEX_SHARDS, AUDIT_REQUEST_SHARDS
from latchkey.storage.table import Key

if TYPE_CHECKING:
    from datetime import date

    from latchkey.domain.audit import Action
    from latchkey.domain.ids import (
        AccountId,
        AvatarId,
        ConsentId,
        DeviceId,
        ExportId,
        IdentityId,
        MessageId,
        ReceiptId,
        RowId,
        SessionId,
        SubjectId,
        TokenId,
    )

SESSION_PREFIX = "SESSION#"
IDENTITY_PREFIX = "IDENTITY#"
CONSENT_PREFIX = "CONSENT#"
AUDIT_CHANGE_PREFIX = "aud_"
AUDIT_REQUEST_PREFIX = "req_"
EXPORT_PREFIX = "EXPORT#"

EXPORT_DUE = "EXPORT_DUE"
EXPORT_FAILED = "EXPORT_FAILED"
AVATAR_UPLOAD_PREFIX = "AVATAR_UPLOAD#"
ORPHANED_AVATARS = "UNSHOWN_AVATARS"
"""The partition of orphan markers; the stored name is older than the term. One partition is enough:
changing an avatar is rare, and a partition takes 1,000 writes a second.
"""

PURGE_DUE = "PURGE_DUE"

LIST_SHARDS = 4
"""Index partitions of each list of all accounts or sessions. A start and an end of a session are a
write unit each, so they allow 2,000 sign-ins a second. A search reads every shard.
"""

REVOCATION_PREFIX = "REVOCATION#"


def account_partition(account_id: AccountId) -> str:
    """Return the partition key of a person."""
    return f"ACCOUNT#{account_id}"


def account(account_id: AccountId) -> Key:
    """The account itself."""
    return Key(account_partition(account_id), "ACCOUNT")


def session(account_id: AccountId, session_id: SessionId) -> Key:
    """One session of an account."""
    return Key(account_partition(account_id), f"{SESSION_PREFIX}{session_id}")


def identity(account_id: AccountId, identity_id: IdentityId) -> Key:
    """A person at another issuer, in the account that is theirs."""
    return Key(account_partition(account_id), f"{IDENTITY_PREFIX}{identity_id}")


def forgotten_session(account_id: AccountId, session_id: SessionId) -> Key:
    """The marker of an ended session of another issuer, after its item was removed."""
    return Key(account_partition(account_id), f"ENDED#{session_id}")


def erased_identity(identity_id: IdentityId) -> Key:
    """The marker of an identity whose account was erased. The id can't be turned back."""
    return Key(f"ERASED#{identity_id}", "IDENTITY")


def consent(account_id: AccountId, consent_id: ConsentId) -> Key:
    """One decision on a consent; their ids sort by time."""
    return Key(account_partition(account_id), f"{CONSENT_PREFIX}{consent_id}")


def preferences(account_id: AccountId) -> Key:
    """An account's preferences."""
    return Key(account_partition(account_id), "PREFERENCES")


def export(account_id: AccountId, export_id: ExportId) -> Key:
    """One export of a person's data."""
    return Key(account_partition(account_id), f"{EXPORT_PREFIX}{export_id}")


def export_ledger(account_id: AccountId) -> Key:
    """The ledger that names the running export of a person."""
    return Key(account_partition(account_id), "EXPORTS")


def deletion(account_id: AccountId) -> Key:
    """The deletion of an account and its progress."""
    return Key(account_partition(account_id), "DELETION")


def revocation(account_id: AccountId, revocation_id: str) -> Key:
    """A confirmation of a dry run."""
    return Key(account_partition(account_id), f"{REVOCATION_PREFIX}{revocation_id}")


MAIL_SUPPRESSION_PREFIX = "MAIL_SUPPRESSION#"


def mail_suppression(account_id: AccountId, email_key: str) -> Key:
    """An address of an account that gets no emails."""
    digest = hashlib.sha256(email_key.encode()).hexdigest()[:32]
    return Key(account_partition(account_id), f"{MAIL_SUPPRESSION_PREFIX}{digest}")


def accounts_partition(status: str, account_id: AccountId) -> str:
    """The index partition (gsi1) of an account with a status."""
    return accounts_partitions(status)[_list_shard(account_id)]


def accounts_partitions(status: str) -> list[str]:
    """The index partitions (gsi1) of all accounts with a status."""
    return [f"ACCOUNTS#{status}#{shard}" for shard in range(LIST_SHARDS)]


def sessions_partition(session_id: SessionId) -> str:
    """The index partition (gsi1) of a session."""
    return sessions_partitions()[_list_shard(session_id)]


def sessions_partitions() -> list[str]:
    """The index partitions (gsi1) of all sessions."""
    return [f"SESSIONS#{shard}" for shard in range(LIST_SHARDS)]


def _list_shard(item_id: str) -> int:
    return zlib.crc32(item_id.encode()) % LIST_SHARDS


def addresses_partition(email_key: str) -> str:
    """The index partition (gsi2) of the accounts with the same first character of the address."""
    return f"ADDRESSES#{email_key[:1]}"


def receipt(receipt_id: ReceiptId) -> Key:
    """The receipt of an erased account."""
    return Key(f"RECEIPT#{receipt_id}", "RECEIPT")


def administrators() -> Key:
    """The number of administrators."""
    return Key("ADMINISTRATORS", "COUNT")


def account_tokens_partition(account_id: AccountId) -> str:
    """The index partition (gsi1) of an account's emailed tokens."""
    return f"TOKENS#{account_id}"


def due(milliseconds: int, item_id: str) -> str:
    """The sort key of items that are due at a time. Thirteen digits last until 2286."""
    return f"{milliseconds:013d}#{item_id}"


def avatar_upload(account_id: AccountId, slot: int) -> Key:
    """One of the few pending uploads of an account."""
    return Key(account_partition(account_id), f"{AVATAR_UPLOAD_PREFIX}{slot}")


def idempotency(account_id: AccountId | None, digest: str) -> Key:
    """The result of an idempotency key, of an account or of a registration (None)."""
    if account_id is None:
        return Key(f"REGISTRATION#{digest}", "REGISTRATION")
    return Key(account_partition(account_id), f"IDEMPOTENCY#{digest}")


def orphaned_avatar(avatar_id: AvatarId) -> Key:
    """The orphan marker of an avatar file that no account uses. The ids sort by time."""
    return Key(ORPHANED_AVATARS, avatar_id)


def device(account_id: AccountId, device_id: DeviceId) -> Key:
    """A known device of an account."""
    return Key(account_partition(account_id), f"DEVICE#{device_id}")


LIMIT_PREFIX = "LIMIT#"


def quota_window(name: str, subject: str, number: int) -> Key:
    """The count of a subject in one window of the clock."""
    return Key(_limit_partition(name, subject), f"WINDOW#{number}")


def attempts(name: str, subject: str) -> Key:
    """The failed attempts of a subject."""
    return Key(_limit_partition(name, subject), "ATTEMPTS")


def _limit_partition(name: str, subject: str) -> str:
    # A digest, because subjects are IP addresses and accounts, which should not be readable in
    # keys.
    return f"{LIMIT_PREFIX}{name}#{hashlib.sha256(subject.encode()).hexdigest()[:32]}"


def email_claim(email_key: str) -> Key:
    """The claim of an address."""
    return Key(f"EMAIL#{email_key}", "CLAIM")


def username_claim(username_key: str) -> Key:
    """The claim of a username."""
    return Key(f"USERNAME#{username_key}", "CLAIM")


def single_use_token(token_id: TokenId) -> Key:
    """An emailed token."""
    return Key(f"TOKEN#{token_id}", "TOKEN")


def mailed_code(digest: str) -> Key:
    """An emailed code. The digest includes its account."""
    return Key(f"TOKEN#{digest}", "CODE")


OUTBOX_PREFIX = "OUTBOX#"
"""The prefix that the relay's event source filters by. The template repeats it."""

OUTBOX_SHARDS = 8
"""Partitions per day of messages. A message costs four write units and a partition has a thousand
per second, so 2,000 messages per second fit.
"""


def outbox(queue: Queue, message_id: MessageId) -> Key:
    """A pending outbox message.

    The key has everything that the relay needs, so the stream has keys only and never a password
    hash or a session's secret.
    """
    shard = zlib.crc32(message_id.encode()) % OUTBOX_SHARDS
    day = minted_at(message_id).date()
    return Key(_outbox_partition(day, shard), f"{queue}#{message_id}")


HEARTBEATS = f"{OUTBOX_PREFIX}HEARTBEAT"
"""With the outbox's prefix, so that heartbeats pass the same filter."""


def heartbeat(at: datetime) -> Key:
    """A heartbeat for the relay."""
    return Key(HEARTBEATS, f"{to_milliseconds(at):013d}")


def outbox_message(key: Key) -> tuple[Queue, str]:
    """Parse a message's queue and id from its key."""
    queue, _, message_id = key.sk.partition("#")
    return Queue(queue), message_id


def outbox_partitions(since: datetime, until: datetime) -> list[str]:
    """Return the partitions of all messages of a period, oldest first."""
    first, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    return [
        _outbox_partition(first + timedelta(days=day), shard)
        for day in range((last - first).days + 1)
        for shard in range(OUTBOX_SHARDS)
    ]


def _outbox_partition(day: date, shard: int) -> str:
    return f"{OUTBOX_PREFIX}{day:%Y-%m-%d}#{shard}"


ISSUERS = "ISSUERS"
"""One partition: the authorizer reads it with one query, every few minutes in each environment."""

ISSUER_KEYS_PREFIX = "KEYS#"


def trusted_issuers() -> Key:
    """The configuration of the trusted issuers."""
    return Key(ISSUERS, "CONFIG")


def external_salt() -> Key:
    """The salt of the ids of identities at other issuers."""
    return Key(ISSUERS, "SALT")


def issuer_keys(issuer_id: str) -> Key:
    """The public keys of an issuer."""
    return Key(ISSUERS, f"{ISSUER_KEYS_PREFIX}{issuer_id}")


def keys_asked(issuer_id: str) -> Key:
    """When an unknown key of an issuer was last asked for."""
    return Key(ISSUERS, f"ASKED#{issuer_id}")


def task_lease(task: str) -> Key:
    """The lease of a scheduled task."""
    return Key(f"TASK#{task}", "LEASE")


def audit_partition(subject_id: SubjectId) -> str:
    """The partition of the rows about one person."""
    return f"SUBJECT#{subject_id}"


def audit_row(subject_id: SubjectId, row_id: RowId) -> Key:
    """One row; row ids sort by time."""
    return Key(audit_partition(subject_id), row_id, "audit")


def _hour(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def audit_request_partition(at: datetime, row_id: RowId) -> str:
    """A partition of an hour's rows of requests without an account."""
    return f"REQUESTS#{_hour(at)}#{zlib.crc32(row_id.encode()) % AUDIT_REQUEST_SHARDS}"


def request_pack(at: datetime, row_id: RowId) -> Key:
    """A pack of requests of one hour. Ids sort by the time of the pack's last request."""
    shard = zlib.crc32(row_id.encode()) % AUDIT_REQUEST_SHARDS
    return Key(request_pack_partitions(at)[shard], row_id, "audit")


def request_pack_partitions(at: datetime) -> list[str]:
    """The partitions of an hour's packs."""
    # With the prefix of request rows: the chain, the auditor's copy and roles treat them alike.
    return [f"REQUESTS#{_hour(at)}#PACKS#{shard}" for shard in range(AUDIT_REQUEST_SHARDS)]


def late_packs_partition(at: datetime) -> str:
    """The partition of the markers of an hour in which late packs were stored."""
    return f"LATE_PACKS#{_hour(at)}"


def late_pack(stored_at: datetime, pack: Key) -> Key:
    """The marker of a pack that was stored long after its requests."""
    position = f"{to_milliseconds(stored_at):013d}#{pack.pk}#{pack.sk}"
    return Key(late_packs_partition(stored_at), position, "audit")


def pack_of_late(sort_key: str) -> tuple[int, Key]:
    """Parse a marker: when the pack was stored, in epoch milliseconds, and its key."""
    at, _, rest = sort_key.partition("#")
    partition, _, row_id = rest.rpartition("#")
    return int(at), Key(partition, row_id, "audit")


REQUEST_INDEX = "REQUEST_INDEX"
"""One partition: one function writes it, every few minutes."""


def index_progress() -> Key:
    """The time before which all packs of requests are indexed."""
    return Key(REQUEST_INDEX, "PROGRESS")


def index_day(day: date) -> Key:
    """The files of the index with the requests of a day."""
    return Key(REQUEST_INDEX, f"DAY#{day:%Y-%m-%d}")


def audit_session_partition(session_id: SessionId) -> str:
    """The index partition (gsi1) of a session's rows."""
    return f"SESSION#{session_id}"


def audit_day_partitions(day: date) -> list[str]:
    """The index partitions (gsi2) of a day's rows."""
    return [f"DAY#{day:%Y-%m-%d}#{shard}" for shard in range(AUDIT_INDEX_SHARDS)]


def audit_action_partitions(action: Action, day: date) -> list[str]:
    """The index partitions (gsi3) of a day's rows of one action."""
    return [f"ACTION#{action.value}#{day:%Y-%m-%d}#{s}" for s in range(AUDIT_INDEX_SHARDS)]


def audit_index_shard(row_id: RowId) -> int:
    """Return the shard of a row in its day, so that no partition gets hot."""
    return zlib.crc32(row_id.encode()) % AUDIT_INDEX_SHARDS


def audit_shard(shard: str) -> Key:
    """The item that assigns a shard of the audit table's stream to a chain."""
    return Key("CHAINS", shard, "audit")


def audit_chain_partition(chain: int) -> str:
    """The partition of a chain's blocks."""
    return f"CHAIN#{chain}"


def audit_block(chain: int, number: int) -> Key:
    """One block of a chain; the first has number 1."""
    return Key(audit_chain_partition(chain), f"{number:012d}", "audit")
