"""Erasing a person on the deployed stack: nothing is left anywhere, and the duration."""

from __future__ import annotations

import math
import re
import secrets
import time
from dataclasses import dataclass, field
from itertools import batched
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from latchkey.domain.ids import AccountId, ConsentId
from latchkey.storage import keys
from tests.support.api import PASSWORD, upload
from tests.support.pictures import multipart, png
from tests.support.scan import traces
from tools.receipt import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.api import Api
    from tools.local.stack import LocalStack

USERS = "/api/v1/users"
ME = f"{USERS}/me"
SECONDS = 60
"""What an erasure may take, and anything else on the way."""
SIZES = (1, 99, 101, 1000, 5000)
EACH = 4


@dataclass
class Canary:
    """A person with unique values that can be searched."""

    api: Api
    stack: LocalStack
    mark: str = field(default_factory=lambda: secrets.token_hex(6))
    id: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        self.email = f"canary.{self.mark}@example.com"
        self.new_email = f"goldfinch.{self.mark}@example.com"
        self.name = f"Canaria {self.mark}"
        self.username = f"canary{self.mark}"
        self.device = f"Phone of {self.mark}"
        self.agent = f"canary-agent-{self.mark}"
        self.ip = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
        fields = {
            "email": self.email,
            "password": PASSWORD,
            "full_name": self.name,
            "username": self.username,
            "device_name": self.device,
        }
        signed_in = self.call("POST", "/api/v1/auth/register", json=fields).json()["data"]
        self.id, self.token = signed_in["user"]["id"], signed_in["access_token"]

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request from this person's device, through our CDN."""
        headers = {
            "x-latchkey-edge": self.stack.edge_secret,
            "cloudfront-viewer-address": f"{self.ip}:443",
            "user-agent": self.agent,
            **options.pop("headers", {}),
        }
        send = self.api.call
        return send(method, path, token=self.token or None, headers=headers, **options)

    def live(self) -> None:
        """Leave something in every place that keeps anything of people."""
        shown, content_type = multipart(occupation=self.name, avatar=("me.png", png()))
        headers = {"content-type": content_type}
        assert self.call("PATCH", ME, content=shown, headers=headers).status_code == 200
        assert self.call("PATCH", ME, json={"marketing_consent": True}).status_code == 200
        likes = {"other_preferences": f"likes of {self.name}"}
        assert self.call("PUT", f"{ME}/preferences", json=likes).status_code == 200
        offer = {"content_type": "image/png"}
        offered = self.call("POST", f"{ME}/avatar/uploads", json=offer).json()["data"]
        picture = png() + self.name.encode()
        sent = upload(offered, picture)
        assert sent.status_code == 204
        for password, status in ((PASSWORD, 200), ("not my password, no", 401)):
            body = {"email": self.email, "password": password, "device_name": self.device}
            assert self.call("POST", "/api/v1/auth/login", json=body).status_code == status
        forgot = self.call("POST", "/api/v1/auth/password/forgot", json={"email": self.email})
        assert forgot.status_code == 202
        new_address = {"email": self.new_email}
        assert self.call("POST", f"{ME}/email", json=new_address).status_code == 202
        key = {"idempotency-key": f'"{self.mark}-export"'}
        export = self.call("POST", f"{ME}/export", headers=key).json()["data"]["id"]
        path = f"{ME}/exports/{export}"
        until(lambda: self.call("GET", path).json()["data"]["status"] == "ready")

    def write_items(self, count: int) -> None:
        """Write what a long life leaves, all of which names its owner."""
        table, note = self.stack.table_name, f"of {self.email} at {self.ip}"
        dynamodb = self.stack.client("dynamodb")
        for numbers in batched(range(count), 25, strict=False):
            ours = [
                keys.consent(AccountId(self.id), ConsentId(f"con_{number:026}"))
                for number in numbers
            ]
            puts = [
                {"PutRequest": {"Item": {n: {"S": v} for n, v in item.items()}}}
                for item in ({"pk": key.pk, "sk": key.sk, "note": note} for key in ours)
            ]
            answer = dynamodb.batch_write_item(RequestItems={table: puts})
            assert not answer["UnprocessedItems"]

    def device_ids(self) -> set[str]:
        """Read how the deployment calls this person's devices."""
        names = [item["sk"]["S"].partition("#") for item in self.items()]
        return {device_id for kind, _, device_id in names if kind == "DEVICE"}

    def items(self) -> list[dict[str, Any]]:
        """Read what is in this person's partition, a page of it."""
        found: list[dict[str, Any]] = self.stack.client("dynamodb").query(
            TableName=self.stack.table_name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": keys.account_partition(AccountId(self.id))}},
            ConsistentRead=True,
        )["Items"]
        return found

    def mails(self) -> list[dict[str, Any]]:
        """What this person got, newest first."""
        return [mail for mail in self.stack.mails() if mail["To"] == [self.email]]

    def leave(self) -> float:
        """Have everything erased. Returns the seconds until it was."""
        began = time.perf_counter()
        assert self.call("DELETE", ME, params={"hard": "true"}).status_code == 200
        assert self.call("GET", ME).status_code == 401
        until(lambda: not self.items())
        return time.perf_counter() - began

    def receipt(self) -> str:
        """Wait for the mail with the receipt and read it out, as a person would."""
        until(lambda: "was erased" in self.mails()[0]["BodyText"])
        (receipt,) = re.findall(r"ey[\w-]+\.[\w-]+\.[\w-]+", self.mails()[0]["BodyText"])
        return str(receipt)


def until(happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def canary(wide_api, stack):
    return Canary(wide_api, stack)


@pytest.mark.timeout(600)
def test_erasure_leaves_nothing_in_tables_buckets_queues_and_logs(wide_api, stack, canary):
    canary.live()
    canary.write_items(101)
    boss = Canary(wide_api, stack)
    assert stack.invoke("grant_admin", {"email": boss.email})["role"] == "admin"
    for path in (f"{USERS}/{canary.id}", f"{USERS}/{canary.id}/sessions"):
        assert boss.call("GET", path).status_code == 200
    for criteria in ({"ip": canary.ip}, {"user_id": canary.id}, {"device": canary.device}):
        assert boss.call("GET", "/api/v1/sessions", params=criteria).json()["data"]["sessions"]
        assert boss.call("POST", "/api/v1/sessions/revocations", json=criteria).status_code == 200
    who = (canary.email, canary.new_email, canary.name, canary.username, canary.ip, canary.id)
    identifiers = {
        word.lower() for word in (*who, canary.device, canary.agent, *canary.device_ids())
    }
    assert set(traces(stack.client, identifiers)) == identifiers

    canary.leave()
    receipt = canary.receipt()
    assert traces(stack.client, identifiers) == {}
    values = (*who, canary.device, canary.agent)
    assert {word: stack.logs(word) for word in values} == {word: [] for word in values}
    jwks = wide_api.call("GET", "/.well-known/jwks.json").json()["keys"]
    erased = verify(receipt, jwks, issuer=stack.base_url)["erased"]
    counts = {"account": 1, "consent": 102, "picture": 2, "export": 1}
    assert {kind: erased[kind] for kind in counts} == counts
    again = wide_api.register(canary.email, username=canary.username)
    assert again.status_code == 201


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_duration_of_an_erasure(wide_api, stack):
    """From the order over HTTP to the empty partition: relay, queue and worker in between."""
    every: list[float] = []
    for items in SIZES:
        times = []
        for _ in range(EACH):
            canary = Canary(wide_api, stack)
            canary.write_items(items)
            times.append(canary.leave())
            canary.receipt()
            identifiers = (
                canary.email,
                canary.name,
                canary.ip,
                canary.device,
                canary.agent,
                canary.id,
            )
            assert traces(stack.client, identifiers) == {}
        print(f"\n{items} items: median {median(times):.1f} s, worst {max(times):.1f} s")  # noqa: T201
        every += times
    p95 = sorted(every)[math.ceil(len(every) * 0.95) - 1]
    print(f"{len(every)} erasures: p95 {p95:.1f} s")  # noqa: T201
    assert p95 <= SECONDS
