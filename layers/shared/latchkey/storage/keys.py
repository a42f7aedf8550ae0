"""Every key of the system.

    entity          table  pk                    sk
    account         main   ACCOUNT#<account id>  ACCOUNT
    session         main   ACCOUNT#<account id>  SESSION#<session id>
    e-mail claim    main   EMAIL#<address>       CLAIM
    username claim  main   USERNAME#<name>       CLAIM
    single-use token main  TOKEN#<token id>      TOKEN
    outbox message  main   OUTBOX#<message id>   MESSAGE
    audit row       audit  SUBJECT#<pseudonym>   <row id>

What belongs to a person lies in the person's own partition: somebody else's session can't even be
addressed, and one strongly consistent query lists them all. Claims are what makes an address or a
name unique: they are put on the condition that they are absent, in the account's transaction.
"""

from __future__ import annotations

from latchkey.storage.table import Key

SESSION_PREFIX = "SESSION#"


def account_partition(account_id: str) -> str:
    """The partition of everything that is one person's."""
    return f"ACCOUNT#{account_id}"


def account(account_id: str) -> Key:
    """The account itself."""
    return Key(account_partition(account_id), "ACCOUNT")


def session(account_id: str, session_id: str) -> Key:
    """One session of an account."""
    return Key(account_partition(account_id), f"{SESSION_PREFIX}{session_id}")


def email_claim(email_key: str) -> Key:
    """Who has this address."""
    return Key(f"EMAIL#{email_key}", "CLAIM")


def username_claim(username_key: str) -> Key:
    """Who has this name."""
    return Key(f"USERNAME#{username_key}", "CLAIM")


def single_use_token(token_id: str) -> Key:
    """A token that was mailed: to verify, to reset, to object."""
    return Key(f"TOKEN#{token_id}", "TOKEN")


def outbox(message_id: str) -> Key:
    """A message that waits to be relayed to its queue."""
    return Key(f"OUTBOX#{message_id}", "MESSAGE")


def audit_partition(subject_id: str) -> str:
    """The partition of the rows about one person."""
    return f"SUBJECT#{subject_id}"


def audit_row(subject_id: str, row_id: str) -> Key:
    """One row; row ids sort by time."""
    return Key(audit_partition(subject_id), row_id, "audit")
