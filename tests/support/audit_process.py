"""A handler or a worker in a process of its own, on an emulator, to be killed from outside.

The real handlers behind the real authorizer, wired as in production.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey import wiring
from latchkey.storage import boto_client
from latchkey.wiring import Services
from tests.support.service import CHROME, IPHONE, PASSWORD, InProcessService

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

ME = "/api/v1/users/me"
READY = "ready"


class EmulatedService(InProcessService):
    """The service in this process, with nothing in it but what production has."""

    def __init__(self) -> None:
        """Wire it from the environment."""
        self._requests = (time.time_ns() + os.getpid()) * 1000
        self.services = Services()
        wiring.use(self.services)


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    email: str
    account_id: str
    token: str


def act(service: EmulatedService, person: Person, number: int) -> Callable[[], object]:
    """Choose something that changes something; look up first what it needs."""
    chance = random.Random(number)
    proof = {"password": PASSWORD}
    listed = service.request("GET", f"{ME}/sessions", token=person.token)
    others = [s["id"] for s in listed.data["sessions"] if not s["is_current"]]
    session = f"{ME}/sessions/{others[0]}" if others else None

    def call(method: str, path: str, body: object = None) -> Callable[[], object]:
        return lambda: service.request(method, path, token=person.token, json_body=body)

    acts = [
        lambda: service.login(person.email, user_agent=chance.choice([IPHONE, CHROME])),
        call("PATCH", ME, {"age": 18 + number % 80}),
        call("PUT", f"{ME}/preferences", {"lighting": f"lamp {number}"}),
        call("DELETE", f"{ME}/sessions"),
        call("POST", "/api/v1/auth/reauthenticate", proof),
    ]
    if session:
        acts += [call("DELETE", session), call("PATCH", session, {"device_name": f"No. {number}"})]
    return chance.choice(acts)


@dataclass(frozen=True)
class Kill:
    """When a process is killed.

    seconds  after it has set to work
    request  after it has sent its n-th request of this kind to the table, instead
    """

    seconds: float
    request: str | None = None
    nth: int = 1


def run_act(environment: dict[str, str], person: Person, number: int, *, kill: Kill) -> int:
    """Do something as a person in a process that is killed, if it is still there.

    Returns its exit code: -9 when it was killed in the middle.
    """
    return _run(environment, _act, (person, number), kill)


def run_worker(
    environment: dict[str, str], function: str, event: dict[str, Any], *, kill: Kill | None = None
) -> int:
    """Hand an event to a function in a process that is killed, if at all."""
    return _run(environment, _invoke, (function, event), kill)


def _run(
    environment: dict[str, str],
    target: Callable[..., None],
    arguments: tuple[object, ...],
    kill: Kill | None,
) -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "latchkey.http.endpoints", "botocore.session"])
    hears, tells = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(environment, tells, *arguments))
    process.start()
    tells.close()
    with hears:
        _hear(hears, READY)
        if kill is not None:
            for _ in range(kill.nth if kill.request else 0):
                _hear(hears, kill.request)
            time.sleep(kill.seconds)
            if process.is_alive():
                process.kill()  # SIGKILL
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _hear(hears: Connection, word: str | None) -> None:
    """Wait until the process has said it, or has ended."""
    with contextlib.suppress(EOFError):
        while hears.recv() != word:
            pass


def _tell_of_requests(tells: Connection) -> None:
    """Return which request to the table is being sent, from the moment on in which it is."""

    def tell(**event: Any) -> None:
        target = event["request"].headers["X-Amz-Target"]
        text = target.decode() if isinstance(target, bytes) else str(target)
        tells.send(text.rpartition(".")[2])

    # A client takes its session's hooks along, so this comes before there is any.
    boto_client._session().events.register("before-send.dynamodb", tell)


def _act(environment: dict[str, str], tells: Connection, person: Person, number: int) -> None:
    os.environ.update(environment)
    _tell_of_requests(tells)
    chosen = act(EmulatedService(), person, number)
    tells.send(READY)
    chosen()
    os._exit(0)


def _invoke(
    environment: dict[str, str], tells: Connection, function: str, event: dict[str, Any]
) -> None:
    os.environ.update(environment)
    _tell_of_requests(tells)
    handler = EmulatedService()._handler(function)
    tells.send(READY)
    handler(event, None)
    os._exit(0)
