"""The imports of a cold start: counted instead of timed, so that they do not depend on the machine.

Each handler is imported as Lambda does while it initialises: with what it `needs`. The stopwatch is
in benchmarks/.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from latchkey.config import LEAN_CLIENT_OPERATIONS
from tests.support.service import ENVIRONMENT
from tools.operations import folders
from tools.template import ROOT

WATCHED = {
    "argon2",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parser",
    "boto3",
    "boto3.resources",
    "botocore.client",
    "cryptography",
    "dns",
    "email_validator",
    "jinja2",
    "jwt",
    "langcodes",
    "maxminddb",
    "multipart",
    "PIL",
    "pydantic",
    "ua_parser",
    "user_agents",
    "zxcvbn",
}
"""Packages that take more than a few milliseconds, or must not be loaded."""

AWS = {"boto3", "boto3.resources", "botocore.client"}
BATCH = {"aws_lambda_powertools.utilities.batch"}
SEALING = {"cryptography"}
TOKENS = {"jwt", "cryptography"}
BODY = {"pydantic"}
QUERY = {"pydantic"}
LANGUAGES = {"langcodes"}
SIGN_IN = TOKENS | BODY | {"argon2", "email_validator"}

PASSWORDS = {"argon2", "email_validator"}
NEW_PASSWORDS = PASSWORDS | {"zxcvbn"}

BUDGET = {
    "introspect_token": (AWS | SEALING | BODY, 640),
    "get_metadata": (set(), 240),
    "get_profile": (AWS, 520),
    "list_profiles": (AWS | QUERY, 590),
    "anchor_audit": (set(), 230),
    "archive_audit": (set(), 230),
    "authorizer": (SEALING, 203),
    "change_email": (AWS | SEALING | BODY | PASSWORDS, 640),
    "change_password": (AWS | SEALING | BODY | NEW_PASSWORDS, 640),
    "forgot_password": (AWS | SEALING | BODY | {"email_validator"}, 640),
    "request_login_code": (AWS | SEALING | BODY | {"email_validator"}, 640),
    "reset_password": (AWS | SEALING | BODY | NEW_PASSWORDS, 640),
    "resend_verification": (AWS | SEALING | BODY | PASSWORDS, 640),
    "undo_email_change": (AWS | SEALING | BODY | PASSWORDS, 640),
    "verify_email": (AWS | SEALING | BODY | PASSWORDS, 640),
    "record_mail_events": (BATCH, 300),
    "send_mail": (AWS | BATCH | SEALING | {"jinja2", "email_validator"}, 640),
    "cleanup": (set(), 240),
    "export_dead_letters": (AWS | BATCH | SEALING, 600),
    "export_worker": (AWS | BATCH | SEALING, 600),
    "get_export": (AWS | SEALING, 560),
    "chain_audit": (set(), 240),
    "list_users": (AWS | SEALING | QUERY, 590),
    "search_sessions": (AWS | SEALING | QUERY, 590),
    "revoke_found_sessions": (AWS | SEALING | {"pydantic"}, 600),
    "list_user_sessions": (AWS | SEALING, 540),
    "revoke_user_sessions": (AWS | SEALING | QUERY, 590),
    "change_role": (AWS | SEALING | {"pydantic"}, 600),
    "grant_admin": (set(), 240),
    "delete_me": (AWS | SEALING | QUERY, 590),
    "delete_user": (AWS | SEALING | QUERY, 590),
    "restore_user": (AWS | SEALING | {"pydantic"}, 600),
    "get_reported_session": (AWS | SEALING, 530),
    "disown_session": (AWS | SEALING | BODY, 600),
    "restore_account": (AWS | SEALING | BODY, 600),
    "suspend_user": (AWS | SEALING | {"pydantic"}, 600),
    "unsuspend_user": (AWS | SEALING | {"pydantic"}, 600),
    "purge_worker": (AWS | BATCH | TOKENS, 645),
    "create_avatar_upload": (AWS | SEALING | BODY, 620),
    "delete_avatar": (AWS | SEALING, 530),
    "fetch_issuer_keys": (set(), 230),
    "get_health": (set(), 210),
    "get_jwks": (AWS, 480),
    "get_me": (SEALING, 213),
    "list_activity": (AWS | SEALING | QUERY, 590),
    "list_exports": (AWS | SEALING, 560),
    "list_sessions": (SEALING, 210),
    "get_preferences": (AWS | SEALING | BODY, 620),
    "get_user": (AWS | SEALING, 520),
    "list_audit": (AWS | SEALING | QUERY, 590),
    "list_consents": (AWS | SEALING | QUERY, 590),
    "login": (SIGN_IN, 470),
    "logout": (AWS | SEALING, 520),
    "reauthenticate": (AWS | TOKENS | BODY | {"argon2"}, 660),
    "record_requests": (set(), 240),
    "index_requests": (set(), 240),
    "refresh": (SEALING, 260),
    "replace_user": (AWS | SEALING | BODY | LANGUAGES, 620),
    "register": (SIGN_IN | NEW_PASSWORDS | LANGUAGES, 490),
    "replace_avatar": (AWS | SEALING | BODY, 620),
    "replace_preferences": (AWS | SEALING | BODY, 620),
    "relay_outbox": (set(), 230),
    "reset_preferences": (AWS | SEALING | BODY, 620),
    "request_export": (AWS | SEALING, 560),
    "revoke_all_sessions": (AWS | SEALING, 520),
    "rename_session": (AWS | SEALING | {"pydantic"}, 600),
    "revoke_session": (AWS | SEALING, 520),
    "revoke_sessions": (AWS | SEALING | QUERY, 590),
    "rotate_signing_keys": (set(), 230),
    "sweep_avatars": (set(), 230),
    "update_me": (AWS | SEALING | BODY | LANGUAGES | {"multipart"}, 620),
}
"""The watched packages that a handler loads, exactly, and how many modules it may load in all."""

NEVER_IN_HOT = {
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.parser",
    "boto3",
    "boto3.resources",
    "botocore.client",
    "ua_parser",
    "user_agents",
}

PROBE = """
import importlib, json, sys
importlib.import_module("functions." + sys.argv[1] + ".app")
print(json.dumps(sorted(sys.modules)))
"""


def loaded_modules(name):
    environment = {
        **ENVIRONMENT,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        # Nothing listens there. Hot functions connect while they initialize.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_SECRET_ACCESS_KEY": "testing",
        "OPERATION": name,
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers" / "shared"),
    }
    probe = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", PROBE, name],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(probe.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", sorted(folders()))
def test_handler_loads_the_modules_of_its_budget(name):
    assert name in BUDGET, "give the new handler a budget"
    packages, ceiling = BUDGET[name]
    loaded = loaded_modules(name)
    assert loaded & WATCHED == packages
    assert len(loaded) <= ceiling


def test_every_budget_has_a_handler():
    assert set(BUDGET) == folders()


@pytest.mark.parametrize("name", sorted(LEAN_CLIENT_OPERATIONS))
def test_most_frequent_functions_load_the_fewest_modules(name):
    assert BUDGET[name][0] & NEVER_IN_HOT == set()
