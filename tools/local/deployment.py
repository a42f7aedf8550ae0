"""Runs the real `sam build` and `sam deploy` of the template against the emulator."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.local import permissions, processes
from tools.local.emulator import BUILD, PYTHON_DIRECTORY, REPOSITORY, Emulator
from tools.release import PARAMETER as RELEASE
from tools.release import release_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SAM = REPOSITORY / ".tools/sam/bin/sam"
ARTIFACTS = "sam-artifacts"
"""The bucket for SAM's uploads."""
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


@dataclass(frozen=True)
class Deployment:
    """A deployed stack: its outputs and the physical ids of its resources."""

    name: str
    outputs: Mapping[str, str]
    physical_ids: Mapping[str, str]
    parameters: Mapping[str, str]
    template: Mapping[str, Any]
    """The processed template, after SAM's transform."""

    def function_name(self, operation: str) -> str:
        """Return the name of the Lambda function of a folder (`revoke_session`)."""
        logical_id = "".join(word.title() for word in operation.split("_")) + "Function"
        return self.physical_ids[logical_id]


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Lock the build directory: `make test` may build while `make run` does."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(emulator: Emulator) -> None:
    """Run `sam build` for this machine's processor, with a cache."""
    # No secrets here: SAM writes a build's parameters into its files.
    _sam(
        emulator,
        *("build", "--config-env", "local"),
        *("--build-dir", BUILD / "build", "--cache-dir", BUILD / "cache"),
        *("--parameter-overrides", f"Architecture={ARCHITECTURE}"),
    )


def deploy(emulator: Emulator, parameters: Mapping[str, str]) -> Deployment:
    """Run `sam deploy` with samconfig.toml's `local` and the parameters of this machine."""
    local = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())["local"]
    # Parameters of the command line replace all of samconfig's, so those are repeated.
    written = dict(
        pair.split("=", 1) for pair in local["deploy"]["parameters"]["parameter_overrides"]
    )
    overrides = written | {"Architecture": ARCHITECTURE} | dict(parameters)
    # A deployer has verified the sender address in SES before.
    emulator.client("sesv2").create_email_identity(EmailIdentity=overrides["MailSender"])
    # In the same folder, because its paths are relative.
    permissions.translate(BUILD / "build/template.yaml", BUILD / "build/translated.yaml")
    emulator.client("s3").create_bucket(
        Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return _sam_deploy(emulator, overrides)


def change(emulator: Emulator, given: Mapping[str, str]) -> Deployment:
    """Deploy what is built with these parameters changed, as `make deploy` does."""
    return _sam_deploy(emulator, _with_release(emulator, given))


def deploy_service(
    emulator: Emulator, template: Path, name: str, given: Mapping[str, str]
) -> Deployment:
    """Build and deploy the template of another service, as its README describes it.

    Its routes are missing afterwards: see `routes.import_routes`.
    """
    built = emulator.directory / name
    _sam(
        emulator,
        *("build", "--template-file", template, "--build-dir", built),
        *("--cache-dir", emulator.directory / f"{name}-cache"),
    )
    _sam(
        emulator,
        *("deploy", "--template-file", built / "template.yaml", "--stack-name", name),
        *("--s3-bucket", ARTIFACTS, "--capabilities", "CAPABILITY_IAM", "--no-progressbar"),
        *("--parameter-overrides", *(f"{key}={value}" for key, value in given.items())),
    )
    return describe(emulator, name)


def deploy_text(
    emulator: Emulator, template: str, name: str, given: Mapping[str, str]
) -> Deployment:
    """Deploy a template that has its code in itself, so that nothing is built or uploaded."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return describe(emulator, name)


def make_change_set(emulator: Emulator, given: Mapping[str, str]) -> None:
    """Make a change set for the same and do not execute it, as `make changeset` does."""
    _sam_deploy(emulator, _with_release(emulator, given), "--no-execute-changeset")


def stack_name() -> str:
    """Return what samconfig.toml calls the local stack."""
    config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
    return str(config["local"]["global"]["parameters"]["stack_name"])


def _with_release(emulator: Emulator, given: Mapping[str, str]) -> dict[str, str]:
    return {**given, RELEASE: release_of(given, parameters(emulator, stack_name()))}


def _sam_deploy(emulator: Emulator, given: Mapping[str, str], *options: str) -> Deployment:
    _sam(
        emulator,
        *("deploy", "--config-file", REPOSITORY / "samconfig.toml", "--config-env", "local"),
        *("--template-file", BUILD / "build/translated.yaml"),
        *("--s3-bucket", ARTIFACTS, "--no-progressbar", *options),
        "--parameter-overrides",
        # SAM accepts no empty values. An empty one is the default of a new stack.
        *(f"{name}={value}" for name, value in given.items() if value),
    )
    return describe(emulator, stack_name())


def parameters(emulator: Emulator, name: str) -> dict[str, str]:
    """Return a stack's parameters as CloudFormation has them."""
    stack = emulator.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return _parameters_of(stack)


def _parameters_of(stack: Any) -> dict[str, str]:
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}


def describe(emulator: Emulator, name: str) -> Deployment:
    """Read the deployed stack."""
    cloudformation = emulator.client("cloudformation")
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    template = cloudformation.get_template(StackName=name, TemplateStage="Processed")
    return Deployment(
        name=name,
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        physical_ids={item["LogicalResourceId"]: item["PhysicalResourceId"] for item in resources},
        parameters=_parameters_of(stack),
        template=template["TemplateBody"],
    )


def _sam(emulator: Emulator, command: str, *arguments: str | Path) -> None:
    processes.run(
        [SAM, command, *arguments],
        env=_sam_environment(emulator),
        cwd=REPOSITORY,
        log=emulator.directory / f"sam-{command}.log",
        what=f"sam {command}",
    )


def _sam_environment(emulator: Emulator) -> dict[str, str]:
    # Ignore the developer's own AWS settings and profile.
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))
    }
    return (
        ours
        | emulator.environment
        | {
            "PATH": f"{PYTHON_DIRECTORY}:{os.environ['PATH']}",
            "PYTHON": str(PYTHON_DIRECTORY / "python3.13"),
            "LAYER_FOR": "this-machine",
            "LAYER_CACHE": str(BUILD / "packages"),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",
        }
    )
