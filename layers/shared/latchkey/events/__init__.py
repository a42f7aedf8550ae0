"""Entry points that are not HTTP: queues, streams, logs, schedules and CloudFormation."""

from __future__ import annotations

from typing import Any

type Event = dict[str, Any]
"""An event as Lambda delivers it."""
