"""One note for each account. API Gateway has called Latchkey's authorizer before."""

import base64
import json
import os

import boto3

TEXT_BYTES_MAX = 10_000

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    """Read or replace the note of the account that is signed in."""
    # Only requests with an active session come here: the authorizer denies all others.
    caller = event["requestContext"]["authorizer"]["lambda"]
    key = {"account_id": caller["account_id"]}
    if event["requestContext"]["http"]["method"] == "GET":
        return answer(200, {"text": table.get_item(Key=key).get("Item", {}).get("text", "")})
    text = text_of(event)
    if text is None or len(text.encode()) > TEXT_BYTES_MAX:
        return answer(
            400, {"message": f"Send a JSON body with a text of up to {TEXT_BYTES_MAX} bytes."}
        )
    table.put_item(Item=key | {"text": text, "session_id": caller["session_id"]})
    return answer(200, {"text": text})


def text_of(event):
    """Return the text of the body, or None if there is none."""
    body = event.get("body") or ""
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body).decode()
        text = json.loads(body)["text"]
        text.encode()  # a lone surrogate has no UTF-8
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return text if isinstance(text, str) else None


def answer(status, body):
    """Make a response of the payload format 2.0."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
