"""The processor time of an authorized list of ten sessions, beside Better Auth on SQLite.

    PYTHONPATH=.:layers/shared python -m benchmarks.beside_better_auth [--rounds 5] [--requests 400]

`make beside-better-auth` installs Lambda's runtime client and Better Auth first.

Both run warm on this machine, and answer one request after the other over the loopback. The rounds
alternate, so the load of the machine is in both. What is counted is user and system time of the
processes (`/proc/PID/stat`):

    ours         two processes with Lambda's runtime client and the built layer: the authorizer, and
                 the function that lists the sessions, each with a request to DynamoDB over TLS
    Better Auth  one process of Node with its HTTP server, the session check and the list, and
                 SQLite with them

DynamoDB is a service: its double runs in the process of this program, whose time is not counted.
SQLite is a part of Better Auth's process, and is counted. API Gateway, which runs neither, too, is
not counted; Node's HTTP server and Lambda's runtime client are.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import platform
import queue
import ssl
import statistics
import subprocess
import tempfile
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, override

from moto import mock_aws

from benchmarks.cold_start import (
    COMMAND,
    SESSIONS,
    Bench,
    Person,
    RecordingService,
    build_layer,
    certificate,
    runtime_headers,
)
from latchkey.observability import logger
from tests.support.moto_server import REGION, MotoServer, serving
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.cold_start import Event

BETTER_AUTH = ROOT / "benchmarks/better_auth"
WARM_UP_REQUESTS = 300
_TICKS = os.sysconf("SC_CLK_TCK")


class CannedServer(MotoServer):
    """Answers a repeated request with its first answer, so that moto does not slow the run."""

    answers: ClassVar[dict[tuple[str, bytes], tuple[int, bytes]]] = {}

    @override
    def answer(self, target: str, body: bytes) -> tuple[int, bytes]:
        """See MotoServer.answer."""
        known = self.answers.get((target, body))
        if known is None:
            known = self.answers[target, body] = super().answer(target, body)
        return known


class Lambda:
    """A warm function in a process of its own, with its own runtime API."""

    def __init__(self, bench: Bench, name: str, event: Event) -> None:
        """Describe it. `started` starts it."""
        self._bench = bench
        self._name = name
        self._event = event
        self._events: queue.Queue[Event] = queue.Queue()
        self._answers: queue.Queue[Event] = queue.Queue()

    @contextlib.contextmanager
    def started(self) -> Iterator[Lambda]:
        """Run the process."""
        events, answers = self._events, self._answers

        class Api(BaseHTTPRequestHandler):
            """Lambda's runtime API."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Return the next event, when there is one."""
                self._send(json.dumps(events.get()).encode(), runtime_headers())

            def do_POST(self) -> None:
                """Take an answer."""
                answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._send(b"{}", {})

            def _send(self, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(200)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            @override
            def log_message(self, format: str, *args: Any) -> None:
                pass

        function = self._bench.function(self._name)
        with serving(Api) as port:
            self._process = subprocess.Popen(
                COMMAND,
                env=self._bench.environment(function, port),
                cwd=function.directory,
                stdout=subprocess.DEVNULL,
            )
            try:
                yield self
            finally:
                self._process.kill()
                self._process.wait()

    def request(self) -> Event:
        """Answer one event."""
        self._events.put(self._event)
        return self._answers.get(timeout=60)

    def cpu(self) -> float:
        """Return the processor seconds so far."""
        return _cpu(self._process.pid)


class BetterAuth:
    """A person with ten sessions on Better Auth."""

    @contextlib.contextmanager
    def started(self) -> Iterator[BetterAuth]:
        """Run the server, and sign in ten times."""
        with tempfile.TemporaryDirectory() as directory:
            self._process = subprocess.Popen(
                ["node", "server.mjs", str(Path(directory) / "auth.db")],  # noqa: S607
                env={**os.environ, "NODE_ENV": "production"},
                cwd=BETTER_AUTH,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert self._process.stdout is not None
                port = int(self._process.stdout.readline())
                self._connection = http.client.HTTPConnection("localhost", port)
                person = {"email": "ada@example.com", "password": "plum kettle orbits a lake"}
                self._post("sign-up/email", {**person, "name": "Ada"})
                for _ in range(SESSIONS - 1):
                    cookie = self._post("sign-in/email", person)
                self._headers = {"cookie": cookie.partition(";")[0]}
                yield self
            finally:
                self._process.kill()
                self._process.wait()

    def _post(self, path: str, body: dict[str, str]) -> str:
        headers = {"content-type": "application/json", "origin": "http://localhost"}
        self._connection.request("POST", f"/api/auth/{path}", json.dumps(body), headers)
        answer = self._connection.getresponse()
        answer.read()
        return str(answer.headers["set-cookie"])

    def request(self) -> list[Any]:
        """List the sessions."""
        self._connection.request("GET", "/api/auth/list-sessions", headers=self._headers)
        listed: list[Any] = json.loads(self._connection.getresponse().read())
        return listed

    def cpu(self) -> float:
        """Return the processor seconds so far."""
        return _cpu(self._process.pid)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def milliseconds(server: Lambda | BetterAuth, requests: int) -> float:
    """Return the processor time per request."""
    before = server.cpu()
    for _ in range(requests):
        server.request()
    return (server.cpu() - before) * 1000 / requests


def check(authorizer: Lambda, lister: Lambda, better: BetterAuth) -> None:
    """Raise unless the measured answers are the right ones."""
    assert authorizer.request()["isAuthorized"]
    ours = json.loads(lister.request()["body"])["data"]["sessions"]
    theirs = better.request()
    assert len(ours) == len(theirs) == SESSIONS, (len(ours), theirs)


def main() -> None:
    """Measure in alternating rounds, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400)
    arguments = parser.parse_args()
    os.environ["AWS_DEFAULT_REGION"] = REGION
    logger.setLevel("CRITICAL")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(mock_aws())
        layer = build_layer(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(directory))
        with contextlib.redirect_stdout(io.StringIO()):
            person = Person(RecordingService())
        aws_port = stack.enter_context(serving(CannedServer, context))
        bench = Bench(directory, layer, aws_port)
        authorizer, lister = (
            stack.enter_context(Lambda(bench, name, person.events(name, 1)[0]).started())
            for name in ("authorizer", "list_sessions")
        )
        better = stack.enter_context(BetterAuth().started())
        check(authorizer, lister, better)
        servers = (authorizer, lister, better)
        for server in servers:
            milliseconds(server, WARM_UP_REQUESTS)
        rounds = [
            [milliseconds(server, arguments.requests) for server in servers]
            for _ in range(arguments.rounds)
        ]
        check(authorizer, lister, better)
    report(rounds, arguments.requests)


def report(rounds: list[list[float]], requests: int) -> None:
    """Print each column's median and range."""
    lock = json.loads((BETTER_AUTH / "package-lock.json").read_text())["packages"]
    version = lock["node_modules/better-auth"]["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)  # noqa: S607
    print(
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, Python {platform.python_version()}, "
    )
    print(
        f"Node {node.stdout.strip()}, Better Auth {version}; {len(rounds)} rounds of {requests}\n"
    )
    print("| processor time per request, ms | median | range |\n|---|--:|--:|")
    columns = {
        "authorize": [r[0] for r in rounds],
        "list of ten sessions": [r[1] for r in rounds],
        "both": [r[0] + r[1] for r in rounds],
        f"Better Auth {version}, list of ten sessions": [r[2] for r in rounds],
        "ratio of both to Better Auth": [(r[0] + r[1]) / r[2] for r in rounds],
    }
    for name, values in columns.items():
        low, high = min(values), max(values)
        print(f"| {name} | {statistics.median(values):.2f} | {low:.2f} to {high:.2f} |")


if __name__ == "__main__":
    main()
