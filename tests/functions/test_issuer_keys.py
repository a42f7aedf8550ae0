"""Keys of trusted issuers: fetched with bounds, and kept when a fetch fails."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.issuers import InvalidIssuers, NotFetchedError
from latchkey.flows.issuer_keys import IssuerKeyFetching, OutdatedKeysError
from latchkey.storage import keys
from latchkey.storage.issuer_documents import IssuerDocuments
from latchkey.storage.issuers import IssuerStore
from latchkey.storage.memory import MemoryTable
from tests.support.builders import NOW
from tests.support.issuer import IssuerServer, public_jwk

pytestmark = pytest.mark.enable_socket
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def server():
    server = IssuerServer()
    server.documents = {
        DISCOVERY: {"issuer": server.address, "jwks_uri": f"{server.address}/jwks"},
        "/jwks": {"keys": [public_jwk("EC", "ec-1"), {"kty": "oct", "kid": "no"}]},
    }
    yield server
    server.close()


@pytest.fixture
def store():
    return IssuerStore(MemoryTable())


def fetching(server, store, **options):
    entry = {"issuer": server.address, "preset": "oidc", "audiences": ["api"]}
    parts = {
        "parameter": json.dumps([{**entry, **options.pop("entry", {})}]),
        "loopback": True,
        "own_issuer": "https://accounts.test",
        "store": store,
        "documents": IssuerDocuments(loopback=True, timeout_seconds=1, total_seconds=1),
    }
    return IssuerKeyFetching(**{**parts, **options})


def kids(store):
    return [jwk["kid"] for found in store.read().keys.values() for jwk in found.keys]


def test_deployment_stores_issuers_salt_and_keys(server, store):
    assert fetching(server, store).deploy(NOW) == {"fetched": [server.address], "failed": []}
    trust = store.read()
    assert list(trust.issuers) == [server.address]
    assert len(trust.salt) == 32
    assert kids(store) == ["ec-1"]


def test_salt_never_changes(server, store):
    fetching(server, store).deploy(NOW)
    salt = store.read().salt
    fetching(server, store).run(NOW)
    fetching(server, store).deploy(NOW)
    assert store.read().salt == salt


def test_own_address_of_keys_needs_no_metadata(server, store):
    flow = fetching(server, store, entry={"keys": f"{server.address}/jwks"})
    flow.deploy(NOW)
    assert server.requests == ["/jwks"]


def test_schedule_replaces_keys(server, store):
    fetching(server, store).deploy(NOW)
    server.documents["/jwks"] = {"keys": [public_jwk("EC", "ec-2", 1)]}
    fetching(server, store).run(NOW)
    assert kids(store) == ["ec-2"]


WRONG = {
    "not found": 404,
    "server error": 500,
    "redirect": (302, {"location": "/elsewhere"}),
    "not JSON": b"<html>",
    "deep": b"[" * 50_000,
    "a list": [public_jwk("EC", "ec-9")],
    "no keys": {"keys": []},
    "keys of another kind": {"keys": {"kid": "x"}},
    "no usable key": {"keys": [{"kty": "oct", "kid": "x", "k": "AAAA"}]},
    "too many": {"keys": [public_jwk("EC", f"ec-{number}") for number in range(21)]},
    "one id twice": {"keys": [public_jwk("EC", "ec-9"), public_jwk("EC", "ec-9", 1)]},
    "too large": {"keys": [public_jwk("EC", "ec-9")], "more": "x" * 200_000},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_failed_fetch_keeps_the_keys(server, store, wrong):
    fetching(server, store).deploy(NOW)
    server.documents["/jwks"] = wrong
    server.documents["/elsewhere"] = {"keys": [public_jwk("EC", "ec-9")]}
    result = fetching(server, store).run(NOW + timedelta(hours=1))
    assert result == {"fetched": [], "failed": [server.address]}
    assert kids(store) == ["ec-1"]


@pytest.mark.parametrize(
    "metadata",
    [
        404,
        {"issuer": "https://other.example.com", "jwks_uri": "{address}/jwks"},
        {"issuer": "{address}"},
        {"issuer": "{address}", "jwks_uri": ["{address}/jwks"]},
        {"issuer": "{address}", "jwks_uri": "http://keys.example.com/jwks"},
        {"issuer": "{address}", "jwks_uri": "file:///etc/passwd"},
    ],
)
def test_wrong_metadata_keeps_the_keys(server, store, metadata):
    fetching(server, store).deploy(NOW)
    text = json.dumps(metadata).replace("{address}", server.address)
    server.documents[DISCOVERY] = json.loads(text)
    assert fetching(server, store).run(NOW)["failed"] == [server.address]
    assert kids(store) == ["ec-1"]


def test_response_that_arrives_byte_by_byte_is_given_up(server):
    documents = IssuerDocuments(loopback=True, timeout_seconds=0.2, total_seconds=0.3)
    server.chunk_bytes, server.pause_seconds = 1, 0.1
    with pytest.raises(NotFetchedError, match="no response in time"):
        documents.fetch(f"{server.address}/jwks")


def test_document_without_tls_is_not_fetched(server):
    with pytest.raises(NotFetchedError, match="must be an https address"):
        IssuerDocuments().fetch(f"{server.address}/jwks")
    assert server.requests == []


def test_issuer_that_is_down_fails_no_deployment(server, store):
    server.documents = {}
    assert fetching(server, store).deploy(NOW)["failed"] == [server.address]
    assert store.read().keys == {}


def test_schedule_fails_for_the_alarm_before_keys_are_too_old(server, store):
    fetching(server, store).deploy(NOW)
    server.documents = {}
    assert fetching(server, store).run(NOW + timedelta(hours=11))["failed"]
    with pytest.raises(OutdatedKeysError, match=server.address):
        fetching(server, store).run(NOW + timedelta(hours=13))


def test_issuer_that_is_no_longer_trusted_loses_its_keys(server, store):
    fetching(server, store).deploy(NOW)
    fetching(server, store, parameter="").deploy(NOW)
    trust = store.read()
    assert (trust.issuers, trust.keys) == ({}, {})


def test_keys_of_another_address_are_not_used(server, store):
    fetching(server, store).deploy(NOW)
    flow = fetching(server, store, entry={"keys": f"{server.address}/other"})
    assert flow.deploy(NOW)["failed"] == [server.address]
    assert kids(store) == []


def test_one_issuer_is_fetched_on_request(server, store):
    flow = fetching(server, store)
    flow.deploy(NOW)
    server.documents["/jwks"] = {"keys": [public_jwk("EC", "ec-2", 1)]}
    assert flow.fetch_one(server.address, NOW) == {"fetched": [server.address], "failed": []}
    assert flow.fetch_one("https://other.example.com", NOW) == {"fetched": [], "failed": []}
    assert kids(store) == ["ec-2"]


def test_wrong_parameter_stores_nothing(server, store):
    fetching(server, store).deploy(NOW)
    for parameter, message in (
        ("{", "TrustedIssuers is not valid JSON"),
        (
            json.dumps([{"issuer": "https://accounts.test", "preset": "oidc", "audiences": ["a"]}]),
            r"TrustedIssuers\[0\]\.issuer is this service itself",
        ),
    ):
        with pytest.raises(InvalidIssuers, match=message):
            fetching(server, store, parameter=parameter).deploy(NOW)
    assert kids(store) == ["ec-1"]


def test_store_without_a_deployment_is_unavailable(store):
    with pytest.raises(TemporarilyUnavailable):
        store.read()


def test_one_caller_a_minute_may_ask_for_an_unknown_key(server, store):
    fetching(server, store).deploy(NOW)
    (issuer,) = store.read().issuers.values()
    assert [store.may_ask(issuer, NOW) for _ in range(3)] == [True, False, False]
    assert not store.may_ask(issuer, NOW + timedelta(seconds=59))
    assert store.may_ask(issuer, NOW + timedelta(seconds=60))


def test_all_of_it_is_in_one_partition(server):
    table = MemoryTable()
    fetching(server, IssuerStore(table)).deploy(NOW)
    assert {item["pk"] for item in table.all_items()} == {keys.ISSUERS}
