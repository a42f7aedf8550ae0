"""What DynamoDB does under load and no emulator does: how often it is asked, and what comes of it.

Each test plays a script, so a loop that gives up too early, never gives up, or takes its own write
for somebody else's does not pass.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import TRANSACTION_ATTEMPTS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.observability import units
from latchkey.security.sealing import seal
from latchkey.storage import boto_client
from latchkey.storage.accounts import AccountStore
from latchkey.storage.aws import AwsError
from latchkey.storage.boto_client import BotoClient, aws_client
from latchkey.storage.dynamodb import WRITE_ID, DynamoDBTable, from_wire, to_wire
from latchkey.storage.effects import EffectWriter
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    Check,
    ConditionFailed,
    Delete,
    Key,
    Put,
    Query,
    Update,
    equals,
)
from tests.support.builders import a_session, an_account, some_effects
from tests.support.scripted_dynamodb import (
    TABLE_NAMES,
    ScriptedClient,
    ScriptedWire,
    cancelled,
    condition_failed,
    error_body,
)

KEY = Key("p", "A")
OTHER = Key("p", "B")
AUDIT = Key("p", "C", "audit")
PUT = Put(KEY, {"n": 1}, ABSENT)
UPDATE = Update(KEY, Change(assign={"n": 2}), EXISTS)
WRITES = [PUT, Check(OTHER, EXISTS)]
IN_A_TRANSACTION = AwsError("TransactionConflictException", {})

LONGEST_PAUSES = [0.1, 0.2, 0.4, 0.8]


def wire(**attributes):
    return {name: to_wire(value) for name, value in attributes.items()}


def require_backed_off(pauses, times):
    """Before every attempt but the first a pause, random, its bound doubling."""
    assert len(pauses) == times
    assert all(0 <= p <= most for p, most in zip(pauses, LONGEST_PAUSES, strict=False))


def require_given_up(caught, client):
    assert len(client.calls) == TRANSACTION_ATTEMPTS
    assert caught.value.retry_after_seconds == UNAVAILABLE_RETRY_AFTER_SECONDS
    require_backed_off(client.pauses, TRANSACTION_ATTEMPTS - 1)


def test_pauses_are_random():
    longest = [0.0] * (TRANSACTION_ATTEMPTS - 1)
    seen = set()
    for _ in range(100):
        client = ScriptedClient(*[cancelled("TransactionConflict")] * TRANSACTION_ATTEMPTS)
        with pytest.raises(TemporarilyUnavailable):
            client.table().transact([PUT])
        longest = [max(pair) for pair in zip(longest, client.pauses, strict=True)]
        seen |= set(client.pauses)
    assert len(seen) == 400
    # Of 100 even draws the largest is below half of the bound once in 10^30 runs.
    assert all(most / 2 < p <= most for p, most in zip(longest, LONGEST_PAUSES, strict=True))


# Transactions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "passing",
    [
        cancelled("TransactionConflict", "None"),
        cancelled("None", "TransactionConflict"),
        cancelled("ThrottlingError", "None"),
        cancelled("ProvisionedThroughputExceeded", "None"),
        # A condition says nothing while another write of the transaction was not looked at.
        cancelled("ConditionalCheckFailed", "TransactionConflict"),
        AwsError("TransactionInProgressException", {}),
    ],
    ids=["conflict", "conflict-2", "throttled", "capacity", "mixed", "in-progress"],
)
def test_conflicting_transaction_is_retried_with_the_same_token(passing):
    client = ScriptedClient(passing, passing, {})
    client.table().transact(WRITES)
    first, second, third = client.requests()
    # DynamoDB recognises the repetition of a write whose answer was lost by this token.
    assert first == second == third
    assert len(first["ClientRequestToken"]) == 32
    require_backed_off(client.pauses, 2)


def test_two_transactions_do_not_share_a_token():
    client = ScriptedClient({}, {})
    for _ in range(2):
        client.table().transact(WRITES)
    first, second = client.requests()
    assert first["ClientRequestToken"] != second["ClientRequestToken"]


@pytest.mark.parametrize(
    "passing",
    [
        cancelled("TransactionConflict", "None"),
        cancelled("ThrottlingError", "None"),
        AwsError("TransactionInProgressException", {}),
    ],
)
def test_conflicting_transaction_fails_after_the_last_attempt(passing):
    client = ScriptedClient(*[passing] * TRANSACTION_ATTEMPTS)
    with pytest.raises(TemporarilyUnavailable) as caught:
        client.table().transact(WRITES)
    require_given_up(caught, client)


def test_failed_condition_is_not_retried():
    item = wire(pk="p", sk="B", by="somebody")
    client = ScriptedClient(cancelled("None", "ConditionalCheckFailed", item=item))
    with pytest.raises(ConditionFailed) as failed:
        client.table().transact(WRITES)
    assert failed.value.write is WRITES[1]
    assert failed.value.item == {"pk": "p", "sk": "B", "by": "somebody"}
    assert client.pauses == []


def test_retry_evaluates_conditions_again():
    client = ScriptedClient(
        cancelled("ConditionalCheckFailed", "TransactionConflict"),
        cancelled("None", "ConditionalCheckFailed"),
    )
    with pytest.raises(ConditionFailed) as failed:
        client.table().transact(WRITES)
    assert failed.value.write is WRITES[1]


@pytest.mark.parametrize(
    "broken",
    [
        cancelled("ValidationError", "None"),
        cancelled("ItemCollectionSizeLimitExceeded", "None"),
        AwsError("ValidationException", {}),
        AwsError("IdempotentParameterMismatchException", {}),
        AwsError("AccessDeniedException", {}),
    ],
)
def test_invalid_transaction_is_not_retried(broken):
    client = ScriptedClient(broken)
    with pytest.raises(AwsError) as caught:
        client.table().transact(WRITES)
    assert caught.value is broken


def test_client_error_is_not_retried():
    gone = TemporarilyUnavailable(retry_after_seconds=7)
    for call in (
        lambda table: table.transact(WRITES),
        lambda table: table.put(PUT),
        lambda table: table.update(UPDATE),
        lambda table: table.delete(Delete(KEY)),
        lambda table: table.delete_many([KEY]),
        lambda table: table.get(KEY),
        lambda table: table.get_many([KEY]),
        lambda table: table.query(Query(partition="p")),
    ):
        client = ScriptedClient(gone)
        with pytest.raises(TemporarilyUnavailable) as caught:
            call(client.table())
        assert caught.value is gone


# Single writes while a transaction has their item ------------------------------------------


SINGLE_WRITES = {
    "put": (lambda table: table.put(PUT), {}),
    "update": (lambda table: table.update(UPDATE), {"Attributes": wire(pk="p", sk="A", n=2)}),
    "delete": (lambda table: table.delete(Delete(KEY)), {"Attributes": wire(pk="p", sk="A")}),
}


@pytest.mark.parametrize("write", SINGLE_WRITES)
def test_write_is_retried_during_a_transaction_on_its_item(write):
    call, answer = SINGLE_WRITES[write]
    client = ScriptedClient(IN_A_TRANSACTION, IN_A_TRANSACTION, answer)
    call(client.table())
    first, second, third = client.requests()
    assert first == second == third
    require_backed_off(client.pauses, 2)


@pytest.mark.parametrize("write", SINGLE_WRITES)
def test_write_fails_after_the_last_attempt(write):
    call, _ = SINGLE_WRITES[write]
    client = ScriptedClient(*[IN_A_TRANSACTION] * TRANSACTION_ATTEMPTS)
    with pytest.raises(TemporarilyUnavailable) as caught:
        call(client.table())
    require_given_up(caught, client)


@pytest.mark.parametrize("write", SINGLE_WRITES)
def test_other_error_of_a_write_is_raised(write):
    call, _ = SINGLE_WRITES[write]
    error = AwsError("AccessDeniedException", {})
    client = ScriptedClient(error)
    with pytest.raises(AwsError) as caught:
        call(client.table())
    assert client.pauses == []
    # It is raised as it is, and not as its own cause: who walks the causes would never end.
    assert caught.value is error
    assert error.__cause__ is None


# An answer that was lost ---------------------------------------------------------------------


def own_item(request, **attributes):
    """Return the item as this request's first attempt has left it."""
    for values in (request.get("Item", {}), request.get("ExpressionAttributeValues", {})):
        for name, value in values.items():
            if name == WRITE_ID or (name.startswith(":") and "B" in value):
                return wire(pk="p", sk="A", **attributes) | {WRITE_ID: value}
    raise AssertionError(request)


def raise_(error):
    raise error


def test_repeated_put_recognizes_its_own_write():
    client = ScriptedClient(lambda request: raise_(condition_failed(own_item(request, n=1))))
    client.table().put(PUT)
    client.requests()


def test_repeated_update_returns_its_own_result():
    client = ScriptedClient(lambda request: raise_(condition_failed(own_item(request, n=2))))
    item = client.table().update(UPDATE)
    assert (item["pk"], item["n"]) == ("p", 2)


@pytest.mark.parametrize(
    "item",
    [
        None,
        wire(pk="p", sk="A", n=2),
        wire(pk="p", sk="A", n=2, **{WRITE_ID: b"8 others"}),
        wire(pk="p", sk="A", n=2, **{WRITE_ID: None}),
    ],
    ids=["gone", "unmarked", "somebody else's", "empty"],
)
@pytest.mark.parametrize("write", ["put", "update"])
def test_repeated_write_after_another_write_is_a_conflict(write, item):
    client = ScriptedClient(condition_failed(item))
    call, _ = SINGLE_WRITES[write]
    with pytest.raises(ConditionFailed) as failed:
        call(client.table())
    assert failed.value.item == (item and {n: from_wire(v) for n, v in item.items()})


def test_conflicting_write_recognizes_its_own_write():
    client = ScriptedClient(
        IN_A_TRANSACTION, lambda request: raise_(condition_failed(own_item(request, n=1)))
    )
    client.table().put(PUT)
    client.requests()


def test_two_writes_do_not_share_a_mark():
    client = ScriptedClient({}, {})
    table = client.table()
    table.put(PUT)
    table.put(PUT)
    first, second = client.requests()
    assert first["Item"][WRITE_ID] != second["Item"][WRITE_ID]


# Batches -------------------------------------------------------------------------------------


def wire_key(key):
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def found(*keys):
    responses = {}
    for key in keys:
        responses.setdefault(key.table, []).append(wire_key(key))
    return responses


def unread(*keys):
    return {table: {"Keys": items} for table, items in found(*keys).items()}


def undeleted(*keys):
    return {
        table: [{"DeleteRequest": {"Key": item}} for item in items]
        for table, items in found(*keys).items()
    }


def test_only_unprocessed_keys_are_read_again():
    client = ScriptedClient(
        {"Responses": found(KEY), "UnprocessedKeys": unread(OTHER, AUDIT)},
        {"Responses": found(AUDIT), "UnprocessedKeys": unread(OTHER)},
        {"Responses": found(OTHER), "UnprocessedKeys": {}},
    )
    items = client.table().get_many([OTHER, KEY, AUDIT])
    assert [item["sk"] for item in items] == ["B", "A", "C"]
    requested = [
        {table: part["Keys"] for table, part in request["RequestItems"].items()}
        for request in client.requests()
    ]
    assert requested[1] == {"main": [wire_key(OTHER)], "audit": [wire_key(AUDIT)]}
    assert requested[2] == {"main": [wire_key(OTHER)]}
    assert all(
        part["ConsistentRead"] is True
        for request in client.requests()
        for part in request["RequestItems"].values()
    )
    require_backed_off(client.pauses, 2)


def test_unprocessed_keys_are_an_error_and_not_absent():
    answer = {"Responses": found(KEY), "UnprocessedKeys": unread(OTHER)}
    again = {"Responses": {}, "UnprocessedKeys": unread(OTHER)}
    client = ScriptedClient(answer, *[again] * (TRANSACTION_ATTEMPTS - 1))
    with pytest.raises(TemporarilyUnavailable) as caught:
        client.table().get_many([KEY, OTHER])
    require_given_up(caught, client)


def test_only_unprocessed_deletions_are_sent_again():
    client = ScriptedClient(
        {"UnprocessedItems": undeleted(OTHER, AUDIT)},
        {"UnprocessedItems": undeleted(AUDIT)},
        {},
    )
    client.table().delete_many([KEY, OTHER, AUDIT])
    first, second, third = (request["RequestItems"] for request in client.requests())
    assert first == undeleted(KEY, OTHER, AUDIT)
    assert second == undeleted(OTHER, AUDIT)
    assert third == undeleted(AUDIT)
    require_backed_off(client.pauses, 2)


def test_unprocessed_deletions_fail_after_the_last_attempt():
    client = ScriptedClient(*[{"UnprocessedItems": undeleted(KEY)}] * TRANSACTION_ATTEMPTS)
    with pytest.raises(TemporarilyUnavailable) as caught:
        client.table().delete_many([KEY])
    require_given_up(caught, client)


def test_each_batch_of_deletions_has_its_own_attempts():
    many = [Key("p", f"{number:02}") for number in range(30)]
    client = ScriptedClient(
        {"UnprocessedItems": undeleted(many[0])},
        {},
        {"UnprocessedItems": undeleted(many[25])},
        {},
    )
    client.table().delete_many(many)
    sizes = [len(request["RequestItems"]["main"]) for request in client.requests()]
    assert sizes == [25, 1, 5, 1]


# Through botocore: what is retried below the engine, and what a 503 is made of ---------------


ENDPOINT = "https://dynamodb.eu-west-1.amazonaws.com"
CLIENT_CONFIG: Any = boto_client.CLIENT_CONFIG
BOTO_ATTEMPTS = CLIENT_CONFIG.retries["total_max_attempts"]


@pytest.fixture
def pauses(monkeypatch):
    """Collect botocore's pauses instead of waiting them."""
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", waited.append)
    return waited


@pytest.fixture
def on_the_wire(monkeypatch, pauses):
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():
        monkeypatch.setenv(name, value)

    def play(*answers):
        client = aws_client("dynamodb")
        played = ScriptedWire(client, *answers)
        return DynamoDBTable(BotoClient(client), TABLE_NAMES, sleep=pauses.append), played

    return play


PASSING = {
    "ProvisionedThroughputExceededException": (
        400,
        error_body("ProvisionedThroughputExceededException"),
    ),
    "ThrottlingException": (400, error_body("ThrottlingException")),
    "RequestLimitExceeded": (400, error_body("RequestLimitExceeded")),
    "InternalServerError": (500, error_body("InternalServerError")),
    "ServiceUnavailable": (503, error_body("ServiceUnavailable")),
    "502 of a proxy": (502, "<html>Bad Gateway</html>"),
    "500 without a body": (500, ""),
    "read timeout": ReadTimeoutError(endpoint_url=ENDPOINT),
    "connect timeout": ConnectTimeoutError(endpoint_url=ENDPOINT),
    "no connection": EndpointConnectionError(endpoint_url=ENDPOINT),
}


@pytest.mark.parametrize("kind", PASSING)
def test_transient_error_is_retried_by_the_client(on_the_wire, pauses, kind):
    table, played = on_the_wire(
        *[PASSING[kind]] * (BOTO_ATTEMPTS - 1), (200, {"Item": wire(pk="p", sk="A", n=1)})
    )
    assert table.get(KEY)["n"] == 1
    assert len(played.bodies) == BOTO_ATTEMPTS
    assert len(pauses) == BOTO_ATTEMPTS - 1


@pytest.mark.parametrize("kind", PASSING)
def test_persistent_error_is_a_503_within_the_timeout(on_the_wire, pauses, kind):
    table, played = on_the_wire(*[PASSING[kind]] * BOTO_ATTEMPTS)
    with pytest.raises(TemporarilyUnavailable) as caught:
        table.get(KEY)
    assert caught.value.retry_after_seconds == UNAVAILABLE_RETRY_AFTER_SECONDS
    assert caught.value.data["reason"]
    assert len(played.bodies) == BOTO_ATTEMPTS
    # Two pauses of botocore's: up to 1 s and 2 s after a throttle.
    assert sum(pauses) <= 3
    assert BOTO_ATTEMPTS * (CLIENT_CONFIG.connect_timeout + CLIENT_CONFIG.read_timeout) < 10


@pytest.mark.parametrize(
    "code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"]
)
def test_request_error_is_neither_retried_nor_a_503(on_the_wire, code):
    table, played = on_the_wire((400, error_body(code)))
    with pytest.raises(AwsError) as caught:
        table.get(KEY)
    assert caught.value.code == code
    assert len(played.bodies) == 1


def test_lost_response_to_a_put_is_no_conflict(on_the_wire):
    def already_there(request):
        return error_body("ConditionalCheckFailedException", Item=request["Item"])

    table, played = on_the_wire(ReadTimeoutError(endpoint_url=ENDPOINT), (400, already_there))
    table.put(PUT)
    first, second = played.bodies
    assert first == second


def test_lost_response_to_an_update_returns_the_item(on_the_wire):
    def already_changed(request):
        (mark,) = (v for v in request["ExpressionAttributeValues"].values() if "B" in v)
        item = wire(pk="p", sk="A", n=2) | {WRITE_ID: mark}
        return error_body("ConditionalCheckFailedException", Item=item)

    table, _ = on_the_wire((500, error_body("InternalServerError")), (400, already_changed))
    assert table.update(Update(KEY, Change(add={"n": 1}), equals("n", 1)))["n"] == 2


def test_lost_response_to_a_registration_creates_the_account_and_its_session_once(on_the_wire):
    table, played = on_the_wire(ReadTimeoutError(endpoint_url=ENDPOINT), (200, {}))
    account = an_account()
    store = AccountStore(table, EffectWriter(seal))
    store.put_new(account, some_effects(account), session=a_session(account))
    first, second = played.bodies
    assert first == second
    assert first["ClientRequestToken"]
    written = [next(iter(write.values()))["Item"]["sk"]["S"] for write in first["TransactItems"]]
    assert [sk.partition("#")[0] for sk in written][:3] == ["ACCOUNT", "CLAIM", "SESSION"]


def test_cancelled_transaction_is_parsed_from_the_wire_format(on_the_wire):
    def reasons(*codes):
        return (
            400,
            error_body("TransactionCanceledException", CancellationReasons=[*codes]),
        )

    conflict = reasons({"Code": "TransactionConflict"}, {"Code": "None"})
    failed = reasons(
        {"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": wire(pk="p", sk="B")}
    )
    table, played = on_the_wire(conflict, failed)
    with pytest.raises(ConditionFailed) as caught:
        table.transact(WRITES)
    assert caught.value.write is WRITES[1]
    assert caught.value.item == {"pk": "p", "sk": "B"}
    first, second = played.bodies
    assert first["ClientRequestToken"] == second["ClientRequestToken"]


# Capacity: what the responses report is what is logged -----------------------------------------


def reported(count, **more):
    return {"TableName": "main", "CapacityUnits": count, **more}


@pytest.fixture
def spent():
    units.reset()
    return units


def test_every_request_asks_for_its_capacity(spent):
    item = wire(pk="p", sk="A", n=1)
    client = ScriptedClient(
        {"Item": item, "ConsumedCapacity": reported(3.0)},
        {"Items": [item], "ConsumedCapacity": reported(15.5)},
        {"Responses": {"main": [item]}, "ConsumedCapacity": [reported(1.0), reported(0.5)]},
        {"ConsumedCapacity": reported(4.0)},
        {"Attributes": item, "ConsumedCapacity": reported(2.0)},
        {"ConsumedCapacity": reported(1.0)},
        {"ConsumedCapacity": [reported(7.0), reported(1.0)]},
        {"ConsumedCapacity": [reported(6.0), reported(2.0)]},
    )
    table = client.table()
    table.get(KEY)
    table.query(Query(partition="p"))
    table.get_many([KEY, AUDIT])
    assert (spent.read, spent.write) == (20.0, 0)
    table.put(PUT)
    table.update(UPDATE)
    table.delete(Delete(KEY))
    table.delete_many([KEY, AUDIT])
    table.transact(WRITES)
    assert (spent.read, spent.write) == (20.0, 23.0)
    requests = client.requests()
    assert len(requests) == 8
    assert all(request["ReturnConsumedCapacity"] == "TOTAL" for request in requests)


def test_capacity_of_each_attempt_is_counted(spent):
    again = {"UnprocessedKeys": {"main": {"Keys": [{"pk": {"S": "p"}, "sk": {"S": "A"}}]}}}
    client = ScriptedClient(
        {"Responses": {}, **again, "ConsumedCapacity": [reported(0.0)]},
        {
            "Responses": {"main": [wire(pk="p", sk="A")]},
            "ConsumedCapacity": [reported(2.0)],
        },
        IN_A_TRANSACTION,
        {"ConsumedCapacity": reported(1.0)},
    )
    table = client.table()
    table.get_many([KEY])
    table.put(PUT)
    assert (spent.read, spent.write) == (2.0, 1.0)


def test_repeated_transaction_costs_reads(spent):
    capacity = reported(2.0, ReadCapacityUnits=2.0, WriteCapacityUnits=0.0)
    ScriptedClient({"ConsumedCapacity": [capacity]}).table().transact(WRITES)
    assert (spent.read, spent.write) == (2.0, 0.0)


def test_error_reports_no_capacity(spent):
    client = ScriptedClient(condition_failed(), {"Item": wire(pk="p", sk="A")})
    table = client.table()
    with pytest.raises(ConditionFailed):
        table.delete(Delete(KEY, EXISTS))
    table.get(KEY)
    assert (spent.read, spent.write) == (0, 0)
