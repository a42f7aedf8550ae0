"""A table that refuses ungranted actions of a function.

Every test that runs a function in process runs it under its own role: a path that
`tests/contract/test_permissions.py` does not walk would otherwise be denied on AWS only.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING

from latchkey.storage.table import Check, Delete, Put, Update
from tests.support.iam import allows
from tools.resolved import Stack, resolved
from tools.template import folder, functions, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from latchkey.storage.table import Item, Key, Page, Query, Table, Write

_ACTIONS = {
    Check: "ConditionCheckItem",
    Delete: "DeleteItem",
    Put: "PutItem",
    Update: "UpdateItem",
}
_NAMES = {"Table": "main", "AuditTable": "audit"}

_running: ContextVar[tuple[str, list[str]] | None] = ContextVar("running", default=None)
"""The function that runs in this thread, and its denied actions."""


@contextmanager
def running(function: str) -> Iterator[None]:
    """Apply the role of the function in this folder to what a GrantedTable is asked meanwhile.

    Raises NotGrantedError at the end if an action was denied, even if the function hid it.
    """
    denied: list[str] = []
    token = _running.set((function, denied))
    try:
        yield
    finally:
        _running.reset(token)
    if denied:
        raise NotGrantedError(denied[0])


class NotGrantedError(AssertionError):
    """The role of a function does not grant an action on the table."""


class GrantedTable:
    """The Table port on another table. Requests of tests are allowed."""

    def __init__(self, table: Table) -> None:
        """Pass on to this table what is granted."""
        self._table = table

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """See Table.get."""
        _require("GetItem", key.table, key.pk)
        return self._table.get(key, consistent=consistent)

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """See Table.get_many."""
        for key in keys:
            _require("BatchGetItem", key.table, key.pk)
        return self._table.get_many(keys)

    def query(self, query: Query) -> Page:
        """See Table.query."""
        index = f"/index/{query.index}" if query.index else ""
        _require("Query", f"{query.table}{index}", query.partition)
        return self._table.query(query)

    def put(self, put: Put) -> None:
        """See Table.put."""
        _require_write(put)
        self._table.put(put)

    def update(self, update: Update) -> Item:
        """See Table.update."""
        _require_write(update)
        return self._table.update(update)

    def delete(self, delete: Delete) -> Item | None:
        """See Table.delete."""
        _require_write(delete)
        return self._table.delete(delete)

    def delete_many(self, keys: Sequence[Key]) -> None:
        """See Table.delete_many."""
        for key in keys:
            _require("BatchWriteItem", key.table, key.pk)
        self._table.delete_many(keys)

    def transact(self, writes: Sequence[Write]) -> None:
        """See Table.transact."""
        for write in writes:
            _require_write(write)
        self._table.transact(writes)

    def __getattr__(self, name: str) -> Any:
        """Give a test what else its table has."""
        return getattr(self._table, name)


def _require_write(write: Write) -> None:
    _require(_ACTIONS[type(write)], write.key.table, write.key.pk)


def _require(action: str, table: str, partition: str) -> None:
    present = _running.get()
    if present is None:
        return
    function, denied = present
    # A partition's family is what roles tell apart, and there are few of them to decide about.
    family, separator, _ = partition.partition("#")
    key = f"{family}{separator}{'1' if separator else ''}"
    if not _is_granted(function, f"dynamodb:{action}", table, key):
        denied.append(f"{function} is not granted dynamodb:{action} on {key} of {table}")
        raise NotGrantedError(denied[-1])


@cache
def _is_granted(function: str, action: str, table: str, key: str) -> bool:
    resource = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}"
    return all(
        allows(statements, action, resource, {"dynamodb:LeadingKeys": [key]})
        for statements in _roles()[function]
    )


@cache
def _roles() -> dict[str, list[list[dict[str, Any]]]]:
    """Return the statements of every role of the functions in a folder."""
    template = load()
    stack = Stack(parameters={"Profile": "dev"}, names=_NAMES)
    resources = resolved(template, stack)
    found: dict[str, list[list[dict[str, Any]]]] = {}
    for name, properties in functions().items():
        (policy,) = resources[f"{name}Role"]["Properties"]["Policies"]
        found.setdefault(folder(properties), []).append(policy["PolicyDocument"]["Statement"])
    return found
