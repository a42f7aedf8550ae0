"""Hot functions write the lines that Powertools writes for the others."""

from __future__ import annotations

import io
import json
import re

import pytest
from aws_lambda_powertools.logging import Logger

from latchkey import observability
from latchkey.lean_observability import JsonLogger

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def lean_logger(service="latchkey"):
    return JsonLogger(service, observability._exceptions)


def write(logger):
    logger.info("audited request", at=1, text="ü", missing=None, units=1.0, many=["a", None])
    logger.warning("not read", reason="Throttling")
    logger.error("failed", code=3)
    try:
        int("a secret")
    except ValueError:
        logger.exception("unexpected error", request_id="r")


@pytest.mark.parametrize("trace", [TRACE, None])
def test_lines_are_those_of_powertools(capsys, monkeypatch, trace):
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    if trace is not None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    # A name of its own: Powertools keeps the loggers of a process by their names.
    service, stream = f"compared-{trace is None}", io.StringIO()
    usual = Logger(service=service, stream=stream, level="INFO")
    usual.addFilter(observability._without_message)
    write(usual)
    expected = [json.loads(line) for line in stream.getvalue().splitlines()]
    write(lean_logger(service))
    text = capsys.readouterr().out
    found = [json.loads(line) for line in text.splitlines()]
    assert "secret" not in text
    assert "ü" in text
    for line in (*expected, *found):
        timestamp = line.pop("timestamp")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\+0000", timestamp)
    assert found == expected


def test_level_is_that_of_the_template(capsys, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    write(lean_logger())
    levels = [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()]
    assert levels == ["WARNING", "ERROR", "ERROR"]
