"""The content of an export.

Every new kind of stored personal data needs a part here, or a reason in NOT_EXPORTED. A test
compares both with `storage/keys.py`. Another test compares stored fields with the columns here, so
that no secret is exported and no field is forgotten.
"""

from __future__ import annotations

import base64
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.account import PROFILE_FIELDS
from latchkey.domain.activity_texts import describe_row
from latchkey.domain.audit import SYSTEM_ACTOR, UNKNOWN_ACTOR
from latchkey.domain.language import Language
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from latchkey.domain.account import Account
    from latchkey.domain.request import Location
    from latchkey.flows.activity import CompleteHistory
    from latchkey.flows.avatars import Media
    from latchkey.storage.consents import ConsentStore
    from latchkey.storage.exports import ExportStore
    from latchkey.storage.identities import IdentityStore
    from latchkey.storage.mail_suppressions import MailSuppressionStore
    from latchkey.storage.preferences import PreferenceStore
    from latchkey.storage.sessions import SessionStore


class Form(Enum):
    """The format of a part."""

    DOCUMENT = "document"
    """One JSON object."""
    TABLE = "table"
    """A JSON array, and CSV."""
    LONG_TABLE = "long_table"
    """One JSON object per line, and CSV: for tables without a maximum length."""
    FILE = "file"
    """Files: rows of `name`, `media_type` and `base64`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The sources of the parts."""

    sessions: SessionStore
    preferences: PreferenceStore
    consents: ConsentStore
    exports: ExportStore
    suppressions: MailSuppressionStore
    identities: Callable[[], IdentityStore]
    history: Callable[[], CompleteHistory]
    media: Callable[[], Media]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a part.

    cursor   the position to continue after; rows are in the order of their cursors
    content  plain JSON, with the part's columns
    at       its time, if that shows the progress in a long table
    """

    cursor: str
    content: dict[str, Any]
    at: datetime | None = None


type Rows = Callable[[Sources, Account, str | None], Iterator[Row]]
"""Reads the rows of a part of an account, optionally after a cursor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    name     of its files, without the suffix; also the export's step
    about    one sentence, for README.html and the manifest
    item_kinds  the functions of `storage/keys.py` whose items it contains
    columns  of its table, or fields of its document
    """

    name: str
    title: str
    about: str
    form: Form
    item_kinds: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Rows


ACCOUNT_FIELDS = (
    "id",
    "email",
    *PROFILE_FIELDS,
    "avatar_id",
    "transactional_consent",
    "marketing_consent",
    "is_verified",
    "must_reset_password",
    "role",
    "status",
    "created_at",
    "updated_at",
    "suspended_at",
    "deleted_at",
    "purge_at",
    "signed_out_at",
    "former_email",
    "former_email_until",
)

ACCOUNT_WITHHELD = {
    "password_hash": "a secret",
    "audit": "the key that seals the security history, and its pseudonym",
    "session_version": "a counter without personal data",
    "sign_in_epoch": "as `session_version`",
    "version": "as `session_version`",
}


def _profile(_sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    if after is None:
        yield Row(cursor=account.id, content=_fields(account, ACCOUNT_FIELDS))


PREFERENCES_FIELDS = ("document", "updated_at", "version")


def _preferences(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    preferences = sources.preferences.find(account.id)
    if preferences is not None and after is None:
        yield Row(cursor=account.id, content=_fields(preferences, PREFERENCES_FIELDS))


CONSENT_FIELDS = ("id", "kind", "given", "decided_at", "session_id", "text_version")


def _consents(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    for consent in _after_cursor(after, sources.consents.all(account.id)):
        yield Row(cursor=consent.id, content=_fields(consent, CONSENT_FIELDS))


SESSION_FIELDS = (
    "id",
    "user_agent",
    "ip_address",
    "login_method",
    "role",
    "created_at",
    "authenticated_at",
    "reauthenticated_at",
    "last_activity_at",
    "expires_at",
    "ended_at",
    "end_reason",
    "issuer",
    "identity_id",
)

DEVICE_FIELDS = ("name", "type", "browser", "browser_version", "os", "os_version", "model")

PLACE_FIELDS = ("location", "last_ip_address", "last_location")
"""The field `last_use` becomes the last two columns. Its digest of the client is omitted."""

SESSION_WITHHELD = {
    "account_id": "the same as in the profile",
    "secret": "a secret",
    "device_id": "a credential of the device",
    "audit": "as in the profile",
    "generation": "part of the next refresh token",
    "used_generation": "as `generation`",
    "rotated_at": "as `generation`",
    "told_elsewhere_at": "the history has a row for each email",
}


def _sessions(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    for session in _after_cursor(after, sources.sessions.list_by_account(account.id)):
        content = _fields(session, SESSION_FIELDS)
        content |= {f"device_{name}": getattr(session.device, name) for name in DEVICE_FIELDS}
        content["location"] = _place(session.location)
        content["last_ip_address"] = session.present_use.ip_address
        content["last_location"] = _place(session.present_use.location)
        yield Row(cursor=session.id, content=content)


HISTORY_FIELDS = (
    "id",
    "at",
    "action",
    "actor",
    "outcome",
    "reason",
    "operation",
    "session_id",
    "targets",
    "changed",
    "sealed",
    "request_id",
)
HISTORY_COLUMNS = (
    "id",
    "at",
    "what",
    "action",
    "by",
    "outcome",
    "reason",
    "operation",
    "session_id",
    "targets",
    "changed",
    "ip_address",
    "device",
    "from_device",
    "request_id",
)
"""The field `actor` becomes `by`, and `sealed` its opened content."""

HISTORY_WITHHELD = {
    "subject_id": "as in the profile",
    "counts": "of requests without an account",
}


def _history(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    for entry in sources.history().read_all(account, after=after):
        row, personal = entry.row, entry.personal
        content = {
            "id": row.id,
            "at": _plain(row.at),
            "what": describe_row(row, personal, Language.ENGLISH),
            "action": row.action.value,
            "by": _actor(row.actor, account),
            "outcome": row.outcome,
            "reason": row.reason,
            "operation": row.operation,
            "session_id": row.session_id if row.actor == account.audit.id else None,
            "targets": list(row.targets),
            "changed": list(row.changed),
            "ip_address": personal.get("ip_address"),
            "device": personal.get("device"),
            "from_device": personal.get("from_device"),
            "given_reason": personal.get("reason"),
            "request_id": row.request_id,
        }
        yield Row(cursor=row.id, content=content, at=row.at)


def _actor(actor: str, account: Account) -> str:
    # Not the administrator's pseudonym, which is data of another person.
    return _ACTORS.get(actor, "you" if actor == account.audit.id else "an administrator")


_ACTORS = {SYSTEM_ACTOR: "the service", UNKNOWN_ACTOR: "somebody unknown"}


def _avatar(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    if account.avatar_id is None or after is not None:
        return
    avatar = sources.media().read_avatar(account.avatar_id)
    if avatar is not None:
        content = {
            "name": "avatar.webp",
            "media_type": "image/webp",
            "base64": base64.b64encode(avatar).decode(),
        }
        yield Row(cursor=account.avatar_id, content=content)


EXPORT_FIELDS = (
    "id",
    "status",
    "created_at",
    "ready_at",
    "failed_at",
    "expires_at",
    "size_bytes",
    "sha256",
    "links_issued",
    "failure",
)

EXPORT_WITHHELD = {
    "account_id": "the same as in the profile",
    "progress": "state of the worker",
    "step": "state of the worker",
    "attempts": "state of the worker",
    "lease_id": "state of the worker",
    "lease_until": "state of the worker",
    "collected": "state of the worker",
    "after": "state of the worker",
    "segments": "state of the worker",
    "packed_at": "state of the worker",
}


def _exports(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    for export in _after_cursor(after, reversed(sources.exports.list_by_account(account.id))):
        yield Row(cursor=export.id, content=_fields(export, EXPORT_FIELDS))


MAIL_SUPPRESSION_FIELDS = ("address", "reason", "since")


def _suppressed_mail(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    found = sources.suppressions.list_by_account(account.id)
    for suppression in sorted(found, key=lambda suppression: suppression.address):
        if after is None or suppression.address > after:
            yield Row(
                cursor=suppression.address, content=_fields(suppression, MAIL_SUPPRESSION_FIELDS)
            )


IDENTITY_FIELDS = (
    "id",
    "issuer",
    "subject",
    "email",
    "email_verified",
    "name",
    "first_seen_at",
    "signed_in_at",
)


def _identities(sources: Sources, account: Account, after: str | None) -> Iterator[Row]:
    for identity in _after_cursor(after, sources.identities().list_by_account(account.id)):
        yield Row(cursor=identity.id, content=_fields(identity, IDENTITY_FIELDS))


PARTS: tuple[Part, ...] = (
    Part(
        name="profile",
        title="Profile",
        about="Your account: your profile and its status.",
        form=Form.DOCUMENT,
        item_kinds=("account",),
        columns=ACCOUNT_FIELDS,
        rows=_profile,
    ),
    Part(
        name="preferences",
        title="Preferences",
        about="Your preferences, if you have set any.",
        form=Form.DOCUMENT,
        item_kinds=("preferences",),
        columns=PREFERENCES_FIELDS,
        rows=_preferences,
    ),
    Part(
        name="consents",
        title="Consents",
        about="Your consents, given and withdrawn: when, on which device, and in which wording.",
        form=Form.TABLE,
        item_kinds=("consent",),
        columns=CONSENT_FIELDS,
        rows=_consents,
    ),
    Part(
        name="sessions",
        title="Devices and sessions",
        about="Every device that is signed in, or was in the last 30 days.",
        form=Form.TABLE,
        item_kinds=("session",),
        columns=(*SESSION_FIELDS, *(f"device_{name}" for name in DEVICE_FIELDS), *PLACE_FIELDS),
        rows=_sessions,
    ),
    Part(
        name="security-history",
        title="Security history",
        about="What happened to your account, when, and from where.",
        form=Form.LONG_TABLE,
        item_kinds=("audit_row", "request_pack"),
        columns=HISTORY_COLUMNS,
        rows=_history,
    ),
    Part(
        name="avatar",
        title="Picture",
        about="Your picture.",
        form=Form.FILE,
        item_kinds=(),
        columns=("name", "media_type", "base64"),
        rows=_avatar,
    ),
    Part(
        name="suppressed-mail",
        title="Stopped mail",
        about="Your addresses that get no email, after a bounce or a spam report.",
        form=Form.TABLE,
        item_kinds=("mail_suppression",),
        columns=MAIL_SUPPRESSION_FIELDS,
        rows=_suppressed_mail,
    ),
    Part(
        name="identities",
        title="Identity providers",
        about="Where you sign in, if that is not here, and what your identity provider says.",
        form=Form.TABLE,
        item_kinds=("identity",),
        columns=IDENTITY_FIELDS,
        rows=_identities,
    ),
    Part(
        name="exports",
        title="Exports",
        about="Your data exports, including this one.",
        form=Form.TABLE,
        item_kinds=("export",),
        columns=EXPORT_FIELDS,
        rows=_exports,
    ),
)

NOT_EXPORTED = {
    "export_ledger": "the running export, which the exports show",
    "email_claim": "the address, which the profile shows",
    "username_claim": "the username, which the profile shows",
    "avatar_upload": "a pending upload of a picture: deleted within 15 minutes",
    "mailed_code": "a secret that is valid for an hour; the history shows its request",
    "idempotency": "the key of a request; its result is exported",
    "orphaned_avatar": "names of files to delete, without an owner",
    "single_use_token": "an emailed link: deleted within days, and found only with the link",
    "outbox": "a message in transit: deleted within seconds",
    "late_pack": "the time when a pack of requests was stored",
    "index_day": "names of files with the requests, which the history has",
    "index_progress": "a time",
    "audit_shard": "the chain of a shard of the stream",
    "audit_block": "hashes of rows that detect edits, without personal data",
    "revocation": "an administrator's pending confirmation: deleted within minutes",
    "deletion": "the time of the erasure, which the profile shows",
    "receipt": "of erased accounts, without personal data",
    "administrators": "a number",
    "device": "known devices, which the sessions and the history show",
    "quota_window": "a number of requests: deleted within a day",
    "attempts": "a number of failed attempts: deleted within a day",
    "heartbeat": "a heartbeat of the service, without personal data",
    "forgotten_session": "an old device that was signed out, which the history shows",
    "erased_identity": "of erased accounts: a digest and a time",
    "trusted_issuers": "the configuration of the service",
    "external_salt": "a secret of the service",
    "issuer_keys": "public keys of identity providers",
    "keys_asked": "a time",
    "task_lease": "of the service's own schedule",
}
"""Items of `storage/keys.py` that are not exported, with the reason."""


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


def _after_cursor[T: _Identified](after: str | None, found: Iterable[T]) -> Iterator[T]:
    """Skip rows up to a cursor, for parts that are read at once."""
    return (entry for entry in found if after is None or entry.id > after)


def _fields(entry: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _plain(getattr(entry, name)) for name in names}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case Enum():
            return value.value
    return value


def _place(location: Location | None) -> str | None:
    if location is None:
        return None
    names = (location.city, location.region, location.country)
    return ", ".join(name for name in names if name) or None
