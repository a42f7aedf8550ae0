"""The audit trail: rows, chains and their key, searches, and the history of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import account_store, audit_log, clock, table

if TYPE_CHECKING:
    from latchkey.domain.index_files import IndexFiles
    from latchkey.flows.activity import Activity, CompleteHistory
    from latchkey.flows.audit_archive import AuditAnchors, AuditArchive
    from latchkey.flows.audit_chain import AuditChain
    from latchkey.flows.audit_search import AuditSearch
    from latchkey.flows.request_indexing import RequestIndexer
    from latchkey.flows.request_trail import RequestTrail
    from latchkey.storage.audit import AuditStore
    from latchkey.storage.audit_chain import AuditChainStore
    from latchkey.storage.audit_keys import AuditKey, PublicKeys
    from latchkey.storage.audit_vault import AuditVault
    from latchkey.storage.request_history import RequestHistory
    from latchkey.storage.request_index import RequestIndexStore
    from latchkey.storage.request_packs import RequestPackStore
    from latchkey.wiring import Services


@part
def audit_store(services: Services) -> AuditStore:
    from latchkey.storage.audit import AuditStore

    return AuditStore(services[table], request_retention=services.config.request_retention)


@part
def request_pack_store(services: Services) -> RequestPackStore:
    from latchkey.storage.request_packs import RequestPackStore

    return RequestPackStore(services[table])


@part
def request_index_store(services: Services) -> RequestIndexStore:
    from latchkey.storage.request_index import RequestIndexStore

    retention = services.config.request_retention
    return RequestIndexStore(services[table], request_retention=retention)


@part
def index_files(services: Services) -> IndexFiles:
    from latchkey.storage.s3_index_files import S3IndexFiles

    return S3IndexFiles(services.config.audit_index_bucket)


@part
def request_history(services: Services) -> RequestHistory:
    from latchkey.storage.request_history import RequestHistory

    return RequestHistory(
        rows=services[audit_store],
        packs=services[request_pack_store],
        index=services[request_index_store],
        files=services[index_files],
        clock=services[clock],
        retention=services.config.request_retention,
    )


@part
def request_indexer(services: Services) -> RequestIndexer:
    from latchkey.flows.request_indexing import RequestIndexer

    return RequestIndexer(
        packs=services[request_pack_store],
        index=services[request_index_store],
        files=services[index_files],
        clock=services[clock],
    )


@part
def audit_key(services: Services) -> AuditKey:
    from latchkey.security import audit_signatures as signatures
    from latchkey.storage.audit_keys import AuditKeyStore, KmsAuditKey

    if services.config.audit_kms_key:
        return KmsAuditKey(
            services.config.audit_kms_key,
            services.config.key_prefix,
            to_raw=signatures.raw_signature,
            to_jwk=signatures.jwk_of_der,
        )
    return AuditKeyStore(
        services.config.key_prefix, make=signatures.new_audit_key, load=signatures.LocalSigner
    )


@part
def audit_public_keys(services: Services) -> PublicKeys:
    from latchkey.security.audit_signatures import is_signed_by
    from latchkey.storage.audit_keys import PublicKeys

    return PublicKeys(services.config.key_prefix, check=is_signed_by)


@part
def audit_vault(services: Services) -> AuditVault:
    from latchkey.storage.audit_vault import S3AuditVault

    return S3AuditVault(services.config.audit_bucket)


@part
def audit_chain_store(services: Services) -> AuditChainStore:
    from latchkey.storage.audit_chain import AuditChainStore

    return AuditChainStore(services[table])


@part
def audit_chain(services: Services) -> AuditChain:
    from latchkey.flows.audit_chain import AuditChain

    return AuditChain(
        store=services[audit_chain_store],
        signer=services[audit_key],
        verifier=services[audit_public_keys],
        vault=services[audit_vault],
        chains=services.config.audit_chains,
        default_shard=services.config.audit_default_shard,
    )


@part
def audit_anchors(services: Services) -> AuditAnchors:
    from latchkey.flows.audit_archive import AuditAnchors

    return AuditAnchors(
        store=services[audit_chain_store],
        signer=services[audit_key],
        verifier=services[audit_public_keys],
        vault=services[audit_vault],
    )


@part
def audit_archive(services: Services) -> AuditArchive:
    from latchkey.flows.audit_archive import AuditArchive

    return AuditArchive(
        store=services[audit_chain_store],
        verifier=services[audit_public_keys],
        vault=services[audit_vault],
    )


@part
def audit_search(services: Services) -> AuditSearch:
    from latchkey.flows.audit_search import AuditSearch
    from latchkey.security.sealing import unseal

    return AuditSearch(
        accounts=services[account_store],
        audit=services[audit_store],
        requests=services[request_history],
        log=services[audit_log],
        unseal=unseal,
    )


@part
def request_trail(services: Services) -> RequestTrail:
    from latchkey.flows.request_trail import RequestTrail

    return RequestTrail(audit=services[audit_store], packs=services[request_pack_store])


@part
def activity(services: Services) -> Activity:
    from latchkey.flows.activity import Activity
    from latchkey.security.sealing import unseal

    return Activity(
        accounts=services[account_store],
        audit=services[audit_store],
        unseal=unseal,
    )


@part
def complete_history(services: Services) -> CompleteHistory:
    from latchkey.flows.activity import CompleteHistory

    return CompleteHistory(activity=services[activity], requests=services[request_history])
