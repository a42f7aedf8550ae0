"""The handler of a measured Lambda: the function's own, and an end after its last event."""

import os

from app import handler as measured


def handler(event, context):
    """Answer like the function. The last event ends the process."""
    if event.get("end"):
        os._exit(0)
    return measured(event, context)
