"""One stack for the test session: the real template in a private emulator."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support.api import Api
from tools.local.stack import LocalStack

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.enable_socket)
            if "running_stack" not in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.own_stack)


@dataclass(frozen=True, slots=True)
class Expiring:
    """The keys of an item whose time is over, and of one whose time is not."""

    old: dict[str, dict[str, str]]
    new: dict[str, dict[str, str]]

    @classmethod
    def put(cls, stack: LocalStack) -> Expiring:
        """Put both. The emulator removes the old one within a minute."""
        now = int(time.time())
        pk = {"S": f"canary#{secrets.token_hex(8)}"}
        expiring = cls({"pk": pk, "sk": {"S": "old"}}, {"pk": pk, "sk": {"S": "new"}})
        for key, ttl in ((expiring.old, now - 60), (expiring.new, now + 7 * 24 * 3600)):
            item = {**key, "ttl": {"N": str(ttl)}}
            stack.client("dynamodb").put_item(TableName=stack.table_name, Item=item)
        return expiring


@pytest.fixture(scope="session")
def running_stack() -> Iterator[LocalStack]:
    # Every test comes from one address, and many at once. The lock is tried as it is on AWS.
    parameters = {"RateLimitFactor": "100", "SelfServiceRestore": "on", "AuditLockDays": "1"}
    with LocalStack.start(parameters=parameters) as running:
        yield running


@pytest.fixture(scope="session")
def expiring(running_stack: LocalStack) -> Expiring:
    return Expiring.put(running_stack)


@pytest.fixture(scope="session")
def stack(running_stack: LocalStack, expiring: Expiring) -> LocalStack:
    """The stack, with items that expire while the tests run."""
    return running_stack


@pytest.fixture(scope="session")
def api(stack: LocalStack) -> Api:
    return Api(stack.base_url)


@pytest.fixture(scope="session")
def wide_api(stack: LocalStack) -> Api:
    """The API around the edge, which lets only so many requests through at once."""
    return around_the_edge(stack)


def around_the_edge(stack: LocalStack) -> Api:
    """Call the API itself, with the proof that the edge would bring."""
    host = urlsplit(stack.api_url).netloc
    return Api(stack.emulator_url, host, {"x-latchkey-edge": stack.edge_secret})


@dataclass(frozen=True, slots=True)
class EdgeHeaders:
    """What the CDN adds to a request, for tests that come from more places than one."""

    secret: str

    def from_address(self, address: str) -> dict[str, str]:
        return {"x-latchkey-edge": self.secret, "cloudfront-viewer-address": f"{address}:443"}


@pytest.fixture(scope="session")
def edge(stack: LocalStack) -> EdgeHeaders:
    return EdgeHeaders(stack.edge_secret)
