"""Peppers: creation, migration, rotation and removal."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import random
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    KEY_ACTIVATION_DELAY_SECONDS,
    KEY_CACHE_SECONDS,
    KEY_LEASE_SECONDS,
    KEY_REREAD_SECONDS,
    PEPPER_ROTATION_DAYS,
    PEPPERS_MAX,
)
from latchkey.domain.peppers import Pepper
from latchkey.domain.single_use import Purpose
from latchkey.flows.signing_keys import (
    RotatedPeppers,
    SigningKeys,
    link_lifetime,
    refresh_lifetime,
)
from latchkey.security import refresh_tokens, single_use_tokens
from latchkey.security.peppers import Use, derive_key, new_pepper
from latchkey.security.sealing import seal
from latchkey.storage import parameters as parameter_storage
from latchkey.storage.audit_log import AuditLog
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.peppers import PepperStore
from latchkey.storage.signing_keys import SigningKeyStore
from latchkey.storage.task_leases import TaskLeases
from tests.support.builders import NOW, a_session, an_account
from tests.support.parameters import Parameters

ACTIVE = timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)
DUE = timedelta(days=PEPPER_ROTATION_DAYS)
REFRESH = refresh_lifetime(timedelta(days=14), timedelta(minutes=10))
LINK = link_lifetime(timedelta(days=30))
SECOND = timedelta(seconds=1)


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def parameters(monkeypatch):
    made = Parameters()
    monkeypatch.setattr(parameter_storage, "aws_client", lambda *_: made)
    return made


@pytest.fixture
def flow(parameters):
    table = MemoryTable()
    return SigningKeys(
        store=SigningKeyStore("/any", epoch=1),
        peppers=(
            RotatedPeppers(PepperStore("/any", "refresh"), REFRESH),
            RotatedPeppers(PepperStore("/any", "link"), LINK),
        ),
        leases=TaskLeases(table),
        audit=AuditLog(table, EffectWriter(seal)),
        rotation_interval=timedelta(days=10_000),
        access_token_lifetime=timedelta(minutes=10),
        epoch=1,
        sleep=lambda _: None,
    )


def peppers(parameters):
    return parameters.kids("refresh-peppers") + parameters.kids("link-peppers")


# Keys for each purpose ---------------------------------------------------------------------------


@pytest.mark.parametrize("use", Use)
def test_keys_are_derived_with_hkdf(use):
    pepper = new_pepper("7", created_at=NOW, active_at=NOW)
    standard = HKDF(SHA256(), 32, b"latchkey pepper", use.value.encode()).derive(pepper.secret)
    assert derive_key(pepper, use) == standard


def test_purposes_have_different_keys():
    one, two = (new_pepper(name, created_at=NOW, active_at=NOW) for name in "12")
    derived = [derive_key(pepper, use) for pepper in (one, two) for use in Use]
    assert len({*derived, one.secret, two.secret}) == 8


def test_token_is_accepted_only_by_its_pepper():
    one, two = (new_pepper(name, created_at=NOW, active_at=NOW) for name in ("1", "12"))
    session = a_session(an_account())
    text = refresh_tokens.mint(session, two)
    presented = refresh_tokens.parse(text)
    assert presented.pepper_id == "12"
    assert refresh_tokens.is_genuine(presented, session, two)
    assert not refresh_tokens.is_genuine(presented, session, one)
    renamed = refresh_tokens.parse(text.replace(".12.", ".1."))
    assert not refresh_tokens.is_genuine(renamed, session, one)
    link = single_use_tokens.mint("tok_01kdyak3seex2tcjgkt39as3cs", Purpose.RESET_PASSWORD, two)
    presented = single_use_tokens.parse(link)
    assert presented.pepper_id == "12"
    assert single_use_tokens.is_genuine(presented, Purpose.RESET_PASSWORD, two)
    assert not single_use_tokens.is_genuine(presented, Purpose.RESET_PASSWORD, one)
    assert not single_use_tokens.is_genuine(presented, Purpose.VERIFY_EMAIL, two)


@pytest.mark.parametrize("pepper_id", ["0", "01", "-1", "1234567", "", "a", "1.1", "\u0661"])
def test_a_pepper_id_has_one_spelling(pepper_id):
    pepper = Pepper(id=pepper_id, secret=bytes(32), created_at=NOW, active_at=NOW)
    account, session, generation, code = refresh_tokens.mint(
        a_session(an_account()), Pepper(id="0", secret=bytes(32), created_at=NOW, active_at=NOW)
    ).split(".")
    assert refresh_tokens.parse(f"{account}.{session}.{generation}.{pepper.id}.{code}") is None


# Where they come from ----------------------------------------------------------------------------


def test_first_peppers_are_created_once_and_differ(flow, parameters):
    flow.ensure(NOW)
    before = dict(parameters.values)
    flow.ensure(NOW)
    flow.rotate(NOW + timedelta(days=1))
    assert parameters.values == before
    assert peppers(parameters) == ["refresh-1", "link-1"]
    refresh, link = (kind.store.read_now().peppers[0].secret for kind in flow.peppers)
    assert refresh != link
    assert len(refresh) == len(link) == 32


def move_back(flow, parameters, secret):
    """Make of it a deployment that keeps its one pepper beside its keys."""
    flow.ensure(NOW)
    document = json.loads(parameters.values["/any/signing-keys"])
    document["refresh_pepper"] = base64.b64encode(secret).decode()
    parameters.values["/any/signing-keys"] = json.dumps(document)
    del parameters.values["/any/refresh-peppers"], parameters.values["/any/link-peppers"]


def refresh_token_of_before(session, secret):
    ids = f"{session.account_id}.{session.id}.{session.generation}"
    key = hmac.digest(secret, session.secret, hashlib.sha256)
    code = hmac.digest(key, ids.encode(), hashlib.sha256)
    return f"{ids}.{base64.urlsafe_b64encode(code).rstrip(b'=').decode()}"


@pytest.mark.parametrize("step", [*range(1, 12), None])
def test_legacy_pepper_is_moved_and_its_tokens_stay_valid(flow, parameters, step):
    secret, session = bytes(range(32)), a_session(an_account())
    token = refresh_token_of_before(session, secret)
    move_back(flow, parameters, secret)
    pepper_ring = flow.store.read_now()
    count = itertools.count(1)

    def die():
        if next(count) == step:
            raise KilledError

    parameters.between = die
    with contextlib.suppress(KilledError):
        flow.rotate(NOW)
    parameters.between = lambda: None
    later = NOW + timedelta(seconds=KEY_LEASE_SECONDS)
    assert flow.ensure(later) == pepper_ring
    assert "pepper" not in parameters.values["/any/signing-keys"]
    assert peppers(parameters) == ["refresh-0", "link-0"]
    pepper = flow.peppers[0].store.read_now().find("0")
    presented = refresh_tokens.parse(token)
    assert refresh_tokens.is_genuine(presented, session, pepper)
    assert refresh_tokens.mint(session, pepper) == token
    # And it is replaced like any other.
    flow.rotate_peppers(later)
    assert peppers(parameters) == ["refresh-0", "refresh-1", "link-0", "link-1"]
    flow.rotate(later + ACTIVE + LINK)
    assert peppers(parameters) == ["refresh-1", "link-1"]


# Rotation ----------------------------------------------------------------------------------------


def test_new_pepper_is_used_after_every_function_has_it(flow):
    flow.ensure(NOW)
    assert flow.rotate_peppers(NOW) == {"refresh": ["1", "2"], "link": ["1", "2"]}
    pepper_ring = flow.peppers[0].store.read_now()
    assert pepper_ring.current(NOW + ACTIVE - SECOND).id == "1"
    assert pepper_ring.current(NOW + ACTIVE).id == "2"


def test_peppers_are_rotated_when_due(flow, parameters):
    flow.ensure(NOW)
    flow.rotate(NOW + DUE - SECOND)
    assert peppers(parameters) == ["refresh-1", "link-1"]
    flow.rotate(NOW + DUE)
    assert peppers(parameters) == ["refresh-1", "refresh-2", "link-1", "link-2"]


@pytest.mark.parametrize(("kind", "lifetime"), [("refresh", REFRESH), ("link", LINK)])
def test_pepper_is_kept_while_its_tokens_can_be_valid(flow, parameters, kind, lifetime):
    flow.ensure(NOW)
    flow.rotate_peppers(NOW)
    ends = NOW + ACTIVE + lifetime
    flow.rotate(ends - SECOND)
    assert parameters.kids(f"{kind}-peppers") == [f"{kind}-1", f"{kind}-2"]
    flow.rotate(ends)
    assert parameters.kids(f"{kind}-peppers") == [f"{kind}-2"]


def test_forced_rotations_keep_the_parameter_small(flow, parameters):
    moment = NOW
    flow.ensure(moment)
    for _ in range(200):
        moment += timedelta(minutes=7)
        flow.rotate_peppers(moment)
    assert len(parameters.kids("refresh-peppers")) == PEPPERS_MAX
    assert len(parameters.kids("link-peppers")) == PEPPERS_MAX


def test_drop_leaves_only_a_new_pepper(flow, parameters):
    flow.ensure(NOW)
    flow.rotate_peppers(NOW)
    assert flow.rotate_peppers(NOW + SECOND, drop=True) == {"refresh": ["3"], "link": ["3"]}
    assert peppers(parameters) == ["refresh-3", "link-3"]
    assert flow.peppers[0].store.read_now().current(NOW + SECOND).id == "3"
    # Ids are never used again: a token of a dropped one finds none.
    flow.rotate_peppers(NOW + timedelta(hours=1))
    assert peppers(parameters) == ["refresh-3", "refresh-4", "link-3", "link-4"]


def test_no_token_is_issued_before_the_peppers_exist(parameters):
    store = PepperStore("/any", "refresh")
    with pytest.raises(TemporarilyUnavailable):
        store.current(NOW)


def test_made_up_pepper_id_is_unknown_and_a_new_one_is_found(flow):
    clock = [0.0]
    store = PepperStore("/any", "refresh", monotonic=lambda: clock[0])
    flow.ensure(NOW)
    assert store.find("2") is None
    flow.rotate_peppers(NOW)
    assert store.find("2") is None
    clock[0] += KEY_REREAD_SECONDS * 2
    assert store.find("2").id == "2"
    clock[0] += KEY_CACHE_SECONDS
    assert store.find("3") is None


def test_rotation_under_load_refuses_nobody(flow, parameters):
    """A year of functions that start, read the peppers when they happen to, and get old."""
    chance = random.Random(20260103)
    seconds = 0

    def start():
        return PepperStore("/any", "refresh", monotonic=lambda: float(seconds))

    flow.ensure(NOW)
    functions = [start() for _ in range(8)]
    sessions = dict.fromkeys(range(50), ("1", 0))
    used = set()
    while seconds < 365 * 24 * 3600:
        seconds += chance.randint(1, 7200)
        now = NOW + timedelta(seconds=seconds)
        if chance.random() < 0.02:
            flow.rotate_peppers(now)
        if chance.random() < 0.1:
            flow.rotate(now)
        functions[chance.randrange(8)] = start()
        number = chance.randrange(50)
        pepper_id, since = sessions[number]
        if seconds - since <= 14 * 24 * 3600:
            assert chance.choice(functions).find(pepper_id) is not None
        minted = chance.choice(functions).current(now).id
        used.add(minted)
        sessions[number] = (minted, seconds)
    assert len(used) > 10
