"""Everything that a deployment keeps, read as somebody who looks for traces of a person would."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def traces(client: Callable[[str], Any], texts: Iterable[str]) -> dict[str, list[str]]:
    """Find texts in all tables, buckets and queues. Returns the places of each.

    client  makes a boto3 client of a service
    """
    lowered = [word.lower() for word in texts]
    found: dict[str, list[str]] = {word: [] for word in lowered}
    for where, text in everything(client):
        low = text.lower()
        for word in lowered:
            if word in low:
                found[word].append(f"{where}: {text[:300]}")
    return {word: places for word, places in found.items() if places}


def everything(client: Callable[[str], Any]) -> Iterator[tuple[str, str]]:
    """Every item, object and message: where it is, and all that it says."""
    yield from _items(client("dynamodb"))
    yield from _objects(client("s3"))
    yield from _messages(client("sqs"))


def _items(dynamodb: Any) -> Iterator[tuple[str, str]]:
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                yield table, str(item)


def _objects(s3: Any) -> Iterator[tuple[str, str]]:
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for entry in page.get("Versions", []):
                which = {"Key": entry["Key"], "VersionId": entry["VersionId"]}
                if entry["VersionId"] == "null":
                    del which["VersionId"]
                body = s3.get_object(Bucket=name, **which)["Body"].read()
                yield name, f"{entry['Key']} {_text(body)}"


def _text(body: bytes) -> str:
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    if body.startswith(b"PK\x03\x04"):
        archive = zipfile.ZipFile(io.BytesIO(body))
        body = b"".join(archive.read(name) for name in archive.namelist())
    return body.decode(errors="replace")


def _messages(sqs: Any) -> Iterator[tuple[str, str]]:
    for url in sqs.list_queues().get("QueueUrls", []):
        handles = []
        while True:
            answer = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=0
            )
            messages = answer.get("Messages", [])
            if not messages:
                break
            for message in messages:
                handles.append(message["ReceiptHandle"])
                yield url, message["Body"]
        # As if nobody had looked: their workers go on.
        for handle in handles:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
