"""The table on DynamoDB: expressions, wire types, retries, and the reported units of each call.

All requests use one method, `aws.Client.call(operation, request)`, in DynamoDB's JSON. The hot
functions use a leaner client than the others.
"""

from __future__ import annotations

import base64
import os
import random
import time
from itertools import batched
from typing import TYPE_CHECKING

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import TRANSACTION_ATTEMPTS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.observability import units
from latchkey.storage.aws import AwsError
from latchkey.storage.table import (
    All,
    AnyOf,
    Change,
    Check,
    Compare,
    Condition,
    ConditionFailed,
    Delete,
    Has,
    Item,
    Key,
    Lacks,
    Page,
    Put,
    Query,
    TableName,
    Update,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from latchkey.storage.aws import Client, Wire
    from latchkey.storage.table import Value

WRITE_ID = "write_id"
"""On items that are written under a condition: 8 random bytes that identify the write."""

_BATCH_WRITE_MAX = 25

_READS = {"GetItem", "BatchGetItem", "Query"}


# Wire types -------------------------------------------------------------------------------


def to_wire(value: Value) -> Wire:
    """Encode a value in DynamoDB's JSON."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [to_wire(part) for part in value]}
        case dict():
            return {"M": {name: to_wire(part) for name, part in value.items()}}
    raise TypeError(type(value).__name__)


def from_wire(wire: Wire) -> Value:  # noqa: C901 - one case for each type
    """Decode a value of DynamoDB's JSON.

    The service stores whole numbers and no sets. Other values were written by somebody else: they
    are decoded as text and lists, so that the audit trail can chain them.
    """
    ((kind, content),) = wire.items()
    # Most values are strings.
    if kind == "S":
        return content  # type: ignore[no-any-return]
    match kind:
        case "N":
            return int(content) if content.lstrip("-").isdecimal() else content
        case "M":
            return {name: from_wire(part) for name, part in content.items()}
        case "B":
            return content if isinstance(content, bytes) else base64.b64decode(content)
        case "BOOL":
            return content  # type: ignore[no-any-return]
        case "SS" | "NS" | "BS":
            return sorted(content)
        case "NULL":
            return None
        case "L":
            return [from_wire(part) for part in content]
    raise TypeError(kind)


def _item_from_wire(wire: Wire | None) -> Item | None:
    return {name: from_wire(value) for name, value in wire.items()} if wire else None


# Expressions ---------------------------------------------------------------------------------


class _Expression:
    """Collects names and values of one request. Names have aliases, as some are reserved."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Wire] = {}

    def name(self, name: str) -> str:
        return self.names.setdefault(name, f"#n{len(self.names)}")

    def value(self, value: Value) -> str:
        alias = f":v{len(self.values)}"
        self.values[alias] = to_wire(value)
        return alias

    def condition(self, condition: Condition) -> str:
        match condition:
            case Has(name):
                return f"attribute_exists({self.name(name)})"
            case Lacks(name):
                return f"attribute_not_exists({self.name(name)})"
            case Compare(name, symbol, value):
                return f"{self.name(name)} {symbol} {self.value(value)}"
            case All(parts):
                return "(" + " AND ".join(self.condition(part) for part in parts) + ")"
            case AnyOf(parts):
                return "(" + " OR ".join(self.condition(part) for part in parts) + ")"
        raise TypeError(condition)

    def change(self, change: Change) -> str:
        clauses = []
        if change.assign:
            parts = (f"{self.name(n)} = {self.value(v)}" for n, v in change.assign.items())
            clauses.append("SET " + ", ".join(parts))
        if change.add:
            parts = (f"{self.name(n)} {self.value(v)}" for n, v in change.add.items())
            clauses.append("ADD " + ", ".join(parts))
        if change.drop:
            clauses.append("REMOVE " + ", ".join(self.name(n) for n in change.drop))
        return " ".join(clauses)

    def request(self) -> Wire:
        request: Wire = {}
        if self.names:
            request["ExpressionAttributeNames"] = {a: n for n, a in self.names.items()}
        if self.values:
            request["ExpressionAttributeValues"] = self.values
        return request


# The engine -------------------------------------------------------------------------------


class DynamoDBTable:
    """The Table port on two DynamoDB tables."""

    def __init__(
        self,
        client: Client,
        table_names: Mapping[TableName, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use this client on these tables."""
        self._client = client
        self._names = table_names
        self._sleep = sleep

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        """See Table.get."""
        request = {**self._address(key), "ConsistentRead": consistent}
        return _item_from_wire(self._call("GetItem", request).get("Item"))

    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        """See Table.get_many."""
        found: dict[Key, Item] = {}
        pending = self._by_table(keys)
        for attempt in range(TRANSACTION_ATTEMPTS):
            self._pause(attempt)
            request = {
                self._names[table]: {
                    "Keys": [self._address(key)["Key"] for key in group],
                    "ConsistentRead": True,
                }
                for table, group in pending.items()
            }
            answer = self._call("BatchGetItem", {"RequestItems": request})
            for table in pending:
                for wire in answer["Responses"].get(self._names[table], []):
                    item = _item_from_wire(wire) or {}
                    found[Key(str(item["pk"]), str(item["sk"]), table)] = item
            # DynamoDB returns throttled reads as unprocessed keys in an HTTP 200. The client does
            # not retry.
            unprocessed = answer.get("UnprocessedKeys") or {}
            pending = {
                table: [
                    key
                    for key in group
                    if self._address(key)["Key"] in unprocessed[self._names[table]]["Keys"]
                ]
                for table, group in pending.items()
                if self._names[table] in unprocessed
            }
            if not pending:
                return [found[key] for key in keys if key in found]
        raise _unavailable("UnprocessedKeys")

    def query(self, query: Query) -> Page:
        """See Table.query."""
        if query.between is not None and query.between[0] > query.between[1]:
            return Page([], None)  # DynamoDB refuses such bounds
        pk, sk = (f"{query.index}pk", f"{query.index}sk") if query.index else ("pk", "sk")
        expression = _Expression()
        condition = f"{expression.name(pk)} = {expression.value(query.partition)}"
        if query.between is not None:
            low, high = (expression.value(bound) for bound in query.between)
            condition += f" AND {expression.name(sk)} BETWEEN {low} AND {high}"
        elif query.prefix:
            condition += (
                f" AND begins_with({expression.name(sk)}, {expression.value(query.prefix)})"
            )
        request: Wire = {
            "TableName": self._names[query.table],
            "KeyConditionExpression": condition,
            "ScanIndexForward": not query.newest_first,
            "ConsistentRead": query.reads_consistently,
            **expression.request(),
        }
        if query.index is not None:
            request["IndexName"] = query.index
        if query.limit is not None:
            request["Limit"] = query.limit
        if query.start_after is not None:
            request["ExclusiveStartKey"] = {n: to_wire(v) for n, v in query.start_after.items()}
        answer = self._call("Query", request)
        items = [_item_from_wire(wire) or {} for wire in answer["Items"]]
        return Page(items, _item_from_wire(answer.get("LastEvaluatedKey")))

    def put(self, put: Put) -> None:
        """See Table.put."""
        write_id = os.urandom(8)
        owned = Put(put.key, {**put.attributes, WRITE_ID: write_id}, put.when)
        try:
            self._write("PutItem", self._put_request(owned))
        except AwsError as error:
            if not _is_own_write(error, write_id):
                _raise_if_condition_failed(error, put)
                raise

    def update(self, update: Update) -> Item:
        """See Table.update."""
        write_id = os.urandom(8)
        change = Change(
            assign={**update.change.assign, WRITE_ID: write_id},
            add=update.change.add,
            drop=update.change.drop,
        )
        request = self._update_request(Update(update.key, change, update.when))
        try:
            answer = self._write("UpdateItem", {**request, "ReturnValues": "ALL_NEW"})
        except AwsError as error:
            if not _is_own_write(error, write_id):
                _raise_if_condition_failed(error, update)
                raise
            return _failed_item(error) or {}
        return _item_from_wire(answer["Attributes"]) or {}

    def delete(self, delete: Delete) -> Item | None:
        """See Table.delete."""
        request = {**self._delete_request(delete), "ReturnValues": "ALL_OLD"}
        try:
            return _item_from_wire(self._write("DeleteItem", request).get("Attributes"))
        except AwsError as error:
            _raise_if_condition_failed(error, delete)
            raise

    def delete_many(self, keys: Sequence[Key]) -> None:
        """See Table.delete_many."""
        for batch in batched(keys, _BATCH_WRITE_MAX, strict=False):
            pending: Wire = {
                self._names[table]: [
                    {"DeleteRequest": {"Key": self._address(key)["Key"]}} for key in group
                ]
                for table, group in self._by_table(batch).items()
            }
            for attempt in range(TRANSACTION_ATTEMPTS):
                self._pause(attempt)
                answer = self._call("BatchWriteItem", {"RequestItems": pending})
                # DynamoDB returns throttled writes as unprocessed items in an HTTP 200.
                pending = answer.get("UnprocessedItems") or {}
                if not pending:
                    break
            else:
                raise _unavailable("UnprocessedItems")

    def transact(self, writes: Sequence[Write]) -> None:
        """See Table.transact."""
        request = {
            "TransactItems": [self._transact_item(write) for write in writes],
            # All attempts share one token, so that a repetition after a lost response is not a
            # second write.
            "ClientRequestToken": os.urandom(16).hex(),
        }
        for attempt in range(TRANSACTION_ATTEMPTS):
            self._pause(attempt)
            try:
                self._call("TransactWriteItems", request)
            except AwsError as error:
                _raise_unless_transient(error, writes)
            else:
                return
        raise _unavailable("TransactionConflict")

    def _write(self, operation: str, request: Wire) -> Wire:
        """Send a write of one item. Retry while a transaction has the item."""
        for attempt in range(TRANSACTION_ATTEMPTS):
            self._pause(attempt)
            try:
                return self._call(operation, request)
            except AwsError as error:
                # botocore retries throttles and timeouts, but not this error.
                if error.code != "TransactionConflictException":
                    raise
        raise _unavailable("TransactionConflict")

    def _call(self, operation: str, request: Wire) -> Wire:
        """Send a request, and count the units that its response reports."""
        answer = self._client.call(operation, {**request, "ReturnConsumedCapacity": "TOTAL"})
        _count(answer.get("ConsumedCapacity"), is_read=operation in _READS)
        return answer

    def _pause(self, attempt: int) -> None:
        """Wait before a repeated attempt."""
        # Full jitter up to 100 ms, doubling. Source: AWS Architecture Blog, "Exponential Backoff".
        if attempt:
            self._sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret

    # Requests ----------------------------------------------------------------------------------

    def _address(self, key: Key) -> Wire:
        return {
            "TableName": self._names[key.table],
            "Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}},
        }

    def _by_table(self, keys: Iterable[Key]) -> dict[TableName, list[Key]]:
        groups: dict[TableName, list[Key]] = {}
        for key in keys:
            groups.setdefault(key.table, []).append(key)
        return groups

    def _put_request(self, put: Put) -> Wire:
        stored = {**put.attributes, "pk": put.key.pk, "sk": put.key.sk}
        item = {name: to_wire(value) for name, value in stored.items()}
        return self._conditional(
            {"TableName": self._names[put.key.table], "Item": item}, _Expression(), put.when
        )

    def _update_request(self, update: Update) -> Wire:
        expression = _Expression()
        request = {
            **self._address(update.key),
            "UpdateExpression": expression.change(update.change),
        }
        return self._conditional(request, expression, update.when)

    def _delete_request(self, delete: Delete) -> Wire:
        return self._conditional(self._address(delete.key), _Expression(), delete.when)

    def _transact_item(self, write: Write) -> Wire:
        match write:
            case Put():
                return {"Put": self._put_request(write)}
            case Update():
                return {"Update": self._update_request(write)}
            case Delete():
                return {"Delete": self._delete_request(write)}
            case Check():
                request = self._conditional(self._address(write.key), _Expression(), write.when)
                return {"ConditionCheck": request}

    def _conditional(
        self, request: Wire, expression: _Expression, condition: Condition | None
    ) -> Wire:
        if condition is not None:
            request["ConditionExpression"] = expression.condition(condition)
            # A failed condition returns the current item, which saves a second read.
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return {**request, **expression.request()}


def _count(consumed: Wire | list[Wire] | None, *, is_read: bool) -> None:
    """Add what a response reports: one table, or a list of them.

    DynamoDB reports nothing with an error, so a failed condition is not counted.
    """
    for table in consumed if isinstance(consumed, list) else [consumed or {}]:
        total = table.get("CapacityUnits", 0)
        # A repeated transaction reads its items instead of writing them again.
        reads = total if is_read else table.get("ReadCapacityUnits", 0)
        units.read += reads
        units.write += total - reads


_PASSING_REASONS = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}


def _raise_unless_transient(error: AwsError, writes: Sequence[Write]) -> None:
    """Raise the reason of a cancelled transaction, unless it can be retried."""
    if error.code == "TransactionInProgressException":
        return
    if error.code != "TransactionCanceledException":
        raise error
    reasons = error.body.get("CancellationReasons") or []
    # A conflict or a throttle says nothing about the conditions. Retry.
    if any(reason.get("Code") in _PASSING_REASONS for reason in reasons):
        return
    for write, reason in zip(writes, reasons, strict=True):
        if reason.get("Code") == "ConditionalCheckFailed":
            raise ConditionFailed(write, _item_from_wire(reason.get("Item"))) from error
    raise error


def _failed_item(error: AwsError) -> Item | None:
    return _item_from_wire(error.body.get("Item"))


def _is_own_write(error: AwsError, write_id: bytes) -> bool:
    """Return whether a condition failed because an earlier attempt of this call had succeeded."""
    if error.code != "ConditionalCheckFailedException":
        return False
    item = _failed_item(error)
    return item is not None and item.get(WRITE_ID) == write_id


def _raise_if_condition_failed(error: AwsError, write: Write) -> None:
    if error.code == "ConditionalCheckFailedException":
        raise ConditionFailed(write, _failed_item(error)) from error


def _unavailable(reason: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
    )
