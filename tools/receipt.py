"""Verify a receipt of an erasure offline: `python -m tools.receipt receipt.txt --keys jwks.json`.

The keys are a copy of `/.well-known/jwks.json` from the time of the receipt. A deployment removes a
key from there some time after it was replaced.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jwt

from latchkey.security.receipts import read_receipt


def main(arguments: list[str]) -> int:
    """Print the content of a receipt. Returns 1 if it is not genuine."""
    parser = argparse.ArgumentParser(prog="python -m tools.receipt")
    parser.add_argument("receipt", type=Path, help="the code in the mail, as a file")
    parser.add_argument("--keys", type=Path, required=True, help="the public keys, as JWKS")
    parser.add_argument("--issuer", required=True, help="the deployment's address: PublicUrl")
    options = parser.parse_args(arguments)
    text = "".join(options.receipt.read_text().split())
    keys = json.loads(options.keys.read_text())["keys"]
    try:
        print(json.dumps(verify(text, keys, issuer=options.issuer), indent=2))
    except jwt.InvalidTokenError as error:
        print(f"not genuine: {error}", file=sys.stderr)
        return 1
    return 0


def verify(text: str, keys: list[dict[str, str]], *, issuer: str) -> dict[str, Any]:
    """Verify a receipt with the trusted key that its header names.

    Raises jwt.InvalidTokenError.
    """
    kid = jwt.get_unverified_header(text).get("kid")
    for key in keys:
        if key["kid"] == kid:
            return read_receipt(text, key, issuer=issuer)
    msg = f"no key in the file has the id {kid!r}"
    raise jwt.InvalidTokenError(msg)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
