"""One deploy, from the checks to the next step: `python -m tools.deploy PROFILE [KEY=VALUE …]`.

Values of the command line override the profile's. SAM keeps the stack's value of every parameter
that neither sets. Running it again changes nothing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tools.preflight import __main__ as preflight
from tools.preflight.account import Account
from tools.preflight.stack_checks import describe_stack
from tools.profiles import ProfileError, given_to_make, read_profile
from tools.publish_page import PageError, Published, publish_to, summary
from tools.release import PARAMETER, release_of
from tools.stacks import outputs
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tools.profiles import Profile

SAM = str(ROOT / ".tools/sam/bin/sam")


class Run(Protocol):
    """Runs a command in the repository and returns its exit code."""

    def __call__(self, command: Sequence[str]) -> int:
        """Run a command with inherited output."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of a deploy beside SAM. Tests replace them.

    check    list causes of a failure; 1 stops the deploy
    deployed read the running stack's parameters; none before the first deploy
    publish  upload the page
    outputs  read the stack's outputs
    """

    run: Run
    check: Callable[[Profile], int]
    deployed: Callable[[Profile], Mapping[str, str]]
    publish: Callable[[str], Published | None]
    outputs: Callable[[str], Mapping[str, str]]


def deploy(
    profile: Profile,
    steps: Steps,
    *,
    yes: bool = False,
    only_changeset: bool = False,
    role: str = "",
    say: Callable[[str], object] = print,
) -> int:
    """Check, build, show the change set, deploy, publish. Returns the exit code.

    yes             execute the change set without asking
    only_changeset  stop after creating the change set, for a review
    role            the role that CloudFormation uses; empty: the caller
    """
    if steps.check(profile):
        say("\nNothing was deployed. Repair the causes and run it again.")
        return 1
    if PARAMETER not in profile.parameters:
        release = release_of(profile.parameters, steps.deployed(profile))
        profile = profile.with_values([f"{PARAMETER}={release}"])
    for command in commands(profile, yes=yes, only_changeset=only_changeset, role=role):
        if code := steps.run(command):
            return code
    if only_changeset:
        return 0
    try:
        published = steps.publish(profile.stack)
    except PageError as error:
        say(str(error))
        return 1
    if published is not None:
        say(summary(published, profile.stack))
    say(next_step(profile, steps.outputs(profile.stack)))
    return 0


def commands(
    profile: Profile, *, yes: bool, only_changeset: bool, role: str = ""
) -> list[list[str]]:
    """Return the SAM commands of a deploy."""
    build = [SAM, "build", "--config-env", profile.name]
    if "Architecture" in profile.parameters:
        # Only this parameter: a build writes its parameters into its files.
        build += ["--parameter-overrides", _pair("Architecture", profile.parameters)]
    ship = [SAM, "deploy", "--config-env", profile.name]
    if only_changeset:
        ship += ["--no-execute-changeset"]
    elif yes:
        ship += ["--no-confirm-changeset"]
    if role:
        ship += ["--role-arn", role]
    # Parameters here replace the list of samconfig.toml, so that list is repeated.
    ship += [
        "--parameter-overrides",
        *(_pair(name, profile.parameters) for name in profile.parameters),
    ]
    return [build, ship]


def _pair(name: str, values: Mapping[str, str]) -> str:
    """Quote a parameter for SAM."""
    escaped = values[name].replace('"', '\\"')
    return f'{name}="{escaped}"'


def next_step(profile: Profile, found: Mapping[str, str]) -> str:
    """Return the message about the next steps after a deploy."""
    url = found.get("Url") or profile.parameters.get("PublicUrl") or found.get("ApiUrl", "")
    lines = [f"\n{profile.stack} is deployed in {profile.region}: {url}"]
    if "NextStep" in found:
        lines.append(found["NextStep"])
    lines += [
        f"Look at it:           make smoke URL={url} STACK={profile.stack}",
        (
            "First administrator:  register, then "
            f"make admin STACK={profile.stack} EMAIL=you@example.com"
        ),
        f"Keep the keys:        make backup-keys STACK={profile.stack}",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Deploy a profile."""
    parser = argparse.ArgumentParser(prog="python -m tools.deploy")
    parser.add_argument("profile", help="a profile of samconfig.toml: dev, prod or hipaa")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="template parameters")
    parser.add_argument("--yes", action="store_true", help="execute without asking")
    parser.add_argument(
        "--changeset", action="store_true", help="make the change set and do not execute it"
    )
    options = parser.parse_args(arguments)
    try:
        values = [*given_to_make(os.environ), *options.values]
        profile = read_profile(options.profile).with_values(values)
    except ProfileError as error:
        print(error, file=sys.stderr)
        return 2
    # The region of the profile, for boto3's clients and SAM.
    os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = profile.region
    yes = options.yes or os.environ.get("YES") == "1"
    role = os.environ.get("DEPLOY_ROLE", "")
    return deploy(profile, _steps(), yes=yes, only_changeset=options.changeset, role=role)


def _steps() -> Steps:
    return Steps(
        run=lambda command: subprocess.run(command, cwd=ROOT, check=False).returncode,
        deployed=lambda profile: preflight.deployed_parameters(
            describe_stack(Account(profile.region), profile.stack)
        ),
        check=lambda profile: preflight.report(preflight.run(Account(profile.region), profile)),
        publish=publish_to,
        outputs=outputs,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
