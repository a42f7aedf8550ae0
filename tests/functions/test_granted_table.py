"""In-process functions run under their roles: the table refuses ungranted actions."""

from __future__ import annotations

import contextlib

import pytest

from latchkey.domain.ids import AccountId
from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import ABSENT, Change, Check, Delete, Put, Query, Update
from latchkey.wiring import storage
from tests.support.granted_table import GrantedTable, NotGrantedError, running
from tests.support.service import InProcessService

ACCOUNT = keys.account(AccountId("usr_1"))
CLAIM = keys.email_claim("ada@example.com")
BLOCK = keys.audit_block(0, 1)


@pytest.fixture
def table():
    return GrantedTable(MemoryTable())


@pytest.mark.parametrize(
    "request_",
    [
        lambda table: table.get(CLAIM),
        lambda table: table.get_many([ACCOUNT]),
        lambda table: table.query(Query(partition=ACCOUNT.pk)),
        lambda table: table.query(Query(partition="SESSIONS", index="gsi1")),
        lambda table: table.put(Put(ACCOUNT, {})),
        lambda table: table.update(Update(ACCOUNT, Change(assign={"a": 1}))),
        lambda table: table.delete(Delete(ACCOUNT)),
        lambda table: table.delete_many([ACCOUNT]),
        lambda table: table.transact([Delete(ACCOUNT), Put(BLOCK, {})]),
        lambda table: table.transact([Check(CLAIM, ABSENT), Put(ACCOUNT, {})]),
    ],
)
def test_ungranted_action_is_refused(table, request_):
    request_(table)  # a test may do everything
    with pytest.raises(NotGrantedError), running("get_me"):
        request_(table)


def test_granted_action_is_allowed(table):
    with running("get_me"):
        assert table.get(ACCOUNT) is None


def test_hidden_denial_fails_the_test(table):
    with (
        pytest.raises(NotGrantedError, match="get_me is not granted dynamodb:PutItem on CHAIN#1"),
        running("get_me"),
        contextlib.suppress(Exception),
    ):
        table.put(Put(BLOCK, {}))


def test_nested_function_has_its_own_role(table):
    with running("get_me"):
        with running("chain_audit"):
            table.put(Put(BLOCK, {}))
        with pytest.raises(NotGrantedError), running("list_sessions"):
            table.get(ACCOUNT)
        table.get(ACCOUNT)


def test_every_handler_in_process_runs_under_its_role(monkeypatch):
    service = InProcessService()
    monkeypatch.setattr(
        "functions.get_health.app.handler",
        lambda _event, _context: service.services[storage.table].get(ACCOUNT),
    )
    with pytest.raises(NotGrantedError):
        service.request("GET", "/api/v1/health")
