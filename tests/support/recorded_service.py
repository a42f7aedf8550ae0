"""The whole service on moto, writing down which AWS actions each function performs."""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, override

from latchkey import wiring
from latchkey.domain.effects import Queue
from latchkey.domain.ids import TokenId
from latchkey.domain.mail import MailPostponed
from latchkey.security.audit_signatures import LocalSigner, is_signed_by, new_audit_key
from latchkey.security.single_use_tokens import mint
from latchkey.storage.audit_keys import AuditKeyStore, PublicKeys
from latchkey.storage.audit_vault import S3AuditVault
from latchkey.storage.boto_client import BotoClient, aws_client
from latchkey.storage.dynamodb import DynamoDBTable
from latchkey.storage.keys import HEARTBEATS, LIMIT_PREFIX, OUTBOX_PREFIX, outbox_message
from latchkey.storage.mailer import Mailer
from latchkey.storage.media import MediaBucket
from latchkey.storage.peppers import PepperStore
from latchkey.storage.queues import Queues
from latchkey.storage.s3_export_files import S3ExportFiles
from latchkey.storage.s3_index_files import S3IndexFiles
from latchkey.storage.signing_keys import SigningKeyStore
from latchkey.storage.table import Key, TableName
from latchkey.wiring import Services
from latchkey.wiring.audit import audit_key, audit_public_keys, audit_vault, index_files
from latchkey.wiring.exports import export_files
from latchkey.wiring.issuers import invoker, issuer_documents
from latchkey.wiring.mail import mailer, queues
from latchkey.wiring.storage import clock, table
from latchkey.wiring.tokens import link_peppers, refresh_peppers, signing_key_store
from latchkey.wiring.users import media
from tests.support.issuer import PublishedKeys
from tests.support.outbox import Invocation, sqs_record
from tests.support.service import ENVIRONMENT, InProcessService
from tools.template import functions, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latchkey.config import Config
    from latchkey.domain.mail import Letter
    from latchkey.domain.single_use import Purpose
    from latchkey.storage.aws import Wire

ACCOUNT = "123456789012"
REGION = "eu-west-1"
MEDIA = "latchkey-test-media"
CONFIGURATION_SET = "mails"
NAMES = {
    "Table": ENVIRONMENT["TABLE_NAME"],
    "AuditTable": ENVIRONMENT["AUDIT_TABLE_NAME"],
    "ExportBucket": ENVIRONMENT["EXPORT_BUCKET"],
    "AuditBucket": ENVIRONMENT["AUDIT_BUCKET"],
    "AuditIndexBucket": ENVIRONMENT["AUDIT_INDEX_BUCKET"],
    "MediaBucket": MEDIA,
}
"""The names of the template's tables and buckets. A queue's name is its logical id."""

_OBJECT_ACTIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "UploadPart": "PutObject",
}
"""The S3 operations that IAM authorizes under another name."""

_MEMBER_ACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_KEY_VALUES = re.compile(r"(#\w+) = (:\w+)")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as IAM sees it: the action, the resource's full ARN, the condition keys."""

    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def leading_keys(self) -> tuple[str, ...]:
        """The partition keys of the items that the request names."""
        return dict(self.context).get(LEADING_KEYS, ())


LEADING_KEYS = "dynamodb:LeadingKeys"
FROM_ADDRESS = "ses:FromAddress"


def _only_counts(request: Wire) -> bool:
    """Return whether a transaction changes counters of attempts, and nothing else."""
    requests = [one for item in request["TransactItems"] for one in item.values()]
    keys = [one.get("Key") or one["Item"] for one in requests]
    return all(key["pk"]["S"].startswith(LIMIT_PREFIX) for key in keys)


class RecordedService(InProcessService):
    """Every function runs as in a fresh Lambda: nothing that another one has read is cached."""

    def __init__(self, **settings: str) -> None:
        """Create the template's tables and the first keys."""
        self.performed: dict[str, set[Call]] = defaultdict(set)
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
        self._media._s3.meta.events.register("provide-client-params.s3", self._record_object)
        self._record_forms(self._media._s3)
        self._keys = SigningKeyStore(self.services.config.key_prefix, epoch=1)
        self._record_parameters(self._keys)
        prefix = self.services.config.key_prefix
        self._refresh_peppers = PepperStore(prefix, "refresh")
        self._link_peppers = PepperStore(prefix, "link")
        for peppers in (self._refresh_peppers, self._link_peppers):
            self._record_parameters(peppers)
        self._audit_key, self._published, self._vault = self._create_audit_parts()
        self._index_files = S3IndexFiles(_create_bucket(self.services.config.audit_index_bucket))
        self._index_files._s3.meta.events.register("provide-client-params.s3", self._record_object)
        self._mailer = make_mailer(self.services.config)
        self._mailer._ses.meta.events.register("before-call.sesv2", self._record_mail)
        self.invoke("rotate_signing_keys", {"RequestType": "Create"})

    def invoke(self, function: str, event: dict[str, Any], lambda_context: Any = None) -> Any:
        """Run one function; other invocations may happen in the middle of it."""
        outer, self._running = self._running, function
        for cached in (
            self._keys._ring,
            self._keys._public,
            self._refresh_peppers._ring,
            self._link_peppers._ring,
        ):
            cached._content = None
        self._published._keys = {}
        wiring.use(
            Services(
                self.services.config,
                {
                    table: self.table,
                    clock: self.clock,
                    signing_key_store: self._keys,
                    refresh_peppers: self._refresh_peppers,
                    link_peppers: self._link_peppers,
                    queues: self._queues,
                    export_files: self._files,
                    audit_key: self._audit_key,
                    audit_public_keys: self._published,
                    audit_vault: self._vault,
                    index_files: self._index_files,
                    media: self._media,
                    mailer: self._mailer,
                    invoker: self._record_invocation,
                    issuer_documents: PublishedKeys(),
                },
            )
        )
        try:
            return super()._handler(function)(event, lambda_context or Invocation())
        finally:
            self._running = outer

    def call(self, operation: str, request: Wire) -> Wire:
        """Stand before the real DynamoDB client and write down what passes."""
        self.performed[self._running] |= set(_table_calls(operation, request))
        interrupts = operation == "TransactWriteItems" and not _only_counts(request)
        if interrupts and self._transactions_until_interruption:
            self._transactions_until_interruption -= 1
            if not self._transactions_until_interruption:
                self._interruption()
        return self._client.call(operation, request)

    @contextlib.contextmanager
    def interrupted_by(self, interruption: Callable[[], object]) -> Iterator[None]:
        """Run something right before the next transaction that changes a person: a race."""
        self._transactions_until_interruption, self._interruption = 1, interruption
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

    @contextlib.contextmanager
    def mail_refused(self) -> Iterator[None]:
        """Let SES answer that there were too many mails."""
        mailer, self._mailer = self._mailer, ThrottledMailer()  # type: ignore[assignment]
        yield
        self._mailer = mailer

    def links(self, purpose: Purpose, account_id: str | None = None) -> list[str]:
        """Return the tokens of this purpose, or one person's, that were mailed and not used."""
        pepper = self._link_peppers.current(self.clock.now())
        tokens = [self.table.get(key) or {} for key in self._keys_of("TOKEN#")]
        ids = [
            str(token["id"])
            for token in tokens
            if token["purpose"] == purpose.value and account_id in {None, token.get("account_id")}
        ]
        return [mint(TokenId(token_id), purpose, pepper) for token_id in ids]

    def _keys_of(self, prefix: str, table: str = "Table") -> list[Key]:
        # No function may scan; a test may.
        pages = aws_client("dynamodb").scan(TableName=NAMES[table])["Items"]
        name: TableName = "audit" if table == "AuditTable" else "main"
        found = [Key(item["pk"]["S"], item["sk"]["S"], name) for item in pages]
        return [key for key in found if key.pk.startswith(prefix)]

    @override
    def _handler(self, function: str) -> Any:
        return lambda event, context: self.invoke(function, event, context)

    def _create_export_files(self) -> S3ExportFiles:
        files = S3ExportFiles(_create_bucket(self.services.config.export_bucket))
        files._s3.meta.events.register("provide-client-params.s3", self._record_object)
        return files

    def _create_audit_parts(self) -> tuple[AuditKeyStore, PublicKeys, S3AuditVault]:
        prefix = self.services.config.key_prefix
        key = AuditKeyStore(prefix, make=new_audit_key, load=LocalSigner)
        key._ssm.meta.events.register("before-call.ssm", self._record_parameter)
        published = PublicKeys(prefix, check=is_signed_by)
        published._ssm.meta.events.register("before-call.ssm", self._record_parameter)
        vault = S3AuditVault(_create_bucket(self.services.config.audit_bucket))
        vault._s3.meta.events.register("provide-client-params.s3", self._record_object)
        return key, published, vault

    def _record(self, action: str, resource: str, *context: tuple[str, tuple[str, ...]]) -> None:
        self.performed[self._running].add(Call(action, resource, context))

    def _record_invocation(self, function: str, event: dict[str, str]) -> None:
        assert event
        self._record("lambda:InvokeFunction", _arn("lambda", f"function:{function}"))

    def _record_object(self, *, params: Any, model: Any, **_: Any) -> None:
        if model.name == "CreateBucket":
            return  # botocore's name for the form that it signs: see _record_form
        bucket = _arn("s3", params["Bucket"], regional=False)
        action = _OBJECT_ACTIONS.get(model.name, model.name)
        if action == "ListBucket":
            self._record("s3:ListBucket", bucket)
            return
        keys = (
            [params["Key"]] if "Key" in params else [o["Key"] for o in params["Delete"]["Objects"]]
        )
        for key in keys:
            self._record(f"s3:{action}", f"{bucket}/{key}")
        if action == "GetObject" and params["Bucket"] == MEDIA:
            # Without it S3 answers "forbidden" for an object that is not there.
            self._record("s3:ListBucket", bucket)

    def _record_forms(self, s3: Any) -> None:
        """Record each form that is signed: S3 checks its sender with the signer's permissions."""
        sign = s3.generate_presigned_post

        def recorded(bucket: str, key: str, **rest: Any) -> Any:
            self._record("s3:PutObject", _arn("s3", f"{bucket}/{key}", regional=False))
            return sign(bucket, key, **rest)

        s3.generate_presigned_post = recorded

    def _record_parameters(self, store: SigningKeyStore | PepperStore) -> None:
        client: Any = store._parameters._client
        client._client.meta.events.register("before-call.ssm", self._record_parameter)

    def _record_parameter(self, *, model: Any, params: Any, **_: Any) -> None:
        name = str(json.loads(params["body"])["Name"])
        self._record(f"ssm:{model.name}", _arn("ssm", f"parameter{name}"))

    def _record_queue(self, *, model: Any, params: Any, **_: Any) -> None:
        url = str(json.loads(params["body"])["QueueUrl"])
        # IAM authorizes SendMessageBatch as SendMessage.
        action = str(model.name).removesuffix("Batch")
        self._record(f"sqs:{action}", _arn("sqs", url.rpartition("/")[2]))

    def _record_mail(self, *, model: Any, params: Any, **_: Any) -> None:
        sender = self.services.config.mail_sender
        message = json.loads(params["body"])
        recipients = message["Destination"]["ToAddresses"]
        # The sender's identity is the address or its domain. In the sandbox SES checks the
        # recipients' identities as well.
        resources = [f"identity/{who}" for who in (sender, sender.partition("@")[2], *recipients)]
        resources.append(f"configuration-set/{CONFIGURATION_SET}")
        for resource in resources:
            self._record(f"ses:{model.name}", _arn("ses", resource), (FROM_ADDRESS, (sender,)))


def _arn(service: str, resource: str, *, regional: bool = True) -> str:
    where = f"{REGION}:{ACCOUNT}" if regional else ":"
    return f"arn:aws:{service}:{where}:{resource}"


class ThrottledMailer:
    """SES, when it takes no more."""

    def send(self, to: str, letter: Letter) -> None:
        del to, letter
        raise MailPostponed(timedelta(minutes=1), quota=False)


def make_mailer(config: Config) -> Mailer:
    """Make the mailer, from an address that SES knows."""
    ses = aws_client("sesv2")
    ses.create_email_identity(EmailIdentity=config.mail_sender)
    ses.create_configuration_set(ConfigurationSetName=CONFIGURATION_SET)
    return Mailer(
        sender=config.mail_sender, sender_name="Latchkey", configuration_set=CONFIGURATION_SET
    )


def create_media() -> MediaBucket:
    """Create the bucket."""
    aws_client("s3").create_bucket(
        Bucket=MEDIA, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return MediaBucket(MEDIA)


def create_queues() -> dict[str, str]:
    """Create the queues that the relay sends to. Returns its variables with their addresses."""
    variables = functions()["RelayOutboxFunction"]["Environment"]["Variables"]
    client = aws_client("sqs")
    return {
        name: client.create_queue(QueueName=queue["Ref"])["QueueUrl"]
        for name, queue in variables.items()
        if name.startswith("QUEUE_URL_")
    }


def _create_bucket(name: str) -> str:
    region = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=region)
    return name


def create_tables() -> None:
    """Create the template's tables."""
    client = aws_client("dynamodb")
    for logical_id in ("Table", "AuditTable"):
        properties = load()["Resources"][logical_id]["Properties"]
        taken = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
        present = {key: properties[key] for key in taken if key in properties}
        # A request that an emulator on a busy machine answers late is repeated.
        with contextlib.suppress(client.exceptions.ResourceInUseException):
            client.create_table(TableName=NAMES[logical_id], **present)


def _table_calls(operation: str, request: Wire) -> Iterator[Call]:
    """Return what IAM checks: in a transaction, each member by its own action and its own key."""
    match operation:
        case "TransactWriteItems":
            for item in request["TransactItems"]:
                ((kind, write),) = item.items()
                yield _table_call(_MEMBER_ACTIONS[kind], write["TableName"], [_partition(write)])
        case "BatchGetItem":
            for name, batch in request["RequestItems"].items():
                yield _table_call(operation, name, [key["pk"]["S"] for key in batch["Keys"]])
        case "BatchWriteItem":
            for name, writes in request["RequestItems"].items():
                written = [_partition(next(iter(write.values()))) for write in writes]
                yield _table_call(operation, name, written)
        case "Query":
            index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
            yield _table_call(operation, request["TableName"] + index, [_queried(request)])
        case _:
            yield _table_call(operation, request["TableName"], [_partition(request)])


def _table_call(operation: str, table: str, leading_keys: list[str]) -> Call:
    keys = tuple(sorted(set(leading_keys)))
    return Call(
        f"dynamodb:{operation}", _arn("dynamodb", f"table/{table}"), ((LEADING_KEYS, keys),)
    )


def _partition(request: Wire) -> str:
    return str((request.get("Key") or request["Item"])["pk"]["S"])


def _queried(request: Wire) -> str:
    """Return the partition that is queried: of the index, where it is one that is queried."""
    for name, value in _KEY_VALUES.findall(request["KeyConditionExpression"]):
        if request["ExpressionAttributeNames"][name].endswith("pk"):
            return str(request["ExpressionAttributeValues"][value]["S"])
    raise AssertionError(request)
