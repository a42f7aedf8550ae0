"""The configuration of a deployment: template parameters from the environment."""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUEUE_URL = "QUEUE_URL_"

HOT_OPERATIONS = frozenset({"authorizer", "get_me", "list_sessions", "refresh"})
"""The operations of most invocations. Only these load less than usual."""

LEAN_CLIENT_OPERATIONS = HOT_OPERATIONS | {"login", "register"}
"""These use the lean client of AWS. Sign-in and registration wait for it in a cold start."""

_BEYOND_LEAN_CLIENT = (
    "AWS_PROFILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "https_proxy",
    "http_proxy",
)
"""Settings of AWS's SDKs that the lean client does not implement."""


class EmailVerification(StrEnum):
    """Whether an address must be confirmed before its owner can sign in."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class WebSocketToken(StrEnum):
    """Where a WebSocket connection may have its token, beside the header `Authorization`."""

    HEADER = "header"
    PROTOCOL = "protocol"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration of one deployment.

    key_prefix       SSM path of the signing keys
    public_url       the address of the service; empty: the CloudFront domain name
    edge_secret      the secret that CloudFront sends; empty: viewer headers are ignored
    direct_access    whether requests that bypass the edge are accepted
    geoip_database_path  the deployer's GeoIP database in a layer; empty: none
    rate_limit_factor  multiplies every rate limit, for load tests
    breached_password_check  base URL of a range service of breached passwords; empty: none
    allowed_origins  browser origins that may use the cookie routes
    media_bucket     set only for functions that use it
    media_url        the address of avatars; empty: the origin of the API
    consent_text_version  the current version of the wording of consents
    audit_retention    how long rows of changes stay in the table; S3 keeps them
    request_retention  how long rows of requests stay in the table
    audit_kms_key      ARN of the key that signs the trail; empty: a key in Parameter Store
    authorizer_passes_reasons  True for this API, whose endpoints return the 401; else it denies
    public_profiles  whether signed-in people can read the profiles of others
    deletion_grace   how long a deleted account can be restored before it is erased
    self_service_restore  whether the deletion email has a link to restore the account
    web_socket_token   where a WebSocket connection to another API may have its token
    service_name     the name of the service in emails
    support_contact  an email address or a page for support, in emails; empty: none
    mail_sender      the sender address of emails
    link_base        the start of emailed links; never from a request
    external_issuers  whether tokens of other issuers are accepted
    trusted_issuers   these issuers, for the function that fetches their keys
    local_issuers     whether issuers may be on this machine without TLS
    fetch_issuer_keys_function  the name of that function, for the authorizers
    queue_urls       of the queues that this function sends to: QUEUE_URL_MAIL is that of `mail`
    """

    table_name: str
    audit_table_name: str
    key_prefix: str
    issuer: str
    audience: str
    public_url: str
    email_verification: EmailVerification
    allowed_origins: frozenset[str]
    edge_secret: str
    direct_access: bool
    access_token_lifetime: timedelta
    idle_timeout: timedelta
    absolute_timeout: timedelta
    session_limit: int
    password_min_length: int
    breached_password_check: str
    key_rotation_interval: timedelta
    key_epoch: int
    media_bucket: str
    media_url: str
    consent_text_version: str
    rate_limit_factor: int
    geoip_database_path: str
    authorizer_passes_reasons: bool
    audit_retention: timedelta
    request_retention: timedelta
    export_bucket: str
    export_retention: timedelta
    exports_per_day: int
    audit_bucket: str
    audit_index_bucket: str
    audit_kms_key: str
    audit_chains: int
    audit_default_shard: str
    deletion_grace: timedelta
    self_service_restore: bool
    web_socket_token: WebSocketToken
    last_activity_interval: timedelta
    public_profiles: bool = False
    service_name: str = ""
    support_contact: str = ""
    mail_sender: str = ""
    mail_configuration_set: str = ""
    link_base: str = ""
    external_issuers: bool = False
    trusted_issuers: str = ""
    local_issuers: bool = False
    fetch_issuer_keys_function: str = ""
    queue_urls: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Config:
        """Read the configuration. A missing variable is a deployment error and raises KeyError."""
        origins = (origin.strip() for origin in env["ALLOWED_ORIGINS"].split(","))
        return cls(
            table_name=env["TABLE_NAME"],
            audit_table_name=env["AUDIT_TABLE_NAME"],
            key_prefix=env["KEY_PARAMETER_PREFIX"],
            issuer=env["ISSUER"],
            audience=env["AUDIENCE"],
            public_url=env["PUBLIC_URL"].rstrip("/"),
            email_verification=EmailVerification(env["EMAIL_VERIFICATION"]),
            allowed_origins=frozenset(origin for origin in origins if origin),
            edge_secret=env.get("EDGE_SECRET", ""),
            direct_access=env["DIRECT_ACCESS"] == "allowed",
            access_token_lifetime=timedelta(seconds=int(env["ACCESS_TOKEN_SECONDS"])),
            idle_timeout=timedelta(seconds=int(env["SESSION_IDLE_SECONDS"])),
            absolute_timeout=timedelta(seconds=int(env["SESSION_ABSOLUTE_SECONDS"])),
            session_limit=int(env["SESSION_LIMIT"]),
            password_min_length=int(env["PASSWORD_MIN_LENGTH"]),
            breached_password_check=env.get("BREACHED_PASSWORD_CHECK", ""),
            key_epoch=int(env.get("KEY_EPOCH", "1")),
            key_rotation_interval=timedelta(days=int(env.get("SIGNING_KEY_ROTATION_DAYS", "30"))),
            media_bucket=env.get("MEDIA_BUCKET", ""),
            media_url=env["MEDIA_URL"].rstrip("/"),
            consent_text_version=env["CONSENT_TEXT_VERSION"],
            geoip_database_path=env.get("GEOIP_DATABASE_PATH", ""),
            rate_limit_factor=int(env.get("RATE_LIMIT_FACTOR", "1")),
            authorizer_passes_reasons=env.get("AUTHORIZER_MODE") == "typed",
            audit_retention=timedelta(days=int(env["AUDIT_RETENTION_DAYS"])),
            request_retention=timedelta(days=int(env.get("REQUEST_RETENTION_DAYS", "90"))),
            export_bucket=env["EXPORT_BUCKET"],
            export_retention=timedelta(days=int(env["EXPORT_DAYS"])),
            exports_per_day=int(env["EXPORTS_PER_DAY"]),
            audit_bucket=env.get("AUDIT_BUCKET", ""),
            audit_index_bucket=env.get("AUDIT_INDEX_BUCKET", ""),
            audit_kms_key=env.get("AUDIT_KMS_KEY", ""),
            audit_chains=int(env.get("AUDIT_CHAINS", "4")),
            audit_default_shard=env.get("AUDIT_DEFAULT_SHARD", ""),
            deletion_grace=timedelta(days=int(env["DELETION_GRACE_DAYS"])),
            self_service_restore=env["SELF_SERVICE_RESTORE"] == "on",
            web_socket_token=WebSocketToken(env["WEB_SOCKET_TOKEN"]),
            last_activity_interval=timedelta(seconds=int(env["LAST_ACTIVITY_SECONDS"])),
            public_profiles=env.get("PUBLIC_PROFILES") == "on",
            service_name=env.get("SERVICE_NAME", ""),
            support_contact=env.get("SUPPORT_CONTACT", ""),
            mail_sender=env.get("MAIL_SENDER", ""),
            mail_configuration_set=env.get("MAIL_CONFIGURATION_SET", ""),
            link_base=env.get("LINK_BASE", "").rstrip("/"),
            external_issuers=env.get("EXTERNAL_ISSUERS") == "on",
            trusted_issuers=env.get("TRUSTED_ISSUERS", ""),
            local_issuers=env.get("LOCAL_ISSUERS") == "allowed",
            fetch_issuer_keys_function=env.get("FETCH_ISSUER_KEYS_FUNCTION", ""),
            queue_urls={
                name.removeprefix(_QUEUE_URL).lower(): url
                for name, url in env.items()
                if name.startswith(_QUEUE_URL)
            },
        )


def runs_in_lambda() -> bool:
    """Return whether this process is a Lambda function, on AWS or in the emulator."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def is_hot() -> bool:
    """Return whether this process is the Lambda function of a hot operation."""
    return os.environ.get("OPERATION") in HOT_OPERATIONS


def uses_lean_client(env: Mapping[str, str] = os.environ) -> bool:
    """Return whether this process uses `lean_client` for DynamoDB and SSM.

    It is one of LEAN_CLIENT_OPERATIONS, and the environment asks for nothing that the client does
    not have.
    """
    asked = any(env.get(name, "").lower() not in {"", "false"} for name in _BEYOND_LEAN_CLIENT)
    return env.get("OPERATION") in LEAN_CLIENT_OPERATIONS and not asked


def prepares() -> bool:
    """Return whether this process connects and reads its keys while it initializes.

    Lambda gives the initialization a whole processor, and a request of 512 MB a third of one. The
    first request of a hot function does not wait for that.
    """
    return uses_lean_client() and runs_in_lambda()


def metrics_namespace() -> str:
    """Return the CloudWatch namespace of this stack's metrics.

    Each stack has its own, so that alarms do not count metrics of another stack.
    """
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Latchkey")


def operation_name(module: str) -> str:
    """Return the operation of a handler's module, which is the name of its folder.

    In tests and tools the module is `functions.<operation>.app`. In Lambda it is `app`, and the
    template sets OPERATION, because a long stack name truncates the function's name.
    """
    return os.environ.get("OPERATION") or module.removesuffix(".app").rpartition(".")[2]
