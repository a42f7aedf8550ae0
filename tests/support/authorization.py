"""The authorization matrix: every operation of the contract, every kind of caller, every owner.

The rules are repeated here by hand, so that a new or wider permission needs a change in two places.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT = json.loads((ROOT / "openapi.json").read_text())
OUT = {
    "suspended": "ACCOUNT_SUSPENDED",
    "deleted": "ACCOUNT_DELETED",
    "revoked": "SESSION_REVOKED",
}
CALLERS = ("anonymous", "a", "b", "admin", *OUT)
PUBLIC = """register login requestLoginCode refresh verifyEmail resendVerification undoEmailChange
    forgotPassword resetPassword getReportedSession disownSession restoreAccount getJwks
    getHealth getMetadata getMetadataAtWellKnownOauthAuthorizationServer"""
SIGNED_IN = """reauthenticate logout getMe updateMe deleteMe getMeAtAuthMe changePassword
    changeEmail createAvatarUpload replaceAvatar deleteAvatar listConsents getPreferences
    replacePreferences resetPreferences listSessions revokeSessions revokeSession renameSession
    revokeAllSessions listActivity requestExport listExports getExport
    getProfile listProfiles"""
OWNER = """getUser replaceUser deleteUser getPreferencesAtUsersUserIdPreferences
    replacePreferencesAtUsersUserIdPreferences resetPreferencesAtUsersUserIdPreferences"""
ADMIN = """restoreUser suspendUser unsuspendUser listUsers searchSessions revokeFoundSessions
    listUserSessions revokeUserSessions changeRole listAudit"""
SIGNED = """introspectToken"""
RULES = {
    operation_id: rule
    for rule, operation_ids in {
        "public": PUBLIC,
        "signed in": SIGNED_IN,
        "owner": OWNER,
        "admin": ADMIN,
        "signed": SIGNED,
    }.items()
    for operation_id in operation_ids.split()
}
"""Who may call what: anybody; who is signed in; the account's owner or an administrator; those;
roles of AWS."""

NOT_FOUND = {
    "user_id": "ACCOUNT_NOT_FOUND",
    "session_id": "SESSION_NOT_FOUND",
    "export_id": "EXPORT_NOT_FOUND",
}
BODIES = {"renameSession": {"device_name": "Mine"}}
"""Operations that check ownership only after a valid body."""

MAY_BE_DONE_TWICE = {"logout"}
"""Operations that an ended session may repeat."""


def _operations() -> dict[str, tuple[str, str, Any]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in CONTRACT["paths"].items()
        for method, operation in methods.items()
        if method in {"get", "put", "post", "patch", "delete"}
    }


OPERATIONS = _operations()


def codes(operation: Any) -> set[str]:
    """Every error code that the contract lets an operation answer with."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node and node["$ref"].startswith("#/components/responses/"):
                walk(CONTRACT["components"]["responses"][node["$ref"].rpartition("/")[2]])
            found.update(c for c in node.get("enum", []) if isinstance(c, str) and c.isupper())
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(operation["responses"])
    return found


def kind_of_contract(operation_id: str) -> str:
    """Return who may call an operation, by what the contract says."""
    _, path, operation = OPERATIONS[operation_id]
    if not operation.get("security", CONTRACT.get("security")):
        return "public"
    if {"awsSignature": []} in operation["security"]:
        return "signed"
    if "ADMINISTRATORS_ONLY" in codes(operation):
        return "admin"
    return "owner" if "/users/{user_id}" in path else "signed in"


def expected_refusal(operation_id: str, caller: str, owner: str) -> tuple[int, str] | None:
    """Return the status and the code of the expected refusal, or None."""
    _, path, _ = OPERATIONS[operation_id]
    rule = RULES[operation_id]
    if rule in {"public", "signed"}:
        return (403, "SIGNATURE_REQUIRED") if rule == "signed" else None
    if caller == "anonymous":
        return 401, "TOKEN_MISSING"
    if caller in OUT:
        return None if operation_id in MAY_BE_DONE_TWICE else (401, OUT[caller])
    if rule == "admin":
        return None if caller == "admin" else (403, "ADMINISTRATORS_ONLY")
    if rule == "owner":
        return None if caller in ("admin", owner) else (404, "ACCOUNT_NOT_FOUND")
    for name in ("session_id", "export_id"):
        if "{" + name + "}" in path and caller != owner:
            return 404, NOT_FOUND[name]
    return None


def owners(operation_id: str, caller: str) -> tuple[str, ...]:
    """Return whose objects a caller tries an operation on: their own ones and others'."""
    if "{" not in OPERATIONS[operation_id][1]:
        return ("a",)  # it names no object: the caller's own is meant
    return tuple(dict.fromkeys(("a", "b", *({caller} - {"anonymous"}))))


CELLS = [
    (operation_id, caller, owner)
    for operation_id in OPERATIONS
    for caller in CALLERS
    for owner in owners(operation_id, caller)
]


def request_of(
    operation_id: str, objects: Mapping[str, str]
) -> tuple[str, str, dict[str, Any] | None]:
    """Return how an operation is asked for on somebody's objects: method, path and body."""
    method, path, operation = OPERATIONS[operation_id]
    for name, value in objects.items():
        path = path.replace("{" + name + "}", value)
    return method, path, BODIES.get(operation_id, {}) if "requestBody" in operation else None


def lets_pass(operation_id: str, status: int, code: str | None) -> bool:
    """Return whether a response is not a refusal."""
    if RULES[operation_id] == "public":
        return status != 500 and code not in {"TOKEN_MISSING", "ADMINISTRATORS_ONLY", *OUT.values()}
    return not (status in {401, 403, 500} or code in NOT_FOUND.values())
