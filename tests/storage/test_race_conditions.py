"""Conditions that only a race can fail, with outdated input."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from latchkey.domain.account import AccountStatus, Role
from latchkey.domain.avatar import AvatarUpload, PictureType
from latchkey.domain.changes import (
    AccountChange,
    AccountKept,
    ChangeRefused,
    KeyUsed,
    SessionRequired,
)
from latchkey.domain.effects import Effects
from latchkey.domain.errors import (
    AccountNotFound,
    EmailAlreadyRegistered,
    IdempotencyKeyReused,
    TooManyPendingUploads,
    UsernameTaken,
)
from latchkey.domain.idempotency import CreatedAccount, IdempotencyKey
from latchkey.domain.ids import new_id
from latchkey.domain.limits import AVATAR_UPLOADS_MAX
from latchkey.domain.session import EndReason, Use
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.domain.throttle import Attempts, Backoff, Counter
from latchkey.security.sealing import seal
from latchkey.storage import keys
from latchkey.storage.accounts import AccountStore
from latchkey.storage.avatars import AvatarStore
from latchkey.storage.changes import still_active
from latchkey.storage.effects import EffectWriter
from latchkey.storage.memory import MemoryTable
from latchkey.storage.rate_limits import RateLimitStore
from latchkey.storage.single_use_tokens import SingleUseTokenStore
from latchkey.storage.table import Change, ConditionFailed, Update
from tests.support.builders import NOW, a_session, an_account, some_effects
from tests.support.interrupted_table import InterruptedTable

IDLE = timedelta(days=14)
USE = Use.at("203.0.113.7", "curl", None)
BACKOFF = Backoff(
    name="b", free=3, first_wait_seconds=60, longest_wait_seconds=600, remembered_seconds=3600
)
COUNTER = Counter(BACKOFF, "s")


@pytest.fixture
def table():
    return MemoryTable()


def change(table, account, **attributes):
    table.update(Update(keys.account(account.id), Change(assign=attributes)))


# Sessions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "idle"),
    [(NOW + timedelta(days=90), timedelta(days=365)), (NOW + IDLE, IDLE)],
    ids=["absolute timeout", "idle timeout"],
)
def test_a_session_that_has_just_expired_is_not_rotated(sessions, start, account, at, idle):
    session = start(account)
    assert sessions.rotate(session, at, idle, USE) == (session, False)
    assert sessions.rotate(session, at - timedelta(milliseconds=1), idle, USE)[1]


def test_a_session_that_has_just_ended_is_neither_rotated_nor_used(sessions, start, account):
    session = start(account)
    assert sessions.end(session, NOW, EndReason.REVOKED, some_effects(account))
    ended = sessions.find(account.id, session.id)
    assert sessions.rotate(session, NOW, IDLE, USE) == (ended, False)
    sessions.touch(session, NOW + timedelta(minutes=5), 1, USE)
    assert sessions.find(account.id, session.id) == ended


def test_a_session_that_is_forgotten_does_not_come_back_with_its_use(sessions, start, account):
    session = start(account)
    sessions.delete_history([session])
    sessions.touch(session, NOW + timedelta(minutes=5), 1, USE)
    assert sessions.find(account.id, session.id) is None
    assert sessions.rotate(session, NOW, IDLE, USE) == (None, False)


def test_a_use_that_comes_late_does_not_take_a_newer_generation_back(sessions, start, account):
    session = start(account)
    rotated, _ = sessions.rotate(session, NOW, IDLE, USE)
    sessions.touch(rotated, NOW, 2, USE)
    used = sessions.find(account.id, session.id)
    sessions.touch(session, NOW + timedelta(minutes=5), 1, USE)
    assert sessions.find(account.id, session.id) == used


@pytest.mark.parametrize("act", ["reauthenticate", "rename", "end"])
def test_an_ended_session_is_not_changed(sessions, start, account, act):
    session = start(account)
    effects = some_effects(account)
    assert sessions.end(session, NOW, EndReason.REVOKED, effects)
    ended = sessions.find(account.id, session.id)
    done = {
        "reauthenticate": lambda: sessions.reauthenticate(session, NOW, effects),
        "rename": lambda: sessions.rename(session, session.device, effects),
        "end": lambda: sessions.end(session, NOW, EndReason.LOGOUT, effects),
    }[act]()
    assert not done
    assert sessions.find(account.id, session.id) == ended


def test_no_session_starts_from_what_was_read_before(sessions, start, accounts, account):
    read = accounts.get(account.id).session_version
    start(account)
    late = a_session(account)
    effects = some_effects(account)
    assert not sessions.start(late, session_version=read, ending=(), effects=effects)
    assert sessions.find(account.id, late.id) is None


def test_no_session_starts_for_an_account_that_was_just_suspended(
    sessions, accounts, account, table
):
    change(table, account, status=AccountStatus.SUSPENDED.value)
    late = a_session(account)
    version = accounts.get(account.id).session_version
    effects = some_effects(account)
    assert not sessions.start(late, session_version=version, ending=(), effects=effects)


def test_what_ends_all_sessions_misses_none_that_has_just_started(
    sessions, start, accounts, account
):
    seen = accounts.get(account.id)
    new = start(account)
    ending = AccountChange(seen, seen)
    effects = some_effects(account)
    assert not sessions.end_many([], NOW, EndReason.REVOKED, effects, account=ending)
    assert sessions.find(account.id, new.id).ended_at is None


def test_an_ending_counts_as_an_epoch_and_a_role_does_not(sessions, accounts, account):
    for number, is_ending in enumerate([True, False, True]):
        seen = accounts.get(account.id)
        change, effects = AccountChange(seen, seen), some_effects(account)
        if is_ending:
            assert sessions.end_many([], NOW, EndReason.REVOKED, effects, account=change)
        else:
            assert sessions.change_role([], Role.USER, effects, account=change)
        assert accounts.get(account.id).session_version == number + 1
    assert accounts.get(account.id).sign_in_epoch == 2


def test_account_that_is_being_erased_is_not_changed(sessions, accounts, account, table):
    seen = accounts.get(account.id)
    change(table, account, status=AccountStatus.ERASING.value)
    effects = some_effects(account)
    unchanged = AccountChange(seen, seen)
    assert not sessions.end_many([], NOW, EndReason.REVOKED, effects, account=unchanged)


def test_a_session_that_has_just_ended_gets_no_role(sessions, start, accounts, account):
    session = start(account)
    effects = some_effects(account)
    assert sessions.end(session, NOW, EndReason.REVOKED, effects)
    seen = accounts.get(account.id)
    promoted = AccountChange(seen, dataclasses.replace(seen, role=Role.ADMIN))
    assert not sessions.change_role([session], Role.ADMIN, effects, account=promoted)
    assert accounts.get(account.id).role is Role.USER


def test_a_session_counts_as_active_until_it_ends_or_loses_its_role(
    sessions, start, account, table
):
    session = start(account)
    table.transact([still_active(session)])
    with pytest.raises(ConditionFailed):
        table.transact([still_active(dataclasses.replace(session, role=Role.ADMIN))])
    assert sessions.end(session, NOW, EndReason.REVOKED, some_effects(account))
    with pytest.raises(ConditionFailed):
        table.transact([still_active(session)])


# Registrations and profiles ----------------------------------------------------------------------

KEY = IdempotencyKey(digest="digest", fingerprint="fingerprint")


def key_used(account):
    created = CreatedAccount(account_id=account.id, device_id=new_id("dev", NOW))
    return KeyUsed(None, KEY, created, NOW)


@pytest.mark.parametrize(
    ("common", "error"),
    [
        ({"email": "ada@example.com"}, EmailAlreadyRegistered),
        ({"username": "ada"}, UsernameTaken),
        ({}, IdempotencyKeyReused),
    ],
    ids=["address", "username", "idempotency key"],
)
def test_of_two_registrations_with_something_in_common_one_is_refused(
    accounts, table, common, error
):
    first, second = an_account(**common), an_account(**common)
    accounts.put_new(first, some_effects(first), also=[key_used(first)])
    before = table.all_items()
    also = [] if common else [key_used(second)]
    with pytest.raises(error):
        accounts.put_new(second, some_effects(second), also=also)
    assert table.all_items() == before


def test_username_that_was_just_taken_changes_nothing(accounts, account, table):
    other = an_account(username="ada")
    accounts.put_new(other, some_effects(other))
    before = table.all_items()
    renamed = dataclasses.replace(account, username="ada", version=account.version + 1)
    with pytest.raises(UsernameTaken):
        accounts.update(account, renamed, some_effects(account))
    assert table.all_items() == before


def test_profile_that_has_just_changed_is_read_again(accounts, account, table):
    first, second = (
        dataclasses.replace(account, username=name, version=account.version + 1)
        for name in ("ada", "lovelace")
    )
    assert accounts.update(account, first, some_effects(account))
    before = table.all_items()
    assert not accounts.update(account, second, some_effects(account))
    assert table.all_items() == before


def test_profile_does_not_change_without_what_belongs_to_the_change(
    accounts, sessions, start, account, table
):
    session = start(account)
    assert sessions.end(session, NOW, EndReason.REVOKED, some_effects(account))
    before = table.all_items()
    renamed = dataclasses.replace(account, username="ada", version=account.version + 1)
    with pytest.raises(ChangeRefused):
        accounts.update(account, renamed, some_effects(account), also=[SessionRequired(session)])
    assert table.all_items() == before


@pytest.mark.parametrize("error", [IdempotencyKeyReused, AccountNotFound])
def test_request_that_was_just_answered_or_whose_account_is_going_records_nothing(
    accounts, account, table, error
):
    if error is AccountNotFound:
        change(table, account, status=AccountStatus.ERASING.value)
    else:
        accounts.record(Effects(), also=[key_used(account)])
    before = table.all_items()
    with pytest.raises(error):
        accounts.record(some_effects(account), also=[AccountKept(account.id), key_used(account)])
    assert table.all_items() == before


# Uploads -----------------------------------------------------------------------------------------


def an_upload(account):
    return AvatarUpload(
        id=new_id("upl", NOW),
        account_id=account.id,
        content_type=PictureType.PNG,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )


def test_uploads_that_start_at_once_get_different_slots_until_all_are_taken(account):
    table = InterruptedTable()
    uploads, other = [an_upload(account) for _ in range(AVATAR_UPLOADS_MAX)], an_upload(account)
    AccountStore(table, EffectWriter(seal)).put_new(account, some_effects(account))
    store = AvatarStore(table)

    def start_next():
        if remaining:
            upload = remaining.pop()
            table.before_write(start_next)
            store.put_upload(upload)

    # Each one finds free slots, and the next one takes the first of them before it does.
    remaining = list(uploads)
    start_next()
    assert all(store.find_upload(account.id, upload.id, NOW) for upload in uploads)
    with pytest.raises(TooManyPendingUploads):
        store.put_upload(other)
    assert store.find_upload(account.id, other.id, NOW) is None


def test_last_slot_is_lost_to_a_parallel_upload(account):
    table = InterruptedTable()
    AccountStore(table, EffectWriter(seal)).put_new(account, some_effects(account))
    store = AvatarStore(table)
    for _ in range(AVATAR_UPLOADS_MAX - 1):
        store.put_upload(an_upload(account))
    first, second = an_upload(account), an_upload(account)
    table.before_write(lambda: store.put_upload(first))
    with pytest.raises(TooManyPendingUploads) as caught:
        store.put_upload(second)
    assert caught.value.retry_after_seconds > 0
    assert store.find_upload(account.id, first.id, NOW)
    assert not store.find_upload(account.id, second.id, NOW)


# Tokens ------------------------------------------------------------------------------------------


def test_token_with_the_id_of_another_is_not_stored(table, account):
    store = SingleUseTokenStore(table)
    token = SingleUseToken(
        id=new_id("tok", NOW),
        purpose=Purpose.VERIFY_EMAIL,
        account_id=account.id,
        expires_at=NOW + timedelta(hours=1),
        subject=account.email,
    )
    store.put_new(token)
    before = table.all_items()
    with pytest.raises(ConditionFailed):
        store.put_new(dataclasses.replace(token, purpose=Purpose.RESET_PASSWORD))
    assert table.all_items() == before


# Addresses ---------------------------------------------------------------------------------------


@pytest.fixture
def token(table, account):
    token = SingleUseToken(
        id=new_id("tok", NOW),
        purpose=Purpose.CHANGE_EMAIL,
        account_id=account.id,
        expires_at=NOW + timedelta(hours=1),
        subject="next@example.com",
    )
    SingleUseTokenStore(table).put_new(token)
    return token


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"must_reset_password": True},
        {"password_hash": "another"},
        {"email": "elsewhere@example.com"},
        {"status": AccountStatus.SUSPENDED.value},
    ],
    ids=["disowned", "password replaced", "address changed", "suspended"],
)
def test_an_address_does_not_change_after_what_happened_meanwhile(
    accounts, account, table, token, meanwhile
):
    change(table, account, **meanwhile)
    before = table.all_items()
    left_one = dataclasses.replace(
        account, former_email="former@example.com", former_email_until=NOW + timedelta(days=1)
    )
    for read in (account, left_one):
        effects = some_effects(account)
        assert not accounts.change_email(read, "next@example.com", token, NOW, effects)
        assert table.all_items() == before


def test_change_of_the_address_invalidates_decisions_about_it(accounts, account, token):
    assert accounts.change_email(account, "next@example.com", token, NOW, some_effects(account))
    assert accounts.get(account.id).session_version == account.session_version + 1


# Attempts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [0, 1, 2])
def test_an_attempt_counted_from_what_was_seen_before_never_overruns(table, seen):
    store = RateLimitStore(table)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(BACKOFF.free):
        assert store.add_attempts([(COUNTER, Attempts(count=number))], now)
    assert not store.add_attempts([(COUNTER, Attempts(count=seen))], now)
    assert store.read_attempts(COUNTER, now).count == BACKOFF.free


def test_free_attempts_at_once_all_count_while_there_are_any(table):
    store = RateLimitStore(table)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert store.add_attempts([(COUNTER, Attempts())], now)
    one = store.read_attempts(COUNTER, now)
    assert store.add_attempts([(COUNTER, one)], now)
    # The last free one decides when the next may be: it needs to have seen all before it.
    assert not store.add_attempts([(COUNTER, one)], now)
    two = store.read_attempts(COUNTER, now)
    assert store.add_attempts([(COUNTER, two)], now)
    assert not store.add_attempts([(COUNTER, two)], now)
