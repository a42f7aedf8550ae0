"""Rotation of signing keys: every issued token can be verified, also after races and crashes."""

from __future__ import annotations

import contextlib
import itertools
import random
from datetime import timedelta

import pytest

from latchkey.domain.audit import Action
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    KEY_ACTIVATION_DELAY_SECONDS,
    KEY_LEASE_SECONDS,
    KEY_STALE_SECONDS,
    KEYS_MAX,
)
from latchkey.flows.signing_keys import (
    RotatedPeppers,
    SigningKeys,
    link_lifetime,
    refresh_lifetime,
)
from latchkey.security.sealing import seal
from latchkey.storage import parameters as parameter_storage
from latchkey.storage.audit_log import AuditLog
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.peppers import PepperStore
from latchkey.storage.signing_keys import SigningKeyStore
from latchkey.storage.task_leases import TaskLeases
from tests.support.builders import NOW
from tests.support.parameters import Parameters

MONTH = timedelta(days=30)
REFRESH = refresh_lifetime(timedelta(days=14), timedelta(minutes=10))
LINK = link_lifetime(MONTH)
ACTIVE = timedelta(seconds=KEY_ACTIVATION_DELAY_SECONDS)


class KilledError(Exception):
    """The process is gone."""


@pytest.fixture
def parameters(monkeypatch):
    made = Parameters()
    monkeypatch.setattr(parameter_storage, "aws_client", lambda *_: made)
    return made


@pytest.fixture
def flow(parameters):
    return make_flow(MemoryTable())


def make_flow(table, *, epoch=1, sleep=lambda _: None):
    return SigningKeys(
        store=SigningKeyStore("/any", epoch=epoch),
        peppers=(
            RotatedPeppers(PepperStore("/any", "refresh"), REFRESH),
            RotatedPeppers(PepperStore("/any", "link"), LINK),
        ),
        leases=TaskLeases(table),
        audit=AuditLog(table, EffectWriter(seal)),
        rotation_interval=MONTH,
        access_token_lifetime=timedelta(minutes=10),
        epoch=epoch,
        sleep=sleep,
    )


def require_verifiable(parameters):
    assert set(parameters.kids("signing-keys")) <= set(parameters.kids("public-keys"))


def test_first_key_is_created_once_and_signs_immediately(flow, parameters):
    key_ring = flow.ensure(NOW)
    assert key_ring.signing_key(NOW) is key_ring.keys[0]
    assert flow.ensure(NOW) == key_ring
    require_verifiable(parameters)


def test_key_is_replaced_when_due_and_removed_when_unused(flow, parameters):
    (old,) = flow.ensure(NOW).keys
    assert flow.rotate(NOW + MONTH - timedelta(seconds=1)).keys == (old,)
    key_ring = flow.rotate(NOW + MONTH)
    assert key_ring.signing_key(NOW + MONTH) == old
    assert key_ring.signing_key(NOW + MONTH + ACTIVE) == key_ring.keys[1]
    # A function that could not read the new key for a day signed with the old one until then.
    still = NOW + MONTH + ACTIVE + timedelta(seconds=KEY_STALE_SECONDS, minutes=10)
    assert flow.rotate(still).keys == key_ring.keys
    assert flow.rotate(still + timedelta(minutes=1)).keys == key_ring.keys[1:]
    require_verifiable(parameters)


def test_forced_rotations_keep_the_parameter_small(flow, parameters):
    moment = NOW
    flow.ensure(moment)
    for _ in range(200):
        moment += timedelta(minutes=1)
        key_ring = flow.rotate(moment, force=True)
        require_verifiable(parameters)
        assert sum(key.active_at > moment for key in key_ring.keys) <= 1
        assert len(key_ring.keys) <= KEYS_MAX


@pytest.mark.parametrize("other", ["ensure", "rotate"])
def test_rotations_do_not_interleave(flow, parameters, other):
    flow.ensure(NOW)
    steps, refused = 0, 0

    def interfere():
        nonlocal steps, refused
        steps += 1
        intruder = make_flow(flow.audit._table)
        try:
            intruder.rotate(NOW, force=True) if other == "rotate" else intruder.ensure(NOW)
        except TemporarilyUnavailable:
            refused += 1

    parameters.between = interfere
    flow.rotate(NOW, force=True)
    assert steps == refused >= 3
    require_verifiable(parameters)


def test_waiting_rotation_gets_the_lease(flow, parameters):
    flow.ensure(NOW)
    assert flow.leases.take("signing_keys", NOW, timedelta(seconds=KEY_LEASE_SECONDS))
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            flow.leases.release("signing_keys")

    assert len(make_flow(flow.audit._table, sleep=sleep).rotate(NOW, force=True).keys) == 2
    assert slept == [1, 1, 1]


@pytest.mark.parametrize("step", range(1, 12))
def test_crash_during_a_rotation_is_harmless(flow, parameters, step):
    flow.ensure(NOW)
    count = itertools.count(1)

    def die():
        if next(count) == step:
            raise KilledError

    parameters.between = die
    try:
        flow.rotate(NOW, force=True)
    except KilledError:
        assert step <= 9
    parameters.between = lambda: None
    require_verifiable(parameters)
    later = NOW + timedelta(seconds=KEY_LEASE_SECONDS)
    assert flow.rotate(later, force=True).keys[0] == flow.ensure(later).keys[0]
    require_verifiable(parameters)
    assert sorted(parameters.kids("public-keys")) == sorted(parameters.kids("signing-keys"))


@pytest.mark.parametrize("step", range(1, 20))
def test_unaudited_key_is_never_trusted(flow, parameters, step):
    count = itertools.count(1)

    def look():
        rows = [item for item in flow.audit._table.all_items() if "action" in item]
        audited = {kid for row in rows for kid in row["targets"]}
        assert {row["action"] for row in rows} <= {
            Action.SIGNING_KEY_ROTATED,
            Action.PEPPER_ROTATED,
        }
        for name in set(parameters.values):
            believed = set(parameters.kids(name.rpartition("/")[2]))
            assert believed <= audited
        if next(count) == step:
            raise KilledError

    parameters.between = look
    with contextlib.suppress(KilledError):
        flow.ensure(NOW)
        flow.rotate(NOW, force=True)
        flow.rotate_peppers(NOW)
    look()


def test_new_epoch_trusts_no_old_key_and_keeps_sessions(flow, parameters):
    flow.ensure(NOW)
    old = flow.rotate(NOW, force=True)
    peppers = {name: parameters.values[name] for name in parameters.values if "peppers" in name}
    later = NOW + timedelta(hours=1)
    # Functions of the new deployment, before it has made its keys: nobody signs and nobody is let
    # in, for the moment that this takes.
    clock = itertools.count(0, 2)  # a fresh function that found nothing asks again in a second
    functions = SigningKeyStore("/any", epoch=2, monotonic=lambda: float(next(clock)))
    for read in (functions.key_ring, functions.public_jwks, lambda: functions.find_public("any")):
        with pytest.raises(TemporarilyUnavailable):
            read()
    new = make_flow(flow.audit._table, epoch=2).ensure(later)
    (key,) = new.keys
    assert new.signing_key(later) == key
    assert len(peppers) == 2
    assert peppers.items() <= parameters.values.items()
    assert functions.key_ring() == new
    assert [functions.find_public(old_key.kid) for old_key in old.keys] == [None, None]
    assert functions.find_public(key.kid) == key.public_jwk
    # Going back to the deployment before it brings nothing back.
    assert make_flow(flow.audit._table, epoch=1).ensure(later) == new


@pytest.mark.parametrize("throttled", [0.0, 0.3])
def test_rotation_under_load_refuses_nobody(flow, parameters, throttled):
    """Days of functions that start, read the keys whenever they happen to, and get old.

    throttled  share of the functions' reads that SSM refuses
    """
    chance = random.Random(20260102)
    seconds = 0

    def start():
        def sleep(_):
            parameters.throttled = 0.0  # a first read is repeated until it works

        store = SigningKeyStore("/any", epoch=1, monotonic=lambda: float(seconds), sleep=sleep)
        parameters.throttled = throttled
        store.key_ring()
        parameters.throttled = throttled
        store.public_jwks()
        return store

    parameters.chance = chance
    flow.ensure(NOW)
    functions = [start() for _ in range(8)]
    in_use: list[tuple[int, str]] = []
    signed_with = set()
    while seconds < 2 * 24 * 3600:
        seconds += chance.randint(1, 20)
        now = NOW + timedelta(seconds=seconds)
        if chance.random() < 0.005:
            parameters.throttled = 0.0
            flow.rotate(now, force=True)
        if chance.random() < 0.05:
            functions[chance.randrange(8)] = start()
        parameters.throttled = throttled
        key = chance.choice(functions).key_ring().signing_key(now)
        signed_with.add(key.kid)
        in_use = [token for token in in_use if token[0] > seconds] + [(seconds + 600, key.kid)]
        for _, kid in (in_use[0], in_use[-1], chance.choice(in_use)):
            assert chance.choice(functions).find_public(kid) is not None
    assert len(signed_with) > 4
