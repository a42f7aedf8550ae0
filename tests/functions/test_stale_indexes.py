"""Global secondary indexes lag: they show what is gone or has changed, and miss what is new.

The emulator's indexes never lag, so these tests stop them. What the service answers and does must
follow from the items themselves.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import override

import pytest

from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Page, Query
from latchkey.wiring.exports import export_store, export_upkeep
from latchkey.wiring.upkeep import erasure
from tests.support.person import ME, Person
from tests.support.service import InProcessService

USERS = "/api/v1/users"
SESSIONS = "/api/v1/sessions"


class LaggingTable(MemoryTable):
    """Answers queries of an index from what it was when the index was stopped, keys only."""

    _index: MemoryTable | None = None

    def stop_indexes(self) -> None:
        """Let writes reach no index from here on."""
        self._index = MemoryTable()
        self._index._items = copy.deepcopy(self._items)

    def catch_up(self) -> None:
        """Let the indexes be as the table is."""
        self._index = None

    @override
    def query(self, query: Query) -> Page:
        if query.index is None or self._index is None:
            return super().query(query)
        page = self._index.query(query)
        # The template's indexes project keys only: nothing else may be used of them.
        names = {"pk", "sk", f"{query.index}pk", f"{query.index}sk"}
        items = [{n: v for n, v in item.items() if n in names} for item in page.items]
        return Page(items, page.next_start)


@pytest.fixture
def service():
    return InProcessService(table=LaggingTable())


def emails(admin, **query):
    return [user["email"] for user in admin.get(USERS, query=query).data["users"]]


def test_search_omits_erased_accounts(service, admin):
    ada = Person(service)
    service.table.stop_indexes()
    service.table._items.pop(keys.account(ada.id))
    assert emails(admin, email_prefix="ada") == []
    assert emails(admin, status="active") == [admin.email]


def test_search_by_status_uses_the_current_status(service, admin):
    ada = Person(service)
    service.table.stop_indexes()
    assert admin.request("POST", f"{USERS}/{ada.id}/suspend").status == 200
    assert emails(admin, status="active") == [admin.email]
    # The index does not know yet that ada is suspended; it will.
    assert emails(admin, status="suspended") == []
    service.table.catch_up()
    assert emails(admin, status="suspended") == [ada.email]


def test_search_by_address_omits_changed_addresses(service, admin):
    ada = Person(service)
    service.table.stop_indexes()
    account = service.table._items[keys.account(ada.id)]
    account["email"] = account["email_key"] = account["gsi2sk"] = "zoe@example.com"
    assert emails(admin, email_prefix="ada") == []
    service.table.catch_up()
    account["gsi2pk"] = keys.addresses_partition("zoe")
    assert emails(admin, email_prefix="zoe") == ["zoe@example.com"]


def test_search_omits_removed_sessions_and_marks_ended_ones(service, admin):
    ada = Person(service)
    second = service.login().data
    service.table.stop_indexes()
    service.table._items.pop(keys.session(ada.id, ada.session_id))
    ended = ada.service.request("POST", "/api/v1/auth/logout", token=second["access_token"])
    assert ended.status == 200
    found = admin.get(SESSIONS, query={"ip": "203.0.113.7"}).data["sessions"]
    states = {session["id"]: session["ended_at"] for session in found}
    assert ada.session_id not in states
    # Results of an outdated index are read again: an ended session is never active.
    assert states.get(second["session"]["id"], "not shown") is not None
    assert states[admin.session_id] is None


def test_a_restored_account_is_not_erased_by_an_index_that_missed_it(service, admin):
    ada = Person(service)
    ada.request("DELETE", ME)
    service.table.stop_indexes()
    assert admin.request("POST", f"{USERS}/{ada.id}/restore").status == 200
    service.clock.advance(days=31)
    assert service.services[erasure].start_due(service.clock.now()) == 0
    service.work()
    assert service.login().status == 200


def test_deletion_missing_in_the_index_is_done_later(service):
    ada = Person(service)
    service.table.stop_indexes()
    ada.request("DELETE", ME)
    service.clock.advance(days=31)
    assert service.services[erasure].start_due(service.clock.now()) == 0
    service.table.catch_up()
    assert service.services[erasure].start_due(service.clock.now()) == 1


def test_an_erasure_whose_message_was_sent_is_not_sent_again_by_a_late_index(service):
    ada = Person(service)
    ada.request("DELETE", ME)
    service.clock.advance(days=31)
    service.table.stop_indexes()
    now = service.clock.now()
    assert service.services[erasure].start_due(now) == 1
    assert service.services[erasure].start_due(now) == 0


def test_an_export_that_was_finished_is_neither_sent_again_nor_expired_twice(service):
    ada = Person(service)
    export_id = ada.request("POST", f"{ME}/export").data["id"]
    service.table.stop_indexes()
    service.work()
    later = service.clock.now() + timedelta(hours=1)
    assert service.services[export_upkeep].requeue_stuck(later) == 0
    assert service.services[export_store].find(ada.id, export_id).status == "ready"
    service.table.catch_up()
    service.table.stop_indexes()
    much_later = later + timedelta(days=8)
    assert service.services[export_upkeep].expire(much_later) == 1
    assert service.services[export_upkeep].expire(much_later) == 0


def test_erasure_ignores_links_that_are_gone(service):
    ada = Person(service)
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    service.work()
    service.table.stop_indexes()
    assert ada.request("DELETE", ME, query={"hard": "true"}).status == 200
    service.work()
    assert service.table.get(keys.account(ada.id)) is None
