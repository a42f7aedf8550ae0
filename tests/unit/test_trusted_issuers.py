"""TrustedIssuers: each preset completes its entry, and a wrong entry has a message."""

from __future__ import annotations

import json

import pytest

from latchkey.domain.issuers import (
    InvalidIssuers,
    Preset,
    dump_issuers,
    load_issuers,
    parse_trusted_issuers,
)
from latchkey.domain.limits import EXTERNAL_TOKEN_LIFETIME_MAX_SECONDS, TRUSTED_ISSUERS_MAX
from tests.support.issuer import AUTH0, COGNITO, ENTRIES, FIREBASE, KEYCLOAK, OIDC, trusted

GOOGLE = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"


def parse(*entries, **options):
    return parse_trusted_issuers(json.dumps(list(entries)), **options)


def entry(kind="oidc", **changed):
    values = {**ENTRIES[kind], **changed}
    return {name: value for name, value in values.items() if value is not ...}


def test_empty_parameter_trusts_nobody():
    assert parse_trusted_issuers("") == ()
    assert parse_trusted_issuers(" \n") == ()


@pytest.mark.parametrize(
    ("preset", "keys", "session"),
    [
        ("cognito", f"{COGNITO}/.well-known/jwks.json", "origin_jti"),
        ("firebase", GOOGLE, ""),
        ("auth0", "", "https://example.com/session"),
        ("keycloak", f"{KEYCLOAK}/protocol/openid-connect/certs", "sid"),
        ("oidc", "", "sid"),
    ],
)
def test_preset_completes_keys_and_session(preset, keys, session):
    (issuer,) = parse(entry(preset))
    assert (issuer.preset, issuer.keys, issuer.claims.session) == (Preset(preset), keys, session)


def test_project_is_the_audience_of_firebase():
    (issuer,) = parse(entry("firebase"))
    assert issuer.audiences == ("demo-project",)


def test_own_address_of_keys_replaces_the_presets():
    (issuer,) = parse(entry("cognito", keys="https://keys.example.com/jwks.json"))
    assert issuer.keys == "https://keys.example.com/jwks.json"


def test_session_claim_can_be_none_for_issuers_without_one():
    (issuer,) = parse(entry("cognito", claims={"session": ""}))
    assert issuer.claims.session == ""


def test_stored_document_has_every_field():
    issuers = trusted()
    assert load_issuers(dump_issuers(issuers)) == issuers
    assert [issuer.issuer for issuer in issuers] == [COGNITO, FIREBASE, AUTH0, KEYCLOAK, OIDC]
    assert len({issuer.id for issuer in issuers}) == len(issuers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "TrustedIssuers is not valid JSON"),
        ("[" * 100_000, "TrustedIssuers is not valid JSON"),
        ("{}", "TrustedIssuers must be a list of 1 to 10 issuers"),
        ("[]", "TrustedIssuers must be a list of 1 to 10 issuers"),
        ("[1]", "TrustedIssuers[0] must be an object"),
    ],
)
def test_parameter_of_another_form_has_a_message(text, message):
    with pytest.raises(InvalidIssuers) as refused:
        parse_trusted_issuers(text)
    assert str(refused.value) == message


def test_more_issuers_than_the_limit_are_refused():
    entries = [
        entry(issuer=f"https://op{number}.example.com") for number in range(TRUSTED_ISSUERS_MAX)
    ]
    assert len(parse(*entries)) == TRUSTED_ISSUERS_MAX
    with pytest.raises(InvalidIssuers, match="a list of 1 to 10"):
        parse(*entries, entry())


def test_issuer_that_is_there_twice_is_refused():
    with pytest.raises(InvalidIssuers, match=r"TrustedIssuers\[1\]\.issuer is there twice"):
        parse(entry(), entry(audiences=["another"]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (entry(issuer=...), "issuer must be an address"),
        (entry(issuer=7), "issuer must be an address"),
        (entry(issuer="http://op.example.com"), "issuer must be an https address"),
        (entry(issuer="http://localhost:8080"), "issuer must be an https address"),
        (entry(issuer="https://"), "issuer must be an address without a user"),
        (entry(issuer="https://a@op.example.com"), "issuer must be an address without a user"),
        (entry(issuer="https://op.example.com?x=1"), "issuer must be an address without a user"),
        (entry(issuer="https://op.example.com#x"), "issuer must be an address without a user"),
        (entry(issuer="https://op.example.com:99999"), "issuer must be an address"),
        (entry(keys="ftp://op.example.com"), "keys must be an https address"),
        (entry(preset="okta"), "preset must be one of cognito, firebase, auth0, keycloak, oidc"),
        (entry(preset=["oidc"]), "preset must be one of"),
        (entry(audience="x"), "audience is unknown. Use audiences, claims, clients"),
        (entry(audiences="x"), "audiences must be a list of texts"),
        (entry(audiences=[""]), "audiences must be a list of texts"),
        (entry(audiences=["a b"]), "audiences must be a list of texts"),
        (entry(audiences=...), "audiences is missing. Name the identifiers of your APIs"),
        (entry("auth0", audiences=[]), "audiences is missing"),
        (entry(token_type="JWS"), "token_type must be one of JWT, at+jwt"),
        (entry("auth0", token_type="JWT"), "token_type is only for the preset oidc"),
        (entry(lifetime_seconds="60"), "lifetime_seconds must be a number from 60"),
        (entry(lifetime_seconds=True), "lifetime_seconds must be a number from 60"),
        (entry(lifetime_seconds=59), "lifetime_seconds must be a number from 60"),
        (
            entry(lifetime_seconds=EXTERNAL_TOKEN_LIFETIME_MAX_SECONDS + 1),
            "lifetime_seconds must be a number from 60",
        ),
        (entry(claims=[]), "claims must be an object"),
        (entry(claims={"phone": "x"}), "claims.phone is unknown. Use auth_time, email"),
        (entry(claims={"session": 1}), "claims.session must be the name of a claim"),
        (entry(claims={"auth_time": ""}), "claims.auth_time must be the name of a claim"),
        (entry("cognito", clients=...), "clients is missing. Name the app clients"),
        (entry("cognito", audiences=["x"]), "audiences are not in Cognito's access tokens"),
        (
            entry("cognito", issuer="https://cognito-idp.eu-west-1.amazonaws.com/us-east-1_Ab"),
            "issuer must be https://cognito-idp.<region>",
        ),
        (entry("cognito", issuer="https://evil.example.com/eu-west-1_Ab"), "issuer must be"),
        (entry("firebase", issuer="https://securetoken.google.com/"), "issuer must be"),
        (entry("firebase", audiences=["other"]), "audiences must be the project, demo-project"),
        (entry("firebase", clients=["x"]), "clients are not in Firebase's tokens"),
        (entry("firebase", claims={"session": "sid"}), "claims.session is not in Firebase's"),
        (entry("keycloak", clients=[], audiences=[]), "clients is missing. Name the clients of"),
        (entry("keycloak", issuer="https://id.example.com"), "issuer must be https://<host>"),
    ],
)
def test_wrong_entry_names_its_place_and_what_to_do(wrong, message):
    with pytest.raises(InvalidIssuers) as refused:
        parse(entry("oidc", issuer="https://right.example.com"), wrong)
    assert str(refused.value).startswith(f"TrustedIssuers[1].{message}")


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_local_stack_trusts_issuers_of_this_machine_without_tls(host):
    (issuer,) = parse(entry(issuer=f"http://{host}"), loopback=True)
    assert issuer.issuer == f"http://{host}"
    with pytest.raises(InvalidIssuers):
        parse(entry(issuer="http://op.example.com"), loopback=True)
