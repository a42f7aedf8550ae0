"""The operations of interleavings: all that change something.

A new operation of the contract, and a new function without a route, needs an entry here.
`test_interleavings.py` checks that. An entry is a name, its operation, and a function that runs it
in a `World` and returns an `Outcome`. An operation may have several entries for different code
paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latchkey.domain.effects import Queue
from tests.support.interleaved_worlds import ADDRESS, AUTH, FIRST_ADDRESS, NEXT_ADDRESS
from tests.support.person import ME
from tests.support.service import IPHONE, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.interleaved_worlds import World
    from tests.support.interleaving import Outcome

NEW_PASSWORDS = {
    "changePassword": "a password that ada has chosen",
    "resetPassword": "a password that came by mail",
}
SIGNING_IN = {
    "register",
    "login",
    "requestLoginCode",
    "refresh",
    "reauthenticate",
    "logout",
    "verifyEmail",
    "resendVerification",
    "undoEmailChange",
    "forgotPassword",
    "resetPassword",
    "disownSession",
}
SETTLED = frozenset({"active", "admin", "exporting"})
OUT = frozenset({"suspended", "deleted", "due", "erasing"})


@dataclass(frozen=True, slots=True)
class Operation:
    """An entry.

    entry_of  the operation's id in the contract, or the function's folder
    worlds    where it can get anywhere
    pausable  whether it is interrupted as well, and not only an interruption of the others
    """

    name: str
    entry_of: str
    worlds: frozenset[str]
    act: Callable[[World], Outcome]
    pausable: bool = True


OPERATIONS: list[Operation] = []


def _add(
    name: str,
    entry_of: str,
    act: Callable[[World], Outcome],
    worlds: frozenset[str] = SETTLED | OUT,
) -> None:
    OPERATIONS.append(Operation(name, entry_of, worlds, act))


def _public(
    name: str,
    entry_of: str,
    path: str,
    body: Callable[[World], dict[str, Any]],
    worlds: frozenset[str] = SETTLED | OUT,
    **options: Any,
) -> None:
    _add(name, entry_of, lambda w: w.request("POST", AUTH + path, body(w), **options), worlds)


def _own(
    name: str, entry_of: str, method: str, path: str, body: Any = None, **options: Any
) -> None:
    """An operation by Ada on her laptop."""

    def act(world: World) -> Outcome:
        sent = body(world) if callable(body) else body
        return world.request(method, path.format(**_ids(world)), sent, token="laptop", **options)

    _add(name, entry_of, act, SETTLED)


def _by_root(  # noqa: PLR0917 - a table's columns
    name: str,
    entry_of: str,
    method: str,
    path: str,
    body: Any = None,
    worlds: frozenset[str] = SETTLED | OUT,
    **options: Any,
) -> None:
    """An operation by the administrator on Ada's account."""

    def act(world: World) -> Outcome:
        sent = body(world) if callable(body) else body
        return world.request(method, path.format(**_ids(world)), sent, token="root", **options)

    _add(name, entry_of, act, worlds)


def _mail(name: str, worlds: frozenset[str]) -> None:
    _add(
        f"send_mail {name}",
        "send_mail",
        lambda w: w.deliver(Queue.MAIL, w.held[f"{name} message"], "send_mail"),
        worlds,
    )


def _ids(world: World) -> dict[str, str]:
    return {name.replace(" ", "_"): text for name, text in world.held.items()}


def _login(address: str | None = None, **fields: Any) -> Callable[[World], dict[str, Any]]:
    return lambda w: {
        "password": PASSWORD,
        **({} if "username" in fields else {"email": address or w.held["address"]}),
        **fields,
    }


ADA = "/api/v1/users/{ada_id}"

# Registering and signing in
_public(
    "register the address that Ada changes to",
    "register",
    "/register",
    lambda _: {"email": NEXT_ADDRESS, "password": PASSWORD},
)
_public(
    "register the address that Ada has left",
    "register",
    "/register",
    lambda _: {"email": FIRST_ADDRESS, "password": PASSWORD},
)
_public(
    "register the address that Ada has",
    "register",
    "/register",
    lambda _: {"email": ADDRESS, "password": PASSWORD, "username": "lovelace"},
    SETTLED | {"new", "erasing", "due"},
)
_public("sign in on a new device", "login", "/login", _login(), SETTLED | OUT | {"new"})
_public("sign in by username", "login", "/login", _login(username="ada"), user_agent=IPHONE)
_public(
    "sign in on the phone again",
    "login",
    "/login",
    lambda w: {**_login()(w), "device_id": w.held["phone device"]},
    user_agent=IPHONE,
)
_public("sign in with a wrong password", "login", "/login", _login(password="not the password"))
_public(
    "sign in with the password that was changed to",
    "login",
    "/login",
    _login(password=NEW_PASSWORDS["changePassword"]),
    SETTLED,
)
_public(
    "sign in with a code",
    "login",
    "/login",
    lambda w: {**_login()(w), "code": w.held["code"]},
    SETTLED,
)
_public("ask for a code", "requestLoginCode", "/login/code", lambda w: {"email": w.held["address"]})
_public("refresh", "refresh", "/refresh", lambda w: {"refresh_token": w.held["laptop refresh"]})
_public(
    "refresh with a stolen token",
    "refresh",
    "/refresh",
    lambda w: {"refresh_token": w.held["stolen refresh"]},
    SETTLED,
)
_own("reauthenticate", "reauthenticate", "POST", f"{AUTH}/reauthenticate", {"password": PASSWORD})
_own("log out", "logout", "POST", f"{AUTH}/logout")

# Links of mails
_public(
    "verify the address",
    "verifyEmail",
    "/email/verify",
    lambda w: {"token": w.held["verify link"], "password": PASSWORD},
    frozenset({"new"}),
)
_public(
    "change to the next address",
    "verifyEmail",
    "/email/verify",
    lambda w: {"token": w.held["change link"], "password": PASSWORD},
)
_public("resend", "resendVerification", "/email/resend", lambda w: {"email": w.held["address"]})
_public("undo", "undoEmailChange", "/email/undo", lambda w: {"token": w.held["undo link"]})
_public("forgot", "forgotPassword", "/password/forgot", lambda w: {"email": w.held["address"]})
_public(
    "reset",
    "resetPassword",
    "/password/reset",
    lambda w: {"token": w.held["reset link"], "new_password": NEW_PASSWORDS["resetPassword"]},
)
_public("not me", "disownSession", "/not-me", lambda w: {"token": w.held["not-me link"]})
_public(
    "restore by link",
    "restoreAccount",
    "/restore",
    lambda w: {"token": w.held["restore link"]},
    frozenset({"deleted", "due"}),
)

# One's own account
_own("change the profile", "updateMe", "PATCH", ME, {"display_name": "Ada L."})
_own("change the username", "updateMe", "PATCH", ME, {"username": "lovelace"})
_own("consent", "updateMe", "PATCH", ME, {"marketing_consent": True})
_own("delete", "deleteMe", "DELETE", ME)
_own("erase", "deleteMe", "DELETE", ME, query={"hard": "true"})
_own(
    "change the password",
    "changePassword",
    "PUT",
    f"{ME}/password",
    {"current_password": PASSWORD, "new_password": NEW_PASSWORDS["changePassword"]},
)
_own("ask for the next address", "changeEmail", "POST", f"{ME}/email", {"email": NEXT_ADDRESS})
_own(
    "offer an upload",
    "createAvatarUpload",
    "POST",
    f"{ME}/avatar/uploads",
    {"content_type": "image/png"},
)
_own(
    "show the upload",
    "replaceAvatar",
    "PUT",
    f"{ME}/avatar",
    lambda w: {"upload_id": w.held["upload"]},
)
_own("remove the picture", "deleteAvatar", "DELETE", f"{ME}/avatar")
_own("set preferences", "replacePreferences", "PUT", f"{ME}/preferences", {"lighting": "required"})
_own("reset preferences", "resetPreferences", "DELETE", f"{ME}/preferences")
_own(
    "set preferences by id",
    "replacePreferencesAtUsersUserIdPreferences",
    "PUT",
    f"{ADA}/preferences",
    {"seating": "required"},
)
_own(
    "reset preferences by id",
    "resetPreferencesAtUsersUserIdPreferences",
    "DELETE",
    f"{ADA}/preferences",
)

# Sessions
_own("sign the phone out", "revokeSession", "DELETE", f"{ME}/sessions/{{phone_session}}")
_own("sign this device out", "revokeSession", "DELETE", f"{ME}/sessions/{{laptop_session}}")
_own(
    "rename the phone",
    "renameSession",
    "PATCH",
    f"{ME}/sessions/{{phone_session}}",
    {"device_name": "My phone"},
)
_own("sign the others out", "revokeSessions", "DELETE", f"{ME}/sessions")
_own("sign all out", "revokeAllSessions", "DELETE", f"{ME}/sessions/all")
_add(
    "use the phone",
    "authorizer",
    lambda w: w.request("GET", ME, token="phone"),
    SETTLED,
)

# Exports
_own("ask for an export", "requestExport", "POST", f"{ME}/export")
_own("fetch the export", "getExport", "GET", f"{ME}/exports/{{export}}")

# Administrators
_by_root("replace the profile", "replaceUser", "PUT", ADA, {"full_name": "Ada Lovelace"})
_by_root(
    "replace the profile and the username",
    "replaceUser",
    "PUT",
    ADA,
    {"username": "countess"},
)
_by_root("delete her", "deleteUser", "DELETE", ADA)
_by_root("erase her", "deleteUser", "DELETE", ADA, query={"hard": "true"})
_by_root("restore her", "restoreUser", "POST", f"{ADA}/restore", worlds=OUT)
_by_root("suspend her", "suspendUser", "POST", f"{ADA}/suspend")
_by_root("let her in", "unsuspendUser", "POST", f"{ADA}/unsuspend", worlds=OUT)
_by_root("sign her out", "revokeUserSessions", "DELETE", f"{ADA}/sessions", worlds=SETTLED)
_by_root(
    "revoke what was found",
    "revokeFoundSessions",
    "POST",
    "/api/v1/sessions/revocations",
    lambda w: {
        "user_id": w.held["ada id"],
        "dry_run": False,
        "confirmation": w.held["confirmation"],
    },
    SETTLED,
)
_by_root(
    "try a revocation",
    "revokeFoundSessions",
    "POST",
    "/api/v1/sessions/revocations",
    lambda w: {"user_id": w.held["ada id"], "dry_run": True},
    SETTLED,
)
_by_root(
    "make her an administrator",
    "changeRole",
    "PUT",
    f"{ADA}/role",
    {"role": "admin"},
)
_by_root("make her a user", "changeRole", "PUT", f"{ADA}/role", {"role": "user"})
for _name, _method, _path, _body in (
    ("make root a user", "PUT", "/role", {"role": "user"}),
    ("suspend root", "POST", "/suspend", None),
    ("delete root", "DELETE", "", None),
):
    _add(
        f"Ada wants to {_name}",
        {"PUT": "changeRole", "POST": "suspendUser", "DELETE": "deleteUser"}[_method],
        lambda w, m=_method, p=_path, b=_body: w.request(  # type: ignore[misc]
            m, f"/api/v1/users/{w.held['root id']}{p}", b, token="laptop"
        ),
        frozenset({"admin"}),
    )
_add(
    "Ada wants to make herself an administrator",
    "changeRole",
    lambda w: w.request(
        "PUT", f"/api/v1/users/{w.held['ada id']}/role", {"role": "admin"}, token="laptop"
    ),
    frozenset({"admin"}),
)

_add(
    "Ada tries a revocation",
    "revokeFoundSessions",
    lambda w: w.request(
        "POST",
        "/api/v1/sessions/revocations",
        {"user_id": w.held["ada id"], "dry_run": True},
        token="laptop",
    ),
    frozenset({"admin"}),
)

# What no route leads to
_add(
    "grant her the role",
    "grant_admin",
    lambda w: w.invoke("grant_admin", {"email": w.held["address"]}),
    SETTLED,
)
_mail("verify_email", frozenset({"new"}))
_mail("account_deleted", frozenset({"deleted", "due"}))
for _kind in ("reset_password", "confirm_new_email", "new_device", "login_code"):
    _mail(_kind, SETTLED | {"suspended", "erasing"})
_add(
    "make the export",
    "export_worker",
    lambda w: w.deliver(Queue.EXPORT, w.held["export message"], "export_worker"),
    frozenset({"exporting"}),
)
_add(
    "give the export up",
    "export_dead_letters",
    lambda w: w.deliver(Queue.EXPORT, w.held["export message"], "export_dead_letters"),
    frozenset({"exporting"}),
)
_add(
    "purge",
    "purge_worker",
    lambda w: w.deliver(Queue.PURGE, w.held["purge message"], "purge_worker"),
    frozenset({"due", "erasing"}),
)


def _erase_to_the_end(world: World) -> Outcome:
    """Order an erasure and carry it out: nothing that is still under way may write any more."""
    ada = f"/api/v1/users/{world.held['ada id']}"
    ordered = world.request("DELETE", ada, token="root", query={"hard": "true"})
    if ordered.status != 200:
        return ordered
    return world.deliver(Queue.PURGE, world.waiting(Queue.PURGE), "purge_worker")


OPERATIONS.append(
    Operation(
        "erase her to the end", "purge_worker", SETTLED | OUT, _erase_to_the_end, pausable=False
    )
)
for _task in ("relay_overdue", "requeue_exports", "expire_exports", "erase_due_accounts"):
    _add(
        f"clean up {_task}",
        "cleanup",
        lambda w, t=_task: w.invoke("cleanup", {"task": t}),  # type: ignore[misc]
        frozenset({"exporting", "due", "erasing"}),
    )
_add(
    "rotate peppers",
    "rotate_signing_keys",
    lambda w: w.invoke("rotate_signing_keys", {"task": "rotate_pepper"}),
)
_add(
    "rotate keys", "rotate_signing_keys", lambda w: w.invoke("rotate_signing_keys", {"force": True})
)
_add("sweep pictures", "sweep_avatars", lambda w: w.invoke("sweep_avatars"), SETTLED | {"erasing"})

ELSEWHERE = {
    "anchor_audit": "signs the audit chains' heads; test_audit_chain.py",
    "archive_audit": "copies blocks of the audit trail; test_audit_chain.py",
    "chain_audit": "appends to the audit chains from the stream; test_audit_campaigns.py",
    "fetch_issuer_keys": "stores public keys of other issuers; test_issuer_keys.py",
    "index_requests": "sorts packs of requests into files; test_request_index.py",
    "introspectToken": "notes a use, as the authorizer does; test_introspect_token.py",
    "record_mail_events": "notes which addresses bounce; test_mail_events.py",
    "record_requests": "adds requests to the audit trail from the log; test_request_trail.py",
    "relay_outbox": "sends ids to queues and writes nothing; test_outbox.py",
}
"""Functions that touch nothing that an operation on an account decides by, and what tests them."""

_ROLES = {"changeRole", "grant_admin", "deleteMe", "deleteUser", "suspendUser", "login", "refresh"}
_EXPORTS = {"export_worker", "export_dead_letters", "requestExport", "getExport", "cleanup"}
ABOUT = {"admin": _ROLES, "exporting": _EXPORTS}
"""What worlds are about that are "active" but for one thing: one of each pair is of these."""


def operations(world: str) -> list[Operation]:
    """The operations that are tried in a world."""
    return [operation for operation in OPERATIONS if world in operation.worlds]


def names(world: str, *, signing_in: bool | None = None) -> list[str]:
    """Their names: all, or those that prove who somebody is, or the rest."""
    return [
        operation.name
        for operation in operations(world)
        if operation.pausable
        and (signing_in is None or signing_in == (operation.entry_of in SIGNING_IN))
    ]


def seconds(world: str, first: Operation) -> list[Operation]:
    """The operations that run in the pauses of another one."""
    about = ABOUT.get(world)
    found = operations(world)
    if about is None or first.entry_of in about:
        return found
    return [operation for operation in found if operation.entry_of in about]


_REHASHED = "a password that is hashed anew voids links and codes, here one that is being used"
_DONE = "the second is told that it is done, as it is, by a session that has ended with it"
_MUTUAL = "two administrators act on each other; both were administrators when they asked"
_ON_HER = ("sign her out", "revoke what was found")
_ON_ROOT = ("make root a user", "suspend root", "delete root")
KNOWN = {
    ("sign in on a new device", "change to the next address"): _REHASHED,
    ("sign in on the phone again", "change to the next address"): _REHASHED,
    ("sign in with a code", "sign in on a new device"): _REHASHED,
    ("sign in with a code", "sign in by username"): _REHASHED,
    ("sign in with a code", "change to the next address"): _REHASHED,
    ("delete", "delete"): _DONE,
    ("delete", "delete her"): _DONE,
    ("remove the picture", "show the upload"): (
        "two pictures take turns; a file that nothing shows is left to the sweep"
    ),
    ("revoke what was found", "revoke what was found"): "one confirmation, two answers; one ends",
    ("revoke what was found", "sign in on the phone again"): "ends what was found, not what is new",
    ("purge", "register the address that Ada has left"): "the next delivery erases the rest",
    ("make the export", "erase her to the end"): "the erasure waits for the worker's lease to end",
    ("fetch the export", "erase her to the end"): "it is shown as it was, without a link",
    **{(one, f"Ada wants to {other}"): _MUTUAL for one in _ON_HER for other in _ON_ROOT},
    **{(f"Ada wants to {one}", other): _MUTUAL for one in _ON_ROOT[1:] for other in _ON_HER},
}
"""Pairs of first and second whose result no order explains, with the reason why it is acceptable.

All invariants hold for them, too.
"""
