"""A local stack: emulator, deployment and edge, started and stopped together."""

from __future__ import annotations

import contextlib
import json
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.intrinsics import Resolver
from tools.local import deployment, edge, emulator, lambda_logs, pages, processes, routes
from tools.local.access_log import AccessLog
from tools.local.console import QuietConsole
from tools.local.object_lock import lock_audit_bucket
from tools.local.tables import complete_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tools.local.console import Console
    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator


@dataclass(frozen=True)
class LocalStack:
    """A running stack."""

    base_url: str
    """The address of the edge, for browsers and tests."""
    emulator: Emulator
    deployment: Deployment
    edge_secret: str

    @classmethod
    @contextlib.contextmanager
    def start(
        cls,
        *,
        port: int | None = None,
        emulator_port: int | None = None,
        parameters: Mapping[str, str] | None = None,
        console: Console | None = None,
        before_deploy: Callable[[Emulator], object] = lambda _: None,
    ) -> Iterator[LocalStack]:
        """Start everything, and stop it afterwards.

        Without ports it uses free ones. Its state is in its own directory, so any number
        of stacks run side by side.

        Raises:
            LocalError: a port is in use, or a tool failed; the message says what to do.
        """
        port = port or processes.free_port()
        emulator_port = emulator_port or processes.free_port()
        processes.require_free(port, "PORT")
        processes.require_free(emulator_port, "EMULATOR_PORT")
        console = console or QuietConsole()
        base_url = f"http://localhost:{port}"
        edge_secret = secrets.token_urlsafe(24)
        with contextlib.ExitStack() as up:
            directory = Path(up.enter_context(tempfile.TemporaryDirectory(prefix="latchkey-")))
            with console.step(f"the emulator of AWS, port {emulator_port}"):
                aws = up.enter_context(emulator.start(emulator_port, directory))
            before_deploy(aws)
            with deployment.building():
                with console.step("sam build"):
                    deployment.build(aws)
                with console.step("sam deploy"):
                    deployed = _deploy(
                        aws,
                        {"PublicUrl": base_url, "EdgeSecret": edge_secret, **(parameters or {})},
                    )
            with console.step("the tables' TTL and recovery"):
                complete_tables(aws, deployed)
            with console.step("the API's routes"):
                routes.import_routes(aws, deployed)
                lock_audit_bucket(aws, deployed)
            with console.step(f"the edge, port {port}"):
                edge_secret = _sent_by_cloudfront(aws, deployed) or edge_secret
                access_log = AccessLog(aws, deployed)
                up.enter_context(access_log.writing())
                bucket = deployed.outputs["MediaBucketName"]
                front = edge.Edge(
                    emulator_url=aws.url,
                    api_id=deployed.outputs["ApiId"],
                    s3=aws.client("s3"),
                    media_bucket=bucket,
                    template=_as_on_aws(bucket, edge_secret),
                    pages=_pages(aws, deployed),
                    mailbox=aws,
                    access_log=access_log,
                )
                up.enter_context(edge.serving(front, port))
            yield cls(base_url, aws, deployed, edge_secret)

    @property
    def emulator_url(self) -> str:
        """The address of every AWS API."""
        return self.emulator.url

    @property
    def api_url(self) -> str:
        """The address of the API without the edge, as an attacker would use it."""
        return (
            f"http://{self.deployment.outputs['ApiId']}.execute-api.localhost:{self.emulator.port}"
        )

    @property
    def table_name(self) -> str:
        """The table of accounts and sessions."""
        return self.deployment.outputs["TableName"]

    @property
    def audit_table_name(self) -> str:
        """The audit trail's table."""
        return self.deployment.outputs["AuditTableName"]

    def client(self, service: str, credentials: Mapping[str, Any] | None = None) -> Any:
        """Create a boto3 client of the emulator, optionally with a role's credentials."""
        return self.emulator.client(service, credentials)

    def invoke(self, operation: str, event: object) -> Any:
        """Invoke a function by its folder's name. Returns its result.

        Raises:
            LambdaError: the function raised.
        """
        answer = self.client("lambda").invoke(
            FunctionName=self.deployment.function_name(operation), Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise LambdaError(payload)
        return payload

    def logs(self, containing: str = "") -> list[str]:
        """Return every line of the Lambdas, or those that contain a text."""
        return lambda_logs.read(self.emulator, self.deployment.outputs["LogGroupName"], containing)

    def mails(self) -> list[dict[str, Any]]:
        """Return the captured emails, newest first."""
        return self.emulator.mails()


def _as_on_aws(media_bucket: str, edge_secret: str) -> Resolver:
    """The template with ServePage=on, for the local edge."""
    return Resolver(
        {"Profile": "local", "ServePage": "on", "EdgeSecret": edge_secret},
        {
            "MediaBucket": media_bucket,
            "AWS::Region": "eu-west-1",
            "AWS::URLSuffix": "amazonaws.com",
        },
    )


def _sent_by_cloudfront(aws: Emulator, deployed: Deployment) -> str | None:
    """Return the edge's secret from the deployed distribution; None if the stack has none."""
    distribution = deployed.physical_ids.get("PageDistribution")
    if distribution is None:
        return None
    answer = aws.client("cloudfront").get_distribution_config(Id=distribution)
    (secret,) = (
        header["HeaderValue"]
        for origin in answer["DistributionConfig"]["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
        if header["HeaderName"] == "x-latchkey-edge"
    )
    return str(secret)


def _pages(aws: Emulator, deployed: Deployment) -> pages.Pages:
    bucket = deployed.physical_ids.get("PageBucket")
    if bucket is None:
        return pages.Folder(emulator.REPOSITORY / "web" / "dist")
    return pages.Bucket(aws.client("s3"), bucket)


def _deploy(aws: Emulator, parameters: Mapping[str, str]) -> Deployment:
    try:
        return deployment.deploy(aws, parameters)
    except processes.LocalError as error:
        # A custom resource runs a Lambda, and CloudFormation only says that it failed.
        raise processes.LocalError("\n".join([str(error), *lambda_logs.read_all(aws)])) from error


class LambdaError(Exception):
    """An invoked function raised. Has Lambda's error."""
