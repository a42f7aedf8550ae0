"""New signing keys, as they are published."""

from __future__ import annotations

from latchkey.security.key_pairs import new_signing_key
from tests.support.builders import NOW


def test_public_key_says_what_it_is_for_and_has_no_private_part():
    key = new_signing_key(created_at=NOW, active_at=NOW)
    public = dict(key.public_jwk)
    assert len(public.pop("x")) == len(public.pop("y")) == 43
    assert public == {"kty": "EC", "crv": "P-256", "kid": key.kid, "use": "sig", "alg": "ES256"}


def test_every_key_has_its_own_id():
    kids = {new_signing_key(created_at=NOW, active_at=NOW).kid for _ in range(20)}
    assert len(kids) == 20
    assert {len(kid) for kid in kids} == {16}
