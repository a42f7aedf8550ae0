"""The index of packed requests: searches and exports find each request once, in order."""

from __future__ import annotations

import gzip
import itertools
import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from latchkey.domain.limits import AUDIT_INDEX_PAGE_FILES
from latchkey.flows.request_trail import record_of
from latchkey.storage import request_history as history_module
from latchkey.storage import request_packs
from latchkey.wiring.audit import (
    audit_store,
    complete_history,
    request_index_store,
    request_indexer,
)
from latchkey.wiring.storage import account_store
from tests.support.audit import captured_log, log_event
from tests.support.request_lines import Traffic, deliver

AUDIT = "/api/v1/audit"
SINCE = "2026-01-01T00:00:00Z"


@pytest.fixture
def traffic(service, ada):
    """Reads of Ada and of others, in the same deliveries."""
    made = Traffic(5, service.clock.now())
    made.subjects.append(subject_of(service, ada))
    made._sessions[made.subjects[-1]] = ada.session_id
    return made


def subject_of(service, person):
    return service.services[account_store].get(person.id).audit.id


def index(service, context=None):
    return service._handler("index_requests")({}, context)


class Deadline:
    """A Lambda context with some seconds, by the clock of the service."""

    def __init__(self, service, seconds) -> None:
        self._clock, self._end = service.clock, service.clock.now() + timedelta(seconds=seconds)

    def get_remaining_time_in_millis(self):
        return (self._end - self._clock.now()) / timedelta(milliseconds=1)


def search(admin, person, **query):
    service = admin.service
    admin.token = service.login(admin.email).data["access_token"]
    query = {"user_id": person.id, "kind": "requests", "since": SINCE, **query}
    answer = admin.get(AUDIT, query=query)
    assert answer.status == 200, answer.body
    return answer.data


def search_all(admin, person, **query):
    """Read all pages. Returns the ids of requests, newest first."""
    found, cursor = [], None
    for _ in range(500):
        page = search(admin, person, **query, **({"cursor": cursor} if cursor else {}))
        found += [row["request_id"] for row in page["rows"]]
        times = [row["at"] for row in page["rows"]]
        assert times == sorted(times, reverse=True)
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the search has no end")


def exported(service, person, after=None):
    account = service.services[account_store].get(person.id)
    entries = service.services[complete_history].read_all(account, after=after)
    return [entry.row for entry in entries]


def requests_of(lines, subject):
    """The ids of the requests of a subject, each once, newest first."""
    mine = {line["request_id"]: line["at"] for line in lines if line["subject"] == subject}
    return sorted(mine, key=lambda request_id: mine[request_id], reverse=True)


def levels(service):
    files = [file for day in days(service) for file in day.files]
    return sorted(file.level for file in files)


def days(service):
    now = service.clock.now()
    found = service.services[request_index_store].days(
        (now - timedelta(days=100)).date(), (now + timedelta(days=1)).date()
    )
    return list(found)


# Reading -----------------------------------------------------------------------------------------


def test_a_read_is_found_at_once_and_after_each_merge(service, admin, ada, traffic):
    index(service)
    mine = traffic.subjects[-1]
    lines = []
    for _ in range(8):
        batch = [traffic.line(service.clock.now()) for _ in range(9)]
        batch.append(traffic.line(service.clock.now(), subject=mine))
        deliver(service, batch)
        lines += batch
        service.clock.advance(minutes=6)
        assert set(search_all(admin, ada)) == set(requests_of(lines, mine))
    index(service)
    assert 1 in levels(service)
    for wait, expected in ((0, {1, 2}), (60, {2}), (26 * 60, {3})):
        service.clock.advance(minutes=wait)
        index(service)
        assert set(levels(service)) <= expected
        assert search_all(admin, ada, limit="2") == search_all(admin, ada)
        assert set(search_all(admin, ada)) == set(requests_of(lines, mine))
    assert [row.request_id for row in exported(service, ada) if row.operation] == list(
        reversed(search_all(admin, ada))
    )


def test_rows_and_packs_are_one_list(service, admin, ada, traffic):
    mine = traffic.subjects[-1]
    lines = []
    for number in range(30):
        fields = {"outcome": "NOT_FOUND", "status": 404} if number % 3 else {}
        lines.append(traffic.line(service.clock.now(), subject=mine, **fields))
        deliver(service, [lines[-1]])
        service.clock.advance(minutes=1)
    assert search_all(admin, ada, limit="7") == requests_of(lines, mine)
    service.clock.advance(hours=30)
    index(service)
    assert search_all(admin, ada, limit="7") == requests_of(lines, mine)
    page = search(admin, ada)
    assert {row["action"] for row in page["rows"]} == {"request.served", "request.refused"}
    assert page["complete_until"] is None


def test_rows_of_earlier_versions_are_listed_once(service, admin, ada, traffic):
    """They stored each read as a row. A line that is redelivered to this version is a pack too."""
    line = traffic.line(service.clock.now(), subject=traffic.subjects[-1])
    service.services[audit_store].add_request(record_of(line))
    assert search_all(admin, ada) == [line["request_id"]]
    deliver(service, [line])
    assert search_all(admin, ada) == [line["request_id"]]
    service.clock.advance(hours=2)
    index(service)
    assert search_all(admin, ada) == [line["request_id"]]


def test_period_of_a_search_is_exact(service, admin, ada, traffic):
    start, mine = service.clock.now(), traffic.subjects[-1]
    lines = [traffic.line(start + timedelta(seconds=n), subject=mine) for n in range(100)]
    service.clock.advance(seconds=100)
    deliver(service, lines)
    period = {"since": "2026-01-02T03:04:30Z", "until": "2026-01-02T03:05:00Z"}
    for _ in range(2):
        found = search_all(admin, ada, **period)
        assert found == list(reversed([line["request_id"] for line in lines[25:55]]))
        service.clock.advance(hours=3)
        index(service)


def test_opened_origins_are_in_an_export_after_the_merge(service, ada):
    with captured_log() as log:
        ada.get()
    service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
    service.clock.advance(days=2)
    index(service)
    account = service.services[account_store].get(ada.id)
    (entry,) = [e for e in service.services[complete_history].read_all(account) if e.row.operation]
    assert entry.personal == {"ip_address": "203.0.113.7", "device": "Chrome on Windows"}


def test_export_continues_after_any_row(service, ada, traffic):
    for _ in range(40):
        deliver(service, [traffic.line(service.clock.now()) for _ in range(3)])
        service.clock.advance(minutes=7)
    index(service)
    whole = exported(service, ada)
    assert [row.id for row in whole] == sorted(row.id for row in whole)
    for position in range(len(whole)):
        assert exported(service, ada, after=whole[position].id) == whole[position + 1 :]


def test_requests_are_not_shown_after_their_retention(service, admin, ada, traffic):
    line = traffic.line(service.clock.now(), subject=traffic.subjects[-1])
    deliver(service, [line])
    service.clock.advance(days=2)
    index(service)
    assert search_all(admin, ada) == [line["request_id"]]
    service.clock.advance(days=89)
    assert search_all(admin, ada, since="2026-01-01T00:00:00Z") == []
    assert [row for row in exported(service, ada) if row.operation] == []


def test_search_says_up_to_which_time_it_is_complete(service, admin, ada, traffic, monkeypatch):
    monkeypatch.setattr(request_packs, "AUDIT_RECENT_PACKS", 2)
    index(service)
    mine = traffic.subjects[-1]
    lines = []
    for _ in range(60):
        lines.append(traffic.line(service.clock.now(), subject=mine))
        deliver(service, [lines[-1]])
        service.clock.advance(seconds=5)
    page = search(admin, ada, limit="100")
    found = {row["request_id"] for row in page["rows"]}
    complete = [row["at"] for row in page["rows"] if row["at"] <= page["complete_until"]]
    assert 16 >= len(found) >= len(complete) > 0
    due = [line for line in lines if line["at"] <= _milliseconds(page["complete_until"])]
    assert {line["request_id"] for line in due} <= found
    service.clock.advance(minutes=20)
    index(service)
    page = search(admin, ada, limit="100")
    assert page["complete_until"] is None
    assert {row["request_id"] for row in page["rows"]} == {line["request_id"] for line in lines}


def test_search_is_incomplete_while_the_indexer_is_stopped(service, admin, ada, traffic):
    index(service)
    service.clock.advance(hours=9)
    deliver(service, [traffic.line(service.clock.now(), subject=traffic.subjects[-1])])
    page = search(admin, ada)
    assert (page["rows"], page["complete_until"]) == ([], "2026-01-02T04:00:00.000Z")


def _milliseconds(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


# Bounds ------------------------------------------------------------------------------------------


def test_page_reads_a_bounded_number_of_files(service, admin, ada, traffic, monkeypatch):
    monkeypatch.setattr(history_module, "AUDIT_INDEX_PAGE_FILES", 3)
    mine, lines = traffic.subjects[-1], []
    for _ in range(12):
        lines.append(traffic.line(service.clock.now(), subject=mine))
        deliver(service, [lines[-1]])
        service.clock.advance(days=1, minutes=7)
        index(service)
    service.index_files.reads = 0
    page = search(admin, ada, limit="100")
    assert len(page["rows"]) in (2, 3)
    assert service.index_files.reads <= 2 * 3
    assert search_all(admin, ada, limit="100") == requests_of(lines, mine)
    assert search_all(admin, ada, limit="1") == requests_of(lines, mine)


def test_search_of_ninety_days_reads_two_ranges_a_day(service, admin, ada, traffic):
    lines = []
    for _ in range(89):
        batch = [traffic.line(service.clock.now()) for _ in range(4)]
        deliver(service, batch)
        lines += batch
        service.clock.advance(days=1)
        index(service)
    service.index_files.reads = 0
    assert len(search_all(admin, ada, limit="100")) == len(requests_of(lines, traffic.subjects[-1]))
    assert service.index_files.reads <= 2 * 89
    assert AUDIT_INDEX_PAGE_FILES >= 31 + 24 + 3


# Faults ------------------------------------------------------------------------------------------


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


class Mortal:
    """Kills an indexer before or after one of its writes."""

    def __init__(self, service, left) -> None:
        self.left = left
        table, files = service.table, service.index_files
        self._write, self._put = table._commit, files.put
        table._commit = self._dying(self._write)
        files.put = self._dying(self._put)
        self._undo = lambda: (table.__dict__.pop("_commit"), files.__dict__.pop("put"))

    def _dying(self, write):
        def dying(*arguments, **options):
            before, self.left = self.left, self.left - 1
            if before == 0:
                raise Killed
            write(*arguments, **options)
            self.left -= 1
            if before == 1:
                raise Killed

        return dying

    def undo(self):
        self._undo()


def small_files(service):
    """Make slices, and files of merges, of a few lines, so that each has several."""
    indexer = service.services[request_indexer]
    object.__setattr__(indexer, "file_lines", 7)


def history(service, traffic, steps, *, work):
    """Deliver late, again, cut anew and mixed. `work` runs in between. Returns the lines."""
    chance, lines, waiting = traffic.chance, [], []
    for _ in range(steps):
        batch = [
            traffic.line(service.clock.now() - timedelta(seconds=chance.random() * 60))
            for _ in range(chance.randrange(1, 12))
        ]
        lines += batch
        kind = chance.random()
        if kind < 0.2:
            waiting.append(batch)  # becomes a dead letter
        else:
            deliver(service, batch)
        if kind > 0.8:
            deliver(service, chance.sample(batch, len(batch)))
        if kind > 0.9:
            deliver(service, chance.sample(lines, min(len(lines), 5)))
        if waiting and chance.random() < 0.1:
            deliver(service, waiting.pop(chance.randrange(len(waiting))))
        service.clock.advance(minutes=chance.choice((0.5, 3, 3, 20, 200)))
        work()
    for batch in waiting:
        deliver(service, batch)
    return lines


def require_each_once(service, admin, ada, traffic, lines):
    expected = requests_of(lines, traffic.subjects[-1])
    assert sorted(search_all(admin, ada, limit="11")) == sorted(expected)
    assert sorted(row.request_id for row in exported(service, ada) if row.operation) == sorted(
        expected
    )


@pytest.mark.parametrize("seed", range(3))
def test_indexer_killed_at_any_write_loses_nothing(service, admin, ada, seed):
    traffic = Traffic(4, service.clock.now(), seed=seed)
    traffic.subjects.append(subject_of(service, ada))
    traffic._sessions[traffic.subjects[-1]] = ada.session_id
    small_files(service)
    chance, kills = random.Random(seed), itertools.count()

    def work():
        mortal = Mortal(service, chance.randrange(12))
        try:
            index(service)
        except Killed:
            next(kills)
        finally:
            mortal.undo()

    lines = history(service, traffic, 80, work=work)
    service.clock.advance(days=2)
    index(service)
    service.clock.advance(days=2)
    index(service)
    assert next(kills) > 20
    assert set(levels(service)) == {3}
    require_each_once(service, admin, ada, traffic, lines)


@pytest.mark.parametrize("seed", range(2))
def test_two_indexers_at_once_lose_nothing(service, admin, ada, seed):
    """The second one runs completely between any two writes of the first."""
    traffic = Traffic(4, service.clock.now(), seed=seed)
    traffic.subjects.append(subject_of(service, ada))
    traffic._sessions[traffic.subjects[-1]] = ada.session_id
    small_files(service)
    chance = random.Random(seed)
    files = service.index_files
    put = files.put

    def work():
        left = [chance.randrange(6)]

        def interrupted(name, content):
            left[0] -= 1
            if left[0] == -1:
                files.put = put
                index(service)
            put(name, content)

        files.put = interrupted
        try:
            index(service)
        finally:
            files.put = put

    lines = history(service, traffic, 60, work=work)
    for _ in range(2):
        service.clock.advance(days=2)
        index(service)
    assert set(levels(service)) == {3}
    require_each_once(service, admin, ada, traffic, lines)


def test_backlog_of_days_is_indexed_in_order_by_runs_of_limited_time(service, admin, ada, traffic):
    """A run starts no step that Lambda might end, and the next one continues."""
    index(service)
    lines = history(service, traffic, 60, work=lambda: None)
    small_files(service)
    read = service.table.query

    def slow(query):
        service.clock.advance(seconds=4)
        return read(query)

    service.table.query = slow
    runs, behind = 0, True
    while behind:
        deadline = Deadline(service, 290)
        behind = index(service, deadline)["delay_seconds"] > 900
        assert deadline.get_remaining_time_in_millis() > 0
        runs += 1
    assert runs > 3
    del service.table.__dict__["query"]
    require_each_once(service, admin, ada, traffic, lines)


def test_late_packs_are_added_to_their_day(service, admin, ada, traffic):
    mine = traffic.subjects[-1]
    first, late = (traffic.line(service.clock.now(), subject=mine) for _ in range(2))
    deliver(service, [first])
    service.clock.advance(days=3)
    index(service)
    assert levels(service) == [3]
    service.clock.advance(days=11)
    deliver(service, [late])
    service.clock.advance(minutes=15)
    index(service)
    assert levels(service) == [1, 3]
    assert set(search_all(admin, ada)) == {first["request_id"], late["request_id"]}
    service.clock.advance(days=1)
    index(service)
    assert levels(service) == [3]
    assert set(search_all(admin, ada)) == {first["request_id"], late["request_id"]}


def test_changed_pack_does_not_stop_the_indexer_or_a_search(service, admin, ada, traffic):
    mine = traffic.subjects[-1]
    good, bad = (traffic.line(service.clock.now(), subject=mine) for _ in range(2))
    index(service)
    deliver(service, [bad])
    for item in service.table._items.values():
        if "columns" in item:
            item["columns"][2] = b"changed"
    deliver(service, [good])
    assert search_all(admin, ada) == [good["request_id"]]
    service.clock.advance(hours=1)
    assert index(service)["delay_seconds"] < 900
    assert search_all(admin, ada) == [good["request_id"]]


def test_index_that_is_late_is_a_failed_task(service, capsys):
    index(service)
    service.clock.advance(days=1)
    capsys.readouterr()
    assert index(service, Deadline(service, 0))["delay_seconds"] > 3600
    assert '"TaskFailures":[1.0]' in capsys.readouterr().out


def test_erasure_of_the_key_makes_indexed_origins_unreadable(service, ada, traffic):
    with captured_log() as log:
        ada.get()
    service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
    service.clock.advance(days=2)
    index(service)
    contents = [gzip.decompress(content) for content in service.index_files.objects.values()]
    assert contents
    assert not any(b"203.0.113" in content for content in contents)
    account = service.services[account_store].get(ada.id)
    other = replace(account, audit=replace(account.audit, key=bytes(32)))
    entries = list(service.services[complete_history].read_all(other))
    assert [entry.personal for entry in entries if entry.row.operation] == [{}]
