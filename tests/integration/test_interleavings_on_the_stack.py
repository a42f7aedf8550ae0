"""Operations on one account, each paused between its reads and writes while another one runs.

On the deployed stack: see `tests/support/stack_world.py`, and `tests/support/stack_campaign.py` for
which runs are repeated there. Run one operation with `-k`. Two processes (`-n 2`) have a stack
each, and take half of the time.
"""

from __future__ import annotations

import pytest

from latchkey import wiring
from latchkey.storage import boto_client
from tests.integration.conftest import around_the_edge
from tests.support.api import once
from tests.support.interleaved_worlds import WORLDS
from tests.support.stack_campaign import over_http
from tests.support.stack_world import StackWorld, stop_the_rest
from tools.local.stack import LocalStack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stack_world():
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
        stop_the_rest(stack)
        yield StackWorld(stack, once(around_the_edge(stack)))
        boto_client._session.cache_clear()
        wiring.use(None)


@pytest.mark.parametrize(
    ("world", "first"),
    [(world, operation.name) for world in WORLDS for operation in over_http(world)],
)
def test_stack_interleaves_as_memory_does(stack_world, world, first, record_property):
    pauses = [pause for pause in stack_world.campaign(world).repeated if pause.first == first]
    found = []
    for pause in pauses:
        stack_world.freshen(world)
        found += stack_world.differences(pause)
    record_property("interleavings", len(pauses))
    record_property("repeated", stack_world.repeated)
    assert not found, "\n".join(found)
