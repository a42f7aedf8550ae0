"""Searches of administrators: on an outdated index, and page by page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from latchkey.domain.account import AccountStatus
from latchkey.domain.errors import InvalidInput
from latchkey.domain.ids import new_id
from latchkey.domain.limits import SEARCH_ROUNDS
from latchkey.domain.search import SessionFilter, UserFilter
from latchkey.storage import keys
from latchkey.storage.memory import MemoryTable
from latchkey.storage.search import SearchStore
from latchkey.storage.table import Change, Update
from tests.support.builders import NOW, an_account, some_effects

HOUR = timedelta(hours=1)


@pytest.fixture
def table():
    return MemoryTable()


@pytest.fixture
def search(table):
    return SearchStore(table)


@pytest.fixture
def register(accounts):
    def register(address, **fields):
        account = an_account(email=address, **fields)
        accounts.put_new(account, some_effects(account))
        return account

    return register


def find_users(search, *, limit=50, cursor=None, **criteria):
    return search.users(UserFilter(**criteria), bound_to="usr_1", limit=limit, cursor=cursor)


def addresses(page):
    return [account.email for account in page.entries]


def find_sessions(search, matches=lambda _: True, *, limit=50, cursor=None, **criteria):
    return search.sessions(
        SessionFilter(**criteria), matches, bound_to="usr_1", limit=limit, cursor=cursor
    )


def ids(page):
    return [session.id for session in page.entries]


# Accounts ----------------------------------------------------------------------------------------


def test_addresses_with_a_prefix_are_sorted_and_within_the_period(search, register):
    for number, name in enumerate(["ada.c", "ada.a", "ada.b", "bob"]):
        register(f"{name}@example.com", created_at=NOW + number * HOUR)
    assert addresses(find_users(search, email_prefix="ADA")) == [
        "ada.a@example.com",
        "ada.b@example.com",
        "ada.c@example.com",
    ]
    since = find_users(search, email_prefix="ada", created_from=NOW + HOUR)
    assert addresses(since) == ["ada.a@example.com", "ada.b@example.com"]
    until = find_users(search, email_prefix="ada", created_to=NOW + HOUR)
    assert addresses(until) == ["ada.a@example.com", "ada.c@example.com"]


def test_account_whose_address_is_outdated_in_the_index_is_not_found_by_it(search, register, table):
    account = register("ada@example.com")
    moved = Change(assign={"email": "lovelace@example.com"})
    table.update(Update(keys.account(account.id), moved))
    assert addresses(find_users(search, email_prefix="ada")) == []


@pytest.mark.parametrize("criteria", [{}, {"email_prefix": "ada"}], ids=["all", "by address"])
def test_account_that_is_being_erased_is_not_found(search, register, table, criteria):
    account = register("ada@example.com")
    erasing = Change(assign={"status": AccountStatus.ERASING.value})
    table.update(Update(keys.account(account.id), erasing))
    assert addresses(find_users(search, **criteria)) == []


@pytest.mark.parametrize("find", [find_users, find_sessions])
def test_period_that_ends_before_it_begins_is_invalid(search, find):
    with pytest.raises(InvalidInput) as caught:
        find(search, created_from=NOW, created_to=NOW - HOUR)
    assert caught.value.problems[0].field == "created_to"


# Sessions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "unknown", "203.0.113.7, 10.0.0.1"])
def test_session_without_a_readable_address_is_found_but_in_no_network(
    search, register, start, address
):
    account = register("ada@example.com")
    session = start(account, ip_address=address)
    assert ids(find_sessions(search)) == [session.id]
    assert ids(find_sessions(search, user_id=account.id)) == [session.id]
    assert ids(find_sessions(search, ip="0.0.0.0/16")) == []
    assert ids(find_sessions(search, ip="0.0.0.0/16", user_id=account.id)) == []


@pytest.mark.parametrize("network", ["203.0.113.0/24", "::ffff:203.0.113.0/120", "203.0.113.7"])
@pytest.mark.parametrize("address", ["203.0.113.7", "::ffff:203.0.113.7"])
def test_ipv4_address_is_found_in_either_notation(search, register, start, network, address):
    account = register("ada@example.com")
    inside = start(account, ip_address=address)
    start(account, ip_address="203.0.114.7")
    assert ids(find_sessions(search, ip=network)) == [inside.id]
    assert ids(find_sessions(search, ip=network, user_id=account.id)) == [inside.id]


@pytest.mark.parametrize("network", ["2001:db8:1::/48", "2001:db8:1::100/120", "2001:db8:1::107"])
def test_ipv6_address_is_found_by_a_wide_and_a_narrow_network(search, register, start, network):
    account = register("ada@example.com")
    inside = start(account, ip_address="2001:db8:1::107")
    start(account, ip_address="2001:db8:2::107")
    assert ids(find_sessions(search, ip=network)) == [inside.id]


@pytest.mark.parametrize("network", ["203.0.0.0/15", "2001::/31", "somewhere", "203.0.113.7/33"])
def test_network_that_is_invalid_or_too_wide_is_refused(search, network):
    with pytest.raises(InvalidInput) as caught:
        find_sessions(search, ip=network)
    assert caught.value.problems[0].field == "ip"


def test_search_reads_a_limited_number_of_keys_and_continues(search, register, start):
    """One match behind many that are none: a page can be empty and yet have a next one."""
    account = register("ada@example.com")
    count, limit = SEARCH_ROUNDS * 2 + 1, 2
    created = [NOW + number * HOUR for number in range(count)]
    sessions = [start(account, id=new_id("ses", at), created_at=at) for at in created]
    oldest = sessions[0]
    looked_at = []

    def matches(session):
        looked_at.append(session.id)
        return session == oldest

    page = find_sessions(search, matches, user_id=account.id, limit=limit)
    assert (ids(page), len(looked_at)) == ([], SEARCH_ROUNDS * limit)
    page = find_sessions(search, matches, user_id=account.id, limit=limit, cursor=page.next_cursor)
    assert (ids(page), page.next_cursor) == ([oldest.id], None)
    assert looked_at == [session.id for session in reversed(sessions)]
