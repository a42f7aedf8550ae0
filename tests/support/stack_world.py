"""Interleavings on the deployed stack, compared with the same ones in memory.

A world in memory is copied to the tables of the stack: its people, sessions and links, made with
the stack's keys. The first operation runs in this process, in the real handlers, on the tables and
keys of the stack, and is paused between two calls of its table. The second operation is a request
over HTTP to the deployed functions. Nothing else runs (see `stop_the_rest`).
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import batched
from typing import TYPE_CHECKING, Any, override

from latchkey import wiring
from latchkey.config import Config
from latchkey.domain.clock import to_milliseconds
from latchkey.security.passwords import Passwords
from latchkey.storage.dynamodb import from_wire, to_wire
from latchkey.storage.media import _avatar, _upload
from latchkey.storage.table import Key
from latchkey.wiring import Services
from latchkey.wiring.sign_in import passwords
from latchkey.wiring.storage import table
from latchkey.wiring.tokens import link_peppers, refresh_peppers, signing_key_store
from latchkey.wiring.users import media
from tests.support.interleaved_worlds import (
    AGE_SECONDS,
    DUE_DAYS,
    SETTINGS,
    STORES,
    SaltedPasswords,
    make_world,
    outcome_of,
    quietly,
)
from tests.support.interleaving import Commit, Outcome, Run, Step, stores_written
from tests.support.interleaving_checks import BY_NAME
from tests.support.invariants import OF_WHAT_IS_LEFT, digest
from tests.support.passwords import QuickPasswords
from tests.support.service import CHROME, Answer, InProcessService
from tests.support.stack_campaign import campaign
from tools.template import folder, functions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from latchkey.storage.table import Delete, Item, Page, Put, Query, Table, Update, Write
    from latchkey.wiring import Part
    from tests.support.api import Api
    from tests.support.interleaved_operations import Operation
    from tests.support.interleaved_worlds import World
    from tests.support.interleaving import Actor
    from tests.support.stack_campaign import Campaign, Pause
    from tools.local.stack import LocalStack

FRESH_SECONDS = 180
"""How long a world is used: what changes somebody needs an authentication of the last 300."""
UNANSWERED = {502, 503, 504}
ATTEMPTS = 4
"""Of a run whose request the gateway did not answer, as happens on a busy machine."""
_ID = re.compile(r"[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}")
_HASH = re.compile(r"argon2id\$[^'\"]+")
_TIME = re.compile(r"\b1\d{9}(\d{3})?\b")
_SHARD = re.compile(r"(ACCOUNTS#[a-z]+)#[0-9]+")
_MAKER = re.compile(r" new by .*$")


class PausingTable:
    """The Table port on another table, with something to be done before one of the calls.

    calls  how many there were, with those of the pictures beside it
    """

    def __init__(self, inner: Table) -> None:
        self._inner = inner
        self.begin(None, lambda: None)

    def begin(self, pause_before: int | None, meanwhile: Callable[[], None]) -> None:
        self.calls = 0
        self._pause_before, self._meanwhile = pause_before, meanwhile

    def end(self) -> None:
        """Do it now if it has not been done."""
        if self._pause_before is not None:
            self._pause_before = None
            self._meanwhile()

    def get(self, key: Key, *, consistent: bool = True) -> Item | None:
        self.count()
        return self._inner.get(key, consistent=consistent)

    def get_many(self, keys: list[Key]) -> list[Item]:
        self.count()
        return self._inner.get_many(keys)

    def query(self, query: Query) -> Page:
        self.count()
        return self._inner.query(query)

    def put(self, put: Put) -> None:
        self.count()
        self._inner.put(put)

    def update(self, update: Update) -> Item:
        self.count()
        return self._inner.update(update)

    def delete(self, delete: Delete) -> Item | None:
        self.count()
        return self._inner.delete(delete)

    def delete_many(self, keys: list[Key]) -> None:
        self.count()
        self._inner.delete_many(keys)

    def transact(self, writes: list[Write]) -> None:
        self.count()
        self._inner.transact(writes)

    def count(self) -> None:
        """Count a call, and pause before it if that is due."""
        if self._pause_before == self.calls:
            self.end()
        self.calls += 1


class PausingMedia:
    """The pictures, whose calls are calls of the table, too."""

    def __init__(self, inner: Any, table: PausingTable) -> None:
        self._inner, self._table = inner, table

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self._table.count()
            return method(*arguments, **options)

        return call


class WorldPasswords(SaltedPasswords):
    """The passwords of a world in memory. It is made with outdated hashes, which anybody verifies.

    New ones are in plain text behind a salt, and look like the others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_outdated = True
        self._weak = QuickPasswords()

    @override
    def hash(self, password: str) -> str:
        return (
            self._weak.hash(password) if self.is_outdated else f"$argon2id${super().hash(password)}"
        )

    @override
    def verify(self, stored_hash: str | None, password: str) -> bool:
        if stored_hash is None or stored_hash.startswith("$argon2id$v="):
            return self._weak.verify(stored_hash, password)
        return stored_hash.rpartition("$")[2] == password

    @override
    def needs_rehash(self, stored_hash: str) -> bool:
        return not self.is_outdated and stored_hash.startswith("$argon2id$v=")


class HandlerPasswords(Passwords):
    """The service's passwords, each of which is hashed once: a hash takes as long as a request."""

    @override
    @cache  # noqa: B019 - there is one for each stack
    def hash(self, password: str) -> str:
        return super().hash(password)


class DeployedHandlers(InProcessService):
    """The handlers in this process, on the stack."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._requests = 0


class StackWorld:
    """What an `Operation` acts in, as a `World`."""

    def __init__(self, stack: LocalStack, api: Api) -> None:
        """Begin with no world.

        api  around the edge
        """
        self._dynamodb, self._s3 = stack.client("dynamodb"), stack.client("s3")
        self._bucket = stack.deployment.outputs["MediaBucketName"]
        self._tables = {"main": stack.table_name, "audit": stack.audit_table_name}
        self._api, self._edge = api, {"x-latchkey-edge": stack.edge_secret}
        self._variables = variables_of(stack)
        self._table, self._handlers = self._on_the_stack()
        self._actor: Actor = "first"
        self._made_at = -float(FRESH_SECONDS)
        self._name = ""
        self._present: dict[Key, Any] | None = None
        self._are_files_there = False
        self._campaigns: dict[str, Campaign] = {}
        self.repeated = 0

    def _on_the_stack(self) -> tuple[PausingTable, DeployedHandlers]:
        config = Config.from_env(self._variables)
        whole = Services(config)
        pausing = PausingTable(whole[table])
        parts: dict[Part[Any], Any] = {
            table: pausing,
            media: PausingMedia(whole[media], pausing),
            passwords: HandlerPasswords(),
        }
        return pausing, DeployedHandlers(Services(config, parts))

    # The world -------------------------------------------------------------------------------

    def campaign(self, name: str) -> Campaign:
        """Choose the runs of a world, once."""
        if name not in self._campaigns:
            self._campaigns[name] = campaign(self._make(name))
        return self._campaigns[name]

    def freshen(self, name: str) -> World:
        """Return the world; make it again when its tokens are too old for what they are for."""
        if name != self._name or time.monotonic() - self._made_at > FRESH_SECONDS:
            self._name, self._made_at = name, time.monotonic()
            self.world = self._make(name)
            self.held = self.world.held
            self._items = dict(self.world.table.items)
            self._files = self._files_in_memory()
            self._are_files_there = False
            self._ids = set(_ID.findall(str(self._items)))
            self._hashes = set(_HASH.findall(str(self._items)))
        return self.world

    def _make(self, name: str) -> World:
        settings = {**self._variables, **SETTINGS, "DIRECT_ACCESS": "allowed"}
        hashing = WorldPasswords()

        def prepare(service: InProcessService) -> None:
            self._like_the_stack(service)
            if name == "due":
                service.clock.advance(days=-DUE_DAYS)
            service.put_in_place({passwords: hashing})

        world = make_world(name, prepare, **settings)
        hashing.is_outdated = False
        return world

    def _like_the_stack(self, service: InProcessService) -> None:
        """Give a service in memory the stack's keys, and the present time."""
        services = self._handlers.services
        service.clock._now = datetime.now(UTC) - timedelta(seconds=AGE_SECONDS)
        kept: Any = service
        kept.keys.inner.replace(services[signing_key_store].read_now())
        kept.refresh_peppers.inner.replace(services[refresh_peppers].read_now())
        kept.link_peppers.inner.replace(services[link_peppers].read_now())

    def request(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any
    ) -> Outcome:
        """Send a request: of the first operation to a handler here, of the second over HTTP."""
        source = "198.51.100.1" if self._actor == "first" else "198.51.100.2"
        headers = {**self._edge, "cloudfront-viewer-address": f"{source}:443"}
        held = None if token is None else self.held[token]
        if self._actor == "first":
            return outcome_of(
                self._handlers.request(
                    method,
                    path,
                    json_body=body,
                    token=held,
                    source_ip=source,
                    headers=headers,
                    **options,
                )
            )
        headers["user-agent"] = options.pop("user_agent", CHROME)
        params = options.pop("query", None)
        assert not options
        answer = self._api.call(method, path, token=held, headers=headers, params=params, json=body)
        if answer.status_code in UNANSWERED and "retry-after" not in answer.headers:
            return Outcome(answer.status_code, code="NO_ANSWER")
        content = answer.json() if answer.content else None
        return outcome_of(Answer(answer.status_code, dict(answer.headers), [], content))

    # Runs ------------------------------------------------------------------------------------

    def differences(self, pause: Pause) -> list[str]:
        """Run both as in memory. Returns what is different, and what breaks an invariant."""
        first, second = BY_NAME[pause.first], BY_NAME[pause.second]
        expected = self.world.run(first, second, pause.before)
        expected_files = self._files_in_memory()
        run = self._run(first, second, expected)
        for _ in range(ATTEMPTS - 1):
            if not _is_unanswered(run, expected):
                break
            self.repeated += 1
            run = self._run(first, second, expected)
        found = [
            f"{run}: {invariant.__name__}: {sentence}"
            for invariant in OF_WHAT_IS_LEFT
            for sentence in invariant(run)
        ]
        responses, expected_responses = _responses(run), _responses(expected)
        if responses != expected_responses:
            found.append(f"{run}: told {responses}, in memory {expected_responses}")
        calls = _calls(step for step in expected.steps if step.actor == "first")
        if self._table.calls != calls:
            found.append(f"{run}: {self._table.calls} calls of the table, in memory {calls}")
        left, kept = self._left(run), self._left(expected)
        if left != kept:
            found.append(f"{run}: left {left - kept}, in memory {kept - left}")
        if "media" in stores_written(expected.steps):
            self._are_files_there = False
            files, kept = (self._named(keys) for keys in (self._files_in_s3(), expected_files))
            if files != kept:
                found.append(f"{run}: left {files - kept}, in memory {kept - files}")
        return found

    def _run(self, first: Operation, second: Operation, expected: Run) -> Run:
        alone = self.world.trace(first)
        self._reset()
        wiring.use(self._handlers.services)
        run = Run(
            world=f"{expected.world} on the stack",
            first=first.name,
            second=second.name,
            pause_before=expected.pause_before,
            before=self._items,
            now=to_milliseconds(datetime.now(UTC)),
            idle=expected.idle,
            session_limit=expected.session_limit,
        )

        def meanwhile() -> None:
            self._actor = "second"
            try:
                run.outcomes["second"] = second.act(self)  # type: ignore[arg-type]
            finally:
                self._actor = "first"

        self._table.begin(_calls(alone[: expected.pause_before]), meanwhile)
        with quietly(run.failures):
            run.outcomes["first"] = first.act(self)  # type: ignore[arg-type]
            self._table.end()
        run.after = self._present = self._scan()
        return run

    def _left(self, run: Run) -> Counter[str]:
        """What a run left, without ids, times and hashes that are new.

        The stack does not tell who wrote an item, nor whether it was removed in between.
        """
        changed = [k for k in {**run.before, **run.after} if run.before.get(k) != run.after.get(k)]
        whole = Commit(
            (), {k: run.before.get(k) for k in changed}, {k: run.after.get(k) for k in changed}
        )
        left: Counter[str] = Counter()
        for fact, count in digest(replace(run, steps=[Step("first", committed=whole)])).items():
            text = self._without_new_ids(fact)
            # A new account is in the shard of its id.
            text = _SHARD.sub(r"\1", text) if _MAKER.search(text) else text
            text = _HASH.sub(lambda m: m[0] if m[0] in self._hashes else "a hash", text)
            left[_MAKER.sub(" new", _TIME.sub("a time", text))] += count
        return left

    def _without_new_ids(self, text: str) -> str:
        return _ID.sub(lambda m: m[0] if m[0] in self._ids else "an id", text)

    # The pictures ----------------------------------------------------------------------------

    def _files_in_memory(self) -> dict[str, bytes]:
        """The files of the world in memory, by their keys in the bucket."""
        files: Any = self.world.service.media
        incoming = {_upload(files.owners[i], i): held for i, held in files.uploads.items()}
        return incoming | {_avatar(i): held for i, held in files.avatars.items()}

    def _files_in_s3(self) -> set[str]:
        listed = self._s3.list_objects_v2(Bucket=self._bucket)
        return {entry["Key"] for entry in listed.get("Contents", [])}

    def _named(self, keys: Iterable[str]) -> Counter[str]:
        return Counter(self._without_new_ids(key) for key in keys)

    def _restore_files(self) -> None:
        for key in self._files_in_s3() - set(self._files):
            self._s3.delete_object(Bucket=self._bucket, Key=key)
        for key, content in self._files.items():
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        self._are_files_there = True

    # The tables ------------------------------------------------------------------------------

    def _scan(self) -> dict[Key, Any]:
        found: dict[Key, Any] = {}
        for short, name in self._tables.items():
            pages = self._dynamodb.get_paginator("scan").paginate(
                TableName=name, ConsistentRead=True
            )
            for item in (item for page in pages for item in page["Items"]):
                read: Any = {attribute: from_wire(value) for attribute, value in item.items()}
                found[Key(read["pk"], read["sk"], short)] = read  # type: ignore[arg-type]
        return found

    def _reset(self) -> None:
        """Write what is not as in the world. Between two runs nothing is written."""
        if not self._are_files_there:
            self._restore_files()
        present = self._scan() if self._present is None else self._present
        self._present = None
        for short, name in self._tables.items():
            requests = [
                {"DeleteRequest": {"Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}}}}
                for key in present
                if key.table == short and key not in self._items
            ] + [
                {"PutRequest": {"Item": {n: to_wire(value) for n, value in item.items()}}}
                for key, item in self._items.items()
                if key.table == short and present.get(key) != item
            ]
            for some in batched(requests, 25, strict=False):
                answer = self._dynamodb.batch_write_item(RequestItems={name: list(some)})
                assert not answer.get("UnprocessedItems")


def variables_of(stack: LocalStack) -> dict[str, str]:
    """The variables of all deployed functions."""
    client = stack.client("lambda")
    found: dict[str, str] = {}
    for operation in sorted({folder(properties) for properties in functions().values()}):
        name = stack.deployment.function_name(operation)
        configuration = client.get_function_configuration(FunctionName=name)
        found |= configuration.get("Environment", {}).get("Variables", {})
    return {name: value for name, value in found.items() if not name.startswith("AWS_")}


def stop_the_rest(stack: LocalStack) -> None:
    """Stop all that runs without a request.

    Queues and streams deliver nothing, schedules start nothing, logs have no subscribers, and items
    whose time is over stay.
    """
    functions_, events = stack.client("lambda"), stack.client("events")
    logs, dynamodb = stack.client("logs"), stack.client("dynamodb")
    for mapping in functions_.list_event_source_mappings()["EventSourceMappings"]:
        functions_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    for rule in events.list_rules()["Rules"]:
        events.disable_rule(Name=rule["Name"])
    for group in logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        found = logs.describe_subscription_filters(logGroupName=name)["subscriptionFilters"]
        for subscription in found:
            logs.delete_subscription_filter(
                logGroupName=name, filterName=subscription["filterName"]
            )
    for table_name in (stack.table_name, stack.audit_table_name):
        off = {"Enabled": False, "AttributeName": "ttl"}
        dynamodb.update_time_to_live(TableName=table_name, TimeToLiveSpecification=off)


def _calls(steps: Iterable[Step]) -> int:
    """How many of the steps are calls of the table, or of the pictures."""
    beside = set(STORES) - {"media"}
    return sum(not any(place[0] in beside for place in step.reads) for step in steps)


def _responses(run: Run) -> dict[str, tuple[int, str]]:
    return {actor: (run.outcomes[actor].status, run.outcomes[actor].code) for actor in run.outcomes}


def _is_unanswered(run: Run, expected: Run) -> bool:
    return any(
        outcome.status in UNANSWERED and expected.outcomes[actor].status < 500
        for actor, outcome in run.outcomes.items()
    )
