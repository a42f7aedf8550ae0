"""Restore accounts from a restored copy of the main table: `python -m tools.recovery.restore`.

Point-in-time recovery creates a new table as of a time. Later events are in the
audit trail, which this reads for each person before it restores them:

* a person who was erased since, or requested it, is not restored;
* a person who is still in the table is unchanged: the table is newer than the copy;
* sessions, emails, links and counters are not restored;
* later changes of password, address or role are not undone: they restrict the account.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3

from latchkey.domain.account import Account, AccountStatus, Role
from latchkey.domain.audit import Action, AuditSubject, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.ids import floor_of, new_id
from latchkey.domain.request import RequestContext
from latchkey.security.sealing import seal
from latchkey.storage import keys
from latchkey.storage.boto_client import BotoClient
from latchkey.storage.changes import admin_count_update, index_attributes
from latchkey.storage.deletions import claims
from latchkey.storage.dynamodb import DynamoDBTable, from_wire
from latchkey.storage.effects import EffectWriter
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import ABSENT, ConditionFailed, Key, Put, Query, read_all
from tools.stacks import outputs, physical_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from latchkey.storage.table import Item, Table, TableName

OPERATOR = "operator"
MARGIN = timedelta(minutes=1)
"""The audit trail is read from this time before the copy, which may lack its last seconds."""

ERASED = frozenset(
    {
        Action.ACCOUNT_ERASURE_ORDERED,
        Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN,
        Action.ACCOUNT_ERASURE_STARTED,
        Action.ACCOUNT_ERASED,
    }
)
HELD = frozenset(
    {
        Action.ACCOUNT_DELETED,
        Action.ACCOUNT_DELETED_BY_ADMIN,
        Action.ACCOUNT_RESTORED_BY_ADMIN,
        Action.ACCOUNT_RESTORED_BY_LINK,
        Action.ACCOUNT_SUSPENDED_BY_ADMIN,
        Action.ACCOUNT_UNSUSPENDED_BY_ADMIN,
        Action.EMAIL_CHANGED,
        Action.EMAIL_CHANGE_UNDONE,
    }
)
"""After these actions only an administrator can decide about the account's status."""

NEW_PASSWORD = frozenset({Action.PASSWORD_CHANGED, Action.PASSWORD_RESET, Action.SESSION_DISOWNED})
NEW_ROLE = frozenset({Action.ROLE_CHANGED_BY_ADMIN, Action.ROLE_CHANGED_BY_OPERATOR})

KEPT = ("CONSENT#", "PREFERENCES", "DEVICE#", "DELETION")
"""Items of a person beside the account. Other items ended, or could have an effect twice."""


@dataclass
class Report:
    """The results, by account id, without addresses and names."""

    restored: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    new_password: list[str] = field(default_factory=list)
    new_role: list[str] = field(default_factory=list)
    conflicting: list[str] = field(default_factory=list)
    """Accounts whose address or username belongs to another account now."""
    receipts: int = 0
    left_behind: Counter[str] = field(default_factory=Counter)
    """Items of the copy that were not restored, by kind."""

    def to_json(self) -> str:
        """Return the report for the operator."""
        # Not dataclasses.asdict: it makes a Counter of pairs from a Counter.
        return json.dumps(vars(self), indent=2)


@dataclass(frozen=True, slots=True)
class _Person:
    account: Account
    items: Sequence[Item]


class Restoring:
    """One restore."""

    def __init__(
        self,
        table: Table,
        *,
        at: datetime,
        now: datetime,
        audit_retention: timedelta,
        trail: Table | None = None,
    ) -> None:
        """Restore people into this table.

        at     the time of the copy
        trail  a restored copy of the audit table, if the table's own was lost; both are read
        """
        self._table = table
        self._trails = [table] if trail is None else [table, trail]
        self._since = at - MARGIN
        self._now = now
        self._effects = EffectWriter(seal, retention=audit_retention)
        self.report = Report()

    def run(self, copy: Iterable[Item], *, really: bool) -> Report:
        """Restore all accounts that the audit trail allows. Can be repeated.

        really  write; without it only the report is made
        """
        by_partition: dict[str, list[Item]] = {}
        for item in copy:
            pk = str(item["pk"])
            if pk.startswith("ACCOUNT#"):
                by_partition.setdefault(pk, []).append(item)
            elif pk.startswith("RECEIPT#"):
                self._receipt(item, really=really)
            elif not pk.startswith(("EMAIL#", "USERNAME#", "ADMINISTRATORS")):
                self.report.left_behind[pk.partition("#")[0]] += 1
        for items in by_partition.values():
            account = next((each for each in items if each["sk"] == "ACCOUNT"), None)
            if account is not None:
                self._person(_Person(from_item(Account, account), items), really=really)
        return self.report

    def _receipt(self, item: Item, *, really: bool) -> None:
        self.report.receipts += 1
        if really:
            self._put_if_absent(item)

    def _person(self, person: _Person, *, really: bool) -> None:
        before = person.account
        if self._table.get(keys.account(before.id)) is not None:
            self.report.present.append(before.id)
            return
        since = self._actions_since(before.audit)
        if since & ERASED or before.status is AccountStatus.ERASING:
            self.report.erased.append(before.id)
            return
        after = self._restricted(before, since)
        kept = [item for item in person.items if _is_kept(item, since)]
        for item in person.items:
            if item["sk"] != "ACCOUNT" and item not in kept:
                self.report.left_behind[str(item["sk"]).partition("#")[0]] += 1
        if really and not self._restore(after):
            self.report.conflicting.append(before.id)
            return
        self.report.restored.append(before.id)
        if really:
            for item in kept:
                self._put_if_absent(item)

    def _restricted(self, account: Account, since: frozenset[Action]) -> Account:
        """Return a safe account from the copy's, given later events."""
        changes: dict[str, Any] = {"updated_at": self._now, "version": account.version + 1}
        if since & HELD:
            self.report.suspended.append(account.id)
            changes |= {"status": AccountStatus.SUSPENDED, "suspended_at": self._now}
            changes |= {"deleted_at": None, "purge_at": None}
        if since & NEW_PASSWORD:
            self.report.new_password.append(account.id)
            changes["must_reset_password"] = True
        if since & NEW_ROLE:
            self.report.new_role.append(account.id)
            changes["role"] = Role.USER
        # A password that was verified before the restore must be verified again.
        changes["sign_in_epoch"] = account.sign_in_epoch + 1
        # Sign-ins at other issuers, too: the table that was lost knew which sessions had ended.
        changes["signed_out_at"] = self._now
        return dataclasses.replace(account, **changes)

    def _restore(self, after: Account) -> bool:
        """Put the account, its claims and its audit row in one transaction. False if taken."""
        row = audit_row(
            Action.ACCOUNT_RECOVERED_BY_OPERATOR, after.audit, self._context(), actor=OPERATOR
        )
        no_admin = dataclasses.replace(after, role=Role.USER)
        writes = [
            Put(keys.account(after.id), {**to_item(after), **index_attributes(after)}, ABSENT),
            *(Put(claim, {"account_id": after.id}, ABSENT) for claim in claims(after)),
            *admin_count_update(no_admin, after),
            *self._effects.writes(Effects(audit=(row,))),
        ]
        try:
            self._table.transact(writes)
        except ConditionFailed:
            return False
        return True

    def _context(self) -> RequestContext:
        return RequestContext(request_id=new_id("job", self._now), now=self._now, ip_address="")

    def _put_if_absent(self, item: Item) -> None:
        key = Key(str(item["pk"]), str(item["sk"]))
        attributes = {name: value for name, value in item.items() if name not in {"pk", "sk"}}
        try:
            self._table.put(Put(key, attributes, ABSENT))
        except ConditionFailed:
            return

    def _actions_since(self, subject: AuditSubject) -> frozenset[Action]:
        query = Query(
            partition=keys.audit_partition(subject.id),
            between=(
                keys.AUDIT_CHANGE_PREFIX + floor_of(self._since),
                keys.AUDIT_CHANGE_PREFIX + floor_of(self._now + timedelta(days=1)),
            ),
            table="audit",
        )
        return frozenset(
            Action(str(row["action"])) for trail in self._trails for row in read_all(trail, query)
        )


def _is_kept(item: Item, since: frozenset[Action]) -> bool:
    sk = str(item["sk"])
    if sk.startswith("DEVICE#") and Action.SESSION_DISOWNED in since:
        return False
    if sk == "DELETION" and since & HELD:
        return False
    return sk.startswith(KEPT)


def scan(client: Any, table: str) -> Iterator[Item]:
    """Read a whole table."""
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            yield {name: from_wire(value) for name, value in item.items()}


def main(arguments: list[str]) -> int:
    """Show who would be restored. With --really restore them."""
    parser = argparse.ArgumentParser(prog="python -m tools.recovery.restore")
    parser.add_argument("--stack", required=True, help="the running stack's name")
    parser.add_argument("--copy", required=True, help="the restored table's name")
    parser.add_argument("--at", required=True, help="its instant: 2026-01-02T03:04:05Z")
    parser.add_argument(
        "--audit-copy", default="", help="a restored copy of the audit table, if it was lost"
    )
    parser.add_argument("--really", action="store_true", help="write; without it only a report")
    options = parser.parse_args(arguments)
    at = datetime.fromisoformat(options.at)
    if at.tzinfo is None:
        parser.error("--at needs its zone: 2026-01-02T03:04:05Z")
    names = outputs(options.stack)
    tables: dict[TableName, str] = {"main": names["TableName"], "audit": names["AuditTableName"]}
    audit_copy: dict[TableName, str] = {**tables, "audit": options.audit_copy}
    restoring = Restoring(
        DynamoDBTable(BotoClient(), tables),
        trail=DynamoDBTable(BotoClient(), audit_copy) if options.audit_copy else None,
        at=at,
        now=datetime.now(UTC),
        audit_retention=_audit_retention(options.stack),
    )
    copy = scan(boto3.client("dynamodb"), options.copy)
    report = restoring.run(copy, really=options.really)
    print(report.to_json())
    if not options.really:
        print("Nothing was written. Use REALLY=1 to restore them.", file=sys.stderr)
    return 0


def _audit_retention(stack: str) -> timedelta:
    """Return how long functions keep rows: the parameter's or the profile's value."""
    function = physical_id(boto3.client("cloudformation"), stack, "CleanupFunction")
    found = boto3.client("lambda").get_function_configuration(FunctionName=str(function))
    return timedelta(days=int(found["Environment"]["Variables"]["AUDIT_RETENTION_DAYS"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
