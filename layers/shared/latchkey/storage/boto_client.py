"""The clients of AWS: signing, connections, and retries of transient errors.

They are boto3's. Hot functions use `lean_client`, or botocore where that can't be used: boto3 would
load its resources and S3's transfers into each of their cold starts. All of them sign, retry and
fail alike.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError

from latchkey.config import is_hot
from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    AWS_ATTEMPTS,
    AWS_CONNECT_SECONDS,
    AWS_READ_SECONDS,
    UNAVAILABLE_RETRY_AFTER_SECONDS,
)
from latchkey.storage.aws import AwsError

if TYPE_CHECKING or not is_hot():
    from boto3.session import Session

    _create: Callable[..., Any] = Session.client
else:
    from botocore.session import Session

    _create = Session.create_client

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from latchkey.storage.aws import Wire

CLIENT_CONFIG = Config(
    connect_timeout=AWS_CONNECT_SECONDS,
    read_timeout=AWS_READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": AWS_ATTEMPTS},
)

ONE_ATTEMPT = CLIENT_CONFIG.merge(
    Config(retries={"mode": "standard", "total_max_attempts": 1}),
)

S3_SIGNING = Config(
    signature_version="s3v4",
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
"""Links and forms use the bucket's regional host. By default botocore signs for the global host,
which redirects new buckets (the redirect breaks the signature) and serves no region opened after
March 2019. The page's Content-Security-Policy allows this host.
Source: S3, "Request routing"."""

SERVER_ERROR = 500

_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}


@cache
def _session() -> Session:
    return Session()


def aws_client(service: str, config: Config = CLIENT_CONFIG) -> Any:
    """Create a client. Region, credentials and endpoint come from the environment.

    All clients share one session, because every further one would load the list of endpoints.
    """
    return _create(_session(), service, config=config)


def error_code(error: ClientError | BotoCoreError) -> str:
    """Return the error code of AWS, or the exception's name if AWS did not respond."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__


def unavailable(error: ClientError | BotoCoreError) -> TemporarilyUnavailable:
    """Convert a transient error of AWS into TemporarilyUnavailable."""
    return TemporarilyUnavailable(
        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=error_code(error)
    )


def credentials_end() -> datetime | None:
    """Return when the signing credentials expire, or None if unknown.

    Renewable credentials are renewed first if they expire in less than ten minutes.
    """
    credentials: Any = _session().get_credentials()
    credentials.get_frozen_credentials()
    # botocore has the expiry nowhere else. Source: botocore issue 2604.
    end: datetime | None = getattr(credentials, "_expiry_time", None)
    return end


class BotoClient:
    """`aws.Client` on a client of boto3 or botocore."""

    def __init__(self, client: Any = None) -> None:
        """Use this client, or one of DynamoDB from the environment. It connects when first used."""
        self._client = client or aws_client("dynamodb")

    def call(self, operation: str, request: Wire) -> Wire:
        """See aws.Client.call."""
        method = getattr(self._client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        try:
            return method(**request)  # type: ignore[no-any-return]
        except ClientError as error:
            # Any 5xx is a failure of AWS, also one whose body is not JSON and has no code.
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if error_code(error) in _THROTTLED or status >= SERVER_ERROR:
                raise unavailable(error) from error
            raise AwsError(error_code(error), dict(error.response)) from error
        except (BotoConnectionError, HTTPClientError) as error:
            raise unavailable(error) from error
