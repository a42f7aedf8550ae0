"""What workers find changed, or gone, since their message was written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from latchkey.domain.effects import OutboxMessage, Queue
from latchkey.domain.erasure import ErasureHeldUp
from latchkey.domain.export import ExportBusy
from latchkey.domain.ids import AccountId, SessionId
from latchkey.flows.export_worker import Work
from latchkey.storage import keys
from latchkey.storage.table import Change, Delete, Update
from latchkey.wiring.exports import export_upkeep, export_worker
from latchkey.wiring.storage import account_store
from latchkey.wiring.upkeep import erasure
from tests.support.person import ME, account_key, audit_rows, set_account
from tests.support.service import PASSWORD

EXPORT = f"{ME}/export"


def remove_account(table, person):
    table.delete(Delete(account_key(person)))


def everything(table):
    return sorted(table.all_items(), key=lambda item: (str(item["pk"]), str(item["sk"])))


# Erasure -----------------------------------------------------------------------------------------


def erase(service, person):
    service.services[erasure].erase(AccountId(person.id), service.clock.now())


@pytest.fixture
def ended_export(service, table, ada):
    """The key of an export that is ready."""
    export_id = ada.request("POST", EXPORT).data["id"]
    assert service.work() == []
    return keys.export(AccountId(ada.id), export_id)


@pytest.fixture
def due(service, table, ada):
    """Ada, whose grace period is over; the message of the schedule is not delivered yet."""
    assert ada.request("DELETE", ME).status == 200
    service.clock.advance(days=31)
    return ada


def test_erased_account_is_not_erased_again(service, table, due):
    remove_account(table, due)
    before = everything(table)
    erase(service, due)
    assert everything(table) == before


@pytest.mark.parametrize("state", [{"status": "active"}, {"status": "suspended"}])
def test_account_that_is_no_longer_deleted_is_not_erased(service, table, due, state):
    set_account(table, due, **state)
    before = everything(table)
    erase(service, due)
    assert everything(table) == before


def test_account_whose_grace_period_was_extended_is_not_erased(service, table, due):
    later = service.clock.now() + timedelta(days=1)
    set_account(table, due, purge_at=int(later.timestamp() * 1000))
    erase(service, due)
    assert table.get(account_key(due))["status"] == "deleted"


def test_erasure_that_loses_to_a_restoration_does_nothing(service, table, due):
    table.before_write(lambda: set_account(table, due, status="active"))
    with pytest.raises(ErasureHeldUp):
        erase(service, due)
    assert table.get(account_key(due))["status"] == "active"
    erase(service, due)
    assert table.get(account_key(due))["status"] == "active"


def test_account_that_another_worker_erases_to_the_end_is_left_to_it(service, table, due):
    table.before_read(account_key(due), 2, lambda: remove_account(table, due))
    erase(service, due)
    assert table.interruptions == 1
    assert audit_rows(service, "account.erased") == []


def test_receipt_of_an_account_is_signed_once(service, table, due):
    """The other worker has removed the deletion; it has also sent the email."""
    key = keys.deletion(AccountId(due.id))
    table.before_read(key, 1, lambda: table.delete(Delete(key)))
    erase(service, due)
    assert table.interruptions == 1
    assert audit_rows(service, "account.erased") == []


def test_address_that_the_account_no_longer_has_is_not_released(service, table, due):
    """Its owner has changed since it was read, so the last step reads again."""
    claim = keys.email_claim(due.email)

    def last_step():
        table.update(Update(claim, Change(assign={"account_id": "usr_other"})))

    key = keys.deletion(AccountId(due.id))
    table.before_read(key, 1, lambda: table.before_write(last_step))
    with pytest.raises(ErasureHeldUp):
        erase(service, due)
    assert table.get(account_key(due))["status"] == "erasing"
    assert table.get(claim)["account_id"] == "usr_other"
    erase(service, due)
    assert table.get(account_key(due)) is None
    assert table.get(claim)["account_id"] == "usr_other"


def test_erasure_waits_for_the_worker_of_an_export(service, table, ended_export, due):
    """It may still write a file, which the erasure would not find."""
    until = service.clock.now() + timedelta(minutes=5)
    lease = Change(assign={"lease_until": int(until.timestamp() * 1000)})
    table.update(Update(ended_export, lease))
    with pytest.raises(ErasureHeldUp):
        erase(service, due)
    assert table.get(account_key(due))["status"] == "erasing"
    service.clock.advance(minutes=6)
    erase(service, due)
    assert table.get(account_key(due)) is None
    assert table.get(ended_export) is None


# Exports -----------------------------------------------------------------------------------------


def message_of(table):
    (item,) = [item for item in table.all_items() if str(item["sk"]).startswith("export#")]
    message_id = str(item["sk"]).partition("#")[2]
    return OutboxMessage(id=message_id, queue=Queue.EXPORT, body=item["body"])


@pytest.fixture
def export_message(table, ada):
    """The message of a requested export."""
    assert ada.request("POST", EXPORT).status == 202
    return message_of(table)


def export_of(ada):
    (export,) = ada.get(f"{EXPORT}s").data["exports"]
    return export


def test_dead_letter_of_an_export_that_was_removed_does_nothing(
    service, table, ada, export_message
):
    table.delete(Delete(keys.export(AccountId(ada.id), str(export_message.body["export_id"]))))
    before = everything(table)
    service.services[export_worker].dead_letter(export_message)
    assert everything(table) == before


def test_dead_letter_of_a_finished_export_does_nothing(service, ada, export_message):
    assert service.work() == []
    service.services[export_worker].dead_letter(export_message)
    assert export_of(ada)["status"] == "ready"


def test_dead_letter_waits_for_a_worker_that_may_be_alive(service, table, ada, export_message):
    until = service.clock.now() + timedelta(minutes=5)
    key = keys.export(AccountId(ada.id), str(export_message.body["export_id"]))
    table.update(Update(key, Change(assign={"lease_until": int(until.timestamp() * 1000)})))
    with pytest.raises(ExportBusy):
        service.services[export_worker].dead_letter(export_message)
    service.clock.advance(minutes=6)
    service.services[export_worker].dead_letter(export_message)
    ada.token = service.login(ada.email).data["access_token"]
    assert export_of(ada)["status"] == "failed"
    assert export_of(ada)["failure"]["code"] == "INTERRUPTED"


@pytest.mark.parametrize(
    "leave", [remove_account, lambda t, p: set_account(t, p, status="deleted")]
)
def test_export_of_a_closed_account_fails_without_a_trace_of_it(
    service, table, ada, export_message, leave
):
    leave(table, ada)
    service.services[export_worker].dead_letter(export_message)
    (item,) = [i for i in table.all_items() if str(i["sk"]).startswith("EXPORT#")]
    assert (item["status"], item["failure"]) == ("failed", "account_closed")
    assert audit_rows(service, "export.failed") == []


def test_worker_of_a_closed_account_makes_no_file(service, table, ada, export_message):
    set_account(table, ada, status="suspended")
    service.services[export_worker].work(Work(message=export_message, seconds_left=lambda: 120))
    (item,) = [i for i in table.all_items() if str(i["sk"]).startswith("EXPORT#")]
    assert (item["status"], item["failure"]) == ("failed", "account_closed")


def test_export_of_an_erased_account_expires_without_an_audit_row(
    service, table, ada, export_message
):
    assert service.work() == []
    remove_account(table, ada)
    service.clock.advance(days=8)
    assert service.services[export_upkeep].expire(service.clock.now()) == 1
    assert audit_rows(service, "export.expired") == []


def test_export_that_is_not_expired_keeps_its_file(service, ada, export_message):
    """Its place in the index is due for another reason."""
    assert service.work() == []
    assert service.services[export_upkeep].expire(service.clock.now()) == 0
    assert export_of(ada)["status"] == "ready"


# Emails ------------------------------------------------------------------------------------------


def test_email_about_an_erased_account_is_not_sent(service, table, ada):
    """The erasure began between the draft and the link in it."""
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": ada.email})
    sent = len(service.mailbox.sent)
    set_account(table, ada, status="erasing")
    assert service.work() == []
    assert len(service.mailbox.sent) == sent


def test_email_about_a_change_of_an_account_that_is_being_erased_is_not_sent(service, table, ada):
    """A link in it would be one that the erasure does not find."""
    service.work()
    sent = len(service.mailbox.sent)
    body = {"current_password": PASSWORD, "new_password": "nine lanterns over the river"}
    assert ada.request("PUT", f"{ME}/password", json_body=body).status == 200
    set_account(table, ada, status="erasing")
    assert service.work() == []
    assert len(service.mailbox.sent) == sent


def test_email_about_a_change_of_address_that_was_undone_is_not_sent(service, table, ada):
    first = ada.email
    assert ada.request("POST", f"{ME}/email", json_body={"email": "ada@king.example"}).status == 202
    service.work()
    token = service.mailbox.last("ada@king.example").token
    body = {"token": token, "password": PASSWORD}
    assert service.request("POST", "/api/v1/auth/email/verify", json_body=body).status == 200
    sent = len(service.mailbox.to(first))
    set_account(table, ada, email=first)
    assert service.work() == []
    assert len(service.mailbox.to(first)) == sent


def test_email_about_a_restored_account_says_nothing_of_its_deletion(service, table, ada):
    assert ada.request("DELETE", ME).status == 200
    account = service.services[account_store].get(AccountId(ada.id))
    assert account.purge_at is not None
    table.update(Update(account_key(ada), Change(assign={"status": "active"}, drop=("purge_at",))))
    assert service.work() == []
    subjects = [mail.letter.subject for mail in service.mailbox.sent]
    assert not [subject for subject in subjects if "delet" in subject.lower()]


def test_email_about_a_removed_session_names_no_device(service, table, ada):
    service.clock.advance(days=1)
    new = service.login(ada.email, user_agent="curl/8.0", source_ip="198.51.100.9").data
    key = keys.session(AccountId(ada.id), SessionId(new["session"]["id"]))
    table.delete(Delete(key))
    assert service.work() == []
    letter = service.mailbox.last(ada.email)
    assert letter.token
    assert "198.51.100.9" not in letter.letter.text
