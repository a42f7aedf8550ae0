"""Send mails to an address again: `python -m tools.allow_mail STACK ADDRESS`.

Two lists stop them: the stack's own, and SES's of the whole account, which only the account's
operators may change. Both are asked; that an address is in neither is no error.
"""

from __future__ import annotations

import json
import sys

import boto3

from tools import invoke


def main(arguments: list[str]) -> int:
    """Take an address off both lists; 1 if the stack knows no such address."""
    stack, address = arguments
    ses = boto3.client("sesv2")
    try:
        ses.delete_suppressed_destination(EmailAddress=address)
    except ses.exceptions.NotFoundException:
        print("SES has not suppressed it")
    else:
        print("SES suppresses it no more")
    return invoke.main([stack, "RecordMailEventsFunction", json.dumps({"allow": address})])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
