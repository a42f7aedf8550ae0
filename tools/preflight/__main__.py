"""`python -m tools.preflight PROFILE [KEY=VALUE …]`: finds causes of a failed deploy."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from tools.preflight.account import Account, Denied
from tools.preflight.checks import CHECKS
from tools.preflight.findings import Verdict, fails, ok, warning
from tools.preflight.plan import Plan
from tools.preflight.stack_checks import describe_stack
from tools.profiles import ProfileError, effective, given_to_make, read_profile
from tools.transformed import transformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from tools.preflight.checks import Check
    from tools.preflight.findings import Finding
    from tools.profiles import Profile


def main(arguments: list[str]) -> int:
    """Print one line for each finding. Returns 1 if something would fail."""
    parser = argparse.ArgumentParser(prog="python -m tools.preflight")
    parser.add_argument("profile", help="a profile of samconfig.toml: dev, prod or hipaa")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="template parameters")
    options = parser.parse_args(arguments)
    try:
        values = [*given_to_make(os.environ), *options.values]
        profile = read_profile(options.profile).with_values(values)
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 2
    return report(run(Account(profile.region), profile))


def run(
    account: Account, profile: Profile, checks: Mapping[str, Check] = CHECKS
) -> Iterator[tuple[str, Finding]]:
    """Run every check and return the findings. Stops if AWS can't be asked at all."""
    identity = _identity(account)
    yield "identity", identity
    if identity.verdict is Verdict.FAILS:
        return
    try:
        plan = make_plan(account, profile)
    except Denied as denied:
        yield (
            "stack",
            fails(f"The permission {denied.permission} is missing, and nothing works without it."),
        )
        return
    if changed := profile.differs_from(deployed_parameters(plan.deployed)):
        yield "parameters", fails(conflict_sentence(profile, changed))
    for name, check in checks.items():
        yield from ((name, finding) for finding in _findings(check, account, plan))


def make_plan(account: Account, profile: Profile) -> Plan:
    """Return the plan of the deploy. Raises Denied."""
    deployed = describe_stack(account, profile.stack)
    values = effective(profile.parameters, deployed_parameters(deployed))
    template, size = transformed(values)
    return Plan(profile.stack, profile.region, values, deployed, template, size)


def deployed_parameters(stack: Mapping[str, Any] | None) -> dict[str, str]:
    """Return a running stack's parameters."""
    if stack is None:
        return {}
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", [])}


def conflict_sentence(profile: Profile, changed: Mapping[str, tuple[str, str]]) -> str:
    """Return a finding for each value that would change unintentionally."""
    each = "; ".join(
        f"{name} is {now} in the stack and {then} in samconfig.toml"
        for name, (now, then) in sorted(changed.items())
    )
    return (
        f"{each}. Say which is meant, on the command line (NAME=VALUE) or in samconfig.toml's "
        f"profile {profile.name}."
    )


def report(findings: Iterable[tuple[str, Finding]], say: Callable[[str], object] = print) -> int:
    """Print the findings and their number. Returns 1 if something would fail."""
    verdicts = []
    for name, finding in findings:
        verdicts.append(finding.verdict)
        say(f"{finding.verdict:10}  {name}: {finding.sentence}")
    failing, warned = verdicts.count(Verdict.FAILS), verdicts.count(Verdict.WARNING)
    say(f"\n{len(verdicts)} findings: {failing} would fail, {warned} warnings.")
    return 1 if failing else 0


def _identity(account: Account) -> Finding:
    try:
        caller = account.ask("sts", "get_caller_identity")
    except NoCredentialsError:
        return fails("There are no AWS credentials here: run `aws configure` or `aws sso login`.")
    except (ClientError, BotoCoreError) as error:
        return fails(f"AWS does not know these credentials: {error}")
    sentence = f"{caller['Arn']} in account {caller['Account']}, region {account.region}."
    if caller["Arn"].endswith(":root"):
        return warning(f"{sentence} Deploy as a role, not as root.")
    return ok(sentence)


def _findings(check: Check, account: Account, plan: Plan) -> Iterator[Finding]:
    try:
        yield from check(account, plan)
    except Denied as denied:
        yield warning(
            f"not checked, because the permission {denied.permission} is missing: grant it, or "
            "check by hand."
        )
    except (ClientError, BotoCoreError) as error:
        yield warning(f"not checked, because AWS returned an error: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
