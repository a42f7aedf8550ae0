"""Every store method makes the requests of its docstring, at the documented cost.

Each test runs twice: on DynamoDB's engine (moto) for the requests, and on the table in memory for
the cost, which neither moto nor the emulator reports correctly.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from latchkey.domain.avatar import AvatarUpload, PictureType
from latchkey.domain.changes import (
    AccountChange,
    ChangeRefused,
    CodeUsed,
    ConsentDecided,
    DeviceSeen,
    KeyUsed,
)
from latchkey.domain.consent import Consent, ConsentKind
from latchkey.domain.effects import Effects, Queue
from latchkey.domain.errors import AccountNotFound, IdempotencyKeyReused, TooManyPendingUploads
from latchkey.domain.export import Export, FailureReason, export_message
from latchkey.domain.idempotency import IdempotencyKey
from latchkey.domain.ids import new_id
from latchkey.domain.limits import (
    AVATAR_UPLOADS_MAX,
    LOGIN_PER_ACCOUNT,
    LOGIN_PER_ADDRESS,
    LOGIN_PER_IDENTIFIER,
)
from latchkey.domain.mail import EmailChanged
from latchkey.domain.mail_health import MailSuppression, SuppressionReason
from latchkey.domain.mailed_code import CodePurpose, MailedCode
from latchkey.domain.preferences import Preferences
from latchkey.domain.session import EndReason, Use
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.domain.throttle import Attempts, Counter
from latchkey.observability import units
from latchkey.security.sealing import seal
from latchkey.storage.accounts import AccountStore
from latchkey.storage.avatars import AvatarStore
from latchkey.storage.changes import writes_of
from latchkey.storage.consents import ConsentStore
from latchkey.storage.devices import DeviceStore
from latchkey.storage.effects import EffectWriter
from latchkey.storage.exports import ExportStore
from latchkey.storage.idempotency import IdempotencyStore
from latchkey.storage.mail_suppressions import MailSuppressionStore
from latchkey.storage.mailed_codes import MailedCodeStore
from latchkey.storage.memory import MemoryTable
from latchkey.storage.outbox import NotClaimed, OutboxStore
from latchkey.storage.preferences import PreferenceStore
from latchkey.storage.rate_limits import RateLimitStore
from latchkey.storage.reads import AccountReader, SessionReader
from latchkey.storage.sessions import SessionStore
from latchkey.storage.sign_ins import SignInReader
from latchkey.storage.single_use_tokens import SingleUseTokenStore
from latchkey.storage.task_leases import TaskLeases
from tests.support.builders import NOW, a_context, a_session, an_account, some_effects

USE = Use.at("192.0.2.1", "Test/1", None)
OF_ACCOUNT = Counter(LOGIN_PER_ACCOUNT, "usr_1")

FIELD = re.compile(r"^ *(Pattern|Request|Cost)\s{2,}(.+)$", re.MULTILINE)
COST = re.compile(r"^([\d.]+) (RRU|WRU)")


@pytest.fixture(params=["dynamodb", "memory"])
def table(request):
    if request.param == "dynamodb":
        return request.getfixturevalue("moto_table")
    return MemoryTable(metered=True)


@pytest.fixture
def session(start, account):
    return start(account)


@pytest.fixture
def measured(client, table):
    """Call a store method, and compare what it does with its docstring."""
    in_memory = isinstance(table, MemoryTable)

    def measure(method, *arguments, cost=None, **named):
        client.operations.clear()
        units.reset()
        result = method(*arguments, **named)
        if isinstance(result, Iterator):
            result = list(result)  # it reads while it is read
        documented = dict(FIELD.findall(method.__doc__))
        if not in_memory:
            assert documented["Request"].split(", ") == client.operations
            return result
        amount, unit = COST.match(documented["Cost"]).groups()
        spent = units.read if unit == "RRU" else units.write
        assert spent == (float(amount) if cost is None else cost)
        return result

    return measure


def test_accounts(measured, accounts):
    new = an_account(username="ada")
    # The documented 8 are with a username; 2 less without one.
    measured(accounts.put_new, new, some_effects(new))
    # A first session and its device: 4 more, without the audit row and the indexes.
    other = an_account(username="hopper")
    session = a_session(other)
    device = [DeviceSeen(other.id, session.device_id, NOW)]
    effects = some_effects(other)
    measured(accounts.put_new, other, effects, session=session, also=device, cost=12)
    measured(accounts.get, new.id)
    assert measured(accounts.find_by_email, new.email) == new
    assert measured(accounts.find_by_username, "ada") == new
    assert measured(accounts.owner_of_email, new.email) == new.id
    assert measured(accounts.owner_of_username, "ada") == new.id
    assert measured(accounts.owner_of_username, "grace") is None


def test_a_session_comes_back_as_it_was_stored(measured, sessions, session):
    assert measured(sessions.find, session.account_id, session.id) == session
    assert measured(sessions.list_by_account, session.account_id) == [session]


def test_starting_a_session(measured, sessions, account):
    new = a_session(account)
    effects = some_effects(account)
    assert measured(sessions.start, new, session_version=0, ending=(), effects=effects)
    assert not sessions.start(a_session(account), session_version=0, ending=(), effects=effects)


def test_ending_sessions(measured, sessions, accounts, account, session):
    later = NOW + timedelta(minutes=5)
    assert measured(sessions.end, session, later, EndReason.REVOKED, some_effects(account))
    assert not sessions.end(session, later, EndReason.REVOKED, some_effects(account))
    ended = sessions.find(account.id, session.id)
    assert (ended.ended_at, ended.end_reason) == (later, EndReason.REVOKED)

    current = accounts.get(account.id)
    others = [a_session(account), a_session(account)]
    for version, other in enumerate(others, start=current.session_version):
        assert sessions.start(
            other, session_version=version, ending=(), effects=some_effects(account)
        )
    stale = AccountChange(current, current)
    assert not sessions.end_many(
        others, later, EndReason.REVOKED, some_effects(account), account=stale
    )
    present = accounts.get(account.id)
    fresh = AccountChange(present, present)
    # Two sessions, the account and one row, at 2 each.
    assert measured(
        sessions.end_many,
        others,
        later,
        EndReason.REVOKED,
        some_effects(account),
        account=fresh,
        cost=8,
    )


def test_refreshing(measured, sessions, session):
    idle = timedelta(days=14)
    latest, rotated = measured(sessions.rotate, session, NOW, idle, USE)
    assert rotated
    assert (latest.generation, latest.used_generation) == (2, 1)
    again, rotated = sessions.rotate(session, NOW, idle, USE)
    assert not rotated
    assert again == latest


def test_touching(measured, sessions, session):
    later = NOW + timedelta(minutes=1)
    measured(sessions.touch, session, later, 1, USE)
    assert sessions.find(session.account_id, session.id).last_activity_at == later


def test_touch_does_not_recreate_a_removed_session(sessions, account, session):
    sessions.delete_history([session])
    sessions.touch(session, NOW, 1, USE)
    assert sessions.find(account.id, session.id) is None


def test_refresh_does_not_extend_the_absolute_timeout(sessions, account, session):
    sessions.end(session, NOW, EndReason.REVOKED, some_effects(account))
    latest, rotated = sessions.rotate(session, NOW, timedelta(days=14), USE)
    assert not rotated
    assert latest.ended_at == NOW


def test_stepping_up(measured, sessions, account, session):
    assert measured(sessions.reauthenticate, session, NOW, some_effects(account))


def test_renaming(measured, sessions, account, session):
    device = dataclasses.replace(session.device, name="Ada's laptop")
    assert measured(sessions.rename, session, device, some_effects(account))
    assert sessions.find(account.id, session.id).device == device
    sessions.end(session, NOW, EndReason.REVOKED, some_effects(account))
    assert not sessions.rename(session, device, some_effects(account))


def test_forgetting_history(measured, sessions, session):
    measured(sessions.delete_history, [session])


def a_token(account, **fields):
    return SingleUseToken(
        id=new_id("tok", NOW),
        purpose=Purpose.VERIFY_EMAIL,
        account_id=account.id,
        expires_at=NOW + timedelta(hours=1),
        **fields,
    )


def test_single_use_tokens(measured, table, account):
    tokens = SingleUseTokenStore(table)
    token = a_token(account, subject="ada@example.com", state="state")
    measured(tokens.put_new, token)
    assert measured(tokens.find, token.id, NOW) == token
    assert tokens.find(token.id, NOW + timedelta(hours=1)) is None


def test_confirming_and_changing_an_address(measured, accounts, table, account):
    tokens = SingleUseTokenStore(table)
    first, second = a_token(account), a_token(account)
    for token in (first, second):
        tokens.put_new(token)
    assert measured(accounts.verify_email, account, first, NOW, some_effects(account))
    assert not accounts.verify_email(account, first, NOW, some_effects(account))
    verified = accounts.get(account.id)
    assert (verified.is_verified, verified.version) == (True, 1)

    mail = EmailChanged(account_id=account.id, address=account.email).message(a_context())
    effects = Effects(audit=some_effects(account).audit, outbox=(mail,))
    new = f"new.{account.email}"
    measured(accounts.change_email, verified, new, second, NOW, effects)
    assert not accounts.change_email(verified, new, second, NOW, some_effects(account))
    changed = accounts.get(account.id)
    assert (changed.email, changed.former_email, changed.version) == (new, account.email, 2)
    assert accounts.find_by_email(new) == changed
    assert accounts.find_by_email(account.email) is None


def test_owner_of_an_address_or_username(measured, accounts):
    ada = an_account(username="lovelace")
    accounts.put_new(ada, some_effects(ada))
    # The documented unit, and one more for the username.
    assert measured(accounts.find_owners, ada.email, "lovelace", cost=2) == (ada.id, ada.id)
    assert measured(accounts.find_owners, "nobody@example.com", None) == (None, None)


def test_change_of_an_unchanged_account(measured, accounts, account):
    measured(accounts.record, some_effects(account))


def test_the_outbox(measured, accounts, table, account):
    outbox = OutboxStore(table)
    message = EmailChanged(account_id=account.id, address="ada@example.com").message(a_context())
    accounts.record(Effects(outbox=(message,)))
    lease = timedelta(minutes=1)
    assert measured(outbox.claim, Queue.MAIL, message.id, NOW, lease) == message
    assert outbox.claim(Queue.MAIL, message.id, NOW, lease) is NotClaimed.LEASED
    measured(outbox.settle, Queue.MAIL, message.id)
    assert outbox.claim(Queue.MAIL, message.id, NOW, lease) is NotClaimed.DONE


def test_counting(measured, table):
    limits = RateLimitStore(table)
    assert measured(limits.count, LOGIN_PER_ADDRESS, "203.0.113.7", NOW) == 1
    assert measured(limits.read_attempts, OF_ACCOUNT, NOW) == Attempts()
    assert measured(limits.add_attempts, [(OF_ACCOUNT, Attempts())], NOW)
    assert limits.read_attempts(OF_ACCOUNT, NOW).count == 1
    assert not limits.add_attempts([(OF_ACCOUNT, Attempts())], NOW)
    other = Counter(LOGIN_PER_IDENTIFIER, "typed")
    both = [(OF_ACCOUNT, Attempts(count=1)), (other, Attempts())]
    assert limits.add_attempts(both, NOW)
    measured(limits.forget_attempts, OF_ACCOUNT)
    assert limits.read_attempts(OF_ACCOUNT, NOW) == Attempts()


@pytest.mark.parametrize(("tried", "taken_back"), [(3, 1), (3, 2), (3, 3), (3, 5)])
def test_returning_attempts(measured, table, tried, taken_back):
    limits = RateLimitStore(table)
    counter = Counter(LOGIN_PER_ACCOUNT, f"{tried}-{taken_back}")
    for number in range(tried):
        assert limits.add_attempts([(counter, Attempts(count=number))], NOW)
    if taken_back < tried:
        measured(limits.take_back, counter, tried, taken_back, NOW)
    else:
        limits.take_back(counter, tried, taken_back, NOW)
    left = limits.read_attempts(counter, NOW)
    assert left.count == max(0, tried - taken_back)
    assert limits.add_attempts([(counter, left)], NOW)


def test_attempts_of_others_are_not_returned(table):
    limits, crowded = RateLimitStore(table), Counter(LOGIN_PER_ACCOUNT, "crowded")
    for number in range(5):
        limits.add_attempts([(crowded, Attempts(count=number))], NOW)
    closed = limits.read_attempts(crowded, NOW)
    limits.take_back(crowded, 2, 2, NOW)
    left = limits.read_attempts(crowded, NOW)
    assert (left.count, left.opens_at) == (3, closed.opens_at)
    limits.take_back(crowded, 9, 9, NOW)
    assert limits.read_attempts(crowded, NOW) == left


def test_mailed_codes(measured, table, account):
    codes = MailedCodeStore(table)
    code = MailedCode(
        digest="d" * 64,
        purpose=CodePurpose.SIGN_IN,
        account_id=account.id,
        state="s",
        expires_at=NOW + timedelta(hours=1),
    )
    assert measured(codes.find, code.digest, NOW) is None
    # The documented 4, and 1 for the index that an erasure finds it by.
    measured(codes.put_new, code)
    with pytest.raises(AccountNotFound):
        codes.put_new(dataclasses.replace(code, digest="e" * 64, account_id="usr_erased"))
    assert codes.find(code.digest, NOW) == code
    assert codes.find(code.digest, code.expires_at) is None
    table.transact(writes_of([CodeUsed(code)]))
    assert codes.find(code.digest, NOW) is None


def test_passwords_of_a_link(measured, table, account):
    tokens = SingleUseTokenStore(table)
    token = SingleUseToken(
        id="tok_1",
        purpose=Purpose.VERIFY_EMAIL,
        account_id=account.id,
        expires_at=NOW + timedelta(hours=1),
    )
    assert tokens.count_password(token.id) is None
    tokens.put_new(token)
    assert measured(tokens.count_password, token.id) == 1
    assert tokens.count_password(token.id) == 2
    assert tokens.find(token.id, NOW) == token
    measured(tokens.delete, token.id)
    assert tokens.count_password(token.id) is None


def test_known_devices(measured, table):
    devices = DeviceStore(table)
    assert measured(devices.last_seen, "usr_1", "dev_1", NOW) is None
    table.transact(writes_of([DeviceSeen("usr_1", "dev_1", NOW)]))
    assert devices.last_seen("usr_1", "dev_1", NOW) == NOW
    assert devices.last_seen("usr_1", "dev_1", NOW + timedelta(days=400)) is None


def test_what_a_sign_in_reads(measured, table, accounts, account):
    limits, reader = RateLimitStore(table), SignInReader(table)
    counter = Counter(LOGIN_PER_ACCOUNT, account.id)
    table.transact(writes_of([DeviceSeen(account.id, "dev_1", NOW)]))
    assert limits.add_attempts([(counter, Attempts())], NOW)
    read = measured(reader.read, account.id, "dev_1", [counter, OF_ACCOUNT], NOW, cost=4)
    assert read.account == account
    assert read.device_seen_at == NOW
    assert read.attempts == {counter: limits.read_attempts(counter, NOW), OF_ACCOUNT: Attempts()}
    # An unknown person, device and counter cost the same.
    nobody = measured(reader.read, "usr_0", "dev_0", [OF_ACCOUNT, counter], NOW, cost=4)
    assert (nobody.account, nobody.device_seen_at) == (None, None)
    later = NOW + timedelta(days=400)
    forgotten = reader.read(account.id, "dev_1", [counter], later)
    assert (forgotten.device_seen_at, forgotten.attempts) == (None, {counter: Attempts()})
    assert reader.read(account.id, None, [], NOW).device_seen_at is None


def test_every_method_of_a_store_documents_its_access_pattern():
    for store in (
        AccountReader,
        AccountStore,
        AvatarStore,
        ConsentStore,
        DeviceStore,
        ExportStore,
        IdempotencyStore,
        MailSuppressionStore,
        MailedCodeStore,
        OutboxStore,
        PreferenceStore,
        RateLimitStore,
        SessionReader,
        SessionStore,
        SignInReader,
        SingleUseTokenStore,
        TaskLeases,
    ):
        for name, method in vars(store).items():
            if not name.startswith("_"):
                documented = dict(FIELD.findall(method.__doc__ or ""))
                assert {"Pattern", "Request", "Cost"} <= set(documented), name


def test_changing_a_profile(measured, client, table):
    store = AccountStore(table, EffectWriter(seal))
    old = an_account(username="grace")
    store.put_new(old, some_effects(old))
    new = dataclasses.replace(old, full_name="Ada King", version=1)
    assert measured(store.update, old, new, some_effects(new))
    assert store.get(old.id) == new
    renamed = dataclasses.replace(new, username="admiral", version=2)
    # The documented 4 more, for a username that replaces another.
    assert measured(store.update, new, renamed, some_effects(new), cost=8)
    assert store.find_by_username("grace") is None
    assert store.find_by_username("admiral") == renamed
    assert store.update(old, new, some_effects(new)) is False


def test_consents(measured, table):
    store = ConsentStore(table)
    given = Consent(
        id="con_1",
        kind=ConsentKind.MARKETING,
        given=True,
        decided_at=NOW,
        session_id="ses_1",
        text_version="1",
    )
    table.transact(writes_of([ConsentDecided("usr_1", given)]))
    page = measured(store.page, "usr_1", limit=10, cursor=None)
    assert (page.entries, page.next_cursor) == ([given], None)
    assert measured(store.all, "usr_1") == [given]


def test_preferences(measured, table, account):
    store = PreferenceStore(table, EffectWriter(seal))
    preferences = Preferences(document={"ratio": 0.0625, "wifi": None}, updated_at=NOW)
    measured(store.put, account.id, preferences, some_effects(account))
    assert measured(store.find, account.id) == preferences
    assert not store.put(account.id, preferences, some_effects(account))
    reset = Preferences(document={}, updated_at=NOW, version=2)
    assert measured(store.put, account.id, reset, some_effects(account))
    assert store.find(account.id) == reset
    with pytest.raises(AccountNotFound):
        store.put("usr_nobody", preferences, some_effects(account))


def test_suppressed_mail(measured, table, account):
    store = MailSuppressionStore(table, EffectWriter(seal))
    bounced = MailSuppression(address=account.email, reason=SuppressionReason.BOUNCED, since=NOW)
    assert measured(store.find, account.id, account.email) is None
    assert measured(store.suppress, account, bounced, some_effects(account))
    assert store.suppress(account, bounced, some_effects(account)) is False
    assert measured(store.list_by_account, account.id) == [bounced]
    later = NOW + timedelta(minutes=1)
    assert measured(store.allow, account.id, account.email, later, some_effects(account))
    assert store.allow(account.id, account.email, later, some_effects(account)) is False
    assert store.find(account.id, account.email) is None


def an_upload(account):
    return AvatarUpload(
        id=new_id("upl", NOW),
        account_id=account.id,
        content_type=PictureType.PNG,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )


def test_uploads(measured, table, account):
    store = AvatarStore(table)
    upload = an_upload(account)
    measured(store.put_upload, upload)
    pending = measured(store.find_upload, account.id, upload.id, NOW)
    assert pending.upload == upload
    assert store.find_upload(account.id, upload.id, upload.expires_at) is None
    for _ in range(AVATAR_UPLOADS_MAX - 1):
        store.put_upload(an_upload(account))
    with pytest.raises(TooManyPendingUploads):
        store.put_upload(an_upload(account))
    measured(store.discard_upload, pending)
    measured(store.discard_upload, pending)
    assert store.find_upload(account.id, upload.id, NOW) is None


def test_ledger_of_unused_files(measured, table):
    store = AvatarStore(table)
    first, second = (new_id("avt", NOW + timedelta(hours=n)) for n in range(2))
    for avatar_id in (second, first):
        measured(store.put_orphan_marker, avatar_id)
    listed = [first, second]
    later = NOW + timedelta(hours=2)
    assert measured(store.list_orphans, later) == listed
    assert store.list_orphans(NOW + timedelta(minutes=1)) == [first]
    for avatar_id in listed:
        measured(store.remove_orphan_marker, avatar_id)
    assert store.list_orphans(later) == []


def test_idempotency_keys(measured, table, account):
    store, avatars = IdempotencyStore(table), AvatarStore(table)
    key = IdempotencyKey(digest="digest", fingerprint="body")
    upload = an_upload(account)
    claims = [KeyUsed(account.id, key, upload, NOW)]
    # The documented 4 for the slot and the check, and 2 for the key in the same transaction.
    measured(avatars.put_upload, upload, also=claims, cost=6)
    assert measured(store.find, AvatarUpload, account.id, key, NOW) == upload
    with pytest.raises(ChangeRefused):
        avatars.put_upload(an_upload(account), also=claims)
    another = dataclasses.replace(key, fingerprint="another")
    with pytest.raises(IdempotencyKeyReused):
        store.find(AvatarUpload, account.id, another, NOW)
    assert store.find(AvatarUpload, account.id, key, NOW + timedelta(days=1)) is None
    assert store.find(AvatarUpload, "usr_another", key, NOW) is None


def promising(export, account):
    message = export_message(export, NOW)
    return Effects(audit=some_effects(account).audit, outbox=(message,))


def test_exports(measured, table, account):
    exports = ExportStore(table, EffectWriter(seal))
    new = Export(id=new_id("exp", NOW), account_id=account.id, created_at=NOW)

    until, week = NOW + timedelta(minutes=2), NOW + timedelta(days=7)

    version = measured(exports.ledger_version, account.id)
    assert measured(exports.put_new, new, ledger_version=version, effects=promising(new, account))
    assert measured(exports.find, account.id, new.id) == new
    assert measured(exports.list_by_account, account.id) == [new]
    claimed = measured(exports.claim, account.id, new.id, lease_id="lea_1", now=NOW, until=until)
    measured(exports.checkpoint, claimed)
    measured(exports.hand_over, claimed, NOW, Effects(outbox=(export_message(new, NOW),)))
    assert measured(exports.requeue, new, week, Effects(outbox=(export_message(new, NOW),)))
    claimed = exports.claim(account.id, new.id, lease_id="lea_2", now=NOW, until=until)
    measured(
        exports.publish,
        claimed,
        size_bytes=1,
        sha256="00" * 32,
        now=NOW,
        expires_at=week,
        effects=promising(new, account),
    )
    assert measured(exports.record_links, [new], NOW, some_effects(account))
    assert measured(exports.expire, new, some_effects(account))
    failing = Export(id=new_id("exp", NOW), account_id=account.id, created_at=NOW)
    version = exports.ledger_version(account.id)
    assert exports.put_new(failing, ledger_version=version, effects=some_effects(account))
    reason = FailureReason.INTERRUPTED
    assert measured(exports.fail, failing, reason, NOW, some_effects(account))
    (failed,) = measured(exports.failed, NOW)
    assert failed.id == failing.id
    again = promising(new, account)
    assert measured(exports.redrive, failing, NOW, again)
    due = measured(exports.due, NOW + timedelta(minutes=20))
    assert [export.id for export in due] == [failing.id]
    # The documented 2, and 1 for a second export.
    measured(exports.delete_by_account, account.id, cost=3)
    assert exports.list_by_account(account.id) == []


def test_task_leases(measured, table):
    leases = TaskLeases(table)
    assert measured(leases.take, "a", NOW, timedelta(seconds=1))
    assert not leases.take("a", NOW, timedelta(seconds=1))
    measured(leases.release, "a")
