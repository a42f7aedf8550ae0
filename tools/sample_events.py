"""An HTTP API event (payload 2.0) of API Gateway: the base of the files in `events/`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT_ID = "usr_01kdx2w3wne4ns8ppdxwvxxxx0"
SESSION_ID = "ses_01kdx2w3wne4ns8ppdxwvxxxx1"
OTHER_SESSION_ID = "ses_01kdx2w3wne4ns8ppdxwvxxxx2"
EXPORT_ID = "exp_01kdx2w3wne4ns8ppdxwvxxxx3"
UPLOAD_ID = "upl_01kdx2w3wne4ns8ppdxwvxxxx4"
"""The ids in `events/`. Tests replace them with those of a real account."""

IAM = {
    "accessKey": "ASIAIOSFODNN7EXAMPLE",
    "accountId": "123456789012",
    "callerId": "AROAIOSFODNN7EXAMPLE:backend",
    "cognitoIdentity": None,
    "principalOrgId": None,
    "userArn": "arn:aws:sts::123456789012:assumed-role/backend/backend",
    "userId": "AROAIOSFODNN7EXAMPLE:backend",
}
"""What API Gateway says of a role whose signature it has verified."""

_USER_AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
_HOST = "abcdef1234.execute-api.eu-west-1.amazonaws.com"


def http_event(method: str, route: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the event of an authenticated request.

    parameters  the values of the names in the route
    """
    path = route.format(**parameters)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "accept": "application/json",
            "authorization": "Bearer <access token>",
            "host": _HOST,
            "user-agent": _USER_AGENT,
            "x-amzn-trace-id": "Root=1-69573065-0123456789abcdef01234567",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "authorizer": {
                "lambda": {
                    "account_id": ACCOUNT_ID,
                    "session_id": SESSION_ID,
                    "auth_time": "1767323045",
                    "role": "user",
                    "audit_subject": "sub_01kdx2w3wne4ns8ppdxwvxxxx3",
                    "device_name": "Chrome on Windows",
                    "origin": "<sealed>",
                    "auth_ms": "3.1",
                    "auth_read_units": "1",
                    "auth_write_units": "0",
                }
            },
            "domainName": _HOST,
            "domainPrefix": "abcdef1234",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": _USER_AGENT,
            },
            "requestId": "Hk2yUgXBFiAEPQw=",
            "routeKey": f"{method} {route}",
            "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1767323045000,
        },
    }
    if parameters:
        event["pathParameters"] = dict(parameters)
    return event | {"isBase64Encoded": False}


def render(event: dict[str, Any]) -> str:
    """Render an event as JSON."""
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"
