"""Hot functions write the lines that Powertools writes for the others."""

from __future__ import annotations

import json

import pytest

from latchkey import observability
from latchkey.lean_observability import JsonLogger
from tests.support.audit import captured_log

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


UNUSED_TRACE = TRACE.replace("Sampled=1", "Sampled=0")


def lean_logger():
    return JsonLogger(observability._exceptions)


def write(logger):
    logger.info("audited request", at=1, text="ü", missing=None, units=1.0, many=["a", None])
    logger.warning("not read", reason="Throttling")
    logger.error("failed", code=3)
    try:
        int("a secret")
    except ValueError:
        logger.exception("unexpected error", request_id="r")


@pytest.mark.parametrize("trace", [TRACE, UNUSED_TRACE, None])
def test_lines_are_those_of_powertools(capsys, monkeypatch, trace):
    monkeypatch.delenv("_X_AMZN_TRACE_ID", raising=False)
    if trace is not None:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    with captured_log() as log:
        write(observability.logger)
    expected = [json.loads(line) for line in log.getvalue().splitlines()]
    write(lean_logger())
    text = capsys.readouterr().out
    found = [json.loads(line) for line in text.splitlines()]
    assert "secret" not in text
    assert "ü" in text
    if trace == UNUSED_TRACE:
        # Powertools writes the id of each trace, also if X-Ray does not keep it.
        for line in expected:
            del line["xray_trace_id"]
    assert found == expected
    assert {"level", "message", "at"} <= set(found[0])
    # CloudWatch has the time and the log group beside each line.
    assert not {"timestamp", "service", "location"} & set(found[0])
    assert ("xray_trace_id" in found[0]) is (trace == TRACE)


def test_level_is_that_of_the_template(capsys, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    write(lean_logger())
    levels = [json.loads(line)["level"] for line in capsys.readouterr().out.splitlines()]
    assert levels == ["WARNING", "ERROR", "ERROR"]
