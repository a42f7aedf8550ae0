"""Registration and sign-in: passwords, emailed codes, locations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.wiring import part
from latchkey.wiring.storage import (
    account_store,
    device_store,
    idempotency_store,
    mailed_code_store,
    session_store,
    sign_in_reader,
    throttling,
)
from latchkey.wiring.tokens import refresh_peppers, signer

if TYPE_CHECKING:
    from latchkey.flows.identification import Identification
    from latchkey.flows.login_codes import LoginCodes
    from latchkey.flows.registration import Registration
    from latchkey.flows.sign_in import SignIn
    from latchkey.security.geoip import GeoIpDatabase
    from latchkey.security.password_policy import PasswordPolicy
    from latchkey.security.passwords import Passwords
    from latchkey.storage.breached_passwords import BreachedPasswords
    from latchkey.wiring import Services


@part
def passwords(_: Services) -> Passwords:
    from latchkey.security.passwords import Passwords

    return Passwords()


@part
def password_policy(services: Services) -> PasswordPolicy:
    import urllib.parse

    from latchkey.security.common_passwords import CommonPasswords
    from latchkey.security.password_policy import PasswordPolicy

    host = urllib.parse.urlsplit(services.config.public_url).hostname or ""
    return PasswordPolicy(
        min_length=services.config.password_min_length,
        common=CommonPasswords(),
        service_words=(services.config.service_name, host),
        breached=services[breached_passwords],
    )


@part
def breached_passwords(services: Services) -> BreachedPasswords | None:
    if not services.config.breached_password_check:
        return None
    from latchkey.storage.breached_passwords import BreachedPasswords

    return BreachedPasswords(services.config.breached_password_check)


@part
def geoip(services: Services) -> GeoIpDatabase | None:
    if not services.config.geoip_database_path:
        return None
    from latchkey.security.geoip import GeoIpDatabase

    return GeoIpDatabase(services.config.geoip_database_path)


@part
def identification(services: Services) -> Identification:
    from latchkey.flows.identification import Identification

    return Identification(accounts=services[account_store], peppers=services[refresh_peppers])


@part
def login_codes(services: Services) -> LoginCodes:
    from latchkey.flows.login_codes import LoginCodes

    return LoginCodes(
        accounts=services[account_store],
        identification=services[identification],
        codes=services[mailed_code_store],
    )


@part
def sign_in(services: Services) -> SignIn:
    from latchkey.flows.sign_in import SignIn

    config = services.config
    return SignIn(
        accounts=services[account_store],
        identification=services[identification],
        # Few sign-ins have a code.
        codes=lambda: services[login_codes],
        sessions=services[session_store],
        reader=services[sign_in_reader],
        throttling=services[throttling],
        passwords=services[passwords],
        signer=services[signer],
        peppers=services[refresh_peppers],
        email_verification=config.email_verification,
        idle_timeout=config.idle_timeout,
        absolute_timeout=config.absolute_timeout,
        session_limit=config.session_limit,
        geoip=services[geoip],
    )


@part
def registration(services: Services) -> Registration:
    from latchkey.flows.registration import Registration

    return Registration(
        accounts=services[account_store],
        passwords=services[passwords],
        policy=services[password_policy],
        throttling=services[throttling],
        devices=services[device_store],
        sign_in=services[sign_in],
        email_verification=services.config.email_verification,
        keys=services[idempotency_store],
    )
