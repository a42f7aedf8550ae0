"""Operations on one account, each paused between its reads and writes while another one runs.

On the deployed stack: see `tests/support/stack_world.py`. Run one operation with `-k`.
"""

from __future__ import annotations

import pytest

from latchkey import wiring
from latchkey.storage import boto_client
from tests.integration.conftest import around_the_edge
from tests.support.api import once
from tests.support.interleaving_checks import BY_NAME
from tests.support.stack_world import StackWorld, stop_deliveries
from tools.local.stack import LocalStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OPERATIONS = (
    "sign in on a new device",
    "refresh",
    "log out",
    "change to the next address",
    "undo",
    "reset",
    "not me",
    "change the password",
    "change the profile",
    "delete",
    "erase",
    "sign all out",
    "sign the others out",
    "ask for an export",
    "suspend her",
    "make her an administrator",
)
"""One of each kind that changes an account, its sessions or its credentials."""


@pytest.fixture(scope="module")
def world():
    parameters = {
        "RateLimitFactor": "100",
        "SelfServiceRestore": "on",
        "SessionLimit": "3",
        "ExportsPerDay": "20",
    }
    with LocalStack.start(parameters=parameters) as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in stack.emulator.environment.items():
            patch.setenv(name, value)
        boto_client._session.cache_clear()
        stop_deliveries(stack)
        yield StackWorld(stack, once(around_the_edge(stack)))
        boto_client._session.cache_clear()
        wiring.use(None)


@pytest.mark.parametrize("first", OPERATIONS)
def test_stack_interleaves_as_memory_does(world, first, record_property):
    found, count = [], 0
    for second in OPERATIONS:
        memory = world.freshen("active")
        for expected in memory.interleavings(BY_NAME[first], BY_NAME[second]):
            count += 1
            found += world.differences(BY_NAME[first], BY_NAME[second], expected)
    record_property("interleavings", count)
    record_property("repeated", world.repeated)
    assert not found, "\n".join(found)
