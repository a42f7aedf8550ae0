"""What a million requests cost, what memory a function should have, and a month of metrics.

    PYTHONPATH=.:layers/shared python -m benchmarks.request_cost [--write]

Prints the tables of docs/cost.md and docs/performance.md; `--write` writes them there. Capacity
units, log lines and items are measured in this process, the evidence by `benchmarks.audit_reads`.
Instructions are measured by `make cold-start`, and are written below.
tests/tools/test_request_cost.py compares the documents and the template with this module.
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import re
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO

from benchmarks import audit_reads
from benchmarks.prices import (
    GB_SECOND,
    HTTP_API_REQUEST,
    LAMBDA_CALL,
    LOG_BYTE,
    METRIC_MONTH,
    READ_UNIT,
    WRITE_UNIT,
)
from latchkey.storage.memory import MemoryTable
from tests.support.audit import captured_log
from tests.support.service import InProcessService
from tools.template import ROOT, folder, functions, load

DOCUMENTS = (ROOT / "docs/cost.md", ROOT / "docs/performance.md")
FULL_CORE_MB = 1769
"""Lambda gives a function this part of its memory of one processor. Source: Lambda Developer Guide,
"Configure Lambda function memory". The initialization has a whole one, as others measured; AWS does
not document it."""

TRIP_MS = 4.0
"""A request to DynamoDB from Lambda. Assumed."""

LOG_LINE_BYTES = 26
"""What CloudWatch bills besides the text of a line. Source: CloudWatch pricing."""

LAMBDA_TIMESTAMP_BYTES = len('"timestamp":"2026-11-22T05:01:39.627Z",')
"""Lambda adds a time to JSON lines that have none. Source: Lambda Developer Guide, "Log-level
filtering"."""

REQUEST_ID = "JKJaXmPLvHcESHA="
"""An id of API Gateway: shorter or longer ids are another number of bytes."""

REQUESTS_A_MINUTE = 5
"""Of a session in use. Assumed."""

INTERVALS = (60, 120, 300, 600, 1800, 3600)
MEMORY = (256, 512, 1024, 1769)
LEAST_MEMORY = 512
"""Half of it saves a cent or two per million, and doubles the time of calls and first calls."""


INSTRUCTIONS_A_MS = 2e6
"""Of one processor of Lambda. Ours executes four million a millisecond when it is idle, with its
system calls. Lambda's is assumed to take twice as long."""

WARM_CALL_MS = 150
"""A function gets more memory if a warm call takes longer. Our choice."""

ACCESS_TOKEN_SECONDS = 600
"""The first use after each refresh is recorded, too."""


@dataclass(frozen=True, slots=True)
class Instructions:
    """Millions of instructions of a function, by `make cold-start`, and its trips to DynamoDB.

    first  the first call
    """

    init: float
    first: float
    warm: float
    trips: int


MEASURED = {
    "empty": Instructions(init=142, first=0.5, warm=0.47, trips=0),
    "authorizer": Instructions(init=402, first=30.4, warm=2.53, trips=1),
    "list_sessions": Instructions(init=404, first=24.8, warm=7.02, trips=1),
    "get_me": Instructions(init=404, first=16.3, warm=1.63, trips=1),
    "refresh": Instructions(init=492, first=37.5, warm=4.65, trips=3),
    "login": Instructions(init=1427, first=1196, warm=221, trips=6),
    "register": Instructions(init=1802, first=1219, warm=251, trips=2),
}
"""In November 2026. A list has ten sessions."""

OURS = [name for name in MEASURED if name != "empty"]


def milliseconds(function: str, memory: int, *, cold: bool = False) -> float:
    """Return the duration of a warm call, or of the first one after the initialization."""
    measured = MEASURED[function]
    millions = measured.first if cold else measured.warm
    share = min(1.0, memory / FULL_CORE_MB)
    return millions * 1e6 / INSTRUCTIONS_A_MS / share + TRIP_MS * measured.trips


def start_milliseconds(function: str) -> float:
    """Return the duration of the initialization of our code, with a whole processor."""
    return MEASURED[function].init * 1e6 / INSTRUCTIONS_A_MS


def compute(function: str, memory: int) -> float:
    """Return the price of the processor and the memory of a warm call."""
    return milliseconds(function, memory) / 1000 * memory / 1024 * GB_SECOND


def memory_of(function: str) -> int:
    """Return the memory of a function in the template, in MB."""
    template = load()
    usual = template["Globals"]["Function"]["MemorySize"]
    # Two functions have the code of the authorizer.
    (size,) = {
        int(properties.get("MemorySize", usual))
        for properties in functions().values()
        if folder(properties) == function
    }
    return size


def suitable_memory(function: str) -> int:
    """Return the least memory with which a warm call is short, or that of one processor."""
    sizes = (size for size in MEMORY if size >= LEAST_MEMORY)
    return next((s for s in sizes if milliseconds(function, s) <= WARM_CALL_MS), FULL_CORE_MB)


# What is measured here ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """The log line of a request: its bytes, and the units in it."""

    size: int
    read_units: float


@cache
def lines() -> dict[str, Line]:
    """Return the lines of a list of ten used sessions, and of a read of the account."""
    service = InProcessService(table=MemoryTable(metered=True))
    with captured_log() as log, redirect_stdout(StringIO()):
        tokens = [service.register().data["access_token"]]
        tokens += [service.login().data["access_token"] for _ in range(9)]
        for token in tokens:
            service.request("GET", _ME, token=token)
        for path in (f"{_ME}/sessions", _ME):
            service.request("GET", path, token=tokens[0])
    found = {}
    for text in log.getvalue().splitlines()[-2:]:
        line = json.loads(text)
        units = line["read_units"] + line["auth_read_units"]
        assert "auth_write_units" not in line
        size = len(text) - len(line["request_id"]) + len(REQUEST_ID)
        found[line["operation"]] = Line(size, units)
    return found


def access_line_size(route: str) -> int:
    """Return the bytes of API Gateway's log line for a request."""
    values = {"requestId": REQUEST_ID, "routeKey": route, "responseLatency": "35"}
    values |= {"status": "200", "integration.status": "200", "error.responseType": "-"}
    settings = load()["Resources"]["Api"]["Properties"]["AccessLogSettings"]
    # With direct access refused, the line also has an address.
    _, _, template = settings["Format"]["Fn::If"]
    return len(re.sub(r"\$context\.([\w.]+)", lambda match: values[match[1]], template))


@cache
def evidence() -> float:
    """Return the price of all evidence of a read."""
    requests = 2000
    return sum(audit_reads.dollars_per_read(audit_reads.measure(requests), requests).values())


# Requests -----------------------------------------------------------------------------------------

_ME = "/api/v1/users/me"
ROUTES = {"list_sessions": f"GET {_ME}/sessions", "get_me": f"GET {_ME}"}
NAMES = {
    "list_sessions": "authorizer and `list_sessions` of ten",
    "get_me": "authorizer and `get_me`",
}


def records_a_request(interval: int) -> float:
    """Return how often a request records the last activity."""
    return math.ceil(ACCESS_TOKEN_SECONDS / interval) / (
        ACCESS_TOKEN_SECONDS / 60 * REQUESTS_A_MINUTE
    )


def default_interval() -> int:
    """Return the interval of last activity in the template."""
    return int(load()["Parameters"]["LastActivitySeconds"]["Default"])


def price(operation: str, interval: int | None = None) -> dict[str, float]:
    """Return what a million authorized requests cost, by component."""
    line = lines()[operation]
    log_bytes = line.size + LAMBDA_TIMESTAMP_BYTES + access_line_size(ROUTES[operation])
    compute_both = sum(compute(f, memory_of(f)) for f in ("authorizer", operation))
    dollars = {
        "HTTP API": HTTP_API_REQUEST,
        "calls of two functions": 2 * LAMBDA_CALL,
        "their processor and memory": compute_both,
        "read units of DynamoDB": line.read_units * READ_UNIT,
        "last activity": records_a_request(interval or default_interval()) * WRITE_UNIT,
        "log lines of the function and the gateway": (log_bytes + 2 * LOG_LINE_BYTES) * LOG_BYTE,
        "evidence: packs, chain, archive, index": evidence(),
    }
    return {name: 1e6 * amount for name, amount in dollars.items()}


# A month of metrics -------------------------------------------------------------------------------


def own_metrics() -> dict[str, int]:
    """Return the metrics that the code can emit, and how many values their dimensions can have.

    Each name with each value of a dimension is billed as one metric.
    """
    source = (ROOT / "layers/shared/latchkey/observability.py").read_text()
    found: dict[str, int] = {}
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = [
            (call.func.attr, call.args)
            for call in ast.walk(function)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        ]
        dimensions = [args[0] for name, args in calls if name == "add_dimension"]
        values = len(functions()) if dimensions else 1
        for name, args in calls:
            if name == "add_metric" and isinstance(args[0], ast.Constant):
                found[str(args[0].value)] = values
    return found


def usual_metrics() -> int:
    """Return how many of them exist in a month without failures."""
    return sum(values == 1 for values in own_metrics().values())


# The tables ---------------------------------------------------------------------------------------


def tables() -> dict[str, str]:
    """Return the tables of the documents, by their names there."""
    return {
        "requests": _table_of_requests(),
        "last activity": _table_of_intervals(),
        "memory": _table_of_memory(),
        "milliseconds": _table_of_milliseconds(),
        "metrics": _table_of_metrics(),
    }


def _table(header: list[str], rows: list[list[str]]) -> str:
    rule = f"|---|{'--:|' * (len(header) - 1)}"
    first, *others = (f"| {' | '.join(row)} |" for row in [header, *rows])
    return "\n".join([first, rule, *others])


def _table_of_requests() -> str:
    prices = [price(operation) for operation in ROUTES]
    rows = [[name, *(f"${each[name]:.2f}" for each in prices)] for name in prices[0]]
    total = ["**together**", *(f"**${sum(each.values()):.2f}**" for each in prices)]
    return _table(["a million of", *NAMES.values()], [*rows, total])


def _table_of_intervals() -> str:
    rows = []
    for interval in INTERVALS:
        records = records_a_request(interval)
        total = sum(price("list_sessions", interval).values())
        note = " (default)" if interval == default_interval() else ""
        rows.append(
            [
                f"{interval}{note}",
                f"{records:.2f}",
                f"${1e6 * records * WRITE_UNIT:.3f}",
                f"${total:.2f}",
            ]
        )
    header = ["`LastActivitySeconds`", "write units of a request", "of a million", "with all else"]
    return _table(header, rows)


def _table_of_memory() -> str:
    rows = []
    for function in OURS:
        chosen = memory_of(function)
        for memory in MEMORY:
            mark = "**" if memory == chosen else ""
            rows.append(
                [
                    f"`{function}`" if memory == MEMORY[0] else "",
                    f"{mark}{memory}{mark}",
                    f"{start_milliseconds(function):,.0f}",
                    f"{milliseconds(function, memory, cold=True):,.0f}",
                    f"{mark}{milliseconds(function, memory):,.1f}{mark}",
                    f"{mark}${1e6 * compute(function, memory):.2f}{mark}",
                ]
            )
    header = ["", "MB", "initialization, ms", "first call, ms", "warm call, ms", "$ per million"]
    return _table(header, rows)


def _table_of_milliseconds() -> str:
    empty = MEASURED["empty"]
    rows = []
    for function, measured in MEASURED.items():
        memory = LEAST_MEMORY if function == "empty" else memory_of(function)
        ratio = f"{measured.init / empty.init:.1f}"
        rows.append(
            [
                "an empty function" if function == "empty" else f"`{function}`",
                f"{memory}",
                f"{start_milliseconds(function):,.0f}",
                f"{milliseconds(function, memory, cold=True):,.0f}",
                f"{milliseconds(function, memory):,.1f}",
                ratio,
            ]
        )
    header = ["", "MB", "initialization", "first call", "warm call", "initialization ÷ empty"]
    return _table(header, rows)


def _table_of_metrics() -> str:
    rows = [
        [f"`{name}`", f"{values:,}", f"${values * METRIC_MONTH:.2f}"]
        for name, values in own_metrics().items()
    ]
    usual = usual_metrics()
    rows.append(["**without failures**", f"{usual}", f"**${usual * METRIC_MONTH:.2f}**"])
    return _table(["metric", "billed metrics, at most", "a month"], rows)


def written(document: str) -> str:
    """Return a document with the present tables, of those that it has."""
    for name, table in tables().items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if start not in document:
            continue
        before, rest = document.split(start)
        _, after = rest.split(end)
        document = f"{before}{start}{table}\n{end}{after}"
    return document


def main() -> None:
    """Print the tables, or write them into the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true")
    if parser.parse_args().write:
        for document in DOCUMENTS:
            document.write_text(written(document.read_text()))
        return
    for name, table in tables().items():
        print(f"{name}\n\n{table}\n")


if __name__ == "__main__":
    main()
