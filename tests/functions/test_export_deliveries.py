"""Many exports with five parallel deliveries of each message: one file and one email each.

With the outbox's own lease in front, as a message travels; and without it, so that the export's
lease alone has to hold.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, override

import pytest

from latchkey.domain.effects import OutboxMessage, Queue
from latchkey.domain.export import ExportBusy, ExportLeaseLost
from latchkey.flows.export_worker import Work
from latchkey.storage.export_files import ArchiveWriter, MemoryExportFiles, archive_key
from latchkey.wiring.exports import export_worker
from tests.support.api import all_at_once
from tests.support.archives import read_archive
from tests.support.outbox import Invocation, sqs_record
from tests.support.person import Person, audit_rows
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from latchkey.domain.ids import ExportId

EXPORT = "/api/v1/users/me/export"
AT_ONCE = 5
READY = "Your data is ready"


class CountingFiles(MemoryExportFiles):
    """Files that count how often each archive is begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: Counter[str] = Counter()

    @override
    def write_archive(self, export_id: ExportId) -> ArchiveWriter:
        self.begun[export_id] += 1
        return super().write_archive(export_id)


def through_the_handler(service, message):
    event = {"Records": [sqs_record(message.id)]}
    return service._handler("export_worker")(event, Invocation())["batchItemFailures"] == []


def past_the_outbox(service, message):
    try:
        service.services[export_worker].work(Work(message=message, seconds_left=lambda: 120))
    except (ExportBusy, ExportLeaseLost):
        return False
    return True


def message_of(service, export_id):
    (item,) = [
        item
        for item in service.table.all_items()
        if str(item["sk"]).startswith("export#") and item["body"]["export_id"] == export_id
    ]
    message_id = str(item["sk"]).partition("#")[2]
    return OutboxMessage(id=message_id, queue=Queue.EXPORT, body=item["body"])


@pytest.mark.parametrize("deliver", [through_the_handler, past_the_outbox])
@pytest.mark.parametrize("count", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_parallel_deliveries_make_one_file_and_one_email(deliver, count):
    service = InProcessService()
    service.export_files = CountingFiles()
    service.configure(rate_limit_factor=100)
    people = [Person(service, f"person-{number}@example.com") for number in range(count)]
    exports = [person.request("POST", EXPORT).data["id"] for person in people]
    for export_id in exports:
        message = message_of(service, export_id)
        done = all_at_once(AT_ONCE, lambda _, message=message: deliver(service, message))
        assert any(done)
    # Those that were too early come again.
    service.clock.advance(minutes=12)
    assert service.work() == []
    assert service.export_files.begun == Counter(exports)
    assert set(service.export_files.objects) == {archive_key(e) for e in exports}
    for content in service.export_files.objects.values():
        read_archive(content)
    assert len(audit_rows(service, "export.completed")) == count
    ready = [mail.letter for mail in service.mailbox.sent if mail.letter.subject == READY]
    assert len(ready) == count
