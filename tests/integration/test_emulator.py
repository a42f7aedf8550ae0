"""The canary: what the race tests take for granted of the emulator itself.

An emulator that lets two conditional writes win would make every one of them pass for nothing.
"""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.queue_worker import until
from tools.local import lambda_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.conftest import Expiring
    from tools.local.stack import LocalStack

ROUNDS = 20
WAYS = 50
CONDITION_FAILED = "ConditionalCheckFailedException"


@pytest.fixture(scope="module")
def dynamodb(stack: LocalStack) -> Any:
    return stack.client("dynamodb")


@pytest.fixture(scope="module")
def at_once() -> Iterator[Callable[[Callable[[int], str]], list[str]]]:
    with ThreadPoolExecutor(WAYS) as pool:
        yield lambda attempt: list(pool.map(attempt, range(WAYS)))


@pytest.fixture
def key() -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"canary#{secrets.token_hex(8)}"}, "sk": {"S": "canary"}}


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_one_of_fifty_conditional_puts_succeeds(
    stack: LocalStack,
    dynamodb: Any,
    at_once: Callable[[Callable[[int], str]], list[str]],
    key: dict[str, dict[str, str]],
    _round: int,
) -> None:
    def put(number: int) -> str:
        try:
            dynamodb.put_item(
                TableName=stack.table_name,
                Item=key | {"winner": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    outcomes = at_once(put)

    assert sorted(set(outcomes)) == sorted({"won", CONDITION_FAILED})
    assert outcomes.count("won") == 1
    item = dynamodb.get_item(TableName=stack.table_name, Key=key, ConsistentRead=True)["Item"]
    assert item["winner"]["N"] == str(outcomes.index("won"))


def test_fifty_conditional_increments_lose_none(
    stack: LocalStack,
    dynamodb: Any,
    at_once: Callable[[Callable[[int], str]], list[str]],
    key: dict[str, dict[str, str]],
) -> None:
    def increment(_number: int) -> str:
        answer = dynamodb.update_item(
            TableName=stack.table_name,
            Key=key,
            UpdateExpression="ADD generation :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
            ReturnValues="UPDATED_NEW",
        )
        return str(answer["Attributes"]["generation"]["N"])

    assert sorted(map(int, at_once(increment))) == list(range(1, WAYS + 1))


def test_a_failed_transaction_leaves_nothing_behind(
    stack: LocalStack, dynamodb: Any, key: dict[str, dict[str, str]]
) -> None:
    other = key | {"sk": {"S": "other"}}
    dynamodb.put_item(TableName=stack.table_name, Item=key)

    with pytest.raises(ClientError) as caught:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": stack.table_name, "Item": other}},
                {
                    "Put": {
                        "TableName": stack.table_name,
                        "Item": key | {"overwritten": {"BOOL": True}},
                        "ConditionExpression": "attribute_not_exists(pk)",
                    }
                },
            ]
        )

    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    reasons = caught.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert "Item" not in dynamodb.get_item(TableName=stack.table_name, Key=other)
    assert dynamodb.get_item(TableName=stack.table_name, Key=key)["Item"] == key


def test_one_of_fifty_transactions_succeeds_and_the_others_write_nothing(
    stack: LocalStack,
    dynamodb: Any,
    at_once: Callable[[Callable[[int], str]], list[str]],
    key: dict[str, dict[str, str]],
) -> None:
    def transact(number: int) -> str:
        trace = key | {"sk": {"S": f"trace#{number}"}}
        try:
            dynamodb.transact_write_items(
                TransactItems=[
                    {"Put": {"TableName": stack.table_name, "Item": trace}},
                    {
                        "Put": {
                            "TableName": stack.table_name,
                            "Item": key,
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                ]
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    outcomes = at_once(transact)

    assert outcomes.count("won") == 1
    left = dynamodb.query(
        TableName=stack.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": key["pk"]},
        ConsistentRead=True,
    )["Items"]
    assert {item["sk"]["S"] for item in left} == {"canary", f"trace#{outcomes.index('won')}"}


def test_a_transaction_needs_the_permissions_of_its_members(
    stack: LocalStack, dynamodb: Any, key: dict[str, dict[str, str]]
) -> None:
    # What every other test then shows by passing: no function does what its policies do not name.
    session = _session_that_may(stack, ["dynamodb:PutItem"])
    put = {"Put": {"TableName": stack.table_name, "Item": key}}
    delete = {"Delete": {"TableName": stack.table_name, "Key": key | {"sk": {"S": "other"}}}}

    session.transact_write_items(TransactItems=[put])
    with pytest.raises(ClientError) as caught:
        session.transact_write_items(TransactItems=[put, delete])

    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "Item" in dynamodb.get_item(TableName=stack.table_name, Key=key)


def _session_that_may(stack: LocalStack, actions: list[str]) -> Any:
    name = f"canary-{secrets.token_hex(4)}"
    iam = stack.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
    table = f"arn:aws:dynamodb:*:*:table/{stack.table_name}"
    iam.put_role_policy(
        RoleName=name,
        PolicyName=name,
        PolicyDocument=_policy({"Effect": "Allow", "Action": actions, "Resource": table}),
    )
    credentials = stack.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName=name)
    return stack.client("dynamodb", credentials["Credentials"])


def _policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_log_is_read_beyond_the_emulators_ten_thousand_events(stack: LocalStack) -> None:
    group, lines = f"/canary/{secrets.token_hex(8)}", [f"line {number}" for number in range(20_500)]
    logs = stack.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="canary")
    now = int(time.time() * 1000)
    for first in range(0, len(lines), lambda_logs.EVENTS_OF_A_PAGE):
        logs.put_log_events(
            logGroupName=group,
            logStreamName="canary",
            logEvents=[
                # Eleven lines have one time, and a page ends in their midst.
                {"timestamp": now + number // 11, "message": lines[number]}
                for number in range(first, min(first + lambda_logs.EVENTS_OF_A_PAGE, len(lines)))
            ],
        )
    assert lambda_logs.read(stack.emulator, group) == lines
    assert lambda_logs.read(stack.emulator, group, "20499") == ["line 20499"]


@pytest.mark.timeout(600)
def test_tables_expire_items_as_the_template_says(
    stack: LocalStack, dynamodb: Any, expiring: Expiring
) -> None:
    for name in (stack.table_name, stack.audit_table_name):
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "ttl")
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"

    def is_there(key: dict[str, dict[str, str]]) -> bool:
        return "Item" in dynamodb.get_item(TableName=stack.table_name, Key=key, ConsistentRead=True)

    until(lambda: not is_there(expiring.old))
    assert is_there(expiring.new)
