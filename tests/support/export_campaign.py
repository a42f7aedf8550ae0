"""People with long histories on an emulator, and the checks of their exports."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

from latchkey import wiring
from latchkey.domain.account import Role
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.effects import Effects
from latchkey.domain.ids import ExportId, new_id
from latchkey.domain.request import Caller, RequestContext
from latchkey.storage import keys
from latchkey.storage.dynamodb import to_wire
from latchkey.storage.export_files import archive_key, staged_prefix
from latchkey.storage.records import to_item
from latchkey.storage.table import Put, Query, read_all
from latchkey.wiring import Services
from latchkey.wiring.audit import audit_store
from latchkey.wiring.exports import export_store, exports
from latchkey.wiring.storage import account_store, clock, effect_writer, table
from tests.support.archives import Archive, read_archive
from tests.support.builders import a_session, an_account

if TYPE_CHECKING:
    from latchkey.domain.account import Account
    from latchkey.domain.export import Export


@dataclass(frozen=True)
class RequestedExport:
    """An export that was asked for, and the message that has it made."""

    account: Account
    export: Export
    message_id: str
    rows: int


class Campaign:
    """The service's own flows on an emulator, seen from outside its workers."""

    def __init__(self, s3: Any, dynamodb: Any, seed: int) -> None:
        self.services = Services()
        wiring.use(self.services)
        self.random = random.Random(seed)
        self._s3 = s3
        self._dynamodb = dynamodb

    def request_export(self, rows: int, *, row_bytes: int = 0) -> RequestedExport:
        """Open an account, give it a history of so many rows, and ask for an export.

        row_bytes  of noise in each row, which no packing makes smaller: for files of many parts
        """
        now = self.services[clock].now()
        account = an_account(created_at=now - timedelta(days=400), updated_at=now)
        self.services[account_store].put_new(account, Effects())
        sessions = [a_session(account, created_at=now) for _ in range(3)]
        for session in sessions:
            key = keys.session(account.id, session.id)
            self.services[table].put(Put(key, to_item(session)))
        self._write_history(account, rows - 1, row_bytes, now - timedelta(days=399), now)
        caller = Caller(
            account_id=account.id,
            session_id=sessions[0].id,
            authenticated_at=now,
            role=Role.USER,
            audit_subject=account.audit.id,
        )
        context = RequestContext(request_id="ask", now=now, ip_address="203.0.113.7")
        export = self.services[exports].request(caller, None, context)
        (message_id,) = self.messages("export", export.id)
        return RequestedExport(account, export, message_id, rows)

    def messages(self, queue: str, export_id: ExportId) -> list[str]:
        """The messages of the outbox for an export that wait in a queue."""
        now = self.services[clock].now() + timedelta(hours=12)
        partitions = keys.outbox_partitions(now - timedelta(hours=13), now)
        found = [
            item
            for partition in partitions
            for item in read_all(self.services[table], Query(partition=partition))
        ]
        return [
            str(item["sk"]).partition("#")[2]
            for item in found
            if str(item["sk"]).startswith(f"{queue}#")
            and isinstance(item["body"], dict)
            and item["body"].get("export_id") == export_id
        ]

    def objects(self, export_id: ExportId) -> set[str]:
        """Every object that there is of an export."""
        found = set()
        for prefix in (staged_prefix(export_id), archive_key(export_id)):
            listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
            found |= {entry["Key"] for entry in listed.get("Contents", [])}
        return found

    def require_unreachable(self, requested: RequestedExport) -> None:
        """Between two deliveries there is no link, unless the export is ready as a whole."""
        export = self.services[export_store].find(requested.account.id, requested.export.id)
        assert export is not None
        if export.status == "ready":
            self.require_complete(requested, swept=False)
        else:
            assert not self.services[export_store].record_links(
                [export], self.services[clock].now(), Effects()
            )

    def require_complete(self, requested: RequestedExport, *, swept: bool = True) -> Archive:
        """One object, whole, with every row; one mail, one row in the trail, a free place."""
        export = self.services[export_store].find(requested.account.id, requested.export.id)
        assert export is not None
        assert (export.status, export.progress) == ("ready", 100)
        key = archive_key(export.id)
        if swept:
            assert self.objects(export.id) == {key}
            assert self.messages("export", export.id) == []
        content = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        assert len(content) == export.size_bytes
        archive = read_archive(content, sha256=export.sha256)
        rows = archive.ndjson("security-history.ndjson")
        assert len({row["id"] for row in rows}) == len(rows) == requested.rows
        assert len(archive.csv("security-history.csv")) == requested.rows
        assert len(self.messages("mail", export.id)) == 1
        trail = list(self.services[audit_store].read_changes(requested.account.audit.id))
        completed = [row for row in trail if row.action is Action.EXPORT_COMPLETED]
        assert len(completed) == 1
        self.services[export_store].ledger_version(requested.account.id)
        return archive

    @property
    def _bucket(self) -> str:
        return self.services.config.export_bucket

    def _write_history(
        self, account: Account, rows: int, row_bytes: int, since: Any, until: Any
    ) -> None:
        step = (until - since) / (rows + 1)
        puts = []
        for number in range(rows):
            context = RequestContext(
                request_id=f"request-{number}",
                now=since + step * number,
                ip_address=f"198.51.100.{self.random.randrange(256)}",
            )
            row = audit_row(
                Action.SESSION_STARTED,
                account.audit,
                context,
                targets=(new_id("ses", context.now),),
                device="Chrome on Windows" + self.random.randbytes(row_bytes // 2).hex(),
            )
            puts += self.services[effect_writer].writes(Effects(audit=(row,)))
        table = self.services.config.audit_table_name
        for batch in batched(puts, 25, strict=False):
            requests = [
                {"PutRequest": {"Item": _wire(put)}}  # the wire's own form: a batch, no transaction
                for put in batch
            ]
            self._dynamodb.batch_write_item(RequestItems={table: requests})


def _wire(put: Any) -> dict[str, Any]:
    item = {"pk": put.key.pk, "sk": put.key.sk, **put.attributes}
    return {name: to_wire(value) for name, value in item.items()}
