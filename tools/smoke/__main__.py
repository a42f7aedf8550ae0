"""`python -m tools.smoke URL`: tests a deployed stack from outside."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import httpx

from tools.smoke.front import FRONT
from tools.smoke.person import walk_as_person
from tools.smoke.walk import REQUEST_TIMEOUT_SECONDS, Options, Result, Walk

if TYPE_CHECKING:
    from collections.abc import Mapping


def main(arguments: list[str], environment: Mapping[str, str] = os.environ) -> int:
    """Print one line for each check. Returns 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.smoke")
    parser.add_argument(
        "url", nargs="?", default="", help="where people reach the service; or name a STACK"
    )
    stack = environment.get("STACK", "")
    url = (parser.parse_args(arguments).url or _output(stack, "Url", "ApiUrl")).rstrip("/")
    with httpx.Client(
        timeout=REQUEST_TIMEOUT_SECONDS, headers={"user-agent": "latchkey-smoke"}
    ) as client:
        return run(Walk(url, read_options(environment), client))


def run(walk: Walk) -> int:
    """Run every check. Returns 1 if one failed."""
    started = time.monotonic()
    reachable = False
    for name, check in FRONT.items():
        passed = walk.check(name, check)
        if name == "health":
            reachable = passed
    if reachable:
        walk_as_person(walk)
    else:
        walk.skip({"register": None, "sign-in": None}, "the API does not answer")
    counts = Counter(line.result for line in walk.lines)
    walk.say(
        f"\n{counts[Result.PASS]} passed, {counts[Result.FAIL]} failed, "
        f"{counts[Result.SKIPPED]} skipped, in {time.monotonic() - started:.0f} s."
    )
    return 1 if counts[Result.FAIL] else 0


def read_options(environment: Mapping[str, str]) -> Options:
    """Read the options from the environment. A named stack adds the address of its API."""
    stack = environment.get("STACK", "")
    release, published = _releases(stack)
    return Options(
        api_url=environment.get("API_URL", "") or (_output(stack, "ApiUrl") if stack else ""),
        email=environment.get("SMOKE_EMAIL", ""),
        password=environment.get("SMOKE_PASSWORD", ""),
        mail_token=environment.get("MAIL_TOKEN", ""),
        register=environment.get("REGISTER", "") == "1",
        export=environment.get("EXPORT", "") == "1",
        release=release,
        published=published,
    )


def _releases(stack: str) -> tuple[str, Mapping[str, str]]:
    """Read which releases a stack's functions have; nothing where that is not allowed."""
    if not stack:
        return "", {}
    from botocore.exceptions import ClientError  # noqa: PLC0415 - without a stack it needs no AWS

    from tools.stacks import releases  # noqa: PLC0415 - the same

    try:
        return releases(stack)
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        return "", {}


def _output(stack: str, *names: str) -> str:
    from tools.stacks import outputs  # noqa: PLC0415 - without a stack's name it needs no AWS

    found = outputs(stack)
    return next((found[name] for name in names if name in found), "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
