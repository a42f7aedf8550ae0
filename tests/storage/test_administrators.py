"""The number of administrators: concurrent writes can't remove the last one."""

from __future__ import annotations

import dataclasses

import pytest

from latchkey.domain.account import AccountStatus, Role
from latchkey.storage import keys
from latchkey.storage.administrators import Administrators
from latchkey.storage.changes import admin_count_update
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import ConditionFailed, Delete
from tests.support.builders import an_account

ADMIN = an_account(role=Role.ADMIN)
GONE = {
    "demoted": dataclasses.replace(ADMIN, role=Role.USER),
    "suspended": dataclasses.replace(ADMIN, status=AccountStatus.SUSPENDED),
    "deleted": dataclasses.replace(ADMIN, status=AccountStatus.DELETED),
    "erasing": dataclasses.replace(ADMIN, status=AccountStatus.ERASING),
}


@pytest.fixture(params=["memory", "moto"])
def table(request):
    if request.param == "memory":
        return MemoryTable()
    found = request.getfixturevalue("moto_table")
    found.delete(Delete(keys.administrators()))  # the table is the whole session's
    return found


@pytest.mark.parametrize("first", GONE)
@pytest.mark.parametrize("second", GONE)
def test_concurrent_demotions_leave_one_administrator(table, first, second):
    administrators = Administrators(table)
    for _ in range(2):
        table.transact(admin_count_update(dataclasses.replace(ADMIN, role=Role.USER), ADMIN))
    # Both have seen two of them.
    assert administrators.count() == 2
    writes = [admin_count_update(ADMIN, GONE[how]) for how in (first, second)]
    table.transact(writes[0])
    with pytest.raises(ConditionFailed):
        table.transact(writes[1])
    assert administrators.count() == 1


def test_change_of_a_user_does_not_touch_the_count(table):
    user = dataclasses.replace(ADMIN, role=Role.USER)
    assert admin_count_update(user, dataclasses.replace(user, status=AccountStatus.DELETED)) == []
    assert admin_count_update(GONE["suspended"], GONE["deleted"]) == []
    assert admin_count_update(ADMIN, dataclasses.replace(ADMIN, full_name="Another")) == []
    assert Administrators(table).count() == 0
