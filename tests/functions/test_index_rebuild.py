"""The index of requests, rebuilt from a copy of the audit trail: searches give the same answers."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.ids import AccountId
from latchkey.wiring.audit import request_index_store
from latchkey.wiring.storage import account_store
from tests.support.audit import audit_rows, stream_event
from tests.support.person import Person
from tests.support.request_lines import Line, Traffic, deliver
from tests.support.service import InProcessService
from tools.audit import export, rebuild
from tools.audit.rebuild import Incomplete, Rebuild

AUDIT = "/api/v1/audit"
FIRST = date(2026, 1, 2)
DAYS = 9


class Bucket:
    """The audit bucket, as boto3 sees it."""

    def __init__(self, objects) -> None:
        self.objects = objects

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        return [{"Versions": [{"Key": name, "VersionId": "v1"} for name in self.objects]}]

    def get_object(self, *, Key, **_):  # noqa: N803 - boto3's name
        return {"Body": io.BytesIO(self.objects[Key])}


class World:
    """Nine days of requests, chained and indexed as they came."""

    def __init__(self) -> None:
        self.service = InProcessService()
        self.chained = 0
        self.admin = Person(self.service, "root@example.com")
        self.admin.become_admin()
        self.people = [Person(self.service, f"p{number}@example.com") for number in range(3)]
        accounts = self.service.services[account_store]
        self.traffic = Traffic(20, self.service.clock.now())
        self.traffic.subjects += [
            accounts.get(AccountId(person.id)).audit.id for person in self.people
        ]
        for subject, person in zip(self.traffic.subjects[-3:], self.people, strict=True):
            self.traffic._sessions[subject] = person.session_id
        self.lines: list[Line] = []
        for _ in range(DAYS * 2):
            self.hours(12)

    def hours(self, hours):
        """Let time pass, with some requests."""
        batch = [self.traffic.line(self.service.clock.now()) for _ in range(30)]
        self.lines += batch
        deliver(self.service, batch[:20])
        deliver(self.service, batch[15:])  # some come twice
        self.chain()
        self.service.clock.advance(hours=hours)
        self.service._handler("index_requests")({}, None)

    def chain(self):
        rows = audit_rows(self.service.table)
        event = stream_event(rows[self.chained :], first=self.chained + 1)
        self.service._handler("chain_audit")(event, None)
        self.chained = len(rows)

    def copy(self, directory, monkeypatch):
        """Fetch a copy, at the service's time."""
        service = self.service
        directory.mkdir(exist_ok=True)
        vault = Bucket(service.audit_vault.objects)
        now = service.clock.now()
        monkeypatch.setattr(export, "datetime", type("Clock", (datetime,), {"now": lambda _: now}))
        export.fetch(directory, table=service.table, bucket="b", s3=vault)
        return directory

    def rebuild(self, copy, *, since=FIRST, days=DAYS + 1, file_lines=40):
        task = Rebuild(
            copy=copy,
            work=copy / "index",
            index=self.service.services[request_index_store],
            files=self.service.index_files,
            file_lines=file_lines,
        )
        return list(task.run(since, since + timedelta(days=days - 1)))

    def days(self):
        """The days of the index."""
        index = self.service.services[request_index_store]
        return list(index.days(FIRST, FIRST + timedelta(days=DAYS + 2)))

    def answers(self):
        """What an administrator finds of each person, page by page."""
        found = {}
        for person in self.people:
            self.admin.token = self.service.login(self.admin.email).data["access_token"]
            query = {"user_id": person.id, "kind": "requests", "since": "2026-01-01T00:00:00Z"}
            found[person.id], cursor = [], None
            while cursor is not None or not found[person.id]:
                page = self.admin.get(
                    AUDIT, query={**query, **({"cursor": cursor} if cursor else {})}
                )
                assert page.status == 200, page.body
                found[person.id] += page.data["rows"]
                cursor = page.data["next_cursor"]
                if cursor is None:
                    break
        return found

    def expected(self):
        """The ids of the requests of each person, newest first."""
        return {
            person.id: [
                line["request_id"]
                for line in sorted(self.lines, key=lambda line: line["at"], reverse=True)
                if line["subject"] == subject
            ]
            for person, subject in zip(self.people, self.traffic.subjects[-3:], strict=True)
        }

    def lose(self, names=None):
        """Files are gone in the bucket, as S3 says it."""
        files = self.service.index_files
        for name in list(files.objects) if names is None else names:
            del files.objects[name]

    def require_all(self):
        answers = self.answers()
        found = {person: [row["request_id"] for row in rows] for person, rows in answers.items()}
        assert {person: sorted(ids) for person, ids in found.items()} == {
            person: sorted(ids) for person, ids in self.expected().items()
        }
        return answers


class LostFile(TemporarilyUnavailable):
    """The bucket has no such file."""


@pytest.fixture
def world(monkeypatch):
    made = World()
    files = made.service.index_files
    read = files.read

    def missing(name, start, end):
        if name not in files.objects:
            raise LostFile(retry_after_seconds=2, reason="NoSuchKey")
        return read(name, start, end)

    monkeypatch.setattr(files, "read", missing)
    return made


def test_searches_give_the_same_answers_after_a_rebuild(world, tmp_path, monkeypatch):
    before = world.require_all()
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.service.clock.advance(hours=2)
    copy = world.copy(copy, monkeypatch)
    world.lose()
    assert all(day.files for day in world.days())
    with pytest.raises(AssertionError):
        world.answers()
    made = world.rebuild(copy)
    assert sum(requests for _, requests, _ in made) == len(world.lines)
    assert world.answers() == before


def test_rebuilding_twice_changes_nothing(world, tmp_path, monkeypatch):
    world.service.clock.advance(hours=2)
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.lose()
    assert any(changed for _, _, changed in world.rebuild(copy))
    files = dict(world.service.index_files.objects)
    assert not any(changed for _, _, changed in world.rebuild(copy))
    assert world.service.index_files.objects == files
    # Neither does one that begins without parts.
    (tmp_path / "other").mkdir()
    again = world.copy(tmp_path / "other", monkeypatch)
    assert not any(changed for _, _, changed in world.rebuild(again))
    world.require_all()


def test_files_that_are_lost_again_are_written_again(world, tmp_path, monkeypatch):
    world.service.clock.advance(hours=2)
    before = world.require_all()
    copy = world.copy(tmp_path / "copy", monkeypatch)
    for _ in range(2):
        world.lose()
        world.rebuild(copy)
        assert world.answers() == before


def test_interrupted_rebuild_continues(world, tmp_path, monkeypatch):
    """It is killed at every sixth write, of parts, notes and files."""
    before = world.require_all()
    world.service.clock.advance(hours=2)
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.lose()
    files, left, reads = world.service.index_files, [0], []

    def mortal(put):
        def dying(self, name, content):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            put(self, name, content)

        return dying

    for kind in (rebuild.LocalFiles, type(files)):
        monkeypatch.setattr(kind, "put", mortal(kind.put))
    lines_of = rebuild.lines_of
    monkeypatch.setattr(rebuild, "lines_of", lambda path: reads.append(path) or lines_of(path))
    kills = 0
    while kills < 200:
        left[0] = 6
        try:
            world.rebuild(copy)
        except KeyboardInterrupt:
            kills += 1
        else:
            break
    assert 5 < kills < 200
    # What has a note is not read again.
    assert len(reads) < 3 * len(list(copy.glob("rows/*/*")))
    assert world.answers() == before


def test_what_was_indexed_after_the_copy_stays(world, tmp_path, monkeypatch):
    world.service.clock.advance(hours=2)
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.service.clock.advance(hours=2)
    for _ in range(3):
        world.hours(1)
    before = world.require_all()
    assert any(changed for _, _, changed in world.rebuild(copy))
    assert world.answers() == before
    # A lost one can't be made from this copy.
    newest = max(
        (file for day in world.days() for file in day.files), key=lambda file: file.added_at
    )
    world.lose([newest.name])
    with pytest.raises(Incomplete, match=newest.name):
        world.rebuild(copy)


def test_the_indexer_wins_if_it_changes_the_day(world, tmp_path, monkeypatch):
    """It adds a file between the rebuild's read and its write."""
    world.service.clock.advance(hours=2)
    before = world.require_all()
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.lose()
    index = world.service.services[request_index_store]
    commit, interrupted = index.commit, []

    def late(days, **options):
        if not interrupted:
            interrupted.append(days[0].day)
            stored = index.day(days[0].day)
            assert commit([stored])
        return commit(days, **options)

    monkeypatch.setattr(index, "commit", late)
    world.rebuild(copy)
    assert interrupted
    assert world.answers() == before


def test_many_parts_are_merged_in_steps(world, tmp_path, monkeypatch):
    monkeypatch.setattr(rebuild, "MERGED_PARTS", 2)
    world.service.clock.advance(hours=2)
    before = world.require_all()
    copy = world.copy(tmp_path / "copy", monkeypatch)
    world.lose()
    world.rebuild(copy, file_lines=7)
    assert world.answers() == before


def test_only_the_given_days_are_replaced(world, tmp_path, monkeypatch):
    world.service.clock.advance(hours=2)
    copy = world.copy(tmp_path / "copy", monkeypatch)
    second = FIRST + timedelta(days=1)
    kept = {day.day: day for day in world.days()}
    made = world.rebuild(copy, since=second, days=1)
    assert [day for day, _, _ in made] == [second]
    assert {d.day: d for d in world.days() if d.day != second} == {
        day: stored for day, stored in kept.items() if day != second
    }
