"""Flows of emailed links: addresses, passwords, reported sign-ins, restored accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.sessions import session_ending
from latchkey.wiring.storage import account_store, device_store, session_store, table, throttling
from latchkey.wiring.tokens import link_peppers

if TYPE_CHECKING:
    from latchkey.flows.email_address import EmailAddress
    from latchkey.flows.links import Links
    from latchkey.flows.password import Password, PasswordResetRequests
    from latchkey.flows.self_restore import SelfRestore
    from latchkey.flows.sign_in_reports import SignInReports
    from latchkey.storage.single_use_tokens import SingleUseTokenStore
    from latchkey.wiring import Services


@part
def single_use_token_store(services: Services) -> SingleUseTokenStore:
    from latchkey.storage.single_use_tokens import SingleUseTokenStore

    return SingleUseTokenStore(services[table])


@part
def links(services: Services) -> Links:
    from latchkey.flows.links import Links

    return Links(tokens=services[single_use_token_store], peppers=services[link_peppers])


@part
def email_address(services: Services) -> EmailAddress:
    from latchkey.flows.email_address import EmailAddress
    from latchkey.wiring.sign_in import passwords

    return EmailAddress(
        accounts=services[account_store],
        passwords=services[passwords],
        links=services[links],
        devices=services[device_store],
        ending=services[session_ending],
        throttling=services[throttling],
    )


@part
def password(services: Services) -> Password:
    from latchkey.flows.password import Password
    from latchkey.wiring.sign_in import password_policy, passwords

    return Password(
        accounts=services[account_store],
        passwords=services[passwords],
        policy=services[password_policy],
        links=services[links],
        ending=services[session_ending],
        throttling=services[throttling],
    )


@part
def password_reset_requests(services: Services) -> PasswordResetRequests:
    from latchkey.flows.password import PasswordResetRequests

    return PasswordResetRequests(accounts=services[account_store])


@part
def sign_in_reports(services: Services) -> SignInReports:
    from latchkey.flows.sign_in_reports import SignInReports

    return SignInReports(
        sessions=services[session_store], links=services[links], ending=services[session_ending]
    )


@part
def self_restore(services: Services) -> SelfRestore:
    from latchkey.flows.self_restore import SelfRestore
    from latchkey.wiring.users import life_cycle

    return SelfRestore(
        life_cycle=services[life_cycle],
        links=services[links],
        is_enabled=services.config.self_service_restore,
    )
