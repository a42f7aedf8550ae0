"""Each request writes one log line, without content of the client."""

from __future__ import annotations

import json

import pytest

from latchkey.observability import REQUEST_LINE, logger
from latchkey.storage.memory import MemoryTable
from tests.support.audit import captured_log
from tests.support.service import InProcessService

ME = "/api/v1/users/me"
ALWAYS = {
    "level",
    "message",
    "at",
    "operation",
    "request_id",
    "status",
    "outcome",
    "ms",
}
SOMETIMES = {
    *("read_units", "write_units", "auth_read_units", "auth_write_units"),
    *("reason", "session_id", "subject", "origin", "network"),
}
OF_THE_AUTHORIZER = {"auth_ms", "auth_read_units", "auth_write_units"}


class Watched:
    """A service, and what it writes while one request is answered."""

    def __init__(self, service, capsys) -> None:
        self.service, self._capsys = service, capsys

    def request(self, method, path, **options):
        """Return the answer, the lines of the log, and the embedded metrics."""
        self._capsys.readouterr()
        with captured_log() as log:
            answer = self.service.request(method, path, **options)
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        printed = self._capsys.readouterr().out.splitlines()
        return answer, lines, [json.loads(line) for line in printed]


@pytest.fixture
def watched(capsys):
    return Watched(InProcessService(), capsys)


def requests(token):
    wrong = {"email": "ada@example.com", "password": "not the password at all"}
    return [
        ("GET", ME, {"token": token}, "get_me", 200, "OK"),
        ("GET", ME, {}, "get_me", 401, "TOKEN_MISSING"),
        ("GET", ME, {"token": "forged"}, "get_me", 401, "TOKEN_INVALID"),
        ("POST", "/api/v1/auth/login", {"raw_body": "{"}, "login", 400, "VALIDATION_ERROR"),
        ("POST", "/api/v1/auth/login", {"json_body": wrong}, "login", 401, "INVALID_CREDENTIALS"),
        ("GET", f"{ME}/activity", {"token": token, "query": {"limit": "0"}}, "list_activity", 400,
         "VALIDATION_ERROR"),
        ("GET", "/api/v1/audit", {"token": token}, "list_audit", 403, "ADMINISTRATORS_ONLY"),
        ("GET", "/api/v1/health", {}, "get_health", 200, "OK"),
    ]  # fmt: skip


def test_request_writes_one_log_line(watched):
    token = watched.service.register().data["access_token"]
    for method, path, options, operation, status, outcome in requests(token):
        answer, lines, metrics = watched.request(method, path, **options)
        (line,) = [line for line in lines if line["message"] == REQUEST_LINE]
        assert (answer.status, line["status"]) == (status, status)
        assert (line["operation"], line["outcome"]) == (operation, outcome)
        assert line["request_id"] == answer.headers["x-request-id"]
        assert line["ms"] >= 0
        assert set(line) >= ALWAYS, set(line) ^ ALWAYS
        has_authorizer = operation not in {"login", "get_health"}
        expected = ALWAYS | ({"auth_ms"} if has_authorizer else set())
        assert set(line) - SOMETIMES == expected
        assert lines == [line]
        assert metrics == []


def test_line_has_what_the_authorizer_took(capsys):
    watched = Watched(InProcessService(table=MemoryTable(metered=True)), capsys)
    token = watched.service.register().data["access_token"]
    watched.service.clock.advance(minutes=2)
    _, (line,), _ = watched.request("GET", ME, token=token)
    assert line["auth_ms"] > 0
    # The session, and its last activity.
    assert (line["auth_read_units"], line["auth_write_units"]) == (1, 1)
    _, (again,), _ = watched.request("GET", ME, token=token)
    assert again["auth_read_units"] == 1
    assert "auth_write_units" not in again


@pytest.mark.parametrize("typed", [True, False])
def test_authorizer_writes_a_line_only_if_nothing_else_answers(watched, typed):
    token = watched.service.register().data["access_token"]
    watched.service.configure(authorizer_passes_reasons=typed)
    for header, allowed in [(f"Bearer {token}", True), ("Bearer x", False)]:
        event = {
            "version": "2.0",
            "headers": {"authorization": header},
            "requestContext": {"requestId": "r-1", "http": {"sourceIp": "203.0.113.7"}},
        }
        with captured_log() as log:
            verdict = watched.service._handler("authorizer")(event, None)
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        assert verdict["isAuthorized"] is (typed or allowed)
        if typed or allowed:
            assert lines == []
        else:
            (line,) = lines
            assert line["message"] == REQUEST_LINE
            assert (line["operation"], line["outcome"]) == ("authorizer", "TOKEN_INVALID")
        assert (verdict["context"].keys() >= OF_THE_AUTHORIZER) is typed


def test_server_error_is_counted(watched):
    token = watched.service.register().data["access_token"]
    (key,) = (key for key in watched.service.table._items if key.sk == "ACCOUNT")
    watched.service.table._items[key]["created_at"] = "not a number"
    _, lines, metrics = watched.request("GET", ME, token=token)
    (line,) = [line for line in lines if line["message"] == REQUEST_LINE]
    assert (line["level"], line["outcome"]) == ("ERROR", "INTERNAL_ERROR")
    (metric,) = metrics
    assert (metric["operation"], metric["ServerErrors"]) == ("get_me", [1.0])
    (declared,) = metric["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "Latchkey"
    assert declared["Dimensions"] == [["operation", "service"]]
    assert declared["Metrics"] == [{"Name": "ServerErrors", "Unit": "Count"}]


def test_log_line_has_the_consumed_units(capsys):
    watched = Watched(InProcessService(table=MemoryTable(metered=True)), capsys)
    token = watched.service.register().data["access_token"]
    read = units(watched, "GET", ME, token=token)
    changed = units(watched, "PATCH", ME, token=token, json_body={"age": 30})
    refused = units(watched, "GET", ME, token="forged")
    # The account; the account, its change and the change's row of the audit trail; nothing.
    assert read == (1, 0)
    assert changed[1] >= 4
    assert refused == (0, 0)


def test_log_has_type_and_location_of_an_exception_without_its_message(watched):
    token = watched.service.register().data["access_token"]
    (key,) = (key for key in watched.service.table._items if key.sk == "ACCOUNT")
    watched.service.table._items[key]["created_at"] = "canary-of-the-table"
    answer, lines, _ = watched.request("GET", ME, token=token)
    assert answer.status == 500
    (line,) = [line for line in lines if line["message"] == "unexpected error"]
    assert "canary" not in repr(lines)
    (first, *_) = line["exceptions"]
    assert first["name"] in {"TypeError", "ValueError"}
    assert "records.py:" in repr(first["where"])


def units(watched, method, path, **options):
    _, lines, _ = watched.request(method, path, **options)
    (line,) = [line for line in lines if line["message"] == REQUEST_LINE]
    return line.get("read_units", 0), line.get("write_units", 0)


def test_circular_causes_of_an_exception_are_logged_once():
    first, second = ValueError("one"), KeyError("two")
    first.__cause__, second.__cause__ = second, first
    with captured_log() as log:
        try:
            raise first
        except ValueError:
            logger.exception("odd")
    (line,) = (json.loads(text) for text in log.getvalue().splitlines())
    assert [error["name"] for error in line["exceptions"]] == ["ValueError", "KeyError"]
