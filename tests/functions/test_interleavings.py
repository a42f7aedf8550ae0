"""The interleavings cover every operation, and detect mistakes."""

from __future__ import annotations

import dataclasses
from itertools import zip_longest

import pytest

from latchkey.flows import ending, sign_in, throttling
from latchkey.flows.password import Password
from latchkey.flows.sign_in import SignIn
from latchkey.flows.sign_in_reports import SignInReports
from latchkey.storage import accounts, changes, fences, mailed_codes, single_use_tokens
from latchkey.storage.effects import EffectWriter
from latchkey.storage.table import EXISTS, Check
from tests.support import authorization
from tests.support.interleaved_operations import ELSEWHERE, KNOWN, OPERATIONS, names, seconds
from tests.support.interleaved_worlds import WORLDS, build
from tests.support.interleaving_checks import BY_NAME, problems
from tests.support.stack_campaign import choose
from tools import template

READING = {"getExport", "authorizer"}
"""What reads, and writes that it was asked."""


def test_every_operation_that_changes_something_has_an_entry():
    operations = authorization.OPERATIONS.items()
    changing = {name for name, (method, _, _) in operations if method != "GET"}
    routed = {route.function for route in template.routes()}
    background = {template.folder(properties) for properties in template.functions().values()}
    entries = {operation.entry_of for operation in OPERATIONS} | set(ELSEWHERE)
    assert (changing | (background - routed)) - READING == entries - READING


def test_names_are_unique_and_known_deviations_exist():
    assert len(BY_NAME) == len(OPERATIONS)
    assert {name for pair in KNOWN for name in pair} <= set(BY_NAME)


def test_known_deviation_must_still_deviate():
    """A pair that one order explains by now has no place in the list."""
    world_of = dict.fromkeys(BY_NAME, "active") | {
        name: next(iter(sorted(operation.worlds)))
        for name, operation in BY_NAME.items()
        if "active" not in operation.worlds
    }
    stale = []
    for first, second in KNOWN:
        world = world_of[first] if "active" not in BY_NAME[first].worlds else world_of[second]
        _, found = problems(world, first, only=second, excused=False)
        if not found:
            stale.append((first, second))
    assert not stale


def differences(world_name, first):
    """Compare the replayed interleavings of an operation with executed ones."""
    world, operation = build(world_name), BY_NAME[first]
    count, found = 0, []
    for other in seconds(world_name, operation):
        replayed = list(world.interleavings(operation, other))
        world.replays = False
        try:
            executed = list(world.interleavings(operation, other))
        finally:
            world.replays = True
        count += len(replayed)
        pairs = zip_longest(replayed, executed)
        found += [f"{one} / {another}" for one, another in pairs if not same(one, another)]
    return count, found


def same(one, other):
    return one and other and seen_of(one) == seen_of(other)


def seen_of(run):
    steps = [
        (s.actor, s.reads, s.ranges, s.writes, s.committed and stored(s.committed.after))
        for s in run.steps
    ]
    outcomes = {actor: (o.status, o.code, o.retry) for actor, o in run.outcomes.items()}
    return run.pause_before, steps, outcomes, stored(run.after), [repr(f) for f in run.failures]


def stored(value):
    """What is stored. A signature is never the same twice."""
    if isinstance(value, dict):
        return {name: stored(part) for name, part in value.items()}
    is_signed = isinstance(value, str) and value.startswith("eyJ")
    return value.rpartition(".")[0] if is_signed else value


def test_replaying_is_executing():
    count, found = differences("active", "log out")
    assert count > 100
    assert not found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("world", "first"), [(world, first) for world in WORLDS for first in names(world)]
)
def test_replaying_is_executing_everywhere(world, first):
    _, found = differences(world, first)
    assert not found


def test_stack_repeats_a_run_for_all_that_is_done():
    parts = {"both": {1, 2}, "neither": {1, 3}, "others": {3, 4}, "one": {4, 5}, "again": {5}}
    assert choose(parts) == ["both", "others", "one"]


# Mistakes, each of which one invariant must find. ------------------------------------------------


def without_condition(make):
    return lambda *arguments, **options: dataclasses.replace(make(*arguments, **options), when=None)


def no_comparison_after_a_lost_race(monkeypatch):
    monkeypatch.setattr(SignIn, "_read_again", lambda self, proven: self.accounts.get(proven.id))


def the_role_of_before(monkeypatch):
    monkeypatch.setattr(sign_in, "replace", lambda session, **_: session)


def an_ending_without_a_condition(monkeypatch):
    unconditional = without_condition(changes.sessions_changing)
    monkeypatch.setattr(changes, "sessions_changing", unconditional)


def a_link_that_may_be_gone(monkeypatch):
    monkeypatch.setattr(accounts, "redeem", without_condition(changes.redeem))


def a_count_without_a_condition(monkeypatch):
    counted = changes.admin_count_update

    def unconditional(before, after):
        return [dataclasses.replace(write, when=None) for write in counted(before, after)]

    monkeypatch.setattr(changes, "admin_count_update", unconditional)


def no_rows_and_no_mails(monkeypatch):
    monkeypatch.setattr(EffectWriter, "writes", lambda *_: [])


def no_rows(monkeypatch):
    writes = EffectWriter.writes

    def without_rows(self, effects):
        return writes(self, dataclasses.replace(effects, audit=()))

    monkeypatch.setattr(EffectWriter, "writes", without_rows)


def no_mails(monkeypatch):
    writes = EffectWriter.writes

    def without_mails(self, effects):
        return writes(self, dataclasses.replace(effects, outbox=()))

    monkeypatch.setattr(EffectWriter, "writes", without_mails)


def a_caller_who_may_be_signed_out(monkeypatch):
    def anyway(session):
        return Check(accounts.keys.session(session.account_id, session.id), EXISTS)

    monkeypatch.setattr(ending.SessionEnding, "_require_active", lambda *_: None)
    monkeypatch.setattr(changes, "still_active", anyway)


def a_reset_that_is_not_seen(monkeypatch):
    find, runs = SignInReports._find_reported, []

    def find_once(self, token):
        run = self.sessions._table.steps
        if any(run is other for other in runs):
            return None
        runs.append(run)
        return find(self, token)

    monkeypatch.setattr(SignInReports, "_find_reported", find_once)


def a_link_for_an_account_that_may_be_gone(monkeypatch):
    for store in (single_use_tokens, mailed_codes):
        monkeypatch.setattr(store, "put_for_account", lambda table, _, put: table.put(put))


def a_message_about_an_account_that_may_be_gone(monkeypatch):
    monkeypatch.setattr(changes, "not_erasing", lambda _: fences.not_erasing(None))


def an_undo_of_what_is_being_erased(monkeypatch):
    class Status:
        ERASING = None

    monkeypatch.setattr(ending, "AccountStatus", Status)
    monkeypatch.setattr(changes, "NOT_ERASING", EXISTS)


def a_wait_of_free_attempts(monkeypatch):
    require_open = throttling._require_open

    def always(backoff, attempts, now):
        require_open(dataclasses.replace(backoff, free=0), attempts, now)

    monkeypatch.setattr(throttling, "_require_open", always)


def a_server_error(monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(Password, "change", fail)


MISTAKES = [
    (
        no_comparison_after_a_lost_race,
        ("active", "sign in on a new device", "reset"),
        "no_sign_in_outlives_what_ends_sessions",
    ),
    (
        no_comparison_after_a_lost_race,
        ("active", "sign in by username", "undo"),
        "no_sign_in_outlives_what_ends_sessions",
    ),
    (
        the_role_of_before,
        ("admin", "sign in on a new device", "make her a user"),
        "no_session_has_another_role",
    ),
    (
        an_ending_without_a_condition,
        ("active", "sign all out", "sign in on a new device"),
        "no_session_outlives_what_ended_it",
    ),
    (
        an_ending_without_a_condition,
        ("active", "suspend her", "sign in on a new device"),
        "no_closed_account_has_a_session",
    ),
    (
        a_link_that_may_be_gone,
        ("new", "verify the address", "verify the address"),
        "no_link_is_used_twice",
    ),
    (
        a_count_without_a_condition,
        ("admin", "delete", "Ada wants to make root a user"),
        "the_administrators_are_counted",
    ),
    (
        no_rows,
        ("active", "change the profile", "change the username"),
        "every_change_has_its_row",
    ),
    (no_mails, ("active", "reset", "reset"), "every_promised_mail_is_in_the_outbox"),
    (
        a_caller_who_may_be_signed_out,
        ("active", "change the password", "sign all out"),
        "no order explains it",
    ),
    (a_reset_that_is_not_seen, ("active", "not me", "reset"), "no order explains it"),
    (
        a_link_for_an_account_that_may_be_gone,
        ("active", "send_mail reset_password", "erase her to the end"),
        "nothing_is_left_of_an_erased_account",
    ),
    (
        a_link_for_an_account_that_may_be_gone,
        ("active", "send_mail login_code", "sign in on a new device"),
        "what_is_written_for_an_account_depends_on_it",
    ),
    (
        a_message_about_an_account_that_may_be_gone,
        ("erasing", "ask for a code", "purge"),
        "nothing_is_left_of_an_erased_account",
    ),
    (
        a_message_about_an_account_that_may_be_gone,
        ("active", "ask for the next address", "erase her to the end"),
        "nothing_is_left_of_an_erased_account",
    ),
    (an_undo_of_what_is_being_erased, ("erasing", "purge", "undo"), "no order explains it"),
    (
        a_wait_of_free_attempts,
        ("active", "sign in on a new device", "sign in with a wrong password"),
        "no_limit_is_reached",
    ),
    (a_server_error, ("active", "change the password", "reset"), "no_server_error"),
]


@pytest.mark.parametrize(("mistake", "pair", "found_by"), MISTAKES)
def test_invariant_detects_a_mistake(monkeypatch, mistake, pair, found_by):
    world, first, second = pair
    assert problems(world, first, only=second)[1] == []
    mistake(monkeypatch)
    build(world).forget()
    try:
        found = problems(world, first, only=second)[1]
    finally:
        build(world).forget()
    assert found_by in str(found)
