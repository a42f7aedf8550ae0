"""Searches of administrators: key queries on two indexes, one page at a time.

The indexes have keys only, of attributes that a use of a session never changes, so recording a use
costs no index writes. Results are read again with strong consistency, so that erased or
ended items are not returned.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from latchkey.domain.account import Account, AccountStatus, email_key
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import SEARCH_ROUNDS
from latchkey.domain.paging import Slice
from latchkey.domain.session import Session
from latchkey.domain.values import replace
from latchkey.storage import keys
from latchkey.storage.cursors import read_merged_page, read_page
from latchkey.storage.networks import address_place, network_range
from latchkey.storage.records import from_item
from latchkey.storage.table import Key, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from latchkey.domain.search import SessionFilter, UserFilter
    from latchkey.storage.table import Item, Table

LISTED_STATES = (AccountStatus.ACTIVE, AccountStatus.SUSPENDED, AccountStatus.DELETED)
"""The statuses in which an account is listed. One that is being erased is not."""

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(2286, 1, 1, tzinfo=UTC)


class SearchStore:
    """The accounts and sessions of all people."""

    def __init__(self, table: Table) -> None:
        """Search this table."""
        self._table = table

    def users(
        self, criteria: UserFilter, *, bound_to: str, limit: int, cursor: str | None
    ) -> Slice[Account]:
        """Read a page of accounts: sorted by address, else by creation, newest first.

        bound_to  the caller: a cursor works only for them and this filter

        Pattern      B1, an administrator searches accounts
        Request      Query, BatchGetItem
        Consistency  eventual for what is found, strong for what is shown
        Cost         0.5 RRU per 4 KiB of keys, which holds 25, and 1 RRU for each account; for a
                     list by creation, a Query for each status and shard
        Bounds       SEARCH_ROUNDS pages of keys; a page may have fewer entries than `limit`
        Raises       InvalidCursor, InvalidInput for an empty period
        """
        _require_order(criteria)

        def matches(item: Item) -> bool:
            account = from_item(Account, item)
            if criteria.email_prefix is not None:
                # The index may have an outdated address.
                if not email_key(account.email).startswith(email_key(criteria.email_prefix)):
                    return False
                if not _is_between(account.created_at, criteria):
                    return False
            if account.status not in LISTED_STATES:
                return False
            return criteria.status is None or account.status.value == criteria.status

        return self._pages(
            _users_queries(criteria),
            lambda item: from_item(Account, item),
            matches,
            pattern=f"users|{bound_to}|{criteria.digest}",
            limit=limit,
            cursor=cursor,
        )

    def sessions(
        self,
        criteria: SessionFilter,
        matches: Callable[[Session], bool],
        *,
        bound_to: str,
        limit: int,
        cursor: str | None,
    ) -> Slice[Session]:
        """Read a page of sessions: of one user, of one network, or of everybody, newest first.

        matches  filters what the index can't

        Pattern      B2, an administrator searches sessions
        Request      Query, BatchGetItem
        Consistency  as `users`
        Cost         0.5 RRU per 4 KiB of keys, which holds 25, and 1 RRU for each session looked at
        Bounds       as `users`
        Raises       as `users`, and InvalidInput for an invalid or too wide network
        """
        _require_order(criteria)
        is_inside = _network(criteria.ip)

        def is_match(item: Item) -> bool:
            session = from_item(Session, item)
            return matches(session) and is_inside(session.ip_address)

        return self._pages(
            _sessions_queries(criteria),
            lambda item: from_item(Session, item),
            is_match,
            pattern=f"sessions|{bound_to}|{criteria.digest}",
            limit=limit,
            cursor=cursor,
        )

    def _pages[Entry](
        self,
        queries: Sequence[Query],
        read: Callable[[Item], Entry],
        matches: Callable[[Item], bool],
        *,
        pattern: str,
        limit: int,
        cursor: str | None,
    ) -> Slice[Entry]:
        found: list[Entry] = []
        for _ in range(SEARCH_ROUNDS):
            page = self._page(queries, pattern=pattern, limit=limit - len(found), cursor=cursor)
            item_keys = [Key(str(item["pk"]), str(item["sk"])) for item in page.entries]
            items = self._table.get_many(item_keys) if item_keys else []
            found += [read(item) for item in items if matches(item)]
            cursor = page.next_cursor
            if cursor is None or len(found) >= limit:
                break
        return Slice(found, cursor)

    def _page(
        self, queries: Sequence[Query], *, pattern: str, limit: int, cursor: str | None
    ) -> Slice[Item]:
        if len(queries) > 1:
            return read_merged_page(
                self._table, queries, pattern=pattern, cursor=cursor, limit=limit
            )
        query = replace(queries[0], limit=limit)
        return read_page(self._table, query, lambda item: item, pattern=pattern, cursor=cursor)


def _users_queries(criteria: UserFilter) -> list[Query]:
    if criteria.email_prefix:
        prefix = email_key(criteria.email_prefix)
        return [Query(partition=keys.addresses_partition(prefix), prefix=prefix, index="gsi2")]
    states = LISTED_STATES if criteria.status is None else (AccountStatus(criteria.status),)
    partitions = [p for status in states for p in keys.accounts_partitions(status.value)]
    return _by_time(partitions, criteria)


def _sessions_queries(criteria: SessionFilter) -> list[Query]:
    if criteria.user_id is not None:
        partition = keys.account_partition(criteria.user_id)
        return [Query(partition=partition, prefix=keys.SESSION_PREFIX, newest_first=True)]
    if criteria.ip is not None:
        partition, first, last = network_range(criteria.ip)
        return [Query(partition=partition, between=(first, f"{last}~"), index="gsi2")]
    return _by_time(keys.sessions_partitions(), criteria)


def _by_time(partitions: list[str], criteria: UserFilter | SessionFilter) -> list[Query]:
    between = _times(criteria.created_from, criteria.created_to)
    return [Query(partition=partition, between=between, index="gsi1") for partition in partitions]


def _network(text: str | None) -> Callable[[str], bool]:
    """Parse a network into a check of IP addresses. A search by user has no index for it."""
    if text is None:
        return lambda _address: True
    try:
        partition, first, last = network_range(text)
    except ValueError:
        message = "Send an address, or a network of at least /16 (IPv4) or /32 (IPv6)."
        raise InvalidInput(Problem("ip", ProblemCode.INVALID, message)) from None

    def is_inside(address: str) -> bool:
        place = address_place(address)
        return place is not None and place[0] == partition and first <= place[1] <= last

    return is_inside


def _require_order(criteria: SessionFilter | UserFilter) -> None:
    since, until = criteria.created_from, criteria.created_to
    if since is not None and until is not None and since > until:
        message = "The period ends before it begins."
        raise InvalidInput(Problem("created_to", ProblemCode.EMPTY_PERIOD, message))


def _times(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    # "~" sorts after every id.
    low, high = (to_milliseconds(min(at, _LAST)) for at in (since or _FIRST, until or _LAST))
    return keys.due(low, ""), keys.due(high, "~")


def _is_between(at: datetime, criteria: UserFilter) -> bool:
    return (criteria.created_from or _FIRST) <= at <= (criteria.created_to or _LAST)
