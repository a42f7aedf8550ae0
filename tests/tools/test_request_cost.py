"""docs/cost.md and the template agree with what `benchmarks.request_cost` computes."""

from __future__ import annotations

import re

import pytest

from benchmarks import request_cost
from benchmarks.prices import METRIC_MONTH
from tools.template import ROOT, functions, load


@pytest.mark.parametrize("path", request_cost.DOCUMENTS, ids=lambda path: path.name)
def test_document_has_the_computed_tables(path):
    """Run `python -m benchmarks.request_cost --write` after a change."""
    document = path.read_text()
    numbers = re.compile(r"[\d.,]+")
    present, computed = document.splitlines(), request_cost.written(document).splitlines()
    assert len(present) == len(computed)
    for one, other in zip(present, computed, strict=True):
        assert numbers.sub("", one) == numbers.sub("", other)
        # Random ids compress differently, so the evidence varies by tenths of a cent.
        for old, new in zip(numbers.findall(one), numbers.findall(other), strict=True):
            if old != new:
                old_value, new_value = (float(n.replace(",", "").strip(".")) for n in (old, new))
                assert old_value == pytest.approx(new_value, abs=0.0101), one


@pytest.mark.parametrize(("operation", "dollars"), [("list_sessions", 2.60), ("get_me", 2.25)])
def test_million_authorized_requests_costs_no_more(operation, dollars):
    price = request_cost.price(operation)
    assert all(amount > 0 for amount in price.values())
    assert sum(price.values()) <= dollars


def test_longer_interval_of_last_activity_costs_less():
    records = [request_cost.records_a_request(i) for i in (60, 120, 300, 600)]
    assert records == [0.2, 0.1, 0.04, 0.02]
    # The first use after a refresh is recorded in any case.
    assert request_cost.records_a_request(3600) == 0.02


@pytest.mark.parametrize("function", request_cost.OURS)
def test_template_has_the_suitable_memory(function):
    assert request_cost.memory_of(function) == request_cost.suitable_memory(function)


def test_table_of_memory_marks_what_the_template_has():
    table = request_cost.tables()["memory"]
    for function in request_cost.OURS:
        assert f"**{request_cost.memory_of(function)}**" in table
    assert table.count("**") == 6 * len(request_cost.OURS)


def test_month_of_metrics_costs_three_dollars_at_most():
    """In use and without failures: no metric has a value for each operation."""
    assert request_cost.usual_metrics() * METRIC_MONTH <= 3


def test_metrics_of_the_code_are_all_known():
    emitted = request_cost.own_metrics()
    assert set(emitted) == {
        *("TaskFailures", "MailsPostponed", "MailQuotaExceeded", "AuditFindings"),
        "ServerErrors",
    }
    assert emitted["ServerErrors"] == len(functions())
    # Nothing else emits metrics: no other module has them, and the template makes none of logs.
    elsewhere = [
        path.name
        for path in (ROOT / "layers/shared/latchkey").rglob("*.py")
        if re.search(r"add_metric\(|CloudWatchMetrics", path.read_text())
    ]
    assert elsewhere == ["observability.py"]
    kinds = {item["Type"] for item in load()["Resources"].values()}
    assert "AWS::Logs::MetricFilter" not in kinds
