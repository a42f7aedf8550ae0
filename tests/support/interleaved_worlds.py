"""The worlds of interleavings: a service, its people and their tokens."""

from __future__ import annotations

import contextlib
import copy
import os
import random
import re
import sys
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, override

from latchkey import observability, wiring
from latchkey.domain import ids
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.effects import Queue
from latchkey.domain.erasure import ErasureHeldUp
from latchkey.domain.errors import DomainError, TemporarilyUnavailable
from latchkey.domain.export import ExportBusy, ExportLeaseLost
from latchkey.observability import logger
from latchkey.security.passwords import Passwords
from latchkey.storage.keys import OUTBOX_PREFIX, outbox_message
from latchkey.storage.table import Key
from latchkey.wiring.sign_in import password_policy, passwords
from tests.support.interleaving import (
    Found,
    InterleavingTable,
    Outcome,
    Recording,
    Run,
    Step,
    Watched,
    pauses,
    stores_written,
)
from tests.support.outbox import Invocation, sqs_record
from tests.support.person import ME
from tests.support.pictures import png
from tests.support.service import IPHONE, PASSWORD, InProcessService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.support.interleaved_operations import Operation
    from tests.support.service import Answer

    type _RecordingKey = tuple[str, str, int]
    """Whether it is of the first or the second operation, its name, and from which step on."""

SESSION_LIMIT = 3
AGE_SECONDS = 61
"""Of a world when its runs begin: later than the next use of a session that is noted."""
PAUSE_SECONDS = 1
"""How much later the second operation is, and what the first one does after its pause."""
DUE_DAYS = 31
"""How long ago the account was deleted in the world "due"."""
ROOT = "root@example.com"
FIRST_ADDRESS = "ada@example.com"
ADDRESS = "ada.second@example.com"
NEXT_ADDRESS = "ada.third@example.com"
AUTH = "/api/v1/auth"
STORES = {
    "keys": ("_ring", "_published"),
    "refresh_peppers": ("_ring",),
    "link_peppers": ("_ring",),
    "media": ("uploads", "owners", "avatars"),
    "export_files": ("objects",),
}
"""The stores of a service beside the table, and the attributes that are their state."""
WRITING = {
    "keys": frozenset({"replace", "publish"}),
    "refresh_peppers": frozenset({"replace"}),
    "link_peppers": frozenset({"replace"}),
    "media": frozenset({"put_avatar", "delete_avatar", "delete_upload", "delete_uploads"}),
    "export_files": frozenset({"stage", "delete_staged", "write_archive", "delete_archive"}),
}
"""The methods that change them."""
COMES_AGAIN = (TemporarilyUnavailable, ErasureHeldUp, ExportBusy, ExportLeaseLost)
"""What a worker may fail with: its message is delivered again."""


class SaltedPasswords(Passwords):
    """Passwords in plain text behind a salt: they cost nothing, and no two hashes are the same.

    is_outdated  while it is set, hashes are made that each sign-in makes anew once it is not
    """

    is_outdated = False

    @override
    def hash(self, password: str) -> str:
        return f"{'old-' if self.is_outdated else ''}{os.urandom(8).hex()}${password}"

    @override
    def verify(self, stored_hash: str | None, password: str) -> bool:
        return stored_hash is not None and stored_hash.partition("$")[2] == password

    @override
    def needs_rehash(self, stored_hash: str) -> bool:
        return not self.is_outdated and stored_hash.startswith("old-")


class AnyPassword:
    """A policy that accepts every password."""

    def require_acceptable(self, password: str, *, field: str, known: tuple[str, ...] = ()) -> None:
        """Accept it."""


class World:
    """A service in a state, to which it returns before each run.

    held     access and refresh tokens, tokens of links, and ids of the people
    replays  whether what was recorded in the same conditions is replayed, not executed again
    """

    def __init__(self, name: str, service: InProcessService, held: dict[str, str]) -> None:
        self.name = name
        self.service = service
        self.held = held
        self.replays = True
        self._saved = _save(service)
        self._alone: dict[str, Run] = {}
        self._recorded: dict[_RecordingKey, list[Recording]] = {}

    @property
    def table(self) -> InterleavingTable:
        """The service's table."""
        table = self.service.table
        assert isinstance(table, InterleavingTable)
        return table

    def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any
    ) -> Outcome:
        """Send a request, each of the two operations from an address of its own."""
        held = None if token is None else self.held[token]
        self.service._requests = 0 if self.table.actor == "first" else 1000
        return outcome_of(
            self.service.request(
                method,
                path,
                json_body=body,
                token=held,
                source_ip="198.51.100.1" if self.table.actor == "first" else "198.51.100.2",
                **options,
            )
        )

    def deliver(self, queue: Queue, message_id: str, function: str) -> Outcome:
        """Deliver a message of a queue to a worker."""
        del queue
        answer = self.service._handler(function)(
            {"Records": [sqs_record(message_id)]}, Invocation()
        )
        again = bool(answer["batchItemFailures"])
        return Outcome(200, code="AGAIN" if again else "OK", retry=again)

    def waiting(self, queue: Queue) -> str:
        """The id of the newest message that waits in a queue."""
        return waiting(self.table.all_items(), queue)

    def invoke(self, function: str, event: Any = None) -> Outcome:
        """Invoke a function that is not behind the API."""
        try:
            data = self.service._handler(function)(event or {}, Invocation())
        except DomainError as error:
            again = isinstance(error, COMES_AGAIN)
            return Outcome(503 if again else 400, code=error.code, retry=again)
        return Outcome(200, data=data)

    # Runs ------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Forget what operations have done: code has been replaced."""
        self._alone.clear()
        self._recorded.clear()

    def alone(self, operation: Operation) -> Run:
        """An operation that runs by itself."""
        if operation.name not in self._alone:
            self._alone[operation.name] = self.run(operation, None, sys.maxsize)
        return self._alone[operation.name]

    def trace(self, operation: Operation) -> list[Step]:
        """The steps of an operation that runs by itself."""
        return self.alone(operation).steps

    def interleavings(self, first: Operation, second: Operation) -> Iterator[Run]:
        """Run the second operation in every pause of the first that can make a difference.

        A pause that differs from the one before only by steps that conflict with no step of the
        second operation has the same result: the steps can trade places. So it is left out, and
        so are all of them when nothing conflicts. The last run is the one after `first` is over.
        """
        steps = self.trace(first)
        if pauses(steps, self.trace(second)) is None:
            return
        at = 0
        while True:
            run = self.run(first, second, at)
            yield run
            others = [step for step in run.steps if step.actor == "second"]
            conflicting = pauses(steps[at:], others)
            if conflicting is None:
                return
            at += conflicting + 1

    def run(self, first: Operation, second: Operation | None, pause_before: int) -> Run:
        """Reset the world and run both."""
        if second is not None:
            self.alone(first)
        run = Run(
            world=self.name,
            first=first.name,
            second="" if second is None else second.name,
            pause_before=pause_before,
            before=self._saved.items,
            now=to_milliseconds(self.service.clock.now()),
            idle=14 * 24 * 3600 * 1000,
            session_limit=SESSION_LIMIT,
        )
        wiring.use(self.service.services)
        with quietly(run.failures):
            if not self.replays or second is None or not self._replay(first, second, run):
                self._execute(first, second, run)
        run.after = self.table.snapshot()
        return run

    def _execute(self, first: Operation, second: Operation | None, run: Run) -> None:
        """Run the first operation, and the second one in its pause. Record them."""
        found = Found()

        def perform() -> None:
            run.outcomes["first"] = first.act(self)

        def meanwhile() -> None:
            nonlocal found
            self.service.clock.advance(seconds=PAUSE_SECONDS)
            if second is not None:
                found = self._interrupt(second, run)

        self._reset(run)
        with _predictable(self.table):
            run.steps = self.table.run(perform, meanwhile, run.pause_before)
        steps = [s for s in run.steps[run.pause_before :] if s.actor == "first"]
        outcome = run.outcomes["first"]
        self._record(("first", first.name, run.pause_before), steps, outcome, found, run)

    def _replay(self, first: Operation, second: Operation, run: Run) -> bool:
        """Replay the first operation around the second one. Returns False if it must be executed.

        Up to its pause it does what it does alone. What it does then depends on what it reads then.
        """
        at, alone = run.pause_before, self.alone(first)
        if stores_written(alone.steps[:at]):
            return False
        if ("first", first.name, at) not in self._recorded:
            self._execute(first, None, run)
        found = Found()

        def meanwhile() -> None:
            nonlocal found
            self.service.clock.advance(seconds=PAUSE_SECONDS)
            found = self._interrupt(second, run)

        self._reset(run)
        with _predictable(self.table):
            run.steps = self.table.run(lambda: self.table.replay(alone.steps[:at]), meanwhile, at)
        recording = self._find(("first", first.name, at), found)
        if recording is None or run.failures:
            return False
        run.outcomes["first"] = self._repeat(recording)
        run.parts.append(recording)
        return True

    def _interrupt(self, second: Operation, run: Run) -> Found:
        """Do the second operation, or replay it. Returns what the first one finds changed."""
        table, key = self.table, ("second", second.name, 0)
        at, before = len(table.steps), table.snapshot()
        found = Found.after(table.steps, self._saved.items, before)
        recording = self._find(key, found)
        if recording is not None:
            run.outcomes["second"] = self._repeat(recording)
            run.parts.append(recording)
        else:
            outcome = run.outcomes["second"] = second.act(self)
            self._record(key, table.steps[at:], outcome, found, run)
        return Found.after(table.steps[at:], before, table.items)

    def _reset(self, run: Run) -> None:
        _restore(self.service, self._saved)
        run.outcomes.clear()
        run.failures.clear()
        run.parts.clear()

    # Recordings ------------------------------------------------------------------------------

    def _find(self, key: _RecordingKey, found: Found) -> Recording | None:
        """Find what an operation did where it read the same."""
        if not self.replays:
            return None
        return next((r for r in self._recorded.get(key, ()) if r.fits(found)), None)

    def _record(
        self, key: _RecordingKey, steps: list[Step], outcome: Outcome, found: Found, run: Run
    ) -> None:
        written = stores_written(steps)
        parts = [part.now() for part in self._saved.parts if part.store in written]
        recording = Recording.of(steps, outcome, found, parts)
        run.parts.append(recording)
        if not recording.reads_one_of(found.stores) and not run.failures:
            self._recorded.setdefault(key, []).append(recording)

    def _repeat(self, recording: Recording) -> Outcome:
        self.table.replay(recording.steps)
        for part in recording.parts:
            part.put_back()
        return recording.outcome


def outcome_of(answer: Answer) -> Outcome:
    """Return how a request ended."""
    code = "OK" if answer.status < 400 else answer.code
    return Outcome(
        answer.status,
        code=code,
        retry=answer.status == 503 and "retry-after" in answer.headers,
        data=answer.body,
    )


def waiting(items: Iterable[Any], queue: Queue, kind: str | None = None) -> str:
    """The id of the newest message that waits in a queue."""
    found = [
        outbox_message(Key(str(i["pk"]), str(i["sk"])))[1]
        for i in items
        if str(i["pk"]).startswith(OUTBOX_PREFIX)
        and str(i["sk"]).startswith(f"{queue}#")
        and (kind is None or i["body"]["kind"] == kind)
    ]
    return max(found)


# The state of a service ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """An attribute that has state beside the table, with a copy of its value.

    store  the name of what it is part of
    """

    store: str
    owner: Any
    name: str
    value: Any = None

    def now(self) -> _Part:
        """Copy what it is now."""
        return replace(self, value=copy.copy(getattr(self.owner, self.name)))

    def put_back(self) -> None:
        """Make it again what it was."""
        setattr(self.owner, self.name, copy.copy(self.value))


@dataclass(frozen=True, slots=True)
class _Saved:
    items: dict[Key, Any]
    parts: list[_Part]


def _save(service: InProcessService) -> _Saved:
    table: Any = service.table
    parts = [
        _Part("clock", service.clock, "_now"),
        _Part("mailbox", service.mailbox, "sent"),
        _Part("queues", service.queues, "sent"),
    ]
    for store, names in STORES.items():
        owner = getattr(service, store).inner
        parts += [_Part(store, owner, name) for name in names]
    return _Saved(table.snapshot(), [part.now() for part in parts])


def _restore(service: InProcessService, saved: _Saved) -> None:
    table: Any = service.table
    table.restore(saved.items)
    for part in saved.parts:
        part.put_back()


class _Chance:
    """Randomness that is the same in each run, and different for the two operations.

    A world is built without an actor.
    """

    def __init__(self, table: InterleavingTable) -> None:
        self._table = table
        self._generators = {
            actor: random.Random(actor or "world") for actor in ("first", "second", None)
        }
        self._order = {"first": 0, "second": 0x800, None: 0}

    def urandom(self, size: int) -> bytes:
        return self._generators[self._table.actor].randbytes(size)

    def __next__(self) -> int:
        self._order[self._table.actor] += 1
        return self._order[self._table.actor]


@contextlib.contextmanager
def _predictable(table: InterleavingTable) -> Iterator[None]:
    """Replace randomness: pauses are found by comparing runs, so their ids must be the same."""
    chance, urandom, order = _Chance(table), os.urandom, ids._ORDER
    system: Any = os
    module: Any = ids
    system.urandom, module._ORDER = chance.urandom, chance
    try:
        yield
    finally:
        system.urandom, module._ORDER = urandom, order


@contextlib.contextmanager
def quietly(failures: list[BaseException]) -> Iterator[None]:
    """Log nothing, and note the exceptions that would have been logged."""

    def note(*_: object, **__: object) -> None:
        failure = sys.exception()
        if failure is not None and not isinstance(failure, COMES_AGAIN):
            failures.append(failure)

    def nothing(*_: object, **__: object) -> None:
        pass

    replaced = {"info": nothing, "warning": nothing, "error": nothing, "exception": note}
    vars(logger).update(replaced)
    module: Any = observability
    metrics, module._metrics = module._metrics, _NoMetrics
    try:
        yield
    finally:
        module._metrics = metrics
        for name in replaced:
            del vars(logger)[name]


class _NoMetrics:
    def __init__(self, **_: object) -> None:
        pass

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


# Building worlds -------------------------------------------------------------------------------


SETTINGS = {
    "SESSION_LIMIT": str(SESSION_LIMIT),
    "SELF_SERVICE_RESTORE": "on",
    "EXPORTS_PER_DAY": "20",
}


def make_world(
    name: str, prepare: Callable[[InProcessService], None] | None = None, **settings: str
) -> World:
    """Make a world.

    prepare   changes the service before anybody registers
    settings  variables of its environment
    """
    builder = _Builder({**SETTINGS, **settings})
    if prepare is not None:
        prepare(builder.service)
    with _predictable(builder.table):
        builder.people()
        if name != "new":
            builder.settled()
        else:
            builder.new()
        _STATES[name](builder)
    builder.passwords.is_outdated = False
    builder.service.clock.advance(seconds=AGE_SECONDS)
    return World(name, builder.service, builder.held)


@cache
def build(name: str) -> World:
    """Make a world once: each run begins with the state that it was made in."""
    return make_world(name)


class _Builder:
    """Makes what people hold, by requests as they would make them."""

    def __init__(self, settings: dict[str, str]) -> None:
        table = InterleavingTable()
        service = InProcessService(table=table, **settings)
        for store, methods in WRITING.items():
            watched = Watched(getattr(service, store), store, table, methods)
            setattr(service, store, watched)
        self.passwords = SaltedPasswords()
        self.passwords.is_outdated = True
        service.put_in_place({passwords: self.passwords, password_policy: AnyPassword()})
        self.service, self.table = service, table
        self.held: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.service.request(method, path, json_body=body, **options)
        assert answer.status < 400, answer.body
        return answer.body.get("data")

    def signed_in(self, name: str, data: Any) -> None:
        self.held |= {
            name: data["access_token"],
            f"{name} refresh": data["refresh_token"],
            f"{name} session": data["session"]["id"],
        }

    def link(self, address: str) -> str:
        self.service.work()
        return self.service.mailbox.last(address).token

    def waiting(self, queue: Queue, kind: str | None = None) -> str:
        """The id of the newest message that waits."""
        return waiting(self.service.table.all_items(), queue, kind)  # type: ignore[attr-defined]

    def people(self) -> None:
        """An administrator, and Ada with a laptop."""
        self.call("POST", f"{AUTH}/register", {"email": ROOT, "password": PASSWORD})
        self.service._handler("grant_admin")({"email": ROOT})
        root = self.call("POST", f"{AUTH}/login", {"email": ROOT, "password": PASSWORD})
        self.signed_in("root", root)
        self.held["root id"] = root["user"]["id"]
        body = {"email": FIRST_ADDRESS, "password": PASSWORD, "username": "ada"}
        ada = self.call("POST", f"{AUTH}/register", body)
        self.signed_in("laptop", ada)
        self.held["ada id"] = ada["user"]["id"]
        self.held["verify link"] = self.link(FIRST_ADDRESS)
        self.held["address"] = FIRST_ADDRESS

    def new(self) -> None:
        """Nothing more: her address is not verified."""
        for kind in ("verify_email", "reset_password"):
            path = "email/resend" if kind == "verify_email" else "password/forgot"
            self.call("POST", f"{AUTH}/{path}", {"email": FIRST_ADDRESS})
            self.held[f"{kind} message"] = self.waiting(Queue.MAIL, kind)

    def settled(self) -> None:
        """Ada has changed her address, has a phone, a picture, an export, and mails with links."""
        me = {"token": self.held["laptop"]}
        self.held["address"] = ADDRESS
        self.call("POST", f"{ME}/email", {"email": ADDRESS}, **me)
        confirm = {"token": self.link(ADDRESS), "password": PASSWORD}
        self.call("POST", f"{AUTH}/email/verify", confirm)
        self.held["undo link"] = self.link(FIRST_ADDRESS)

        login = {"email": ADDRESS, "password": PASSWORD}
        phone = self.call("POST", f"{AUTH}/login", login, user_agent=IPHONE)
        self.signed_in("phone", phone)
        self.held["not-me link"] = self.link(ADDRESS)
        self.held["stolen refresh"] = self.held["phone refresh"]
        again = {"refresh_token": self.held["phone refresh"]}
        self.signed_in("phone", {**phone, **self.call("POST", f"{AUTH}/refresh", again)})
        self.call("GET", ME, token=self.held["phone"])
        devices = [i for i in self.service.table.all_items() if "device_id" in i]  # type: ignore[attr-defined]
        self.held["phone device"] = next(
            str(i["device_id"]) for i in devices if i["id"] == self.held["phone session"]
        )

        self.call("POST", f"{AUTH}/password/forgot", {"email": ADDRESS})
        self.held["reset link"] = self.link(ADDRESS)
        self.call("POST", f"{ME}/email", {"email": NEXT_ADDRESS}, **me)
        self.held["change link"] = self.link(NEXT_ADDRESS)
        self.call("POST", f"{AUTH}/login/code", {"email": ADDRESS})
        self.service.work()
        found = re.search(r"Code: (\S+)", self.service.mailbox.last(ADDRESS).letter.text)
        assert found is not None
        self.held["code"] = found[1]

        self.call("PUT", f"{ME}/avatar", {"upload_id": self.upload()}, **me)
        self.held["upload"] = self.upload()
        self.call("PUT", f"{ME}/preferences", {"wifi": "required"}, **me)
        self.held["export"] = self.call("POST", f"{ME}/export", **me)["id"]
        self.service.work()

        criteria = {"user_id": self.held["ada id"], "dry_run": True}
        found = self.call("POST", "/api/v1/sessions/revocations", criteria, token=self.held["root"])
        self.held["confirmation"] = found["confirmation"]
        self.messages()

    def upload(self) -> str:
        body = {"content_type": "image/png"}
        path = f"{ME}/avatar/uploads"
        upload_id: str = self.call("POST", path, body, token=self.held["laptop"])["upload_id"]
        self.service.media.uploads[upload_id] = png((8, 8))
        return upload_id

    def messages(self) -> None:
        """Mails that were promised and are not written yet."""
        me = {"token": self.held["laptop"]}
        self.call("POST", f"{AUTH}/password/forgot", {"email": ADDRESS})
        self.call("POST", f"{ME}/email", {"email": NEXT_ADDRESS}, **me)
        self.call("POST", f"{AUTH}/login/code", {"email": ADDRESS})
        login = {"email": ADDRESS, "password": PASSWORD}
        tablet = self.call("POST", f"{AUTH}/login", login)
        self.call("DELETE", f"{ME}/sessions/{tablet['session']['id']}", **me)
        for kind in ("reset_password", "confirm_new_email", "new_device", "login_code"):
            self.held[f"{kind} message"] = self.waiting(Queue.MAIL, kind)

    # States of the account -------------------------------------------------------------------

    def by_root(self, method: str, path: str, body: Any = None) -> None:
        path = f"/api/v1/users/{self.held['ada id']}{path}"
        self.call(method, path, body, token=self.held["root"])

    def suspended(self) -> None:
        self.by_root("POST", "/suspend")

    def deleted(self) -> None:
        self.call("DELETE", ME, token=self.held["laptop"])
        self.held["account_deleted message"] = self.waiting(Queue.MAIL, "account_deleted")
        self.held["restore link"] = self.link(ADDRESS)

    def due(self) -> None:
        """Deleted so long ago that she is to be erased."""
        self.deleted()
        self.service.clock.advance(days=DUE_DAYS)
        root = self.call("POST", f"{AUTH}/login", {"email": ROOT, "password": PASSWORD})
        self.signed_in("root", root)
        self.service._handler("cleanup")({"task": "erase_due_accounts"})
        self.held["purge message"] = self.waiting(Queue.PURGE)

    def erasing(self) -> None:
        self.call("DELETE", ME, token=self.held["laptop"], query={"hard": "true"})
        self.held["purge message"] = self.waiting(Queue.PURGE)

    def admin(self) -> None:
        self.by_root("PUT", "/role", {"role": "admin"})

    def exporting(self) -> None:
        self.held["export"] = self.call("POST", f"{ME}/export", token=self.held["laptop"])["id"]
        self.held["export message"] = self.waiting(Queue.EXPORT)

    def nothing(self) -> None:
        pass


_STATES: dict[str, Callable[[_Builder], None]] = {
    "new": _Builder.nothing,
    "active": _Builder.nothing,
    "admin": _Builder.admin,
    "exporting": _Builder.exporting,
    "suspended": _Builder.suspended,
    "deleted": _Builder.deleted,
    "due": _Builder.due,
    "erasing": _Builder.erasing,
}
WORLDS = tuple(_STATES)
