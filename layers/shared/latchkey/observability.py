"""Logs, metrics and the units that a request consumed.

One structured line and one embedded metric for each request. Nothing that is logged comes from a
body, a header or a token; ids and codes do. No account's id, though: the log outlives an account
that is erased, and must not say whose the trail's pseudonym was. The line of a request is also its
row of the audit trail: `functions/record_requests` gets it from CloudWatch Logs.
"""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from latchkey.config import metrics_namespace

if TYPE_CHECKING:
    from logging import LogRecord

logger = Logger(service="latchkey")


def _without_message(record: LogRecord) -> bool:
    """Let a line say which exceptions there were, and where; not what they say.

    An exception's message quotes what could not be read: a body, a token, a secret of the table.
    """
    if record.exc_info and isinstance(record.exc_info, tuple):
        error = record.exc_info[1]
        told: list[dict[str, object]] = []
        seen: set[int] = set()
        # An exception can be its own cause (`raise error from error`): each is told once.
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            frames = traceback.extract_tb(error.__traceback__)
            where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            told.append({"name": type(error).__name__, "code": _code(error), "where": where})
            error = error.__cause__ or error.__context__
        record.exc_info, record.__dict__["exceptions"] = None, told
    return True


def _code(error: BaseException) -> str | None:
    """Return the code of an error of ours, or of AWS's."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return code or getattr(error, "code", None)


logger.addFilter(_without_message)

REQUEST_LINE = "audited request"
"""The message of the line that each request leaves. The template's subscription looks for it."""

GATEWAY_LINE = "gateway answer"
"""The message of the line that API Gateway leaves of each request. The template has its format."""


class Units(threading.local):
    """DynamoDB capacity units that this thread's request has consumed, computed from item sizes.

    Computed, because no emulator reports them right, and because asking DynamoDB for them on every
    call costs answer bytes.
    """

    read: float = 0
    write: float = 0

    def reset(self) -> None:
        """Start counting for a new request."""
        self.read = 0
        self.write = 0


units = Units()


class Concern(threading.local):
    """Whom this thread's request concerns, where no authorizer has said so: for the audit trail.

    subject_id  their pseudonym in the audit trail
    origin      as made by `security.origins`
    """

    subject_id: str | None = None
    session_id: str | None = None
    origin: str | None = None

    def reset(self) -> None:
        """Forget the request before."""
        self.subject_id = self.session_id = self.origin = None

    def note(self, subject_id: str, *, origin: str, session_id: str | None = None) -> None:
        """Say whom the request concerns, as soon as it is known."""
        self.subject_id, self.origin, self.session_id = subject_id, origin, session_id


concern = Concern()


def _metrics() -> EphemeralMetrics:
    """Make an empty set of metrics, in the namespace of this stack."""
    return EphemeralMetrics(namespace=metrics_namespace(), service="latchkey")


def log_heartbeat() -> None:
    """Leave a line that the subscription on the log matches, and that is no request.

    It keeps `record_requests` invoked on a stack that nobody uses, so that its silence is an error.
    """
    logger.info("heartbeat", about=REQUEST_LINE)


def record_task(task: str, *, failed: bool = False) -> None:
    """Emit whether a scheduled task has failed; the log names it and says what it got done.

    One metric for all tasks: each further value of a dimension would be billed as another one.
    """
    metrics = _metrics()
    metrics.add_metadata("task", task)
    metrics.add_metric("TaskFailures", MetricUnit.Count, int(failed))
    metrics.flush_metrics()


def record_postponed_mail(*, quota: bool) -> None:
    """Emit that SES took no more mails for now: alarm on it.

    quota  whether those of 24 hours are used up
    """
    metrics = _metrics()
    metrics.add_metric("MailsPostponed", MetricUnit.Count, 1)
    if quota:
        metrics.add_metric("MailQuotaExceeded", MetricUnit.Count, 1)
    metrics.flush_metrics()


def record_findings(count: int) -> None:
    """Emit how often the audit trail was found to be other than what was chained: alarm on it."""
    metrics = _metrics()
    metrics.add_metric("AuditFindings", MetricUnit.Count, count)
    metrics.flush_metrics()


def record_request(operation: str, status: int, milliseconds: float) -> None:
    """Emit the request's metrics in CloudWatch's embedded format: no call, no wait."""
    metrics = _metrics()
    metrics.add_dimension("operation", operation)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Latency", MetricUnit.Milliseconds, milliseconds)
    if status >= 500:  # noqa: PLR2004 - the class of server errors
        metrics.add_metric("ServerErrors", MetricUnit.Count, 1)
    metrics.flush_metrics()
