"""Exports: requests, the worker, the parts of an export, and upkeep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import (
    account_store,
    clock,
    effect_writer,
    idempotency_store,
    identity_store,
    session_store,
    table,
)

if TYPE_CHECKING:
    from latchkey.flows.export_parts import Sources
    from latchkey.flows.export_upkeep import ExportUpkeep
    from latchkey.flows.export_worker import ExportWorker
    from latchkey.flows.exports import Exports
    from latchkey.storage.export_files import ExportFiles
    from latchkey.storage.exports import ExportStore
    from latchkey.wiring import Services


@part
def export_store(services: Services) -> ExportStore:
    from latchkey.storage.exports import ExportStore

    return ExportStore(services[table], services[effect_writer])


@part
def export_files(services: Services) -> ExportFiles:
    from latchkey.storage.s3_export_files import S3ExportFiles

    return S3ExportFiles(services.config.export_bucket)


@part
def exports(services: Services) -> Exports:
    from latchkey.flows.exports import Exports

    return Exports(
        accounts=services[account_store],
        store=services[export_store],
        keys=services[idempotency_store],
        files=services[export_files],
        daily_limit=services.config.exports_per_day,
    )


@part
def export_sources(services: Services) -> Sources:
    from latchkey.flows.export_parts import Sources
    from latchkey.wiring.audit import complete_history
    from latchkey.wiring.mail import mail_suppression_store
    from latchkey.wiring.users import consent_store, media, preference_store

    return Sources(
        sessions=services[session_store],
        preferences=services[preference_store],
        consents=services[consent_store],
        exports=services[export_store],
        suppressions=services[mail_suppression_store],
        identities=lambda: services[identity_store],
        history=lambda: services[complete_history],
        media=lambda: services[media],
    )


@part
def export_worker(services: Services) -> ExportWorker:
    from latchkey.flows.export_worker import ExportWorker

    return ExportWorker(
        accounts=services[account_store],
        exports=services[export_store],
        sources=services[export_sources],
        files=services[export_files],
        clock=services[clock],
        retention=services.config.export_retention,
    )


@part
def export_upkeep(services: Services) -> ExportUpkeep:
    from latchkey.flows.export_upkeep import ExportUpkeep

    return ExportUpkeep(
        accounts=services[account_store],
        exports=services[export_store],
        files=services[export_files],
    )
