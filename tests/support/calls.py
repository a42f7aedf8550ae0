"""Records the storage requests of a flow in order, which a timing attack could observe."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, override

from latchkey.storage.memory import MemoryTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latchkey.storage.table import Key


class RecordingTable(MemoryTable):
    """The table in memory that writes down each request while it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[str] | None = None
        self._depth = 0

    @contextlib.contextmanager
    def recording(self) -> Iterator[list[str]]:
        """Record into a list; of a request, its kind and the kind of item that it is for."""
        calls: list[str] = []
        self._calls = calls
        try:
            yield calls
        finally:
            self._calls = None

    @contextlib.contextmanager
    def _call(self, name: str, *keys: Key) -> Iterator[None]:
        # One request may use another in this engine; the outer one is what DynamoDB would see.
        if self._calls is not None and not self._depth:
            self._calls.append(" ".join([name, *map(_kind, keys)]))
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @override
    def get(self, key: Any, **options: Any) -> Any:
        with self._call("get", key):
            return super().get(key, **options)

    @override
    def get_many(self, keys: Any) -> Any:
        with self._call("get_many", *keys):
            return super().get_many(keys)

    @override
    def query(self, query: Any) -> Any:
        with self._call("query"):
            return super().query(query)

    @override
    def put(self, put: Any) -> Any:
        with self._call("put", put.key):
            return super().put(put)

    @override
    def update(self, update: Any) -> Any:
        with self._call("update", update.key):
            return super().update(update)

    @override
    def delete(self, delete: Any) -> Any:
        with self._call("delete", delete.key):
            return super().delete(delete)

    @override
    def transact(self, writes: Any) -> Any:
        with self._call("transact"):
            return super().transact(writes)


def _kind(key: Key) -> str:
    if key.pk.startswith("LIMIT#"):
        return key.pk.split("#")[1]
    return key.pk.partition("#")[0].lower()
