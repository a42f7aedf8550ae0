"""The authorizer as it is usually written: Powertools, boto3 and PyJWT, with their defaults.

It does less than Latchkey's: no timeouts, no role of an administrator, no sealed origin, no last
activity.
"""

import json
import os

import boto3
import jwt
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities import parameters

logger = Logger(service="usual")
metrics = Metrics(namespace="usual", service="usual")
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def public_key(kid):
    """Find a public key in Parameter Store."""
    name = os.environ["KEY_PARAMETER_PREFIX"] + "/public-keys"
    keys = json.loads(parameters.get_parameter(name, max_age=300))["keys"]
    return next(jwt.PyJWK(key) for key in keys if key["kid"] == kid)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event, context):
    """Authorize one request."""
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    try:
        kid = jwt.get_unverified_header(token)["kid"]
        claims = jwt.decode(
            token,
            public_key(kid),
            algorithms=["ES256"],
            audience=os.environ["AUDIENCE"],
            issuer=os.environ["ISSUER"],
        )
    except jwt.PyJWTError:
        logger.exception("refused")
        return {"isAuthorized": False}
    key = {"pk": "ACCOUNT#" + claims["sub"], "sk": "SESSION#" + claims["sid"]}
    session = table.get_item(Key=key, ConsistentRead=True).get("Item")
    if session is None or "ended_at" in session:
        return {"isAuthorized": False}
    logger.info("authorized", session_id=claims["sid"])
    return {"isAuthorized": True, "context": {"account_id": claims["sub"]}}
