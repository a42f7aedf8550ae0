"""What a cold start, a first and a warm call of a function cost: processor instructions.

    PYTHONPATH=.:layers/shared python -m benchmarks.cold_start [FUNCTION…]

`make cold-start` installs Lambda's runtime client first. Valgrind must be on the machine.

Each function runs as on AWS: the built layer, the runtime client, DynamoDB and SSM behind TLS. A
double of the two, moto behind a server of this process, answers. Valgrind (cachegrind) counts the
instructions of the function's process, so the load of the machine changes nothing.

    init    from the start of Python until the function waits for its first event
    first   the first call on top of it
    warm    a further call
    closed  a further call, whose connections to AWS were closed since the one before

The authorizer is measured beside an empty function and beside one that is written as usual.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import copy
import io
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, override

import botocore
from moto import mock_aws

from latchkey.domain.clock import SystemClock, to_milliseconds
from latchkey.observability import logger
from latchkey.storage.boto_client import aws_client
from tests.support.certificates import self_signed
from tests.support.moto_server import REGION, MotoServer, serving
from tests.support.recorded_service import RecordedService
from tests.support.service import ENVIRONMENT, PASSWORD
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

LAMBDAS = ROOT / "benchmarks/lambdas"
RUNTIME = ROOT / ".tools/benchmarks"
PACKAGES = ROOT / ".aws-sam/local/packages"
SESSIONS = 10
WARM_CALLS = 8
LATER = timedelta(hours=1)
SETTINGS = {"ACCESS_TOKEN_SECONDS": "43200"}
"""Tokens outlive the measurement."""

LIKE_AUTHORIZER = {"authorizer_refusing", "empty", "usual_authorizer"}

# Its site-packages have the runtime client only. Those of the machine's interpreter may have .pth
# files, which Lambda does not.
COMMAND = (str(RUNTIME / "bin/python"), "-m", "awslambdaric", "entry.handler")

type Event = dict[str, Any]


class RecordingService(RecordedService):
    """The service on moto, in real time. It keeps the events of its functions."""

    clock = property(lambda _: SystemClock(), lambda _, __: None)  # type: ignore[assignment]

    def __init__(self) -> None:
        """Start without events."""
        self.events: dict[str, Event] = {}
        super().__init__(**SETTINGS)

    @override
    def invoke(self, function: str, event: Event, lambda_context: Any = None) -> Any:
        self.events[function] = copy.deepcopy(event)
        return super().invoke(function, event, lambda_context)


def _with_a_forged_token(event: Event) -> Event:
    scheme = event["headers"]["authorization"]
    forged = scheme[:-10] + ("A" if scheme[-10] != "A" else "B") + scheme[-9:]
    return {**event, "headers": {**event["headers"], "authorization": forged}}


class Person:
    """Somebody with ten sessions, and the events of their requests."""

    def __init__(self, service: RecordingService) -> None:
        """Register, and sign in nine times more."""
        self._service = service
        self._number = 0
        registered = service.register().data
        self._email = registered["user"]["email"]
        logins = [service.login() for _ in range(SESSIONS - 1)]
        assert all(login.status == 200 for login in logins), logins[-1]  # noqa: PLR2004
        for path in ("/api/v1/users/me/sessions", "/api/v1/users/me"):
            answer = service.request("GET", path, token=registered["access_token"])
            assert answer.status == 200, answer  # noqa: PLR2004
        self._refresh_tokens = [login.data["refresh_token"] for login in logins]
        body = {"refresh_token": self._refresh_tokens.pop()}
        service.request("POST", "/api/v1/auth/refresh", json_body=body)
        self._postpone_last_activity()

    def events(self, function: str, count: int) -> list[Event]:
        """Return the events of so many calls."""
        make = {
            "authorizer_refusing": _with_a_forged_token,
            "refresh": self._refresh,
            "register": self._register,
        }.get(function)
        source = "authorizer" if function in LIKE_AUTHORIZER else function
        event = self._service.events[source]
        return [make(event) if make else event for _ in range(count)]

    def _refresh(self, event: Event) -> Event:
        if not self._refresh_tokens:
            self._refresh_tokens = [
                self._service.login().data["refresh_token"] for _ in range(SESSIONS)
            ]
        return {**event, "body": json.dumps({"refresh_token": self._refresh_tokens.pop()})}

    def _register(self, event: Event) -> Event:
        self._number += 1
        body = {"email": f"person{self._number}@example.com", "password": PASSWORD}
        return {**event, "body": json.dumps(body)}

    def _postpone_last_activity(self) -> None:
        # It is written once a minute, which is not in the cost of a call.
        client = aws_client("dynamodb")
        name = ENVIRONMENT["TABLE_NAME"]
        for item in client.scan(TableName=name)["Items"]:
            if "last_activity_at" in item:
                client.update_item(
                    TableName=name,
                    Key={"pk": item["pk"], "sk": item["sk"]},
                    UpdateExpression="SET last_activity_at = :later",
                    ExpressionAttributeValues={
                        ":later": {"N": str(to_milliseconds(datetime.now(UTC) + LATER))}
                    },
                )


# The doubles --------------------------------------------------------------------------------------


def runtime_headers() -> dict[str, str]:
    """Return the headers of an event in Lambda's runtime API."""
    return {
        "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 600_000),
        "Lambda-Runtime-Invoked-Function-Arn": (
            f"arn:aws:lambda:{REGION}:123456789012:function:measured"
        ),
        "Content-Type": "application/json",
    }


class RuntimeApi(BaseHTTPRequestHandler):
    """Lambda's runtime API: gives out the events, and then the end."""

    protocol_version = "HTTP/1.1"
    pending: list[Event]
    answers: list[Event]

    def do_GET(self) -> None:
        """Return the next event."""
        event = RuntimeApi.pending.pop(0) if RuntimeApi.pending else {"end": True}
        if MotoServer.closing:
            time.sleep(0.05)  # until the connection is closed
        self._send(200, json.dumps(event).encode(), runtime_headers())

    def do_POST(self) -> None:
        """Take an answer, or an error."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        RuntimeApi.answers.append(body)
        self._send(202, b"{}", {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


def certificate(directory: Path) -> Path:
    """Write a certificate of the loopback and its key, issued by itself. Returns its file."""
    path = directory / "double.pem"
    (directory / "root.pem").write_bytes(self_signed(path, "localhost", "127.0.0.1"))
    return path


# The measured functions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Function:
    """A function and what it runs with.

    packages  directories of its imports, in their order
    bundle    the certificates of the layer, or of the installed botocore
    """

    name: str
    directory: Path
    packages: tuple[Path, ...]
    bundle: Path


def build_layer(directory: Path) -> tuple[Path, ...]:
    """Build the layer as `sam build` does. Returns its directories."""
    source = directory / "source"
    shutil.copytree(ROOT / "layers/shared", source, ignore=shutil.ignore_patterns("__pycache__"))
    machine = {"aarch64": "arm64"}.get(platform.machine(), "x86_64")
    variables = {
        "ARTIFACTS_DIR": str(directory),
        "LAYER_CACHE": str(PACKAGES),
        "LAYER_FOR": "this-machine",
        "PYTHON": str(Path(sys.base_prefix) / "bin/python3.13"),
    }
    PACKAGES.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["make", "-s", "-f", f"build/{machine}/Makefile", "build-SharedLayer"],  # noqa: S607
        cwd=source,
        env={**os.environ, **variables},
        check=True,
    )
    return directory / "python", (PACKAGES / "current").resolve()


class Bench:
    """Runs functions under Valgrind."""

    def __init__(self, directory: Path, layer: tuple[Path, ...], aws_port: int) -> None:
        """Use this layer and this double of AWS."""
        self._directory = directory
        self._layer = layer
        self._aws_port = aws_port

    def function(self, name: str) -> Function:
        """Describe a function by its name."""
        if (LAMBDAS / name).is_dir():
            installed = Path(botocore.__file__).parents[1]
            bundle = installed / "botocore/cacert.pem"
            return Function(name, LAMBDAS / name, (installed,), bundle)
        bundle = self._layer[1] / "botocore/cacert.pem"
        folder = "authorizer" if name in LIKE_AUTHORIZER else name
        return Function(name, ROOT / "functions" / folder, self._layer, bundle)

    def environment(self, function: Function, port: int) -> dict[str, str]:
        """Return the variables of the function's process.

        port  of the runtime API
        """
        bundle = self._directory / f"{function.name}.pem"
        bundle.write_bytes(
            function.bundle.read_bytes() + (self._directory / "root.pem").read_bytes()
        )
        imports = (
            function.directory,
            *function.packages,
            LAMBDAS,
        )
        return {
            **ENVIRONMENT,
            **SETTINGS,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_CA_BUNDLE": str(bundle),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": f"https://localhost:{self._aws_port}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_SESSION_TOKEN": "testing",
            "LAMBDA_TASK_ROOT": str(function.directory),
            "OPERATION": function.directory.name,
            "PATH": os.environ["PATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "1",
            "PYTHONPATH": os.pathsep.join(str(path) for path in imports),
        }

    def count(self, function: Function, events: list[Event]) -> int:
        """Return the instructions of a process that handles these events."""
        RuntimeApi.pending, RuntimeApi.answers = list(events), []
        out = self._directory / "cachegrind.out"
        with serving(RuntimeApi) as port:
            command = [
                "valgrind",
                "--tool=cachegrind",
                "--cache-sim=no",
                f"--cachegrind-out-file={out}",
                *COMMAND,
            ]
            finished = subprocess.run(
                command,
                env=self.environment(function, port),
                cwd=function.directory,
                capture_output=True,
                check=False,
            )
        answers = RuntimeApi.answers
        if len(answers) != len(events) or not all(_is_good(function.name, a) for a in answers):
            raise SystemExit(f"{function.name}: {answers}\n{finished.stderr.decode()[-3000:]}")
        (summary,) = [line for line in out.read_text().splitlines() if line.startswith("summary:")]
        return int(summary.split()[1])


def _is_good(name: str, answer: Event) -> bool:
    """Return whether a function gave the answer that is measured."""
    if name == "empty":
        return True
    if "isAuthorized" in answer:
        allowed = answer["isAuthorized"] and "auth_error" not in answer.get("context", {})
        return bool(allowed) is (name != "authorizer_refusing")
    return answer.get("statusCode", 500) < 300  # noqa: PLR2004


ALL = (
    "empty",
    "usual_authorizer",
    "authorizer",
    "authorizer_refusing",
    "list_sessions",
    "get_me",
    "refresh",
    "login",
    "register",
)


def measure(bench: Bench, name: str, events: Callable[[int], list[Event]]) -> list[float]:
    """Return millions of instructions: init, first, warm, and with closed connections."""
    function = bench.function(name)
    calls = 3 if name in {"login", "register"} else WARM_CALLS
    init = bench.count(function, [])
    first = bench.count(function, events(1))
    warm = bench.count(function, events(1 + calls))
    row = [init, first - init, (warm - first) / calls]
    if name in {"authorizer", "usual_authorizer"}:
        MotoServer.closing = True
        closed = bench.count(function, events(1 + calls))
        MotoServer.closing = False
        row.append((closed - first) / calls)
    return [count / 1e6 for count in row]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("functions", nargs="*", default=ALL, metavar="FUNCTION")
    names = parser.parse_args().functions
    os.environ["AWS_DEFAULT_REGION"] = REGION
    logger.setLevel("CRITICAL")
    with tempfile.TemporaryDirectory() as temporary, mock_aws():
        directory = Path(temporary)
        # As in Lambda, whose own files are compiled. An installation by uv is not.
        for package in RUNTIME.glob("lib/python*/site-packages"):
            compileall.compile_dir(package, quiet=2)
        layer = build_layer(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(directory))
        with contextlib.redirect_stdout(io.StringIO()):
            person = Person(RecordingService())
        with serving(MotoServer, context) as port:
            bench = Bench(directory, layer, port)
            print("| million instructions | init | first | warm | closed |\n|---|--:|--:|--:|--:|")
            for name in names:
                with contextlib.redirect_stdout(sys.stderr):
                    row = measure(bench, name, lambda n, name=name: person.events(name, n))
                cells = [f"{count:,.2f}" if count < 100 else f"{count:,.0f}" for count in row]  # noqa: PLR2004
                print(f"| `{name}` | " + " | ".join([*cells, "-"][:4]) + " |", flush=True)


if __name__ == "__main__":
    main()
