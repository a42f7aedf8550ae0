"""What searching sessions and erasing people costs: calls, pages and units, on the table in memory.

Run: PYTHONPATH=.:layers/shared python -m benchmarks.administration
"""

from __future__ import annotations

import importlib
import json
import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from latchkey.domain.account import Role
from latchkey.domain.ids import new_id
from latchkey.domain.request import Location
from latchkey.observability import logger
from latchkey.storage import keys
from latchkey.storage.capacity import item_bytes
from latchkey.storage.changes import _session_index, index_attributes
from latchkey.storage.memory import MemoryTable
from latchkey.storage.records import to_item
from latchkey.storage.table import Put
from tests.support.builders import NOW, a_session, an_account
from tests.support.outbox import sqs_record
from tests.support.person import ME, Person
from tests.support.service import InProcessService

_READ_UNIT_BYTES = 4096


class CountingTable(MemoryTable):
    """The table in memory, counting what DynamoDB would bill for reads."""

    def __init__(self) -> None:
        """Start at nothing."""
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.read_units = 0.0

    def query(self, query: Any) -> Any:
        """Count a query: of an index, the keys that it projects, at half price."""
        page = super().query(query)
        self.calls["query"] += 1
        names = {"pk", "sk", f"{query.index}pk", f"{query.index}sk"} if query.index else None
        size = sum(
            item_bytes(i if names is None else {n: v for n, v in i.items() if n in names})
            for i in page.items
        )
        units = max(1, -(-size // _READ_UNIT_BYTES))
        self.read_units += units / 2 if query.index else units
        return page

    def get_many(self, keys: Any) -> Any:
        """Count one unit an item."""
        items = super().get_many(keys)
        self.calls["get_many"] += 1
        self.read_units += sum(-(-item_bytes(i) // _READ_UNIT_BYTES) for i in items)
        return items

    def get(self, key: Any, *, consistent: bool = True) -> Any:
        """Count one unit."""
        self.calls["get"] += 1
        self.read_units += 1
        return super().get(key, consistent=consistent)

    def transact(self, writes: Any) -> None:
        """Count the call."""
        self.calls["transact"] += 1
        super().transact(writes)


def search() -> None:
    """Search 10,000 sessions of 1,000 people in every way."""
    random.seed(7)
    service = InProcessService(table=CountingTable())
    table: Any = service.table
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    start = service.clock.now()
    countries = ["DE"] * 5 + ["FR"] * 3 + ["US"] * 2
    accounts = []
    for number in range(1000):
        created = start - timedelta(minutes=number)
        account = an_account(id=new_id("usr", created), created_at=created)
        accounts.append(account)
        table.put(Put(keys.account(account.id), {**to_item(account), **index_attributes(account)}))
        for turn in range(10):
            at = start - timedelta(minutes=random.randrange(60 * 24 * 10))  # noqa: S311
            session = a_session(
                account,
                id=new_id("ses", at),
                created_at=at,
                last_activity_at=start,
                expires_at=start + timedelta(days=60),
                role=Role.USER,
                ip_address=f"198.51.{number % 256}.{random.randrange(256)}",  # noqa: S311
                location=Location(country=countries[turn]),
                ended_at=None if turn else at,
            )
            stored = {**to_item(session), **_session_index(replace(session))}
            table.put(Put(keys.session(account.id, session.id), stored))
    one = accounts[500]
    cases: list[tuple[str, dict[str, str]]] = [
        ("one address's network /24", {"ip": "198.51.77.0/24"}),
        ("network /16", {"ip": "198.51.0.0/16"}),
        ("one user", {"user_id": one.id}),
        ("last day", {"created_from": (start - timedelta(days=1)).isoformat()}),
        ("country US", {"country": "US"}),
        ("ended", {"state": "ended"}),
        ("everything active", {}),
    ]
    print(f"{'search':28} {'found':>6} {'pages':>6} {'reads':>8} {'first':>7} {'ms/page':>8}")
    for name, query in cases:
        found, pages, cursor, first = 0, 0, None, 0.0
        table.read_units, began = 0.0, time.perf_counter()
        while True:
            more = {"cursor": cursor} if cursor else {}
            answer = service.request(
                "GET",
                "/api/v1/sessions",
                token=boss.token,
                query={**query, **more, "limit": "100"},
            )
            found += len(answer.data["sessions"])
            pages += 1
            first = first or table.read_units
            cursor = answer.data["next_cursor"]
            if cursor is None:
                break
        spent = (time.perf_counter() - began) * 1000 / pages
        print(f"{name:28} {found:6} {pages:6} {table.read_units:8.0f} {first:7.1f} {spent:8.1f}")


def erase() -> None:
    """Erase people with more and more items; count what it takes."""
    print(f"{'items':>6} {'queries':>8} {'transactions':>13} {'left':>5} {'worst s':>7}")
    for items in (1, 97, 98, 99, 100, 101, 1000, 5000):
        times = []
        left: list[Any] = []
        table: Any = None
        for _ in range(5):
            table = CountingTable()
            service = InProcessService(table=table)
            ada = Person(service, "canary@example.com", full_name="Canaria")
            for number in range(items):
                key = keys.consent(ada.id, f"con_{number:026}")
                table.put(Put(key, {"note": f"of {ada.id} at 203.0.113.7"}))
            ada.request("DELETE", ME, query={"hard": "true"})
            (order,) = [i for i in table.all_items() if str(i["sk"]).startswith("purge#")]
            event = {"Records": [sqs_record(str(order["sk"]).partition("#")[2])]}
            table.calls.clear()
            worker = importlib.import_module("functions.purge_worker.app").handler
            began = time.perf_counter()
            assert worker(event, None) == {"batchItemFailures": []}
            times.append(time.perf_counter() - began)
            personal_data = (ada.id, "canary@", "Canaria", "203.0.113.7")
            left = [
                i
                for i in table.all_items()
                if not str(i["sk"]).startswith("mail#")
                and any(word in json.dumps(i, default=repr) for word in personal_data)
            ]
        print(
            f"{items:6} {table.calls['query']:8} {table.calls['transact']:13} "
            f"{len(left):5} {max(times):7.2f}"
        )


if __name__ == "__main__":
    logger.setLevel("CRITICAL")
    assert NOW
    search()
    erase()
