"""SIGKILL at every point that an erasure passes: it is finished all the same, and counted once.

Workers are processes of their own on an emulator of their own, with the real handler in them.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched

import pytest

from latchkey import wiring
from latchkey.domain.account import Account, Role
from latchkey.domain.effects import Effects, Queue
from latchkey.domain.ids import new_id
from latchkey.domain.mail import PasswordChanged
from latchkey.domain.request import Caller, RequestContext
from latchkey.domain.session import Device
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.security.receipts import read_receipt
from latchkey.storage import boto_client, keys
from latchkey.storage.boto_client import aws_client
from latchkey.storage.records import to_item
from latchkey.storage.table import Put, Query, read_all
from latchkey.wiring import Services
from latchkey.wiring.exports import exports
from latchkey.wiring.links import single_use_token_store
from latchkey.wiring.storage import account_store, clock, outbox_store, table
from latchkey.wiring.tokens import signing_key_store, signing_keys
from latchkey.wiring.upkeep import deletion_store
from latchkey.wiring.users import life_cycle, media
from tests.support.builders import a_session, an_account
from tests.support.erasure_process import STEPS, deliver
from tests.support.recorded_service import MEDIA, create_tables
from tests.support.scan import traces
from tests.support.service import ENVIRONMENT
from tools.local import emulator
from tools.local.processes import free_port

KILLED = -9
SEED = 20260102
LATER = timedelta(minutes=12)
"""The queue shows a message again when it was hidden for so long."""
SIZES = (1, 99, 101, 1000, 5000)
TOKENS, MESSAGES, PICTURES = 2, 2, 2


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    with emulator.start(free_port(), tmp_path_factory.mktemp("emulator")) as running:
        yield {
            **ENVIRONMENT,
            **running.environment,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "MEDIA_BUCKET": MEDIA,
        }


@pytest.fixture(scope="module")
def services(environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto_client._session.cache_clear()
        create_tables()
        region = {"LocationConstraint": "eu-west-1"}
        for bucket in (ENVIRONMENT["EXPORT_BUCKET"], MEDIA):
            aws_client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        services = Services()
        services[signing_keys].ensure(services[clock].now())
        wiring.use(services)
        yield services
        boto_client._session.cache_clear()
        wiring.use(None)


@dataclass(frozen=True)
class Leaving:
    """Somebody who has ordered to be erased."""

    account: Account
    identifiers: tuple[str, ...]
    """Personal data that must not be found afterwards."""
    items: int
    message_id: str


def leave(services, items):
    """Open an account that has a bit of everything and so many items, and order its erasure."""
    now = services[clock].now()
    token = new_id("tok", now)
    name = f"Canaria {token[-8:]}"
    address = f"canary.{token[-12:]}@example.com"
    ip_address = f"198.51.{random.randrange(256)}.{random.randrange(1, 255)}"
    account = an_account(
        id=new_id("usr", now),
        email=address,
        username=f"canary{token[-8:]}",
        full_name=name,
        avatar_id=new_id("avt", now),
        created_at=now,
        updated_at=now,
    )
    services[account_store].put_new(account, Effects())
    put = services[table].put
    device = Device(name=f"Phone of {name}", type="mobile")
    session = a_session(
        account,
        id=new_id("ses", now),
        created_at=now,
        device=device,
        device_id=new_id("dev", now),
        ip_address=ip_address,
        last_activity_at=now,
        expires_at=now + timedelta(days=1),
        user_agent=f"agent of {name}",
    )
    put(Put(keys.session(account.id, session.id), to_item(session)))
    write_items(account.id, items, f"of {address} at {ip_address}")
    for _ in range(TOKENS):
        single = SingleUseToken(
            id=new_id("tok", now),
            purpose=Purpose.RESET_PASSWORD,
            account_id=account.id,
            expires_at=now + timedelta(hours=1),
            subject=address,
        )
        services[single_use_token_store].put_new(single)
    context = RequestContext(request_id="leave", now=now, ip_address=ip_address)
    for _ in range(MESSAGES):
        mail = PasswordChanged(account_id=account.id)
        services[account_store].record(Effects(outbox=(mail.message(context),)))
    services[media].put_avatar(account.avatar_id, f"picture of {name}".encode())
    aws_client("s3").put_object(
        Bucket=MEDIA, Key=f"incoming/{account.id}/upl_1", Body=f"picture of {name}".encode()
    )
    caller = Caller(
        account_id=account.id,
        session_id=session.id,
        authenticated_at=now,
        role=Role.USER,
        audit_subject=account.audit.id,
        device_name=device.name,
    )
    services[exports].request(caller, None, context)
    services[life_cycle].delete(account.id, caller, context, hard=True)
    (message_id,) = waiting(services, Queue.PURGE, account.id)
    identifiers = (address, name, account.username or "", ip_address, session.device_id, account.id)
    return Leaving(account, identifiers, items, message_id)


def write_items(account_id, count, note):
    requests = []
    for number in range(count):
        key = keys.consent(account_id, f"con_{number:026}")
        item = {"pk": key.pk, "sk": key.sk, "note": note}
        requests.append({"PutRequest": {"Item": {name: {"S": v} for name, v in item.items()}}})
    for batch in batched(requests, 25, strict=False):
        tables = {ENVIRONMENT["TABLE_NAME"]: list(batch)}
        answer = aws_client("dynamodb").batch_write_item(RequestItems=tables)
        assert not answer["UnprocessedItems"]


def waiting(services, queue, *identifiers):
    """Return the outbox messages of a queue that contain one of these identifiers."""
    now = services[clock].now() + timedelta(hours=12)
    found = [
        item
        for partition in keys.outbox_partitions(now - timedelta(hours=13), now)
        for item in read_all(services[table], Query(partition=partition))
    ]
    return [
        str(item["sk"]).partition("#")[2]
        for item in found
        if str(item["sk"]).startswith(f"{queue}#")
        and any(word in str(item["body"]).lower() for word in identifiers)
    ]


def require_gone(services, leaving):
    """Nothing says who it was, but for the mail with the receipt; which counts everything once."""
    (mail_id,) = waiting(services, Queue.MAIL, leaving.account.email)
    assert waiting(services, Queue.PURGE, leaving.account.id) == []
    now = services[clock].now() + timedelta(hours=12)
    mail = services[outbox_store].claim(Queue.MAIL, mail_id, now, timedelta(seconds=1))
    services[outbox_store].settle(Queue.MAIL, mail_id)
    assert mail.body["address"] == leaving.account.email
    assert traces(aws_client, leaving.identifiers) == {}
    public = services[signing_key_store].key_ring().keys[0].public_jwk
    claims = read_receipt(mail.body["receipt"], public, issuer=ENVIRONMENT["ISSUER"])
    assert claims["erased"] == {
        "account": 1,
        "consent": leaving.items,
        "export": 1,
        "picture": PICTURES,
        "queued_message": MESSAGES + 1,
        "session": 1,
        "single_use_token": TOKENS,
    }
    assert services[deletion_store].find_receipt(claims["jti"]) == mail.body["receipt"]


def kill_and_redeliver(services, environment, point, items, nth=1):
    """Kill the first worker; the next delivery finishes. Return the seconds that both took."""
    leaving = leave(services, items)
    began = time.perf_counter()
    code = deliver(environment, leaving.message_id, kill_at=point, nth=nth)
    assert code == KILLED, f"{point} was not passed {nth} times"
    assert deliver(environment, leaving.message_id, shift=LATER) == 0
    spent = time.perf_counter() - began
    require_gone(services, leaving)
    return spent


@pytest.mark.parametrize(("point", "items"), [("remove", 1), ("erase_items", 101), ("sign", 99)])
def test_erasure_continues_after_a_killed_worker(services, environment, point, items):
    """A few points; the whole list is the slow test's."""
    kill_and_redeliver(services, environment, point, items)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("point", STEPS)
@pytest.mark.parametrize("items", SIZES)
def test_erasure_continues_after_a_kill_at_every_step(services, environment, items, point):
    chance = random.Random(f"{SEED} {items} {point}")
    pages = -(-(items + 4) // 99)
    nth = {"erase_items": chance.randrange(1, pages + 1), "remove": 2, "count": 2}
    spent = kill_and_redeliver(services, environment, point, items, nth=nth.get(point, 1))
    print(f"\n{items} items, killed at {point}: {spent:.1f} s")  # noqa: T201
