"""Invokes a function of this stack without waiting for it.

An authorizer asks for keys of an issuer with it, once a minute at most. botocore would take longer
than the caller waits, so this is one signed request.
"""

from __future__ import annotations

import json
import os
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import AWS_CONNECT_SECONDS, UNAVAILABLE_RETRY_AFTER_SECONDS
from latchkey.storage.credentials import CredentialsSource
from latchkey.storage.lean_client import endpoint, tls_context
from latchkey.storage.sigv4 import sign

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED = 202


def invoke(function: str, event: Mapping[str, str]) -> None:
    """Invoke a function asynchronously. Raises TemporarilyUnavailable."""
    region = os.environ.get("AWS_REGION") or os.environ["AWS_DEFAULT_REGION"]
    address = urlsplit(endpoint("lambda", region))
    path = f"/2015-03-31/functions/{function}/invocations"
    body = json.dumps(event).encode()
    headers = sign(
        {
            "content-type": "application/json",
            "host": address.netloc,
            "x-amz-invocation-type": "Event",
        },
        body,
        credentials=CredentialsSource().get(),
        at=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        region=region,
        service="lambda",
        path=path,
    )
    host, port = address.hostname or "", address.port
    if address.scheme == "http":
        connection = HTTPConnection(host, port, timeout=AWS_CONNECT_SECONDS)
    else:
        context = tls_context()
        connection = HTTPSConnection(host, port, timeout=AWS_CONNECT_SECONDS, context=context)
    try:
        connection.request("POST", path, body, headers)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise _unavailable(type(error).__name__) from error
    finally:
        connection.close()
    if status != _ACCEPTED:
        raise _unavailable(f"status {status}")


def _unavailable(reason: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        retry_after_seconds=UNAVAILABLE_RETRY_AFTER_SECONDS, reason=reason
    )
