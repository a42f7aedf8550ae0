"""Access to secrets, as IAM evaluates the roles of the transformed template."""

from __future__ import annotations

import pytest

from tests.support.grants import role_statements
from tests.support.iam import allows
from tests.support.recorded_service import ACCOUNT, REGION
from tools.template import folder, functions

ISSUERS = {"register", "login", "refresh"}
LINKS = {
    "send_mail",
    "verify_email",
    "undo_email_change",
    "reset_password",
    "get_reported_session",
    "disown_session",
    "restore_account",
}

MAY_READ = {
    # Reauthenticating issues an access token only; the receipt of an erasure is signed.
    "signing-keys": {*ISSUERS, "reauthenticate", "purge_worker", "rotate_signing_keys"},
    "refresh-peppers": {*ISSUERS, "rotate_signing_keys"},
    "link-peppers": {*LINKS, "rotate_signing_keys"},
    "public-keys": {"authorizer", "get_jwks", "introspect_token"},
}


def may(action: str, parameter: str) -> set[str]:
    """Return which functions IAM lets do this, by the roles of the transformed template."""
    resource = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/latchkey/test/{parameter}"
    return {
        folder(properties)
        for function, properties in functions().items()
        if allows(role_statements(function), action, resource, {})
    }


@pytest.mark.parametrize("parameter", MAY_READ)
def test_secrets_are_readable_only_by_functions_that_need_them(parameter: str) -> None:
    assert may("ssm:GetParameter", parameter) == MAY_READ[parameter]


@pytest.mark.parametrize("parameter", MAY_READ)
def test_one_function_writes_keys_and_peppers(parameter: str) -> None:
    assert may("ssm:PutParameter", parameter) == {"rotate_signing_keys"}


@pytest.mark.parametrize("parameter", [*MAY_READ, ""])
def test_functions_read_parameters_only_by_name(parameter: str) -> None:
    for action in ("GetParameters", "GetParametersByPath", "GetParameterHistory"):
        assert may(f"ssm:{action}", parameter) == set()


def test_functions_with_link_peppers_cannot_read_signing_keys() -> None:
    signing = may("ssm:GetParameter", "signing-keys") | may("ssm:GetParameter", "refresh-peppers")
    assert may("ssm:GetParameter", "link-peppers") & signing == {"rotate_signing_keys"}
