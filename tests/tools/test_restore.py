"""A restored copy restores accounts, except those erased since."""

from __future__ import annotations

import copy as copying
import json
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from latchkey.domain.account import AccountStatus, Role
from latchkey.storage import keys
from latchkey.storage.accounts import AccountStore
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.table import Key, Put
from tests.support.service import InProcessService
from tools.recovery.restore import Restoring, scan
from tools.template import load

AUDIT_TRAIL = ("SUBJECT#", "REQUESTS#", "CHAIN#")


class Disaster:
    """A service, a copy of its main table at an instant, and what became of the table since."""

    def __init__(self) -> None:
        self.service = InProcessService()
        self.ids: dict[str, str] = {}

    def register(self, name, **fields):
        answer = self.service.register(f"{name}@example.com", **fields)
        self.ids[name] = answer.data["user"]["id"]
        return answer.data

    def copy(self):
        self.service.clock.advance(minutes=5)
        self.at = self.service.clock.now()
        self.items = [item for item in self.service.table.all_items() if _is_main(item)]
        self.service.clock.advance(minutes=10)

    def lose(self, *names):
        """Lose everything of the main table, or all that is of some people."""
        for item in self.service.table.all_items():
            mine = any(self.ids[name] in str(item) for name in names)
            if _is_main(item) and (mine or not names):
                self.service.table.delete_many([Key(str(item["pk"]), str(item["sk"]))])

    def lose_the_audit_trail(self):
        """Lose the audit table. Returns a copy of it."""
        trail = MemoryTable()
        for item in self.service.table.all_items():
            if not _is_main(item):
                key = Key(str(item["pk"]), str(item["sk"]), "audit")
                attributes = {name: v for name, v in item.items() if name not in {"pk", "sk"}}
                trail.put(Put(key, attributes))
                self.service.table.delete_many([key])
        return trail

    def restore(self, *, really=True, trail=None):
        self.service.clock.advance(minutes=10)
        restoring = Restoring(
            self.service.table,
            at=self.at,
            now=self.service.clock.now(),
            audit_retention=timedelta(days=365),
            trail=trail,
        )
        return restoring.run(copying.deepcopy(self.items), really=really)

    def account(self, name):
        writer = EffectWriter(lambda _key, plain: plain)
        return AccountStore(self.service.table, writer).get(self.ids[name])

    def everything(self):
        return str([item for item in self.service.table.all_items() if _is_main(item)])


def _is_main(item):
    return not str(item["pk"]).startswith(AUDIT_TRAIL)


@pytest.fixture
def disaster():
    return Disaster()


def token_of(service, name):
    return service.login(f"{name}@example.com").data["access_token"]


def leave(service, name):
    token = token_of(service, name)
    return service.request("DELETE", "/api/v1/users/me", query={"hard": "true"}, token=token)


def test_accounts_are_restored_except_erased_ones(disaster):
    disaster.register("ada")
    disaster.register("bob")
    disaster.copy()
    assert leave(disaster.service, "ada").status == 200
    disaster.service.work()
    disaster.lose()

    report = disaster.restore()
    assert (report.restored, report.erased) == ([disaster.ids["bob"]], [disaster.ids["ada"]])
    assert disaster.service.login("bob@example.com").status == 200
    assert disaster.service.login("ada@example.com").code == "INVALID_CREDENTIALS"
    left = disaster.everything()
    assert "ada@example.com" not in left
    assert disaster.ids["ada"] not in left
    assert "bob@example.com" in left


def test_erasures_are_read_from_a_copy_of_a_lost_audit_table_too(disaster):
    disaster.register("ada")
    disaster.register("bob")
    disaster.copy()
    assert leave(disaster.service, "ada").status == 200
    disaster.service.work()
    trail = disaster.lose_the_audit_trail()
    # Somebody orders their erasure after the audit table was lost.
    assert leave(disaster.service, "bob").status == 200
    disaster.lose()
    assert sorted(disaster.restore(trail=trail).erased) == sorted(disaster.ids.values())


def test_requested_erasure_counts(disaster):
    disaster.register("ada")
    disaster.copy()
    assert leave(disaster.service, "ada").status == 200
    disaster.lose()  # before any worker came to it
    assert disaster.restore().erased == [disaster.ids["ada"]]
    assert "ada@example.com" not in disaster.everything()


def test_old_sessions_and_tokens_do_not_work(disaster):
    tokens = disaster.register("bob")
    disaster.copy()
    disaster.lose()
    report = disaster.restore()
    assert report.left_behind["SESSION"] == 1
    assert json.loads(report.to_json())["left_behind"]["SESSION"] == 1
    refresh = {"refresh_token": tokens["refresh_token"]}
    me = disaster.service.request("GET", "/api/v1/users/me", token=tokens["access_token"])
    refreshed = disaster.service.request("POST", "/api/v1/auth/refresh", json_body=refresh)
    assert (me.status, refreshed.status) == (401, 401)


def test_changed_password_is_not_restored(disaster):
    disaster.register("bob")
    disaster.copy()
    token = token_of(disaster.service, "bob")
    body = {
        "current_password": "plum kettle orbits a quiet lake",
        "new_password": "another lantern harbour 42",
    }
    changed = disaster.service.request(
        "PUT", "/api/v1/users/me/password", json_body=body, token=token
    )
    assert changed.status == 200
    disaster.lose()
    assert disaster.restore().new_password == [disaster.ids["bob"]]
    assert disaster.service.login("bob@example.com").code == "PASSWORD_RESET_REQUIRED"


def test_later_deleted_or_suspended_account_is_restored_as_suspended(disaster):
    disaster.register("bob")
    disaster.copy()
    token = token_of(disaster.service, "bob")
    left = disaster.service.request("DELETE", "/api/v1/users/me", token=token)
    assert left.status == 200
    disaster.lose()
    assert disaster.restore().suspended == [disaster.ids["bob"]]
    account = disaster.account("bob")
    assert account.status is AccountStatus.SUSPENDED
    assert account.suspended_at is not None
    assert disaster.service.login("bob@example.com").code == "ACCOUNT_SUSPENDED"


def test_earlier_deleted_account_is_still_erased_when_due(disaster):
    tokens = disaster.register("bob")
    disaster.service.request("DELETE", "/api/v1/users/me", token=tokens["access_token"])
    disaster.copy()
    disaster.lose()
    assert disaster.restore().restored == [disaster.ids["bob"]]
    assert disaster.account("bob").status is AccountStatus.DELETED
    deletion = disaster.service.table.get(keys.deletion(disaster.ids["bob"]))
    assert deletion is not None
    assert deletion["gsi1pk"] == keys.PURGE_DUE


def test_changed_role_is_not_restored(disaster):
    disaster.register("ada")
    disaster.register("bob")
    for name in ("ada", "bob"):
        disaster.service._handler("grant_admin")({"email": f"{name}@example.com"}, None)
    disaster.copy()
    ada, bob = disaster.ids["ada"], disaster.ids["bob"]
    token = disaster.service.login("ada@example.com").data["access_token"]
    demoted = disaster.service.request(
        "PUT", f"/api/v1/users/{bob}/role", json_body={"role": "user"}, token=token
    )
    assert demoted.status == 200
    disaster.lose()
    report = disaster.restore()
    assert (sorted(report.restored), report.new_role) == (sorted([ada, bob]), [bob])
    assert disaster.account("ada").role is Role.ADMIN
    assert disaster.account("bob").role is Role.USER
    count = disaster.service.table.get(keys.administrators())
    assert count is not None
    assert count["working"] == 1


def test_existing_account_is_unchanged(disaster):
    disaster.register("ada")
    disaster.register("bob")
    disaster.copy()
    token = token_of(disaster.service, "bob")
    disaster.service.request(
        "PATCH", "/api/v1/users/me", json_body={"display_name": "B"}, token=token
    )
    disaster.lose("ada")
    report = disaster.restore()
    assert (report.restored, report.present) == ([disaster.ids["ada"]], [disaster.ids["bob"]])
    assert disaster.account("bob").display_name == "B"
    assert (
        disaster.service.request(
            "GET", "/api/v1/users/me", token=token_of(disaster.service, "bob")
        ).status
        == 200
    )


def test_address_of_a_new_owner_is_not_taken_back(disaster):
    disaster.register("bob")
    disaster.copy()
    old = disaster.ids["bob"]
    disaster.lose()
    disaster.register("bob")
    report = disaster.restore()
    assert (report.restored, report.conflicting) == ([], [old])
    assert disaster.service.table.get(keys.account(old)) is None


def test_restore_can_be_repeated_and_a_dry_run_writes_nothing(disaster):
    disaster.register("bob", username="bob")
    disaster.copy()
    disaster.lose()
    before = disaster.service.table.all_items()
    assert disaster.restore(really=False).restored == [disaster.ids["bob"]]
    assert disaster.service.table.all_items() == before
    disaster.restore()
    first = disaster.service.table.all_items()
    assert disaster.restore().present == [disaster.ids["bob"]]
    assert disaster.service.table.all_items() == first


def test_restore_is_in_the_persons_history(disaster):
    disaster.register("bob")
    disaster.copy()
    disaster.lose()
    disaster.restore()
    token = disaster.service.login("bob@example.com").data["access_token"]
    activity = disaster.service.request("GET", "/api/v1/users/me/activity", token=token)
    assert "account.recovered.by_operator" in str(activity.body)


def test_report_has_no_personal_data(disaster):
    disaster.register("bob", username="bobby")
    disaster.copy()
    disaster.lose()
    report = str(disaster.restore())
    assert disaster.ids["bob"] in report
    assert "bob@example.com" not in report
    assert "bobby" not in report


def test_all_pages_of_a_copy_are_read():
    with mock_aws():
        client = boto3.client(
            "dynamodb", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        properties = load()["Resources"]["Table"]["Properties"]
        client.create_table(
            TableName="copy",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=properties["AttributeDefinitions"][:2],
            KeySchema=properties["KeySchema"],
        )
        for number in range(30):
            item = {"pk": {"S": f"P{number}"}, "sk": {"S": "S"}, "b": {"S": "x" * 90_000}}
            client.put_item(TableName="copy", Item=item)
        assert len({item["pk"] for item in scan(client, "copy")}) == 30
