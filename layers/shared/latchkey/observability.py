"""Logs, metrics and the capacity units of a request.

Each request writes one structured line, by the function that answers it. Log lines contain ids and
codes, but no content of a body, a header or a token, and no account id: the log outlives an erased
account and must not link it to its pseudonym. The line of a request goes to the audit trail:
`functions/record_requests` gets it from CloudWatch Logs.
"""

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING

from latchkey.config import is_hot, metrics_namespace
from latchkey.lean_observability import JsonLogger

if TYPE_CHECKING or not is_hot():
    from aws_lambda_powertools.logging import Logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from logging import LogRecord

    from aws_lambda_powertools.metrics import EphemeralMetrics

    from latchkey.domain.audit_chain import ForeignItem
    from latchkey.domain.ids import SubjectId

_SERVICE = "latchkey"


def _exceptions(error: BaseException | None) -> list[dict[str, object]]:
    """Return types and locations of an exception and its causes, without their messages.

    A message may quote input: a body, a token, a stored secret.
    """
    exceptions: list[dict[str, object]] = []
    seen: set[int] = set()
    # An exception can be its own cause (`raise error from error`). Each is logged once.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        exceptions.append({"name": type(error).__name__, "code": _code(error), "where": where})
        error = error.__cause__ or error.__context__
    return exceptions


def _without_message(record: LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info, tuple):
        record.__dict__["exceptions"] = _exceptions(record.exc_info[1])
        record.exc_info = None
    return True


def _code(error: BaseException) -> str | None:
    """Return the error code of the domain or of AWS."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return code or getattr(error, "code", None)


if TYPE_CHECKING or not is_hot():
    # CloudWatch stores the time and the stack's name with each line. Bytes of lines are billed.
    logger = Logger(service=_SERVICE, location=None, timestamp=None)
    logger.remove_keys(["service"])
    logger.addFilter(_without_message)
else:
    logger = JsonLogger(_exceptions)

REQUEST_LINE = "audited request"
"""The message of each request's log line. The template's subscription filters by it."""

GATEWAY_LINE = "gateway answer"
"""The message of API Gateway's access log lines. The template has their format."""


class Units(threading.local):
    """The DynamoDB capacity units of this thread's request, as its table reports them.

    DynamoDB reports them with index entries. `MemoryTable` computes them without.
    """

    read: float = 0.0
    write: float = 0.0

    def reset(self) -> None:
        """Reset the count for a new request."""
        self.read = 0.0
        self.write = 0.0


units = Units()


class RequestSubject(threading.local):
    """The audit subject of this thread's request, if the authorizer did not set one.

    subject_id  their pseudonym in the audit trail
    origin      from `security.origins`
    """

    subject_id: SubjectId | None = None
    session_id: str | None = None
    origin: str | None = None

    def reset(self) -> None:
        """Remove the subject of the previous request."""
        self.subject_id = self.session_id = self.origin = None

    def bind(self, subject_id: SubjectId, *, origin: str, session_id: str | None = None) -> None:
        """Set the subject as soon as it is known."""
        self.subject_id, self.origin, self.session_id = subject_id, origin, session_id


request_subject = RequestSubject()


_COUNT = "Count"


def _metrics() -> EphemeralMetrics:
    """Return empty metrics in the namespace of this stack."""
    from aws_lambda_powertools.metrics import EphemeralMetrics  # noqa: PLC0415 - rarely needed

    return EphemeralMetrics(namespace=metrics_namespace(), service=_SERVICE)


def log_heartbeat() -> None:
    """Write a log line that matches the subscription's filter but is not a request.

    It invokes `record_requests` on an idle stack, so that missing invocations are an error.
    """
    logger.info("heartbeat", about=REQUEST_LINE)


def record_task(task: str, *, failed: bool = False) -> None:
    """Emit whether a scheduled task has failed. The log has its name and result.

    One metric for all tasks, because each value of a dimension is billed separately.
    """
    metrics = _metrics()
    metrics.add_metadata("task", task)
    metrics.add_metric("TaskFailures", _COUNT, int(failed))
    metrics.flush_metrics()


def record_postponed_mail(*, quota: bool) -> None:
    """Emit that SES refused emails above a limit, for an alarm.

    quota  True for the limit of 24 hours
    """
    metrics = _metrics()
    metrics.add_metric("MailsPostponed", _COUNT, 1)
    if quota:
        metrics.add_metric("MailQuotaExceeded", _COUNT, 1)
    metrics.flush_metrics()


def record_findings(count: int) -> None:
    """Emit the number of audit rows that differ from the chain, for an alarm."""
    metrics = _metrics()
    metrics.add_metric("AuditFindings", _COUNT, count)
    metrics.flush_metrics()


def report_foreign_items(items: Sequence[ForeignItem], *, operation: str) -> None:
    """Report items in the audit chains that are not our blocks. They need an operator."""
    for item in items:
        logger.error(
            "foreign item in a chain", operation=operation, pk=item.partition, sk=item.name
        )
    if items:
        record_findings(len(items))


def record_server_error(operation: str) -> None:
    """Emit that a request ended in a 5xx, or a worker's message failed, for alarms.

    AWS counts and times the calls of each function by itself.
    """
    metrics = _metrics()
    metrics.add_dimension("operation", operation)
    metrics.add_metric("ServerErrors", _COUNT, 1)
    metrics.flush_metrics()
