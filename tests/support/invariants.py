"""The invariants of the service under concurrency.

Each invariant takes a `Run`, two operations interleaved, and yields a sentence for each violation.
`violations` asks all of them. They judge by what was stored and in which order, so that they know
nothing of how a flow achieves it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from latchkey.domain.account import email_key, username_key
from latchkey.domain.audit import Action
from latchkey.domain.effects import Queue
from latchkey.domain.ids import AccountId
from latchkey.storage import keys
from latchkey.storage.accounts import RESERVED_UNTIL
from latchkey.storage.keys import OUTBOX_PREFIX, SESSION_PREFIX, outbox_message
from latchkey.storage.table import Check, Delete, Key, Put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.support.interleaving import Actor, Commit, Run

type Stored = Any
"""An item; what is in it depends on what it is."""

type State = Mapping[Key, Stored]

BAD_REQUEST = 400
TOO_MANY_REQUESTS = 429
FIRST_TIME = 10**12
"""Larger numbers are times in milliseconds: this one is in 2001."""

USE = {
    "last_activity_at",
    "used_generation",
    "generation",
    "rotated_at",
    "last_use",
    "session_version",
    "sign_in_epoch",
    "signed_out_at",
    "version",
    "ttl",
}
"""Attributes of accounts and sessions that change with use, and need no audit row."""

ENDING = {
    Action.PASSWORD_RESET,
    Action.PASSWORD_CHANGED,
    Action.EMAIL_CHANGE_UNDONE,
    Action.SESSIONS_REVOKED_BY_OWNER,
    Action.SESSIONS_REVOKED_BY_ADMIN,
    Action.SESSION_DISOWNED,
    Action.ACCOUNT_SUSPENDED_BY_ADMIN,
    Action.ACCOUNT_DELETED,
    Action.ACCOUNT_DELETED_BY_ADMIN,
    Action.ACCOUNT_ERASURE_ORDERED,
    Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN,
}
"""What ends sessions, and with them the sign-ins that are in flight."""

ENDING_SOME = {Action.SESSIONS_REVOKED_BY_ADMIN, Action.SESSION_DISOWNED}
"""Of these, what may leave other sessions alone: those that a filter or a mail does not mean."""

WITHOUT_CHANGE = {
    Action.PROFILE_READ_BY_ADMIN,
    Action.PREFERENCES_READ_BY_ADMIN,
    Action.SESSIONS_READ_BY_ADMIN,
    Action.USERS_LISTED_BY_ADMIN,
    Action.SESSIONS_SEARCHED_BY_ADMIN,
    Action.SESSIONS_REVOCATION_TRIED_BY_ADMIN,
    Action.AUDIT_READ_BY_ADMIN,
    Action.EMAIL_CHANGE_REQUESTED,
    Action.SIGNING_KEY_ROTATED,
    Action.PEPPER_ROTATED,
    Action.SIGN_IN_REFUSED,
}
"""Rows of what only looks, asks or happens outside the table."""

PROMISED = {
    Action.PASSWORD_RESET: "password_changed",
    Action.PASSWORD_CHANGED: "password_changed",
    Action.EMAIL_CHANGED: "email_changed",
    Action.EMAIL_CHANGE_REQUESTED: "confirm_new_email",
    Action.EMAIL_CHANGE_UNDONE: "reset_password",
    Action.SESSION_DISOWNED: "reset_password",
    Action.SESSION_ENDED_BY_REUSE: "refresh_token_reused",
    Action.ACCOUNT_REGISTERED: "verify_email",
    Action.ACCOUNT_DELETED: "account_deleted",
    Action.ACCOUNT_DELETED_BY_ADMIN: "account_deleted",
    Action.ACCOUNT_ERASED: "account_erased",
    Action.EXPORT_COMPLETED: "export_ready",
}
"""The mail that goes out with an act."""

ERASERS = {"purge", "erase her to the end"}
"""Operations that remove tokens without using them."""


def violations(run: Run) -> list[str]:
    """Check every invariant. Yields each violation with the name of its invariant."""
    return [
        f"{run}: {invariant.__name__}: {found}"
        for invariant in INVARIANTS
        for found in invariant(run)
    ]


# Answers -----------------------------------------------------------------------------------------


def no_server_error(run: Run) -> Iterator[str]:
    """Responses have no 5xx except a 503 with Retry-After, and no exception is unexpected."""
    for actor, outcome in run.outcomes.items():
        if outcome.status >= 500 and not outcome.retry:
            yield f"{actor} {outcome.status} {outcome.code}"
    for failure in run.failures:
        yield repr(failure)


def no_limit_is_reached(run: Run) -> Iterator[str]:
    """Two operations reach no rate limit: those of the worlds are a hundred times as high."""
    for actor, outcome in run.outcomes.items():
        if outcome.status == TOO_MANY_REQUESTS:
            yield f"{actor} {outcome.code}"


# Sessions ----------------------------------------------------------------------------------------


def no_session_outlives_what_ended_it(run: Run) -> Iterator[str]:
    """An operation that ends an account's sessions leaves none but the documented ones."""
    for _, actor, commit, state in _states(run):
        for row in _rows(commit):
            if row["action"] not in ENDING - ENDING_SOME:
                continue
            account = _subject(row, state)
            kept = set() if row["action"] != Action.PASSWORD_CHANGED else {row.get("session_id")}
            if row["action"] == Action.SESSIONS_REVOKED_BY_OWNER:
                kept = {row.get("session_id")} - set(row.get("targets", ()))
            for session in _alive(state, run, account):
                if session["id"] not in kept:
                    yield f"{row['action']} by {actor} left {session['id']}"


def no_sign_in_outlives_what_ends_sessions(run: Run) -> Iterator[str]:
    """A sign-in that read the account before such an event starts no session that lives after it.

    It was verified with credentials, or in a state, that the event has replaced.
    """
    events = [
        (number, actor, str(_subject(row, run.after, run.before)))
        for number, actor, commit in run.commits()
        for row in _rows(commit)
        if row["action"] in ENDING
    ]
    for number, actor, commit in run.commits():
        for key, session in _started(commit):
            place = ("main", "", key.pk, "ACCOUNT")
            read = next(
                (n for n, s in enumerate(run.steps) if s.actor == actor and place in s.reads),
                number,
            )
            for at, other, account in events:
                ended = other != actor and account == key.pk and read < at < number
                if ended and _is_alive(run.after.get(key), run):
                    yield f"{actor} started {session['id']} from what was read before"


def no_session_has_another_role(run: Run) -> Iterator[str]:
    """Each session has the role of its account."""
    for key, account in _accounts(run.after):
        for session in _alive(run.after, run, key.pk):
            if session["role"] != account.get("role", "user"):
                yield f"{session['id']} has {session['role']}, the account {account['role']}"


def no_account_has_too_many_sessions(run: Run) -> Iterator[str]:
    """No account has more active sessions than the limit."""
    for key, _ in _accounts(run.after):
        count = len(_alive(run.after, run, key.pk))
        if count > run.session_limit:
            yield f"{count} sessions"


def no_closed_account_has_a_session(run: Run) -> Iterator[str]:
    """An account that is suspended, deleted or being erased has no active session."""
    for key, account in _accounts(run.after):
        status = account.get("status", "active")
        if status != "active" and _alive(run.after, run, key.pk):
            yield f"{status}, and signed in"


def no_orphaned_session(run: Run) -> Iterator[str]:
    """A session belongs to an account that is there."""
    there = {key.pk for key, _ in _accounts(run.after)}
    for key in run.after:
        if key.sk.startswith(SESSION_PREFIX) and key.table == "main" and key.pk not in there:
            yield f"{key}"


def what_has_ended_stays_ended(run: Run) -> Iterator[str]:
    """No write makes an ended session active, or ends it a second time."""
    for _, actor, commit in run.commits():
        for key, before in commit.before.items():
            if not key.sk.startswith(SESSION_PREFIX) or before is None or key.table != "main":
                continue
            after = commit.after[key]
            if "ended_at" in before and after is not None:
                same = all(before[n] == after.get(n) for n in ("ended_at", "end_reason"))
                if not same:
                    yield f"{actor} changed the end of {before['id']}"


# Credentials and links ---------------------------------------------------------------------------


def no_link_is_used_twice(run: Run) -> Iterator[str]:
    """The token of a link, or a mailed code, is used up by one operation at most."""
    uses = Counter(
        write.key
        for _, actor, commit in run.commits()
        for write in commit.writes
        if isinstance(write, Delete)
        and write.key.pk.startswith("TOKEN#")
        and run.name(actor) not in ERASERS
    )
    for key, count in uses.items():
        if count > 1:
            yield f"{key.pk} {count} times"


def nobody_else_has_the_password(run: Run) -> Iterator[str]:
    """A password is replaced only by what says so: changed, reset, or voided by an undo."""
    meant = {Action.PASSWORD_CHANGED, Action.PASSWORD_RESET, Action.EMAIL_CHANGE_UNDONE}
    for _, actor, commit in run.commits():
        for key, before, after in _changed(commit):
            if key.sk != "ACCOUNT" or before is None or after is None:
                continue
            acts = {row["action"] for row in _rows(commit)}
            old, new = (str(i["password_hash"]).partition("$")[2] for i in (before, after))
            if old != new and not acts & meant:
                yield f"{actor} replaced it by {acts}"


# Accounts ----------------------------------------------------------------------------------------


def each_claim_has_its_account(run: Run) -> Iterator[str]:
    """An address and a username belong to one account, which says the same."""
    accounts = {str(account["id"]): account for _, account in _accounts(run.after)}
    for account_id, account in accounts.items():
        claims = [keys.email_claim(email_key(str(account["email"])))]
        if account.get("username"):
            claims.append(keys.username_claim(username_key(str(account["username"]))))
        for key in claims:
            claim = run.after.get(key)
            if claim is None or claim["account_id"] != account_id or RESERVED_UNTIL in claim:
                yield f"{account_id} lacks {key.pk}"
    for key, claim in run.after.items():
        if key.sk != "CLAIM":
            continue
        owner = accounts.get(str(claim["account_id"]))
        names = set() if owner is None else _names(owner)
        if key.pk not in names:
            yield f"{key.pk} belongs to {claim['account_id']}, which does not say so"


def the_administrators_are_counted(run: Run) -> Iterator[str]:
    """At least one administrator is active, and their number is correct."""
    working = sum(
        account.get("role") == "admin" and account.get("status") == "active"
        for _, account in _accounts(run.after)
    )
    counted = run.after[keys.administrators()]["working"]
    if working < 1 or counted != working:
        yield f"{working} of them, {counted} counted"


def a_change_of_the_account_counts(run: Run) -> Iterator[str]:
    """A change of password, role, status or `must_reset_password` increments `session_version`.

    Sign-ins are conditional on that number and on nothing else that could show it.
    """
    decisive = ("password_hash", "role", "status", "must_reset_password")
    for _, actor, commit in run.commits():
        for key, before, after in _changed(commit):
            if key.sk != "ACCOUNT" or before is None or after is None:
                continue
            changed = [name for name in decisive if before.get(name) != after.get(name)]
            if changed and before.get("session_version", 0) == after.get("session_version", 0):
                yield f"{actor} changed {changed}"


def nothing_is_left_of_an_erased_account(run: Run) -> Iterator[str]:
    """After an erasure nothing names the account, except its receipt and last email."""
    gone = [
        (key.pk, account)
        for key, account in _accounts(run.before)
        if keys.account(AccountId(str(account["id"]))) not in run.after
    ]
    for partition, account in gone:
        account_id = str(account["id"])
        for key, item in run.after.items():
            if key.table == "main" and (
                key.pk == partition or item.get("account_id") == account_id
            ):
                yield f"{key.pk} {key.sk}"
            if key.pk.startswith(OUTBOX_PREFIX) and outbox_message(key)[0] is not Queue.PURGE:
                body = item["body"]
                about = account_id in body.values() or account["email"] in body.values()
                # Their own request for a mail, by an address, is not about an account.
                by_anybody = body.get("kind") in BY_ADDRESS and not body.get("owed")
                if about and body.get("kind") != "account_erased" and not by_anybody:
                    yield f"{key.sk} {body}"


BY_ADDRESS = {"verify_email", "reset_password"}
"""Mails that anybody may ask for with any address; the worker looks for its account. One that is
owed follows from a change of the account."""


def what_is_written_for_an_account_depends_on_it(run: Run) -> Iterator[str]:
    """A new item that names an account is written on the condition that the account exists.

    The condition is of the account's item, or of another one in its partition, such as a session,
    that is there as long as nothing is being erased. So no erasure misses what is in flight.
    """
    partitions = {str(i["id"]): key.pk for key, i in _accounts(run.before)}
    for _, actor, commit in run.commits():
        if run.name(actor) in ERASERS:
            continue
        depends = {
            write.key.pk
            for write in commit.writes
            if write.when is not None and commit.before[write.key] is not None
        }
        for key, before, after in _changed(commit):
            if before is not None or after is None or key.table != "main":
                continue
            named = set(after.get("body", {}).values()) | {after.get("account_id")}
            for account_id, partition in partitions.items():
                if key.pk != partition and account_id not in named:
                    continue
                if partition not in depends:
                    yield f"{actor} wrote {key.pk} {key.sk} unconditionally"


# Exports -----------------------------------------------------------------------------------------


def one_export_runs(run: Run) -> Iterator[str]:
    """An account has one export under way at most, and its ledger names it."""
    for key, _ in _accounts(run.after):
        under_way = [
            item["id"]
            for other, item in run.after.items()
            if other.pk == key.pk
            and other.sk.startswith(keys.EXPORT_PREFIX)
            and item["status"] in {"queued", "running"}
        ]
        ledger = run.after.get(Key(key.pk, "EXPORTS"), {})
        named = [ledger["running"]] if "running" in ledger else []
        if under_way != named:
            yield f"{under_way} under way, the ledger names {named}"


# The trail ---------------------------------------------------------------------------------------


def every_change_has_its_row(run: Run) -> Iterator[str]:
    """A change of an account, a session or preferences has an audit row in its transaction."""
    for _, actor, commit in run.commits():
        if run.name(actor) in ERASERS or any(_rows(commit)):
            continue
        for key, before, after in _changed(commit):
            kinds = ("ACCOUNT", "PREFERENCES", SESSION_PREFIX)
            if not key.pk.startswith("ACCOUNT#") or not key.sk.startswith(kinds):
                continue
            if after is None and before is not None and "ended_at" in before:
                continue  # an ended session is forgotten
            names = {**(before or {}), **(after or {})}
            changed = {n for n in names if (before or {}).get(n) != (after or {}).get(n)}
            if changed - USE:
                yield f"{actor} changed {sorted(changed - USE)} of {key.sk}"


def every_row_has_its_change(run: Run) -> Iterator[str]:
    """A row that says that something changed is written together with a change."""
    for _, actor, commit in run.commits():
        for row in _rows(commit):
            if row["action"] in WITHOUT_CHANGE or row["outcome"] != "OK":
                continue
            written = [w for w in commit.writes if not isinstance(w, Check) and _is_kept(w.key)]
            if not written:
                yield f"{actor} wrote {row['action']} and changed nothing"


def every_promised_mail_is_in_the_outbox(run: Run) -> Iterator[str]:
    """An act that a mail tells of writes the mail's message in the same transaction."""
    for _, actor, commit in run.commits():
        kinds = {
            item["body"].get("kind")
            for key, item in commit.after.items()
            if key.pk.startswith(OUTBOX_PREFIX) and item is not None
        }
        for row in _rows(commit):
            promised = PROMISED.get(row["action"])
            if promised is not None and promised not in kinds:
                yield f"{actor} wrote {row['action']} without {promised}"


INVARIANTS: tuple[Callable[[Run], Iterator[str]], ...] = (
    no_server_error,
    no_limit_is_reached,
    no_session_outlives_what_ended_it,
    no_sign_in_outlives_what_ends_sessions,
    no_session_has_another_role,
    no_account_has_too_many_sessions,
    no_closed_account_has_a_session,
    no_orphaned_session,
    what_has_ended_stays_ended,
    no_link_is_used_twice,
    nobody_else_has_the_password,
    each_claim_has_its_account,
    the_administrators_are_counted,
    a_change_of_the_account_counts,
    nothing_is_left_of_an_erased_account,
    what_is_written_for_an_account_depends_on_it,
    one_export_runs,
    every_change_has_its_row,
    every_row_has_its_change,
    every_promised_mail_is_in_the_outbox,
)


OF_WHAT_IS_LEFT: tuple[Callable[[Run], Iterator[str]], ...] = (
    no_server_error,
    no_limit_is_reached,
    no_session_has_another_role,
    no_account_has_too_many_sessions,
    no_closed_account_has_a_session,
    no_orphaned_session,
    each_claim_has_its_account,
    the_administrators_are_counted,
    nothing_is_left_of_an_erased_account,
    one_export_runs,
)
"""Those that need no steps: what both operations answered and left is enough."""


# One order explains it ---------------------------------------------------------------------------


def anomalies(runs: Sequence[Run], alone: Mapping[str, Run]) -> list[str]:
    """Return what no order explains, of all interleavings of two operations.

    What is left after a run must be what one order leaves, in which nobody is refused who was told
    that it is done; or what one operation leaves that runs alone, where the other one was refused.
    Which of several refusals somebody gets is open.

    runs   the first and the last of them are the two orders, one after the other
    alone  each operation by itself
    """
    orders = [(_refused(run), digest(run)) for run in (runs[0], runs[-1])]
    by_itself = {name: digest(run) for name, run in alone.items()}
    found = []
    for run in runs[1:-1]:
        refused, left = _refused(run), digest(run)
        possible = [of_order for was, of_order in orders if was <= refused]
        if "second" in refused:
            possible.append(by_itself[run.first])
        if "first" in refused:
            possible.append(by_itself[run.second])
        if left not in possible:
            outcomes = ", ".join(
                f"{actor} {outcome.code}" for actor, outcome in run.outcomes.items()
            )
            found.append(f"{run}: no order explains it: {outcomes}")
    return found


def _refused(run: Run) -> set[Actor]:
    return {
        actor
        for actor, outcome in run.outcomes.items()
        if outcome.status >= BAD_REQUEST or outcome.retry
    }


def digest(run: Run) -> dict[str, int]:
    """What a run changed that its people could tell: the same for runs that differ in ids only.

    Each fact with how many more there are of it than before. Rate limits, leases and the like are
    left out, and so is the order of what was written.
    """
    makers = {
        key: actor
        for _, actor, commit in run.commits()
        for key, before, after in _changed(commit)
        if before is None and after is not None
    }

    def name_of(key: Key, item: Stored) -> str | None:
        fact = None if item is None else _fact(key, item)
        if fact is None:
            return None
        made_by = makers.get(key)
        if made_by is not None or not _is_kept(key):
            return f"{fact} new by {run.name(made_by) if made_by else None}"
        return f"{fact} {key}"

    counted: Counter[str | None] = Counter()
    for key in {key for _, _, commit in run.commits() for key in commit.after}:
        counted[name_of(key, run.after.get(key))] += 1
        counted[name_of(key, run.before.get(key))] -= 1
    return {fact: count for fact, count in counted.items() if fact is not None and count}


def _fact(key: Key, item: Stored) -> tuple[Any, ...] | None:
    """What an item says that somebody could tell; None if that is nothing."""
    if key.table == "audit":
        return ("row", item.get("action"), tuple(item.get("changed", ())))
    if key.pk.startswith(OUTBOX_PREFIX):
        return ("message", item["body"].get("kind", key.sk.partition("#")[0]))
    if not _is_kept(key):
        return None
    if key.sk == "ACCOUNT":
        kept = {name: value for name, value in sorted(item.items()) if name not in _TECHNICAL}
        facts = {name: _to_the_minute(value) for name, value in kept.items()}
        return ("account", facts, str(item["password_hash"]).partition("$")[2])
    if key.sk == "CLAIM":
        return ("claim", key.pk, item["account_id"], RESERVED_UNTIL in item)
    return (key.sk.partition("#")[0], {name: item.get(name) for name in _TOLD})


def _to_the_minute(value: Stored) -> Stored:
    """A time without its seconds: both operations happen within a few of them."""
    is_time = isinstance(value, int) and value > FIRST_TIME
    return value - value % 60_000 if is_time else value


_TOLD = ("role", "end_reason", "generation", "device", "status", "document", "working", "purpose")
_TECHNICAL = {
    "version",
    "session_version",
    "sign_in_epoch",
    "signed_out_at",
    "updated_at",
    "password_hash",
    "audit",
    "avatar_id",
    "id",
    "pk",
    "sk",
    "gsi1sk",
    "gsi2sk",
}


# Helpers -----------------------------------------------------------------------------------------


def _is_kept(key: Key) -> bool:
    """Return whether an item has data of a person, and is not a counter or a lease."""
    passing = ("LIMIT#", "TASK#", OUTBOX_PREFIX)
    return key.table == "main" and not key.pk.startswith(passing)


def _states(run: Run) -> Iterator[tuple[int, Actor, Commit, State]]:
    """Every write that happened, with everything as it was right after it."""
    state = dict(run.before)
    for number, actor, commit in run.commits():
        for key, item in commit.after.items():
            if item is None:
                state.pop(key, None)
            else:
                state[key] = item
        yield number, actor, commit, state


def _rows(commit: Commit) -> list[Any]:
    return [
        commit.after[write.key]
        for write in commit.writes
        if isinstance(write, Put) and write.key.table == "audit"
    ]


def _changed(commit: Commit) -> Iterator[tuple[Key, Stored, Stored]]:
    for key, before in commit.before.items():
        if before != commit.after[key]:
            yield key, before, commit.after[key]


def _subject(row: Any, *states: State) -> str | None:
    """The partition of the account that a row is about."""
    pseudonym = str(row["pk"]).removeprefix("SUBJECT#")
    for state in states:
        for key, account in _accounts(state):
            if account["audit"]["id"] == pseudonym:
                return key.pk
    return None


def _accounts(state: State) -> Iterator[tuple[Key, Stored]]:
    for key, item in state.items():
        if key.sk == "ACCOUNT" and key.table == "main":
            yield key, item


def _names(account: Stored) -> set[str]:
    names = {keys.email_claim(email_key(str(account["email"]))).pk}
    if account.get("former_email"):
        names.add(keys.email_claim(email_key(str(account["former_email"]))).pk)
    if account.get("username"):
        names.add(keys.username_claim(username_key(str(account["username"]))).pk)
    return names


def _started(commit: Commit) -> Iterator[tuple[Key, Stored]]:
    for key, before, after in _changed(commit):
        is_session = key.sk.startswith(SESSION_PREFIX) and key.table == "main"
        if is_session and before is None and after is not None:
            yield key, after


def _is_alive(session: Stored, run: Run) -> bool:
    if session is None or "ended_at" in session:
        return False
    is_idle: bool = session["last_activity_at"] + run.idle <= run.now
    is_over: bool = session["expires_at"] <= run.now
    return not is_idle and not is_over


def _alive(state: State, run: Run, partition: str | None) -> list[Stored]:
    return [
        item
        for key, item in state.items()
        if key.pk == partition
        and key.table == "main"
        and key.sk.startswith(SESSION_PREFIX)
        and _is_alive(item, run)
    ]
