"""Allow emails to an address again: `python -m tools.allow_mail STACK ADDRESS`.

Two lists can block an address: the stack's own, and the suppression list of SES for the account.
Both are updated. An address that is in neither is not an error.
"""

from __future__ import annotations

import json
import sys

import boto3

from tools import invoke


def main(arguments: list[str]) -> int:
    """Remove an address from both lists. Returns 1 if the stack does not know the address."""
    stack, address = arguments
    ses = boto3.client("sesv2")
    try:
        ses.delete_suppressed_destination(EmailAddress=address)
    except ses.exceptions.NotFoundException:
        print("SES has not suppressed it")
    else:
        print("SES no longer suppresses it")
    return invoke.main([stack, "RecordMailEventsFunction", json.dumps({"allow": address})])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
