"""An erasure removes all data, also after crashes, and has a receipt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, override

import jwt
import pytest

from latchkey.domain.account import email_key
from latchkey.domain.effects import Queue
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.security.receipts import read_receipt
from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from latchkey.storage.single_use_tokens import issue
from latchkey.storage.table import Put
from latchkey.wiring.storage import clock, outbox_store
from latchkey.wiring.tokens import signing_keys
from latchkey.wiring.upkeep import deletion_store, erasure
from tests.support.outbox import sqs_record
from tests.support.person import ME, Person, audit_rows
from tests.support.pictures import multipart, png
from tests.support.service import ENVIRONMENT, PASSWORD, InProcessService
from tools.receipt import main as check_receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latchkey.storage.table import Item, Key

IP = "198.51.100.77"
EMAIL = "Ada.Canary@example.com"
CANARIES = ("ada.canary", "Canaria", "canaryname", IP, "Canary Phone", "canary-agent")


class CrashingTable:
    """A table that crashes the process before or after one of its calls."""

    WRITES = ("update", "put", "delete", "delete_many", "transact")

    def __init__(self, table: Any) -> None:
        self._table = table
        self.countdown = None
        self.after = False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._table, name)
        if name not in (*self.WRITES, "get", "query", "get_many"):
            return method

        def call(*arguments, **options):
            dies = self.countdown == 0
            if self.countdown is not None:
                self.countdown -= 1
            if dies and not self.after:
                raise KeyboardInterrupt
            answer = method(*arguments, **options)
            if dies:
                raise KeyboardInterrupt
            return answer

        return call


@pytest.fixture
def service():
    return InProcessService()


def somebody(service, items):
    """Register a person with this many consents."""
    ada = Person(
        service, EMAIL, full_name="Ada Canaria", username="canaryname", device_name="Canary Phone"
    )
    service.login(EMAIL, source_ip=IP, user_agent="canary-agent/1.0")
    ada.patch({"marketing_consent": True})
    for number in range(items):
        key = keys.consent(ada.id, f"con_{number:026}")
        service.table.put(Put(key, {"note": f"of {ada.id}", "ip": IP}))
    context = service.services[clock].now()
    token = SingleUseToken(
        id=f"tok_{1:026}",
        purpose=Purpose.RESET_PASSWORD,
        account_id=ada.id,
        expires_at=context.replace(year=2030),
        subject=EMAIL,
    )
    write = issue(token)
    service.table.put(Put(write.key, write.attributes))
    return ada


def crashing(service):
    """Let the service's table crash on demand."""
    service.table = CrashingTable(service.table)
    service.configure()
    return service.table


def items_about(service, person):
    """Return the items that still identify a person."""
    identifiers = (*CANARIES, person.id, EMAIL)
    found = []
    for item in service.table.all_items():
        text = json.dumps(item, default=repr).lower()
        found += [item for word in identifiers if word.lower() in text]
    return found


def deliver(service):
    """Deliver the erasure's message until it is removed. Returns the number of deliveries."""
    for round_number in range(1, 200):
        waiting = [i for i in service.table.all_items() if str(i["sk"]).startswith("purge#")]
        if not waiting:
            return round_number
        message_id = str(waiting[0]["sk"]).partition("#")[2]
        service._handler("purge_worker")({"Records": [sqs_record(message_id)]}, None)
        service.clock.advance(minutes=13)
    raise AssertionError("the erasure did not finish")


def receive_mail(service):
    """Take the mails out of the outbox as their worker would."""
    mails = [i for i in service.table.all_items() if str(i["sk"]).startswith("mail#")]
    for item in mails:
        service.services[outbox_store].settle(Queue.MAIL, str(item["sk"]).partition("#")[2])
    return [item["body"] for item in mails]


@pytest.mark.parametrize("items", [1, 94, 95, 96, 99, 100, 101, 1000])
def test_erasure_leaves_only_the_receipt(service, items):
    ada = somebody(service, items)
    ada.request("DELETE", ME, query={"hard": "true"})
    assert deliver(service) == 2
    mails = receive_mail(service)
    assert items_about(service, ada) == []
    (mail,) = [mail for mail in mails if mail["kind"] == "account_erased"]
    assert mail["address"].lower() == EMAIL.lower()
    public = service.keys.key_ring().keys[0].public_jwk
    claims = read_receipt(mail["receipt"], public, issuer=ENVIRONMENT["ISSUER"])
    assert claims["erased"]["consent"] == items + 1
    assert claims["erased"]["session"] == 2
    assert claims["erased"]["single_use_token"] == 1
    assert claims["erased"]["account"] == 1
    assert service.services[deletion_store].find_receipt(claims["jti"]) == mail["receipt"]
    assert service.register(EMAIL, username="canaryname").status == 201


def test_all_pictures_are_deleted_before_the_receipt_is_signed(service):
    ada = somebody(service, 1)
    shown, content_type = multipart(avatar=("me.png", png()))
    headers = {"content-type": content_type}
    assert ada.request("PATCH", ME, raw_body=shown, headers=headers).status == 200
    for _ in range(2):
        offered = ada.request(
            "POST", f"{ME}/avatar/uploads", json_body={"content_type": "image/png"}
        ).data
        service.media.uploads[offered["upload_id"]] = png()
    other = Person(service, "grace@example.com")
    assert other.request("PATCH", ME, raw_body=shown, headers=headers).status == 200
    ada.request("DELETE", ME, query={"hard": "true"})
    deliver(service)
    (mail,) = [mail for mail in receive_mail(service) if mail["kind"] == "account_erased"]
    public = service.keys.key_ring().keys[0].public_jwk
    erased = read_receipt(mail["receipt"], public, issuer=ENVIRONMENT["ISSUER"])["erased"]
    assert erased["picture"] == 3
    assert service.media.uploads == {}
    assert len(service.media.avatars) == 1
    assert service.login("grace@example.com").data["user"]["avatar_url"] is not None


def test_altered_receipt_is_invalid(service):
    ada = somebody(service, 1)
    ada.request("DELETE", ME, query={"hard": "true"})
    deliver(service)
    (mail,) = [m for m in receive_mail(service) if m["kind"] == "account_erased"]
    head, body, signature = mail["receipt"].split(".")
    public = service.keys.key_ring().keys[0].public_jwk
    with pytest.raises(jwt.InvalidTokenError):
        read_receipt(f"{head}.{body[:-4]}AAAA.{signature}", public, issuer=ENVIRONMENT["ISSUER"])
    with pytest.raises(jwt.InvalidTokenError):
        read_receipt(ada.token, public, issuer=ENVIRONMENT["ISSUER"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("items", [1, 101])
def test_erasure_continues_after_a_crash_at_any_step(items, after):
    """The worker dies at each of its calls of the table; the next delivery goes on."""
    step = 0
    while True:
        service = InProcessService()
        ada = somebody(service, items)
        ada.request("DELETE", ME, query={"hard": "true"})
        table = crashing(service)
        (waiting,) = [i for i in service.table.all_items() if str(i["sk"]).startswith("purge#")]
        message_id = str(waiting["sk"]).partition("#")[2]
        table.countdown, table.after = step, after
        died = False
        try:
            service._handler("purge_worker")({"Records": [sqs_record(message_id)]}, None)
        except KeyboardInterrupt:
            died = True
        table.countdown = None
        service.clock.advance(minutes=13)
        deliver(service)
        mails = receive_mail(service)
        assert items_about(service, ada) == [], step
        (mail,) = [mail for mail in mails if mail["kind"] == "account_erased"]
        public = service.keys.key_ring().keys[0].public_jwk
        erased = read_receipt(mail["receipt"], public, issuer=ENVIRONMENT["ISSUER"])["erased"]
        assert erased["consent"] == items + 1, step
        assert len(audit_rows(service, "account.erased")) == 1
        if not died:
            assert step > 10
            return
        # 292 of the calls look through the outbox, one like the other.
        step += 1 if not 20 < step < 290 else 30


def test_receipt_is_valid_after_its_key_was_replaced(service, tmp_path, capsys):
    """With the keys that were published at the time; never with the one that it brings."""
    ada = somebody(service, 1)
    published = service.request("GET", "/.well-known/jwks.json").body
    ada.request("DELETE", ME, query={"hard": "true"})
    deliver(service)
    (mail,) = [m for m in receive_mail(service) if m["kind"] == "account_erased"]
    rotation = service.services[signing_keys]
    for _ in range(3):
        rotation.rotate(service.clock.now(), force=True)
        # A replaced key stays published for a day, for copies that cannot be refreshed.
        service.clock.advance(hours=26)
    rotation.rotate(service.clock.now())
    later = service.request("GET", "/.well-known/jwks.json").body
    assert published["keys"][0]["kid"] not in {key["kid"] for key in later["keys"]}
    receipt = tmp_path / "receipt.txt"
    middle = len(mail["receipt"]) // 2
    # As a mail program breaks it.
    receipt.write_text(f"{mail['receipt'][:middle]}\n  {mail['receipt'][middle:]}\n")
    answers = []
    for name, jwks in (("then", published), ("later", later)):
        path = tmp_path / name
        path.write_text(json.dumps(jwks))
        arguments = [str(receipt), "--keys", str(path), "--issuer", ENVIRONMENT["ISSUER"]]
        answers.append(check_receipt(arguments))
    assert answers == [0, 1]
    assert '"consent": 2' in capsys.readouterr().out


def test_schedule_erases_accounts_after_the_grace_period(service):
    ada = somebody(service, 3)
    ada.request("DELETE", ME)
    receive_mail(service)
    service.clock.advance(days=29)
    assert service.services[erasure].start_due(service.clock.now()) == 0
    service.clock.advance(days=2)
    now = service.clock.now()
    assert [service.services[erasure].start_due(now) for _ in range(5)] == [1, 0, 0, 0, 0]
    deliver(service)
    receive_mail(service)
    assert items_about(service, ada) == []


def test_a_lost_message_is_sent_again(service):
    ada = somebody(service, 3)
    ada.request("DELETE", ME, query={"hard": "true"})
    (waiting,) = [i for i in service.table.all_items() if str(i["sk"]).startswith("purge#")]
    service.table.delete_many([keys.Key(waiting["pk"], waiting["sk"])])
    service.clock.advance(minutes=16)
    assert service.services[erasure].start_due(service.clock.now()) == 1
    deliver(service)
    receive_mail(service)
    assert items_about(service, ada) == []


def test_a_restored_account_is_not_erased(service):
    ada = somebody(service, 3)
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    ada.request("DELETE", ME)
    service.clock.advance(days=31)
    assert service.services[erasure].start_due(service.clock.now()) == 1
    token = service.login("boss@example.com").data["access_token"]
    path = f"/api/v1/users/{ada.id}/restore"
    assert service.request("POST", path, token=token).status == 200
    deliver(service)
    assert service.login(EMAIL).status == 200


def test_a_claimed_account_is_not_restored(service):
    ada = somebody(service, 3)
    boss = Person(service, "boss@example.com")
    boss.become_admin()
    ada.request("DELETE", ME)
    service.clock.advance(days=31)
    assert service.services[erasure].start_due(service.clock.now()) == 1
    token = service.login("boss@example.com").data["access_token"]
    table = crashing(service)
    (waiting,) = [i for i in service.table.all_items() if str(i["sk"]).startswith("purge#")]
    table.countdown, table.after = 2, True
    message_id = str(waiting["sk"]).partition("#")[2]
    with pytest.raises(KeyboardInterrupt):
        service._handler("purge_worker")({"Records": [sqs_record(message_id)]}, None)
    table.countdown = None
    path = f"/api/v1/users/{ada.id}/restore"
    answer = service.request("POST", path, token=token)
    assert (answer.status, answer.code) == (409, "ERASURE_STARTED")


def test_both_addresses_of_an_erased_account_are_free(service):
    """The former address is reserved for its owner for a week, but not after an erasure."""
    former, current = "ada@example.com", "ada.king@example.com"
    ada = Person(service, former)
    assert ada.request("POST", f"{ME}/email", json_body={"email": current}).status == 202
    service.work()
    body = {"token": service.mailbox.last(current).token, "password": PASSWORD}
    assert service.request("POST", "/api/v1/auth/email/verify", json_body=body).status == 200
    claims = [keys.email_claim(email_key(address)) for address in (former, current)]
    assert all(service.table.get(claim) for claim in claims)
    ada.token = service.login(current).data["access_token"]
    assert ada.request("DELETE", ME, query={"hard": "true"}).status == 200
    deliver(service)
    assert not any(service.table.get(claim) for claim in claims)


class ClaimsTable(MemoryTable):
    """A table where something happens after the claims of an account were read.

    after_read  called once
    """

    def __init__(self) -> None:
        super().__init__()
        self.claim = keys.username_claim("canaryname")
        self.after_read: Callable[[], object] | None = None

    @override
    def get_many(self, keys: Sequence[Key]) -> list[Item]:
        found = super().get_many(keys)
        if self.claim in keys and self.after_read is not None:
            after_read, self.after_read = self.after_read, None
            after_read()
        return found


def test_claim_that_has_just_got_another_owner_stays():
    table = ClaimsTable()
    service = InProcessService(table=table)
    ada = somebody(service, 1)
    ada.request("DELETE", ME, query={"hard": "true"})
    other = Put(table.claim, {"account_id": "usr_other"})
    table.after_read = lambda: table.put(other)
    assert deliver(service) > 1
    receive_mail(service)
    assert table.get(table.claim)["account_id"] == "usr_other"
    table.delete_many([table.claim])
    assert items_about(service, ada) == []
    assert len(audit_rows(service, "account.erased")) == 1


def test_of_two_workers_one_finishes():
    table = ClaimsTable()
    service = InProcessService(table=table)
    ada = somebody(service, 1)
    ada.request("DELETE", ME, query={"hard": "true"})
    table.after_read = lambda: deliver(service)
    deliver(service)
    assert table.after_read is None
    kinds = [mail["kind"] for mail in receive_mail(service)]
    assert kinds.count("account_erased") == 1
    assert items_about(service, ada) == []
    assert len(audit_rows(service, "account.erased")) == 1


def test_erasure_does_not_affect_others(service):
    grace = Person(service, "grace@example.com", username="grace")
    ada = somebody(service, 3)
    ada.request("DELETE", ME, query={"hard": "true"})
    before = [i for i in service.table.all_items() if grace.id in json.dumps(i, default=repr)]
    deliver(service)
    after = [i for i in service.table.all_items() if grace.id in json.dumps(i, default=repr)]
    assert after == before
    assert service.login("grace@example.com").status == 200
