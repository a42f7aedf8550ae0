"""Who may do what: every operation of the contract, for every kind of caller, on own and others'.

What is expected is read from `openapi.json`, what happens from the handlers behind the authorizer.
"""

from __future__ import annotations

import copy

import pytest

from latchkey.storage.memory import MemoryTable
from tests.support.authorization import (
    CALLERS,
    CELLS,
    OPERATIONS,
    OWNERS,
    expected_refusal,
    kind,
    lets_pass,
    request_of,
)
from tests.support.person import ME, Person
from tests.support.service import InProcessService


class World:
    """Everybody, made once; each cell of the matrix starts from the same copy."""

    def __init__(self) -> None:
        self.service = InProcessService()
        people = {name: Person(self.service, f"{name}@example.com") for name in CALLERS[1:]}
        people["admin"].become_admin()
        self.tokens: dict[str, str | None] = {name: person.token for name, person in people.items()}
        self.tokens["anonymous"] = None
        self.objects = {
            name: {
                "user_id": people[name].id,
                "session_id": people[name].session_id,
                "export_id": people[name].request("POST", f"{ME}/export").data["id"],
            }
            for name in OWNERS
        }
        for name in OWNERS:
            # The present session must outlive its own revocation for the test to see an answer.
            second = self.service.login(f"{name}@example.com").data
            self.objects[name]["session_id"] = second["session"]["id"]
        admin = people["admin"]
        assert (
            admin.request("POST", f"/api/v1/users/{people['suspended'].id}/suspend").status == 200
        )
        assert people["deleted"].request("DELETE", ME).status == 200
        assert people["revoked"].request("DELETE", f"{ME}/sessions/all").status == 200
        self._items = copy.deepcopy(self.table._items)

    @property
    def table(self) -> MemoryTable:
        assert isinstance(self.service.table, MemoryTable)
        return self.service.table

    def reset(self) -> None:
        self.table._items = copy.deepcopy(self._items)
        self.service.configure()

    def changed(self) -> set[str]:
        """Name what is not as it was, but for the trail and what each use notes."""
        now = self.table._items
        keys = {key for key in {*now, *self._items} if now.get(key) != self._items.get(key)}
        return {f"{key.pk} {key.sk}" for key in keys if key.table == "main"}


@pytest.fixture(scope="module")
def world():
    return World()


def send(world, operation_id, caller, owner):
    method, path, body = request_of(operation_id, world.objects[owner])
    return world.service.request(method, path, token=world.tokens[caller], json_body=body)


def test_the_matrix_has_every_operation_and_every_caller():
    assert {cell[0] for cell in CELLS} == set(OPERATIONS)
    assert {kind(operation_id) for operation_id in OPERATIONS} == {
        "public",
        "admin",
        "owner",
        "signed in",
    }
    assert len(CELLS) >= len(OPERATIONS) * len(CALLERS)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_who_may_do_what(world, operation_id):
    deviations = []
    for _, caller, owner in [cell for cell in CELLS if cell[0] == operation_id]:
        world.reset()
        answer = send(world, operation_id, caller, owner)
        refusal = expected_refusal(operation_id, caller, owner)
        code = answer.body["error"]["code"] if answer.status >= 400 else None
        if refusal is not None:
            if (answer.status, code) != refusal or world.changed():
                deviations.append((caller, owner, answer.status, code, world.changed()))
        elif not lets_pass(operation_id, answer.status, code):
            deviations.append((caller, owner, answer.status, code))
    assert deviations == []
