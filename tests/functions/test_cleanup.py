"""Cleanup: independent tasks, one run at a time, and safe to repeat."""

from __future__ import annotations

import importlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event

import pytest

from latchkey.domain.effects import Effects
from latchkey.domain.export import ExportLeaseLost, FailureReason
from latchkey.domain.ids import new_id
from latchkey.flows.cleanup import Cleanup, Task
from latchkey.storage import keys
from latchkey.storage.export_files import archive_key
from latchkey.storage.memory import MemoryTable
from latchkey.storage.task_leases import TaskLeases
from latchkey.wiring.exports import export_store, export_upkeep
from latchkey.wiring.storage import session_store
from latchkey.wiring.users import avatars
from tests.support.builders import NOW
from tests.support.interrupted_table import InterruptedTable
from tests.support.person import ME, Person
from tests.support.pictures import multipart, png
from tests.support.service import InProcessService


@pytest.fixture
def leases():
    return TaskLeases(MemoryTable())


def test_parallel_runs_do_each_task_once(leases):
    calls, started, release = [], Barrier(5), Event()

    def slow(now):
        calls.append(now)
        release.wait(5)
        return 7

    cleanup = Cleanup(tasks=(Task(name="slow", run=slow),), leases=leases)

    def run():
        started.wait(5)
        return cleanup.run(NOW)["slow"]

    with ThreadPoolExecutor(5) as pool:
        runs = [pool.submit(run) for _ in range(5)]
        while sum(future.done() for future in runs) < 4:
            pass
        release.set()
        answers = [future.result() for future in runs]
    assert len(calls) == 1
    assert sorted(answers, key=str) == [7, None, None, None, None]


def test_failed_task_does_not_stop_the_others(leases):
    def fail(_now):
        raise OSError

    tasks = (Task(name="broken", run=fail), Task(name="sound", run=lambda _now: 1))
    cleanup = Cleanup(tasks=tasks, leases=leases)
    assert cleanup.run(NOW) == {"broken": None, "sound": 1}
    # And holds no lease: the next run tries again.
    assert leases.take("broken", NOW, timedelta(seconds=1))


def test_task_of_a_dead_run_continues_after_its_lease(leases):
    assert leases.take("task", NOW, timedelta(seconds=300))
    cleanup = Cleanup(tasks=(Task(name="task", run=lambda _now: 1),), leases=leases)
    assert cleanup.run(NOW) == {"task": None}
    assert cleanup.run(NOW + timedelta(seconds=300)) == {"task": 1}


def test_manual_task_does_not_run_on_schedule(leases):
    cleanup = Cleanup(tasks=(Task(name="task", run=lambda _now: 1, manual=True),), leases=leases)
    assert cleanup.run(NOW) == {}
    assert cleanup.run(NOW, only="task") == {"task": 1}
    with pytest.raises(KeyError):
        cleanup.run(NOW, only="tusk")


# The end of an account ---------------------------------------------------------------------------


def test_erasure_removes_exports():
    service = InProcessService()
    token = service.register().data["access_token"]
    upkeep, now = service.services[export_upkeep], service.clock.now()
    done = service.request("POST", "/api/v1/users/me/export", token=token).data["id"]
    service.work()
    running = service.request("POST", "/api/v1/users/me/export", token=token).data["id"]
    account_id = service.request("GET", "/api/v1/users/me", token=token).data["id"]
    lease = now + timedelta(seconds=130)
    claimed = service.services[export_store].claim(
        account_id, running, lease_id="lea_1", now=now, until=lease
    )
    # The worker that is at it is stopped, and waited for.
    assert upkeep.remove_all(account_id, now) == lease
    with pytest.raises(ExportLeaseLost):
        service.services[export_store].checkpoint(claimed)
    service.export_files.stage(running, "0000-lea_1", b"too late")
    assert upkeep.remove_all(account_id, lease) is None
    assert service.export_files.objects == {}
    assert service.services[export_store].list_by_account(account_id) == []
    assert service.services[export_store].find(account_id, done) is None
    assert upkeep.remove_all(account_id, lease) is None


def test_export_of_a_closed_account_fails_and_leaves_nothing():
    service = InProcessService()
    token = service.register().data["access_token"]
    account_id = service.request("GET", "/api/v1/users/me", token=token).data["id"]
    export_id = service.request("POST", "/api/v1/users/me/export", token=token).data["id"]
    for key, item in service.table._items.items():
        if key.sk == "ACCOUNT":
            item["status"] = "suspended"
    service.work()
    export = service.services[export_store].find(account_id, export_id)
    assert (export.status, export.failure) == ("failed", "account_closed")
    assert service.export_files.objects == {}


# Exports -----------------------------------------------------------------------------------------


def test_file_that_is_published_during_the_cleanup_stays():
    table = InterruptedTable()
    service = InProcessService(table=table)
    token = service.register().data["access_token"]
    account_id = service.request("GET", ME, token=token).data["id"]
    export_id = service.request("POST", f"{ME}/export", token=token).data["id"]
    service.clock.advance(hours=2)
    # The index lists the export as overdue. Before it is read again, its worker finishes.
    table.before_read(keys.export(account_id, export_id), 1, service.work)
    upkeep = service.services[export_upkeep]
    assert upkeep.expire(service.clock.now()) == 0
    assert table.interruptions == 1
    export = service.services[export_store].find(account_id, export_id)
    assert export.status == "ready"
    assert list(service.export_files.objects) == [archive_key(export_id)]


@pytest.mark.parametrize(
    ("reason", "redriven"), [(FailureReason.INTERRUPTED, 1), (FailureReason.TOO_LARGE, 0)]
)
def test_only_interrupted_exports_are_redriven(reason, redriven):
    service = InProcessService()
    token = service.register().data["access_token"]
    account_id = service.request("GET", ME, token=token).data["id"]
    export_id = service.request("POST", f"{ME}/export", token=token).data["id"]
    store, now = service.services[export_store], service.clock.now()
    export = store.find(account_id, export_id)
    assert store.fail(export, reason, now, Effects())
    assert service.services[export_upkeep].redrive(now) == redriven
    status = store.find(account_id, export_id).status
    assert status == ("queued" if redriven else "failed")


# Everything that is due, in the function itself ---------------------------------------------------


def test_parallel_runs_do_all_work_once(capsys):
    """A due purge, an expired export, a stuck one, a lost message: and a metric for each."""
    service = InProcessService()
    leaving, keeping = Person(service, "leaving@example.com"), Person(service, "bob@example.com")
    export = keeping.request("POST", f"{ME}/export").data["id"]
    service.work()
    leaving.request("DELETE", ME)
    service.clock.advance(days=31)
    stuck = Person(service, "carol@example.com")
    waiting = stuck.request("POST", f"{ME}/export").data["id"]
    service.clock.advance(minutes=40)
    capsys.readouterr()
    handler = importlib.import_module("functions.cleanup.app").handler
    started = Barrier(5)

    def run(_number):
        started.wait(5)
        return handler({}, None)

    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(run, range(5)))
    done = {task: sum(answer[task] or 0 for answer in runs) for task in runs[0]}
    once = ("requeue_exports", "expire_exports", "erase_due_accounts")
    assert {task: done[task] for task in once} == dict.fromkeys(once, 1)
    assert done["relay_overdue"] >= 1
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert {metric["task"] for metric in metrics if "TaskFailures" in metric} == set(done)
    assert [metric for metric in metrics if sum(metric.get("TaskFailures", [0]))] == []
    service.work()
    assert service.login("leaving@example.com").code == "INVALID_CREDENTIALS"
    assert service.services[export_store].find(keeping.id, export).status == "expired"
    assert service.services[export_store].find(stuck.id, waiting).status == "ready"


def sweeps(capsys):
    """Return what the metric of each sweep says: 0, or 1 for one that failed."""
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    return [
        int(sum(metric["TaskFailures"]))
        for metric in metrics
        if metric.get("task") == "sweep_avatars"
    ]


def test_parallel_sweeps_delete_only_unused_pictures(capsys):
    """A picture that a crash has left; each sweep has a metric, one that fails has another."""
    service = InProcessService()
    ada = Person(service)
    shown, content_type = multipart(avatar=("me.png", png()))
    headers = {"content-type": content_type}
    assert ada.request("PATCH", ME, raw_body=shown, headers=headers).status == 200
    (kept,) = service.media.avatars
    left = new_id("avt", service.clock.now())
    service.services[avatars].store.put_orphan_marker(left)
    service.media.put_avatar(left, b"picture")
    service.clock.advance(days=2)
    handler = importlib.import_module("functions.sweep_avatars.app").handler
    capsys.readouterr()
    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda _: handler({}, None)["deleted"], range(5)))
    assert set(service.media.avatars) == {kept}
    assert 1 <= sum(runs) <= 5
    assert sweeps(capsys) == [0] * 5
    assert handler({}, None) == {"deleted": 0}

    service.services[avatars].store.put_orphan_marker(left)
    service.clock.advance(days=2)
    service.media.fail_at("delete_avatar", ConnectionError())
    with pytest.raises(ConnectionError):
        handler({}, None)
    assert sweeps(capsys) == [0, 1]
    assert handler({}, None) == {"deleted": 1}


def test_sessions_that_ttl_missed_are_removed(capsys):
    """90 days of session, 30 of retention, 2 of grace: on the 123rd day nothing keeps it."""
    service = InProcessService()
    old = Person(service, "ada@example.com")
    service.clock.advance(days=60)
    newer = Person(service, "bob@example.com")
    handler = importlib.import_module("functions.cleanup.app").handler
    service.clock.advance(days=61)
    assert handler({}, None)["remove_overdue_sessions"] == 0
    service.clock.advance(days=2)
    assert handler({}, None)["remove_overdue_sessions"] == 1
    assert service.services[session_store].find(old.id, old.session_id) is None
    assert service.services[session_store].find(newer.id, newer.session_id) is not None
    assert handler({}, None)["remove_overdue_sessions"] == 0
