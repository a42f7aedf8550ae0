"""The configuration from the environment."""

from __future__ import annotations

import pytest

from latchkey.config import operation_name

STACK = "the-accounts-and-sessions-of-our-team-in-the-second-region-1"


def cut_off(logical_id):
    """Make a function's name as CloudFormation does: at most 64 characters."""
    return f"{STACK}-{logical_id}"[:51] + "-1A2B3C4D5E6F"


@pytest.mark.parametrize("operation", ["login", "revoke_found_sessions"])
def test_long_stack_name_keeps_the_operation(monkeypatch, operation):
    assert len(STACK) == 60
    name = cut_off("RevokeFoundSessionsFunction")
    assert len(name) == 64
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
    monkeypatch.setenv("OPERATION", operation)
    assert operation_name("app") == operation


def test_outside_lambda_the_folder_is_the_operation(monkeypatch):
    monkeypatch.delenv("OPERATION", raising=False)
    assert operation_name("functions.revoke_session.app") == "revoke_session"
