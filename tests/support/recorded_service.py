"""The whole service on moto, writing down which AWS actions each function performs."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, override

from latchkey import bootstrap
from latchkey.bootstrap import Services
from latchkey.domain.effects import Queue
from latchkey.security.audit_signatures import LocalSigner, new_audit_key
from latchkey.security.single_use_tokens import mint
from latchkey.storage.audit_keys import AuditKeyStore
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.storage.boto_client import BotoClient, aws_client
from latchkey.storage.dynamodb import DynamoDBTable
from latchkey.storage.keys import HEARTBEATS, OUTBOX_PREFIX, outbox_message
from latchkey.storage.mailer import Mailer
from latchkey.storage.media import MediaBucket
from latchkey.storage.queues import Queues
from latchkey.storage.s3_export_files import S3ExportFiles
from latchkey.storage.signing_keys import SigningKeyStore
from latchkey.storage.table import Key
from tests.support.outbox import Invocation, sqs_record
from tests.support.service import ENVIRONMENT, InProcessService
from tools.template import functions, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latchkey.config import Config
    from latchkey.domain.single_use import Purpose
    from latchkey.storage.dynamodb import Wire

type Permission = tuple[str, str]
"""An IAM action, and what it is done to: a resource of the template, or a parameter's name."""

TABLES = {ENVIRONMENT["TABLE_NAME"]: "Table", ENVIRONMENT["AUDIT_TABLE_NAME"]: "AuditTable"}
BUCKETS = {
    ENVIRONMENT["EXPORT_BUCKET"]: "ExportBucket",
    ENVIRONMENT["AUDIT_BUCKET"]: "AuditBucket",
}
_OBJECT_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "UploadPart": "PutObject",
}
"""The operations of S3 that IAM knows under another name."""

MEDIA = "latchkey-test-media"
_MEMBER_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


class RecordedService(InProcessService):
    """Every function runs as in a fresh Lambda: nothing that another one has read is cached."""

    def __init__(self, **settings: str) -> None:
        """Create the template's tables and the first keys."""
        self.performed: dict[str, set[Permission]] = defaultdict(set)
        self._running = "nothing"
        self._transactions_until_interruption = 0
        self._interruption: Callable[[], object] = lambda: None
        create_tables()
        table = DynamoDBTable(
            self,
            {
                "main": ENVIRONMENT["TABLE_NAME"],
                "audit": ENVIRONMENT["AUDIT_TABLE_NAME"],
            },
        )
        self._client = BotoClient()
        super().__init__(table=table, **create_queues(), **settings)
        self._files = self._create_export_files()
        self._queues = Queues(self.services.config.queue_urls)
        self._queues._sqs.meta.events.register("before-call.sqs", self._record_queue)
        self._media = create_media()
        self._media._s3.meta.events.register("before-parameter-build.s3", self._record_object)
        self._keys = SigningKeyStore(self.services.config.key_prefix, epoch=1)
        self._keys._parameters._ssm.meta.events.register("before-call.ssm", self._record_parameter)
        self._audit_key, self._vault = self._create_audit_parts()
        self._mailer = make_mailer(self.services.config)
        self._mailer._ses.meta.events.register("before-call.sesv2", self._record_mail)
        self.invoke("rotate_signing_keys", {"RequestType": "Create"})

    def invoke(self, function: str, event: dict[str, Any], lambda_context: Any = None) -> Any:
        """Run one function; other invocations may happen in the middle of it."""
        outer, self._running = self._running, function
        self._keys._ring._content = self._keys._public._content = None
        bootstrap.use(
            Services(
                self.services.config,
                table=self.table,
                clock=self.clock,
                signing_key_store=self._keys,
                queues=self._queues,
                export_files=self._files,
                audit_key=self._audit_key,
                audit_vault=self._vault,
                media=self._media,
                mailer=self._mailer,
            )
        )
        try:
            return super()._handler(function)(event, lambda_context or Invocation())
        finally:
            self._running = outer

    def call(self, operation: str, request: Wire) -> Wire:
        """Stand before the real DynamoDB client and write down what passes."""
        self.performed[self._running] |= set(_permissions(operation, request))
        if operation == "TransactWriteItems" and self._transactions_until_interruption:
            self._transactions_until_interruption -= 1
            if not self._transactions_until_interruption:
                self._interruption()
        return self._client.call(operation, request)

    @contextlib.contextmanager
    def interrupted_by(
        self, interruption: Callable[[], object], *, transaction: int = 1
    ) -> Iterator[None]:
        """Let something happen right before the next transaction, or a later one: a race."""
        self._transactions_until_interruption, self._interruption = transaction, interruption
        yield
        assert not self._transactions_until_interruption, "no transaction was interrupted"

    def deliver(self) -> None:
        """Let the mail worker work on everything that waits for it."""
        for key in self._keys_of(OUTBOX_PREFIX):
            if key.pk == HEARTBEATS:
                continue
            queue, message_id = outbox_message(key)
            if queue is Queue.MAIL:
                event = {"Records": [sqs_record(message_id)]}
                assert self.invoke("send_mail", event) == {"batchItemFailures": []}

    def links(self, purpose: Purpose) -> list[str]:
        """Every token of this purpose that has been mailed and not been used."""
        pepper = self._keys.ring().refresh_pepper
        tokens = [self.table.get(key) or {} for key in self._keys_of("TOKEN#")]
        ids = [str(token["id"]) for token in tokens if token["purpose"] == purpose.value]
        return [mint(token_id, purpose, pepper) for token_id in ids]

    def _keys_of(self, prefix: str) -> list[Key]:
        # No function may scan; a test may.
        pages = aws_client("dynamodb").scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"]
        found = [Key(item["pk"]["S"], item["sk"]["S"]) for item in pages]
        return [key for key in found if key.pk.startswith(prefix)]

    @override
    def _handler(self, function: str) -> Any:
        return lambda event, context: self.invoke(function, event, context)

    def _create_export_files(self) -> S3ExportFiles:
        files = S3ExportFiles(_create_bucket(self.services.config.export_bucket))
        files._s3.meta.events.register("provide-client-params.s3", self._record_file)
        return files

    def _create_audit_parts(self) -> tuple[AuditKeyStore, S3AuditVault]:
        prefix = self.services.config.key_prefix
        key = AuditKeyStore(prefix, make=new_audit_key, load=LocalSigner)
        key._ssm.meta.events.register("before-call.ssm", self._record_parameter)
        vault = S3AuditVault(_create_bucket(self.services.config.audit_bucket))
        vault._s3.meta.events.register("provide-client-params.s3", self._record_file)
        return key, vault

    def _record_file(self, *, model: Any, params: Any, **_: Any) -> None:
        keys = [params.get("Key")] + [o["Key"] for o in params.get("Delete", {}).get("Objects", [])]
        action = f"s3:{_OBJECT_ACTIONS.get(model.name, model.name)}"
        bucket = BUCKETS[params["Bucket"]]
        for key in filter(None, keys):
            self.performed[self._running].add((action, f"{bucket}/{key.split('/')[0]}/*"))
        if action == "s3:ListBucket":
            self.performed[self._running].add((action, bucket))

    def _record_parameter(self, *, model: Any, params: Any, **_: Any) -> None:
        name = str(json.loads(params["body"])["Name"])
        self.performed[self._running].add((f"ssm:{model.name}", name.rpartition("/")[2]))

    def _record_object(self, *, params: Any, model: Any, **_: Any) -> None:
        if model.name == "ListObjectsV2":
            self.performed[self._running].add(("s3:ListBucket", "MediaBucket"))
            return
        if "Key" not in params:
            # A form is signed: who sends it puts a file there by leave of the signer.
            self.performed[self._running].add(("s3:PutObject", "MediaBucket/incoming/*"))
            return
        folder = str(params["Key"]).rpartition("/")[0]
        resource = f"MediaBucket/{folder if folder == 'media/avatars' else 'incoming'}/*"
        self.performed[self._running].add((f"s3:{model.name}", resource))
        if model.name == "GetObject":
            # S3 asks for it before it says that a file is not there.
            self.performed[self._running].add(("s3:ListBucket", "MediaBucket"))

    def _record_queue(self, *, model: Any, params: Any, **_: Any) -> None:
        url = str(json.loads(params["body"])["QueueUrl"])
        # IAM knows no batches: sending ten messages is SendMessage, too.
        action = str(model.name).removesuffix("Batch")
        self.performed[self._running].add((f"sqs:{action}", url.rpartition("/")[2]))

    def _record_mail(self, *, model: Any, **_: Any) -> None:
        # SES asks for the identity that there is, the address's or its domain's, and for the
        # configuration set.
        for resource in ("${MailSender}", "${Domain}", "${MailConfigurationSet}"):
            self.performed[self._running].add((f"ses:{model.name}", resource))


def make_mailer(config: Config) -> Mailer:
    """Make the mailer, from an address that SES knows."""
    aws_client("sesv2").create_email_identity(EmailIdentity=config.mail_sender)
    return Mailer(sender=config.mail_sender, sender_name="Latchkey", configuration_set="")


def create_media() -> MediaBucket:
    """Create the bucket."""
    aws_client("s3").create_bucket(
        Bucket=MEDIA, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return MediaBucket(MEDIA)


def create_queues() -> dict[str, str]:
    """Create the queues that the relay sends to; return its variables with their addresses."""
    variables = functions()["RelayOutboxFunction"]["Environment"]["Variables"]
    client = aws_client("sqs")
    return {
        name: client.create_queue(QueueName=queue["Ref"])["QueueUrl"]
        for name, queue in variables.items()
    }


def _create_bucket(name: str) -> str:
    region = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=region)
    return name


def create_tables() -> None:
    """Create the template's tables."""
    client = aws_client("dynamodb")
    for name, logical_id in TABLES.items():
        properties = load()["Resources"][logical_id]["Properties"]
        taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        present = {key: properties[key] for key in taken if key in properties}
        client.create_table(TableName=name, **present)


def _permissions(operation: str, request: Wire) -> Iterator[Permission]:
    """Say what IAM asks for: for a transaction, the actions of its members."""
    match operation:
        case "TransactWriteItems":
            for item in request["TransactItems"]:
                ((kind, write),) = item.items()
                yield f"dynamodb:{_MEMBER_ACTIONS[kind]}", TABLES[write["TableName"]]
        case "BatchWriteItem" | "BatchGetItem":
            for name in request["RequestItems"]:
                yield f"dynamodb:{operation}", TABLES[name]
        case _:
            index = f"/{request['IndexName']}" if "IndexName" in request else ""
            yield f"dynamodb:{operation}", TABLES[request["TableName"]] + index
