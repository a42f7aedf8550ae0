"""A handler or a worker in a process of its own, on an emulator, to be killed from outside.

The real handlers behind the real authorizer, wired as in production.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey import bootstrap
from latchkey.bootstrap import Services
from tests.support.service import CHROME, IPHONE, PASSWORD, InProcessService

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

ME = "/api/v1/users/me"


class EmulatedService(InProcessService):
    """The service in this process, with nothing in it but what production has."""

    def __init__(self) -> None:
        """Wire it from the environment."""
        self._requests = (time.time_ns() + os.getpid()) * 1000
        self.services = Services()
        bootstrap.use(self.services)


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


def run_act(environment: dict[str, str], person: Person, number: int, *, kill: float) -> int:
    """Do something as a person in a process that is killed after so many seconds, if still there.

    Returns its exit code: -9 when it was killed in the middle.
    """
    return _run(environment, _act, (person, number), kill)


def run_worker(
    environment: dict[str, str], function: str, event: dict[str, Any], *, kill: float | None = None
) -> int:
    """Hand an event to a function in a process that is killed after so many seconds, if at all."""
    return _run(environment, _invoke, (function, event), kill)


def _run(
    environment: dict[str, str],
    target: Callable[..., None],
    arguments: tuple[object, ...],
    kill: float | None,
) -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "latchkey.http.endpoint", "botocore.session"])
    ready, told = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(environment, told, *arguments))
    process.start()
    told.close()
    ready.recv()  # from here on it is at work
    if kill is not None:
        time.sleep(kill)
        if process.is_alive():
            process.kill()  # SIGKILL
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _act(environment: dict[str, str], told: Connection, person: Person, number: int) -> None:
    os.environ.update(environment)
    chosen = act(EmulatedService(), person, number)
    told.send("ready")
    chosen()
    sys.exit(0)


def _invoke(
    environment: dict[str, str], told: Connection, function: str, event: dict[str, Any]
) -> None:
    os.environ.update(environment)
    handler = EmulatedService()._handler(function)
    told.send("ready")
    handler(event, None)
    sys.exit(0)
