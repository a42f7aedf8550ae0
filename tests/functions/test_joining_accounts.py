"""Attacks that make an address lead from one account to another. No address joins accounts."""

from __future__ import annotations

import pytest

from tests.functions.test_external_sessions import ME, SESSIONS, trust_all
from tests.support.issuer import IssuerClient
from tests.support.person import Person, set_account
from tests.support.service import InProcessService

ADDRESS = "ada@example.com"


@pytest.fixture
def service(table):
    service = InProcessService(table=table, EXTERNAL_ISSUERS="on")
    trust_all(service)
    return service


def require_apart(*devices):
    """Assert that each has its own account, and sees only its own device."""
    ids = [device.get(ME).data["id"] for device in devices]
    assert len(set(ids)) == len(devices)
    for device in devices:
        assert device.get(SESSIONS).data["total_count"] == 1


@pytest.mark.parametrize("verified_here", [True, False])
def test_address_registered_in_advance_gets_nothing_of_its_owner(service, verified_here):
    # A stranger registers the address before its owner comes with a token of an issuer.
    stranger = Person(service, ADDRESS)
    set_account(service.table, stranger, is_verified=verified_here)
    owner = IssuerClient(service, "firebase", email=ADDRESS, email_verified=True)
    require_apart(stranger, owner)
    assert owner.request("PATCH", ME, json_body={"occupation": "countess"}).status == 200
    assert stranger.get(ME).data["occupation"] is None


@pytest.mark.parametrize("verified_there", [True, False, None, "true"])
def test_address_at_an_issuer_gets_nothing_of_the_account_here(service, verified_there):
    # An issuer that lets people type an address, or says that it verified it.
    owner = Person(service, ADDRESS)
    set_account(service.table, owner, is_verified=True, occupation="countess")
    stranger = IssuerClient(service, "firebase", email=ADDRESS, email_verified=verified_there)
    require_apart(owner, stranger)
    assert stranger.get(ME).data["occupation"] is None
    assert stranger.get(ME).data["is_verified"] is False


def test_next_owner_of_a_recycled_address_is_another_person(service):
    first = IssuerClient(service, "firebase", email=ADDRESS)
    next_owner = IssuerClient(
        service, "firebase", sub="person-2", user_id="person-2", email=ADDRESS
    )
    require_apart(first, next_owner)


def test_same_address_and_subject_at_two_issuers_are_two_people(service):
    first = IssuerClient(service, "firebase", email=ADDRESS)
    second = IssuerClient(service, "keycloak", email=ADDRESS, email_verified=True)
    require_apart(first, second)


@pytest.mark.parametrize(
    "spelling",
    ["ADA@EXAMPLE.COM", "a.d.a@example.com", "ada+x@example.com", "\u0430da@x.org"],
)
def test_other_spellings_of_an_address_join_no_accounts(service, spelling):
    owner = Person(service, ADDRESS)
    stranger = IssuerClient(service, "firebase", email=spelling, email_verified=True)
    require_apart(owner, stranger)


def test_address_of_an_issuer_is_free_here_and_its_mail_leads_nowhere(service):
    person = IssuerClient(service, "firebase", email=ADDRESS, email_verified=True)
    person.get(ME)
    body = {"email": ADDRESS}
    assert service.request("POST", "/api/v1/auth/password/forgot", json_body=body).status == 202
    service.work()
    assert service.mailbox.to(ADDRESS) == []
    require_apart(person, Person(service, ADDRESS))


@pytest.mark.parametrize("case", ["Person-1", "person-1 ", "PERSON-1"])
def test_subjects_are_compared_exactly(service, case):
    person = IssuerClient(service, "keycloak")
    require_apart(person, IssuerClient(service, "keycloak", sub=case))
