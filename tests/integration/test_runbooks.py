"""The runbooks, executed on a stack of their own by the commands that they name."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

import pytest

from tests.support.api import Api, a_fresh_address, error_code, once
from tests.support.function_settings import set_environment
from tests.support.queue_worker import until
from tests.support.runbooks import step
from tools.local import deployment
from tools.local.stack import LocalStack

PASSPHRASE = "correct horse battery staple 42"
PARAMETERS = {"RateLimitFactor": "100", "SelfServiceRestore": "on"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stack():
    with LocalStack.start(parameters=PARAMETERS) as running:
        yield running


@pytest.fixture(scope="module")
def api(stack):
    return Api(stack.base_url)


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "latchkey.keys")


def succeeded(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def a_person(api):
    """Register somebody. Returns their address and tokens."""
    address = a_fresh_address()
    return address, api.register(address).json()["data"]


def parameters_of(stack):
    """Return the keys in Parameter Store by their short names."""
    ssm = stack.client("ssm")
    path = f"/latchkey/{stack.deployment.name}"
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=path, Recursive=True, WithDecryption=True
    )
    return {
        each["Name"].rpartition("/")[2]: each["Value"]
        for page in pages
        for each in page["Parameters"]
    }


def lose(stack, *names):
    for name in names:
        stack.client("ssm").delete_parameter(Name=f"/latchkey/{stack.deployment.name}/{name}")


def start_anew(stack, *operations):
    """Replace the functions' environments, which have the keys in memory."""
    functions = stack.client("lambda")
    for operation in operations:
        name = stack.deployment.function_name(operation)
        found = functions.get_function_configuration(FunctionName=name)
        variables = found["Environment"]["Variables"]
        marked = {**variables, "STARTED_ANEW": datetime.now(UTC).isoformat()}
        set_environment(functions, name, marked)


# Upgrade -----------------------------------------------------------------------------------------


def test_upgrade(stack, api, file):
    _, person = a_person(api)
    kept = succeeded(
        step(stack.emulator, "upgrade", "make backup-keys", FILE=file, passphrase=PASSPHRASE)
    )
    assert "parameters of" in kept
    with deployment.building():
        deployment.make_change_set(stack.emulator, {"ServiceName": "Ledger"})
    shown = succeeded(step(stack.emulator, "upgrade", "make show-changeset"))
    assert "LoginFunction" in shown
    assert "AWS::DynamoDB::Table" not in shown
    with deployment.building():
        deployment.change(stack.emulator, {"ServiceName": "Ledger"})
    # The records of the release before are read.
    assert api.me(person["access_token"]).status_code == 200
    assert api.refresh(person["refresh_token"]).status_code == 200
    smoke = step(stack.emulator, "upgrade", "make smoke", URL=stack.base_url)
    assert "0 failed" in succeeded(smoke)


# Keys --------------------------------------------------------------------------------------------


SIGNING = ("signing-keys", "public-keys")
USERS_OF_KEYS = ("register", "login", "refresh", "authorizer", "get_jwks")


def test_lost_signing_keys_come_back_from_the_file(stack, api, file):
    address, person = a_person(api)
    before = parameters_of(stack)
    succeeded(step(stack.emulator, "keys", "make backup-keys", FILE=file, passphrase=PASSPHRASE))
    lose(stack, *SIGNING)
    start_anew(stack, *USERS_OF_KEYS)
    assert once(api).login(address).status_code == 503
    succeeded(step(stack.emulator, "keys", "make restore-keys", FILE=file, passphrase=PASSPHRASE))
    assert parameters_of(stack) == before
    start_anew(stack, *USERS_OF_KEYS)
    assert api.me(person["access_token"]).status_code == 200
    assert api.refresh(person["refresh_token"]).status_code == 200


def test_lost_signing_keys_are_replaced_without_a_file(stack, api):
    address, person = a_person(api)
    lose(stack, *parameters_of(stack).keys() - {"audit-key", "audit-public-keys"})
    succeeded(step(stack.emulator, "keys", "make new-signing-keys"))
    start_anew(stack, *USERS_OF_KEYS)
    assert api.login(address).status_code == 200
    refused = api.me(person["access_token"])
    assert error_code(refused) == "TOKEN_INVALID"
    assert error_code(api.refresh(person["refresh_token"])) == "REFRESH_TOKEN_INVALID"


def test_a_lost_audit_key_comes_back_from_the_file_or_is_replaced(stack, api, file):
    a_person(api)
    stack.invoke("anchor_audit", {})
    before = parameters_of(stack)
    succeeded(step(stack.emulator, "keys", "make backup-keys", FILE=file, passphrase=PASSPHRASE))
    lose(stack, "audit-key")
    succeeded(step(stack.emulator, "keys", "make restore-keys", FILE=file, passphrase=PASSPHRASE))
    assert parameters_of(stack) == before

    lose(stack, "audit-key")
    succeeded(step(stack.emulator, "keys", "make new-audit-key"))
    after = parameters_of(stack)
    assert after["audit-key"] != before["audit-key"]
    old, new = (json.loads(each["audit-public-keys"])["keys"] for each in (before, after))
    assert {key["kid"] for key in old} < {key["kid"] for key in new}
    stack.invoke("anchor_audit", {})


def test_keys_are_copied_to_another_region(stack):
    succeeded(step(stack.emulator, "keys", "make copy-keys", REGION="eu-central-1"))
    emulator = stack.emulator
    there = emulator.client("ssm", region="eu-central-1").get_parameters_by_path(
        Path=f"/latchkey/{stack.deployment.name}", Recursive=True, WithDecryption=True
    )["Parameters"]
    copied = {each["Name"].rpartition("/")[2]: each["Value"] for each in there}
    assert copied == parameters_of(stack)
    again = succeeded(step(stack.emulator, "region", "make copy-keys", REGION="eu-central-1"))
    assert again.startswith("0 of ")  # they are there already


# A restored table --------------------------------------------------------------------------------


def copy_of(stack, table):
    """Restore a table as it is now to a new one. Returns its name and the time."""
    name = f"latchkey-copy-{secrets.token_hex(4)}"
    stack.client("dynamodb").restore_table_to_point_in_time(
        SourceTableName=table,
        TargetTableName=name,
        UseLatestRestorableTime=True,
        GlobalSecondaryIndexOverride=[],
    )
    return name, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def erase(stack, api, person):
    """Delete an account for good, and wait until its erasure is done."""
    answer = api.call(
        "DELETE", "/api/v1/users/me", params={"hard": "true"}, token=person["access_token"]
    )
    assert answer.status_code == 200, answer.text
    account = person["user"]["id"]
    until(lambda: not items_of(stack, account), seconds=120)


def items_of(stack, account):
    found = stack.client("dynamodb").query(
        TableName=stack.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"ACCOUNT#{account}"}},
    )
    return found["Items"]


def empty(stack):
    """Damage the main table: every item is gone."""
    dynamodb = stack.client("dynamodb")
    for page in dynamodb.get_paginator("scan").paginate(TableName=stack.table_name):
        for item in page["Items"]:
            key = {name: item[name] for name in ("pk", "sk")}
            dynamodb.delete_item(TableName=stack.table_name, Key=key)


def test_a_table_is_restored_and_the_erased_stay_erased(stack, api):
    (ada, erased), (bob, kept) = a_person(api), a_person(api)
    copy, at = copy_of(stack, stack.table_name)
    erase(stack, api, erased)
    empty(stack)
    ids = erased["user"]["id"], kept["user"]["id"]

    arguments = {"COPY": copy, "AT": at}
    report = json.loads(
        succeeded(step(stack.emulator, "restore", "make restore-table", **arguments))
    )
    assert ids[0] in report["erased"]
    assert ids[1] in report["restored"]
    assert error_code(api.login(bob)) == "INVALID_CREDENTIALS"  # nothing was written

    report = json.loads(
        succeeded(step(stack.emulator, "restore", "make restore-table", **arguments, REALLY="1"))
    )
    assert (ids[0] in report["erased"], ids[0] in report["restored"]) == (True, False)
    assert api.login(bob).status_code == 200
    assert error_code(api.login(ada)) == "INVALID_CREDENTIALS"
    assert items_of(stack, ids[0]) == []
    assert error_code(api.refresh(kept["refresh_token"])) == "REFRESH_TOKEN_INVALID"
    stack.client("dynamodb").delete_table(TableName=copy)


# A lost region, and a stack that is removed ------------------------------------------------------


def send(stack, name, to):
    """Bring a table's copy to another region, as AWS Backup does."""
    there, here = to.client("dynamodb"), stack.client("dynamodb")
    described = here.describe_table(TableName=name)["Table"]
    there.create_table(
        TableName=name,
        KeySchema=described["KeySchema"],
        AttributeDefinitions=[
            {"AttributeName": key["AttributeName"], "AttributeType": "S"}
            for key in described["KeySchema"]
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for page in here.get_paginator("scan").paginate(TableName=name):
        for item in page["Items"]:
            there.put_item(TableName=name, Item=item)


def test_a_lost_region_and_the_removal_of_its_stack(file):
    with LocalStack.start(parameters=PARAMETERS) as stack:
        replace_a_region(stack, Api(stack.base_url), file)
        remove(stack)


def replace_a_region(stack, api, file):
    (ada, erased), (bob, kept) = a_person(api), a_person(api)
    copy, at = copy_of(stack, stack.table_name)
    erase(stack, api, erased)
    audit_copy, _ = copy_of(stack, stack.audit_table_name)
    succeeded(step(stack.emulator, "region", "make backup-keys", FILE=file, passphrase=PASSPHRASE))
    keys = parameters_of(stack)

    def before_the_first_deploy(there):
        succeeded(step(there, "region", "make restore-keys", FILE=file, passphrase=PASSPHRASE))

    with LocalStack.start(parameters=PARAMETERS, before_deploy=before_the_first_deploy) as other:
        for name in (copy, audit_copy):
            send(stack, name, other)
        assert parameters_of(other).items() >= keys.items()
        new = Api(other.base_url)
        arguments = {"COPY": copy, "AT": at, "AUDIT_COPY": audit_copy}
        report = json.loads(
            succeeded(step(other.emulator, "region", "make restore-table", **arguments, REALLY="1"))
        )
        assert erased["user"]["id"] in report["erased"]
        assert kept["user"]["id"] in report["restored"]
        assert new.login(bob).status_code == 200
        assert error_code(new.login(ada)) == "INVALID_CREDENTIALS"
        smoke = step(other.emulator, "region", "make smoke", URL=other.base_url)
        assert "0 failed" in succeeded(smoke)


def remove(stack):
    retained = [
        stack.table_name,
        stack.audit_table_name,
        stack.deployment.outputs["AuditBucketName"],
    ]
    listed = succeeded(step(stack.emulator, "teardown", "make teardown"))
    assert all(name in listed for name in retained)
    assert "signing-keys" in listed
    assert parameters_of(stack)
    succeeded(step(stack.emulator, "teardown", "make teardown", CONFIRM=stack.deployment.name))
    assert parameters_of(stack) == {}
    tables = stack.client("dynamodb").list_tables()["TableNames"]
    assert set(tables).isdisjoint(retained)
    buckets = [each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]]
    assert not [name for name in buckets if name.startswith(stack.deployment.name)]
    again = succeeded(step(stack.emulator, "teardown", "make teardown"))
    assert "Nothing is left" in again
