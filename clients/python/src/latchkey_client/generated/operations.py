"""Generated from the contract by `make openapi`. Do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET, UnsetType

from latchkey_client.calls import Call
from latchkey_client.generated import models
from latchkey_client.generated.models import *

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping


class Operations:
    """Every operation of the API."""

    def _send(self, call: Call) -> Any:
        raise NotImplementedError

    def register(
        self,
        *,
        email: str,
        password: str,
        idempotency_key: str | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        device_name: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
        token_transport: Literal["cookie", "body"] | UnsetType = UNSET,
    ) -> models.TokensView | None:
        """Create an account."""
        result: models.TokensView | None = self._send(
            Call(
                "POST",
                "/api/v1/auth/register",
                models.TokensView,
                authorized=False,
                headers={"Idempotency-Key": idempotency_key},
                body={
                    "email": email,
                    "password": password,
                    "full_name": full_name,
                    "username": username,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "device_name": device_name,
                    "device_id": device_id,
                    "token_transport": token_transport,
                },
            )
        )
        return result

    def login(
        self,
        *,
        password: str,
        email: str | None | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        code: str | None | UnsetType = UNSET,
        device_name: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
        token_transport: Literal["cookie", "body"] | UnsetType = UNSET,
    ) -> models.TokensView:
        """Sign in with an email address or a username, and the password."""
        result: models.TokensView = self._send(
            Call(
                "POST",
                "/api/v1/auth/login",
                models.TokensView,
                authorized=False,
                body={
                    "email": email,
                    "username": username,
                    "password": password,
                    "code": code,
                    "device_name": device_name,
                    "device_id": device_id,
                    "token_transport": token_transport,
                },
            )
        )
        return result

    def request_login_code(
        self, *, email: str | None | UnsetType = UNSET, username: str | None | UnsetType = UNSET
    ) -> None:
        """Email a code that lets the owner of an account sign in after `TOO_MANY_ATTEMPTS`."""
        result: None = self._send(
            Call(
                "POST",
                "/api/v1/auth/login/code",
                None,
                authorized=False,
                body={"email": email, "username": username},
            )
        )
        return result

    def refresh(self, *, refresh_token: str | None | UnsetType = UNSET) -> models.RefreshedView:
        """Exchange a refresh token, from the body or the cookie, for the next token pair."""
        result: models.RefreshedView = self._send(
            Call(
                "POST",
                "/api/v1/auth/refresh",
                models.RefreshedView,
                authorized=False,
                body={"refresh_token": refresh_token},
            )
        )
        return result

    def reauthenticate(self, *, password: str) -> models.ReauthenticatedView:
        """Get an access token with a new `auth_time`, for operations that require one."""
        result: models.ReauthenticatedView = self._send(
            Call(
                "POST",
                "/api/v1/auth/reauthenticate",
                models.ReauthenticatedView,
                authorized=True,
                body={"password": password},
            )
        )
        return result

    def logout(self) -> None:
        """Sign this device out and clear its cookie. Doing it twice is not an error."""
        result: None = self._send(Call("POST", "/api/v1/auth/logout", None, authorized=True))
        return result

    def verify_email(
        self,
        *,
        token: str,
        password: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
    ) -> None:
        """Confirm the email address that a link was sent to, of a new account or of a change."""
        result: None = self._send(
            Call(
                "POST",
                "/api/v1/auth/email/verify",
                None,
                authorized=False,
                body={"token": token, "password": password, "device_id": device_id},
            )
        )
        return result

    def resend_verification(self, *, email: str) -> None:
        """Send the link that confirms an email address again."""
        result: None = self._send(
            Call("POST", "/api/v1/auth/email/resend", None, authorized=False, body={"email": email})
        )
        return result

    def undo_email_change(self, *, token: str) -> None:
        """Restore the former email address of your account, with the link that was sent to it."""
        result: None = self._send(
            Call("POST", "/api/v1/auth/email/undo", None, authorized=False, body={"token": token})
        )
        return result

    def forgot_password(self, *, email: str) -> None:
        """Email a link to choose a new password."""
        result: None = self._send(
            Call(
                "POST",
                "/api/v1/auth/password/forgot",
                None,
                authorized=False,
                body={"email": email},
            )
        )
        return result

    def reset_password(
        self, *, token: str, new_password: str, device_id: str | None | UnsetType = UNSET
    ) -> models.KnownDeviceView:
        """Choose a new password with an emailed link."""
        result: models.KnownDeviceView = self._send(
            Call(
                "POST",
                "/api/v1/auth/password/reset",
                models.KnownDeviceView,
                authorized=False,
                body={"token": token, "new_password": new_password, "device_id": device_id},
            )
        )
        return result

    def get_reported_session(self, *, latchkey_token: str) -> models.ReportView:
        """Read the sign-in that an email is about, before reporting it as not yours."""
        result: models.ReportView = self._send(
            Call(
                "GET",
                "/api/v1/auth/not-me",
                models.ReportView,
                authorized=False,
                headers={"Latchkey-Token": latchkey_token},
            )
        )
        return result

    def disown_session(self, *, token: str) -> None:
        """Report that a sign-in was not yours, with the link of the email about it."""
        result: None = self._send(
            Call("POST", "/api/v1/auth/not-me", None, authorized=False, body={"token": token})
        )
        return result

    def restore_account(self, *, token: str) -> None:
        """Restore your deleted account with the link of the email about its deletion."""
        result: None = self._send(
            Call("POST", "/api/v1/auth/restore", None, authorized=False, body={"token": token})
        )
        return result

    def get_me(self) -> models.AccountView:
        """Read your own account."""
        result: models.AccountView = self._send(
            Call("GET", "/api/v1/users/me", models.AccountView, authorized=True)
        )
        return result

    def update_me(
        self,
        *,
        if_match: str | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        display_name: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        age: int | None | UnsetType = UNSET,
        occupation: str | None | UnsetType = UNSET,
        location: str | None | UnsetType = UNSET,
        transactional_consent: bool | UnsetType = UNSET,
        marketing_consent: bool | UnsetType = UNSET,
    ) -> models.AccountView:
        """Change parts of your profile. An absent field stays, a null clears the field."""
        result: models.AccountView = self._send(
            Call(
                "PATCH",
                "/api/v1/users/me",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
                body={
                    "username": username,
                    "full_name": full_name,
                    "display_name": display_name,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "age": age,
                    "occupation": occupation,
                    "location": location,
                    "transactional_consent": transactional_consent,
                    "marketing_consent": marketing_consent,
                },
            )
        )
        return result

    def delete_me(self, *, hard: bool | UnsetType = UNSET) -> models.DeletionView:
        """Delete your account."""
        result: models.DeletionView = self._send(
            Call(
                "DELETE",
                "/api/v1/users/me",
                models.DeletionView,
                authorized=True,
                query={"hard": hard},
            )
        )
        return result

    def get_me_at_auth_me(self) -> models.AccountView:
        """Read your own account."""
        result: models.AccountView = self._send(
            Call("GET", "/api/v1/auth/me", models.AccountView, authorized=True)
        )
        return result

    def change_password(
        self, *, current_password: str, new_password: str
    ) -> models.EndedSessionsView:
        """Change your password. Your other devices are signed out."""
        result: models.EndedSessionsView = self._send(
            Call(
                "PUT",
                "/api/v1/users/me/password",
                models.EndedSessionsView,
                authorized=True,
                body={"current_password": current_password, "new_password": new_password},
            )
        )
        return result

    def change_email(self, *, email: str) -> None:
        """Change the email address. A link is sent to the new address, and confirms it when
        opened.
        """
        result: None = self._send(
            Call("POST", "/api/v1/users/me/email", None, authorized=True, body={"email": email})
        )
        return result

    def create_avatar_upload(
        self, *, content_type: PictureType, idempotency_key: str | UnsetType = UNSET
    ) -> models.AvatarUploadView:
        """Start an upload of a picture of up to 5 MiB, directly to storage."""
        result: models.AvatarUploadView = self._send(
            Call(
                "POST",
                "/api/v1/users/me/avatar/uploads",
                models.AvatarUploadView,
                authorized=True,
                headers={"Idempotency-Key": idempotency_key},
                body={"content_type": content_type},
            )
        )
        return result

    def replace_avatar(
        self, *, upload_id: str, if_match: str | UnsetType = UNSET
    ) -> models.AccountView:
        """Use an uploaded picture: its middle square, at most 512 pixels wide, as WebP."""
        result: models.AccountView = self._send(
            Call(
                "PUT",
                "/api/v1/users/me/avatar",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
                body={"upload_id": upload_id},
            )
        )
        return result

    def delete_avatar(self, *, if_match: str | UnsetType = UNSET) -> models.AccountView:
        """Remove your picture. Removing it twice is not an error."""
        result: models.AccountView = self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/avatar",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
            )
        )
        return result

    def list_consents(
        self, *, limit: int | UnsetType = UNSET, cursor: str | UnsetType = UNSET
    ) -> models.ConsentListView:
        """List your decisions about consents, newest first."""
        result: models.ConsentListView = self._send(
            Call(
                "GET",
                "/api/v1/users/me/consents",
                models.ConsentListView,
                authorized=True,
                query={"limit": limit, "cursor": cursor},
            )
        )
        return result

    def get_user(self, user_id: str) -> models.AccountView:
        """Read an account. If an administrator reads it, the account's history shows that."""
        result: models.AccountView = self._send(
            Call("GET", f"/api/v1/users/{user_id}", models.AccountView, authorized=True)
        )
        return result

    def replace_user(
        self,
        user_id: str,
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        display_name: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        age: int | None | UnsetType = UNSET,
        occupation: str | None | UnsetType = UNSET,
        location: str | None | UnsetType = UNSET,
    ) -> models.AccountView:
        """Replace a profile. An absent field is cleared. The history shows who did it."""
        result: models.AccountView = self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}",
                models.AccountView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body={
                    "username": username,
                    "full_name": full_name,
                    "display_name": display_name,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "age": age,
                    "occupation": occupation,
                    "location": location,
                },
            )
        )
        return result

    def delete_user(
        self, user_id: str, *, hard: bool | UnsetType = UNSET, reason: str | UnsetType = UNSET
    ) -> models.DeletionView:
        """Delete an account, as `DELETE /users/me` does. Its owner gets an email."""
        result: models.DeletionView = self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}",
                models.DeletionView,
                authorized=True,
                query={"hard": hard, "reason": reason},
            )
        )
        return result

    def restore_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """Restore a deleted account. Its owner has to sign in again."""
        result: models.AccountStatusView = self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/restore",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    def suspend_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """Suspend an account. Every session ends before the response, and sign-in is refused."""
        result: models.AccountStatusView = self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/suspend",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    def unsuspend_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """End a suspension. The owner has to sign in again. Doing it twice changes nothing."""
        result: models.AccountStatusView = self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/unsuspend",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    def get_preferences(self) -> models.PreferencesView:
        """Read preferences. A declared key that was never set is null."""
        result: models.PreferencesView = self._send(
            Call("GET", "/api/v1/users/me/preferences", models.PreferencesView, authorized=True)
        )
        return result

    def replace_preferences(
        self,
        body: Mapping[str, Any],
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
    ) -> models.PreferencesView:
        """Replace all preferences. An absent key is removed."""
        result: models.PreferencesView = self._send(
            Call(
                "PUT",
                "/api/v1/users/me/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body=body,
            )
        )
        return result

    def reset_preferences(
        self, *, reason: str | UnsetType = UNSET, if_match: str | UnsetType = UNSET
    ) -> models.PreferencesView:
        """Delete all preferences. Deleting them twice is not an error."""
        result: models.PreferencesView = self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
            )
        )
        return result

    def get_preferences_at_users_user_id_preferences(self, user_id: str) -> models.PreferencesView:
        """Read preferences. A declared key that was never set is null."""
        result: models.PreferencesView = self._send(
            Call(
                "GET",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
            )
        )
        return result

    def replace_preferences_at_users_user_id_preferences(
        self,
        user_id: str,
        body: Mapping[str, Any],
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
    ) -> models.PreferencesView:
        """Replace all preferences. An absent key is removed."""
        result: models.PreferencesView = self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body=body,
            )
        )
        return result

    def reset_preferences_at_users_user_id_preferences(
        self, user_id: str, *, reason: str | UnsetType = UNSET, if_match: str | UnsetType = UNSET
    ) -> models.PreferencesView:
        """Delete all preferences. Deleting them twice is not an error."""
        result: models.PreferencesView = self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
            )
        )
        return result

    def list_users(
        self,
        *,
        email_prefix: str | UnsetType = UNSET,
        status: Literal["any", "active", "suspended", "deleted"] | UnsetType = UNSET,
        created_from: datetime | UnsetType = UNSET,
        created_to: datetime | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.UserListView:
        """Search accounts by email address, or list them by status and creation time, newest
        first.
        """
        result: models.UserListView = self._send(
            Call(
                "GET",
                "/api/v1/users",
                models.UserListView,
                authorized=True,
                query={
                    "email_prefix": email_prefix,
                    "status": status,
                    "created_from": created_from,
                    "created_to": created_to,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    def search_sessions(
        self,
        *,
        user_id: str | UnsetType = UNSET,
        ip: str | UnsetType = UNSET,
        device: str | UnsetType = UNSET,
        country: str | UnsetType = UNSET,
        created_from: datetime | UnsetType = UNSET,
        created_to: datetime | UnsetType = UNSET,
        state: Literal["active", "ended", "any"] | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.FoundSessionListView:
        """Search sessions by account, address or network, device, country and time."""
        result: models.FoundSessionListView = self._send(
            Call(
                "GET",
                "/api/v1/sessions",
                models.FoundSessionListView,
                authorized=True,
                query={
                    "user_id": user_id,
                    "ip": ip,
                    "device": device,
                    "country": country,
                    "created_from": created_from,
                    "created_to": created_to,
                    "state": state,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    def revoke_found_sessions(
        self,
        *,
        user_id: str | None | UnsetType = UNSET,
        ip: str | None | UnsetType = UNSET,
        device: str | None | UnsetType = UNSET,
        country: str | None | UnsetType = UNSET,
        created_from: datetime | None | UnsetType = UNSET,
        created_to: datetime | None | UnsetType = UNSET,
        dry_run: bool | None | UnsetType = UNSET,
        confirmation: str | None | UnsetType = UNSET,
        reason: str | None | UnsetType = UNSET,
    ) -> models.RevocationView:
        """End the active sessions of any account that match a filter. The current session is
        kept.
        """
        result: models.RevocationView = self._send(
            Call(
                "POST",
                "/api/v1/sessions/revocations",
                models.RevocationView,
                authorized=True,
                body={
                    "user_id": user_id,
                    "ip": ip,
                    "device": device,
                    "country": country,
                    "created_from": created_from,
                    "created_to": created_to,
                    "dry_run": dry_run,
                    "confirmation": confirmation,
                    "reason": reason,
                },
            )
        )
        return result

    def list_user_sessions(self, user_id: str) -> models.SessionListView:
        """List the active sessions of a user, the last used first."""
        result: models.SessionListView = self._send(
            Call(
                "GET", f"/api/v1/users/{user_id}/sessions", models.SessionListView, authorized=True
            )
        )
        return result

    def revoke_user_sessions(
        self, user_id: str, *, reason: str | UnsetType = UNSET
    ) -> models.EndedSessionsView:
        """Sign a user out on every device, from the next request."""
        result: models.EndedSessionsView = self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}/sessions",
                models.EndedSessionsView,
                authorized=True,
                query={"reason": reason},
            )
        )
        return result

    def change_role(
        self,
        user_id: str,
        *,
        role: Literal["user", "admin"],
        reason: str | None | UnsetType = UNSET,
    ) -> models.AccountStatusView:
        """Change the role of an account from its next request. The last administrator keeps
        theirs.
        """
        result: models.AccountStatusView = self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}/role",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason, "role": role},
            )
        )
        return result

    def get_profile(self, user_id: str) -> models.ProfileView:
        """Read the display name and the avatar of a person whose account is active."""
        result: models.ProfileView = self._send(
            Call("GET", f"/api/v1/profiles/{user_id}", models.ProfileView, authorized=True)
        )
        return result

    def list_profiles(self, *, ids: str) -> models.ProfileListView:
        """Read the display names and the avatars of people whose accounts are active."""
        result: models.ProfileListView = self._send(
            Call(
                "GET",
                "/api/v1/profiles",
                models.ProfileListView,
                authorized=True,
                query={"ids": ids},
            )
        )
        return result

    def list_sessions(self) -> models.SessionListView:
        """List the devices that you are signed in on, the current one first."""
        result: models.SessionListView = self._send(
            Call("GET", "/api/v1/users/me/sessions", models.SessionListView, authorized=True)
        )
        return result

    def revoke_sessions(
        self, *, scope: Literal["others", "all"] | UnsetType = UNSET
    ) -> models.EndedSessionsView:
        """Sign out all your other devices, or all devices, in one atomic step."""
        result: models.EndedSessionsView = self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/sessions",
                models.EndedSessionsView,
                authorized=True,
                query={"scope": scope},
            )
        )
        return result

    def revoke_session(self, session_id: str) -> models.EndedSessionView:
        """Sign one of your devices out. Its next request is refused."""
        result: models.EndedSessionView = self._send(
            Call(
                "DELETE",
                f"/api/v1/users/me/sessions/{session_id}",
                models.EndedSessionView,
                authorized=True,
            )
        )
        return result

    def rename_session(self, session_id: str, *, device_name: str) -> models.SessionView:
        """Rename one of your devices."""
        result: models.SessionView = self._send(
            Call(
                "PATCH",
                f"/api/v1/users/me/sessions/{session_id}",
                models.SessionView,
                authorized=True,
                body={"device_name": device_name},
            )
        )
        return result

    def revoke_all_sessions(self) -> models.EndedSessionsView:
        """Sign every device out, including this one. The same as `?scope=all` on the
        collection.
        """
        result: models.EndedSessionsView = self._send(
            Call(
                "DELETE", "/api/v1/users/me/sessions/all", models.EndedSessionsView, authorized=True
            )
        )
        return result

    def list_audit(
        self,
        *,
        user_id: str | UnsetType = UNSET,
        session_id: str | UnsetType = UNSET,
        action: Literal[
            "account.registered",
            "account.registered.by_issuer",
            "account.deleted",
            "account.deleted.by_admin",
            "account.restored.by_admin",
            "account.restored.by_link",
            "account.recovered.by_operator",
            "account.suspended.by_admin",
            "account.unsuspended.by_admin",
            "account.erasure.ordered",
            "account.erasure.ordered.by_admin",
            "account.erasure.started",
            "account.erased",
            "role.changed.by_admin",
            "role.changed.by_operator",
            "profile.read.by_admin",
            "users.listed.by_admin",
            "sessions.read.by_admin",
            "sessions.searched.by_admin",
            "sessions.revoked.by_admin",
            "sessions.revocation.tried.by_admin",
            "profile.changed",
            "profile.changed.by_admin",
            "preferences.read.by_admin",
            "preferences.changed",
            "preferences.changed.by_admin",
            "preferences.reset",
            "preferences.reset.by_admin",
            "sign_in.refused",
            "account.email.verified",
            "account.email.change_requested",
            "account.email.changed",
            "account.email.change_undone",
            "account.mail.bounced",
            "account.mail.reported",
            "account.mail.allowed.by_operator",
            "account.password.changed",
            "account.password.reset",
            "session.started",
            "session.disowned",
            "session.revoked.by_owner",
            "session.ended.by_logout",
            "session.ended.by_limit",
            "session.superseded",
            "session.ended.by_refresh_token_reuse",
            "sessions.revoked.by_owner",
            "session.renamed",
            "session.used.elsewhere",
            "session.reauthenticated",
            "export.requested",
            "export.completed",
            "export.failed",
            "export.expired",
            "export.redriven",
            "export.link_issued",
            "signing_key.rotated",
            "system.heartbeat",
            "pepper.rotated",
            "audit.read.by_admin",
            "request.served",
            "request.refused",
            "request.failed",
            "requests.packed",
            "requests.counted",
        ]
        | UnsetType = UNSET,
        kind: Literal["changes", "requests"] | UnsetType = UNSET,
        since: datetime | UnsetType = UNSET,
        until: datetime | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.AuditListView:
        """Search the audit trail by user, session, action or time, newest first."""
        result: models.AuditListView = self._send(
            Call(
                "GET",
                "/api/v1/audit",
                models.AuditListView,
                authorized=True,
                query={
                    "user_id": user_id,
                    "session_id": session_id,
                    "action": action,
                    "kind": kind,
                    "since": since,
                    "until": until,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    def list_activity(
        self, *, limit: int | UnsetType = UNSET, cursor: str | UnsetType = UNSET
    ) -> models.ActivityListView:
        """List what happened to your account, newest first, described in words."""
        result: models.ActivityListView = self._send(
            Call(
                "GET",
                "/api/v1/users/me/activity",
                models.ActivityListView,
                authorized=True,
                query={"limit": limit, "cursor": cursor},
            )
        )
        return result

    def request_export(self, *, idempotency_key: str | UnsetType = UNSET) -> models.ExportView:
        """Start an export of all of your data into one file."""
        result: models.ExportView = self._send(
            Call(
                "POST",
                "/api/v1/users/me/export",
                models.ExportView,
                authorized=True,
                headers={"Idempotency-Key": idempotency_key},
            )
        )
        return result

    def list_exports(self) -> models.ExportListView:
        """List your exports, newest first."""
        result: models.ExportListView = self._send(
            Call("GET", "/api/v1/users/me/exports", models.ExportListView, authorized=True)
        )
        return result

    def get_export(self, export_id: str) -> models.ExportView:
        """Read the progress of one of your exports, and a download link when it is ready."""
        result: models.ExportView = self._send(
            Call("GET", f"/api/v1/users/me/exports/{export_id}", models.ExportView, authorized=True)
        )
        return result

    def get_jwks(self) -> models.JwksView:
        """List the public keys: those that sign now and the next ones."""
        result: models.JwksView = self._send(
            Call("GET", "/.well-known/jwks.json", models.JwksView, authorized=False, bare=True)
        )
        return result

    def get_metadata(self) -> models.MetadataView:
        """Return the issuer, the address of its keys, and how to introspect its tokens (RFC
        8414).
        """
        result: models.MetadataView = self._send(
            Call(
                "GET",
                "/.well-known/openid-configuration",
                models.MetadataView,
                authorized=False,
                bare=True,
            )
        )
        return result

    def get_metadata_at_well_known_oauth_authorization_server(self) -> models.MetadataView:
        """Return the issuer, the address of its keys, and how to introspect its tokens (RFC
        8414).
        """
        result: models.MetadataView = self._send(
            Call(
                "GET",
                "/.well-known/oauth-authorization-server",
                models.MetadataView,
                authorized=False,
                bare=True,
            )
        )
        return result

    def get_health(self) -> models.HealthView:
        """Return that the service is up. Dependencies are not checked."""
        result: models.HealthView = self._send(
            Call("GET", "/api/v1/health", models.HealthView, authorized=False)
        )
        return result


class AsyncOperations:
    """Every operation of the API."""

    def _send(self, call: Call) -> Awaitable[Any]:
        raise NotImplementedError

    async def register(
        self,
        *,
        email: str,
        password: str,
        idempotency_key: str | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        device_name: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
        token_transport: Literal["cookie", "body"] | UnsetType = UNSET,
    ) -> models.TokensView | None:
        """Create an account."""
        result: models.TokensView | None = await self._send(
            Call(
                "POST",
                "/api/v1/auth/register",
                models.TokensView,
                authorized=False,
                headers={"Idempotency-Key": idempotency_key},
                body={
                    "email": email,
                    "password": password,
                    "full_name": full_name,
                    "username": username,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "device_name": device_name,
                    "device_id": device_id,
                    "token_transport": token_transport,
                },
            )
        )
        return result

    async def login(
        self,
        *,
        password: str,
        email: str | None | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        code: str | None | UnsetType = UNSET,
        device_name: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
        token_transport: Literal["cookie", "body"] | UnsetType = UNSET,
    ) -> models.TokensView:
        """Sign in with an email address or a username, and the password."""
        result: models.TokensView = await self._send(
            Call(
                "POST",
                "/api/v1/auth/login",
                models.TokensView,
                authorized=False,
                body={
                    "email": email,
                    "username": username,
                    "password": password,
                    "code": code,
                    "device_name": device_name,
                    "device_id": device_id,
                    "token_transport": token_transport,
                },
            )
        )
        return result

    async def request_login_code(
        self, *, email: str | None | UnsetType = UNSET, username: str | None | UnsetType = UNSET
    ) -> None:
        """Email a code that lets the owner of an account sign in after `TOO_MANY_ATTEMPTS`."""
        result: None = await self._send(
            Call(
                "POST",
                "/api/v1/auth/login/code",
                None,
                authorized=False,
                body={"email": email, "username": username},
            )
        )
        return result

    async def refresh(
        self, *, refresh_token: str | None | UnsetType = UNSET
    ) -> models.RefreshedView:
        """Exchange a refresh token, from the body or the cookie, for the next token pair."""
        result: models.RefreshedView = await self._send(
            Call(
                "POST",
                "/api/v1/auth/refresh",
                models.RefreshedView,
                authorized=False,
                body={"refresh_token": refresh_token},
            )
        )
        return result

    async def reauthenticate(self, *, password: str) -> models.ReauthenticatedView:
        """Get an access token with a new `auth_time`, for operations that require one."""
        result: models.ReauthenticatedView = await self._send(
            Call(
                "POST",
                "/api/v1/auth/reauthenticate",
                models.ReauthenticatedView,
                authorized=True,
                body={"password": password},
            )
        )
        return result

    async def logout(self) -> None:
        """Sign this device out and clear its cookie. Doing it twice is not an error."""
        result: None = await self._send(Call("POST", "/api/v1/auth/logout", None, authorized=True))
        return result

    async def verify_email(
        self,
        *,
        token: str,
        password: str | None | UnsetType = UNSET,
        device_id: str | None | UnsetType = UNSET,
    ) -> None:
        """Confirm the email address that a link was sent to, of a new account or of a change."""
        result: None = await self._send(
            Call(
                "POST",
                "/api/v1/auth/email/verify",
                None,
                authorized=False,
                body={"token": token, "password": password, "device_id": device_id},
            )
        )
        return result

    async def resend_verification(self, *, email: str) -> None:
        """Send the link that confirms an email address again."""
        result: None = await self._send(
            Call("POST", "/api/v1/auth/email/resend", None, authorized=False, body={"email": email})
        )
        return result

    async def undo_email_change(self, *, token: str) -> None:
        """Restore the former email address of your account, with the link that was sent to it."""
        result: None = await self._send(
            Call("POST", "/api/v1/auth/email/undo", None, authorized=False, body={"token": token})
        )
        return result

    async def forgot_password(self, *, email: str) -> None:
        """Email a link to choose a new password."""
        result: None = await self._send(
            Call(
                "POST",
                "/api/v1/auth/password/forgot",
                None,
                authorized=False,
                body={"email": email},
            )
        )
        return result

    async def reset_password(
        self, *, token: str, new_password: str, device_id: str | None | UnsetType = UNSET
    ) -> models.KnownDeviceView:
        """Choose a new password with an emailed link."""
        result: models.KnownDeviceView = await self._send(
            Call(
                "POST",
                "/api/v1/auth/password/reset",
                models.KnownDeviceView,
                authorized=False,
                body={"token": token, "new_password": new_password, "device_id": device_id},
            )
        )
        return result

    async def get_reported_session(self, *, latchkey_token: str) -> models.ReportView:
        """Read the sign-in that an email is about, before reporting it as not yours."""
        result: models.ReportView = await self._send(
            Call(
                "GET",
                "/api/v1/auth/not-me",
                models.ReportView,
                authorized=False,
                headers={"Latchkey-Token": latchkey_token},
            )
        )
        return result

    async def disown_session(self, *, token: str) -> None:
        """Report that a sign-in was not yours, with the link of the email about it."""
        result: None = await self._send(
            Call("POST", "/api/v1/auth/not-me", None, authorized=False, body={"token": token})
        )
        return result

    async def restore_account(self, *, token: str) -> None:
        """Restore your deleted account with the link of the email about its deletion."""
        result: None = await self._send(
            Call("POST", "/api/v1/auth/restore", None, authorized=False, body={"token": token})
        )
        return result

    async def get_me(self) -> models.AccountView:
        """Read your own account."""
        result: models.AccountView = await self._send(
            Call("GET", "/api/v1/users/me", models.AccountView, authorized=True)
        )
        return result

    async def update_me(
        self,
        *,
        if_match: str | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        display_name: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        age: int | None | UnsetType = UNSET,
        occupation: str | None | UnsetType = UNSET,
        location: str | None | UnsetType = UNSET,
        transactional_consent: bool | UnsetType = UNSET,
        marketing_consent: bool | UnsetType = UNSET,
    ) -> models.AccountView:
        """Change parts of your profile. An absent field stays, a null clears the field."""
        result: models.AccountView = await self._send(
            Call(
                "PATCH",
                "/api/v1/users/me",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
                body={
                    "username": username,
                    "full_name": full_name,
                    "display_name": display_name,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "age": age,
                    "occupation": occupation,
                    "location": location,
                    "transactional_consent": transactional_consent,
                    "marketing_consent": marketing_consent,
                },
            )
        )
        return result

    async def delete_me(self, *, hard: bool | UnsetType = UNSET) -> models.DeletionView:
        """Delete your account."""
        result: models.DeletionView = await self._send(
            Call(
                "DELETE",
                "/api/v1/users/me",
                models.DeletionView,
                authorized=True,
                query={"hard": hard},
            )
        )
        return result

    async def get_me_at_auth_me(self) -> models.AccountView:
        """Read your own account."""
        result: models.AccountView = await self._send(
            Call("GET", "/api/v1/auth/me", models.AccountView, authorized=True)
        )
        return result

    async def change_password(
        self, *, current_password: str, new_password: str
    ) -> models.EndedSessionsView:
        """Change your password. Your other devices are signed out."""
        result: models.EndedSessionsView = await self._send(
            Call(
                "PUT",
                "/api/v1/users/me/password",
                models.EndedSessionsView,
                authorized=True,
                body={"current_password": current_password, "new_password": new_password},
            )
        )
        return result

    async def change_email(self, *, email: str) -> None:
        """Change the email address. A link is sent to the new address, and confirms it when
        opened.
        """
        result: None = await self._send(
            Call("POST", "/api/v1/users/me/email", None, authorized=True, body={"email": email})
        )
        return result

    async def create_avatar_upload(
        self, *, content_type: PictureType, idempotency_key: str | UnsetType = UNSET
    ) -> models.AvatarUploadView:
        """Start an upload of a picture of up to 5 MiB, directly to storage."""
        result: models.AvatarUploadView = await self._send(
            Call(
                "POST",
                "/api/v1/users/me/avatar/uploads",
                models.AvatarUploadView,
                authorized=True,
                headers={"Idempotency-Key": idempotency_key},
                body={"content_type": content_type},
            )
        )
        return result

    async def replace_avatar(
        self, *, upload_id: str, if_match: str | UnsetType = UNSET
    ) -> models.AccountView:
        """Use an uploaded picture: its middle square, at most 512 pixels wide, as WebP."""
        result: models.AccountView = await self._send(
            Call(
                "PUT",
                "/api/v1/users/me/avatar",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
                body={"upload_id": upload_id},
            )
        )
        return result

    async def delete_avatar(self, *, if_match: str | UnsetType = UNSET) -> models.AccountView:
        """Remove your picture. Removing it twice is not an error."""
        result: models.AccountView = await self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/avatar",
                models.AccountView,
                authorized=True,
                headers={"If-Match": if_match},
            )
        )
        return result

    async def list_consents(
        self, *, limit: int | UnsetType = UNSET, cursor: str | UnsetType = UNSET
    ) -> models.ConsentListView:
        """List your decisions about consents, newest first."""
        result: models.ConsentListView = await self._send(
            Call(
                "GET",
                "/api/v1/users/me/consents",
                models.ConsentListView,
                authorized=True,
                query={"limit": limit, "cursor": cursor},
            )
        )
        return result

    async def get_user(self, user_id: str) -> models.AccountView:
        """Read an account. If an administrator reads it, the account's history shows that."""
        result: models.AccountView = await self._send(
            Call("GET", f"/api/v1/users/{user_id}", models.AccountView, authorized=True)
        )
        return result

    async def replace_user(
        self,
        user_id: str,
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
        username: str | None | UnsetType = UNSET,
        full_name: str | None | UnsetType = UNSET,
        display_name: str | None | UnsetType = UNSET,
        speaking_language: str | None | UnsetType = UNSET,
        listening_language: str | None | UnsetType = UNSET,
        age: int | None | UnsetType = UNSET,
        occupation: str | None | UnsetType = UNSET,
        location: str | None | UnsetType = UNSET,
    ) -> models.AccountView:
        """Replace a profile. An absent field is cleared. The history shows who did it."""
        result: models.AccountView = await self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}",
                models.AccountView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body={
                    "username": username,
                    "full_name": full_name,
                    "display_name": display_name,
                    "speaking_language": speaking_language,
                    "listening_language": listening_language,
                    "age": age,
                    "occupation": occupation,
                    "location": location,
                },
            )
        )
        return result

    async def delete_user(
        self, user_id: str, *, hard: bool | UnsetType = UNSET, reason: str | UnsetType = UNSET
    ) -> models.DeletionView:
        """Delete an account, as `DELETE /users/me` does. Its owner gets an email."""
        result: models.DeletionView = await self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}",
                models.DeletionView,
                authorized=True,
                query={"hard": hard, "reason": reason},
            )
        )
        return result

    async def restore_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """Restore a deleted account. Its owner has to sign in again."""
        result: models.AccountStatusView = await self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/restore",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    async def suspend_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """Suspend an account. Every session ends before the response, and sign-in is refused."""
        result: models.AccountStatusView = await self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/suspend",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    async def unsuspend_user(
        self, user_id: str, *, reason: str | None | UnsetType = UNSET
    ) -> models.AccountStatusView:
        """End a suspension. The owner has to sign in again. Doing it twice changes nothing."""
        result: models.AccountStatusView = await self._send(
            Call(
                "POST",
                f"/api/v1/users/{user_id}/unsuspend",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason},
            )
        )
        return result

    async def get_preferences(self) -> models.PreferencesView:
        """Read preferences. A declared key that was never set is null."""
        result: models.PreferencesView = await self._send(
            Call("GET", "/api/v1/users/me/preferences", models.PreferencesView, authorized=True)
        )
        return result

    async def replace_preferences(
        self,
        body: Mapping[str, Any],
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
    ) -> models.PreferencesView:
        """Replace all preferences. An absent key is removed."""
        result: models.PreferencesView = await self._send(
            Call(
                "PUT",
                "/api/v1/users/me/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body=body,
            )
        )
        return result

    async def reset_preferences(
        self, *, reason: str | UnsetType = UNSET, if_match: str | UnsetType = UNSET
    ) -> models.PreferencesView:
        """Delete all preferences. Deleting them twice is not an error."""
        result: models.PreferencesView = await self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
            )
        )
        return result

    async def get_preferences_at_users_user_id_preferences(
        self, user_id: str
    ) -> models.PreferencesView:
        """Read preferences. A declared key that was never set is null."""
        result: models.PreferencesView = await self._send(
            Call(
                "GET",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
            )
        )
        return result

    async def replace_preferences_at_users_user_id_preferences(
        self,
        user_id: str,
        body: Mapping[str, Any],
        *,
        reason: str | UnsetType = UNSET,
        if_match: str | UnsetType = UNSET,
    ) -> models.PreferencesView:
        """Replace all preferences. An absent key is removed."""
        result: models.PreferencesView = await self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
                body=body,
            )
        )
        return result

    async def reset_preferences_at_users_user_id_preferences(
        self, user_id: str, *, reason: str | UnsetType = UNSET, if_match: str | UnsetType = UNSET
    ) -> models.PreferencesView:
        """Delete all preferences. Deleting them twice is not an error."""
        result: models.PreferencesView = await self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}/preferences",
                models.PreferencesView,
                authorized=True,
                query={"reason": reason},
                headers={"If-Match": if_match},
            )
        )
        return result

    async def list_users(
        self,
        *,
        email_prefix: str | UnsetType = UNSET,
        status: Literal["any", "active", "suspended", "deleted"] | UnsetType = UNSET,
        created_from: datetime | UnsetType = UNSET,
        created_to: datetime | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.UserListView:
        """Search accounts by email address, or list them by status and creation time, newest
        first.
        """
        result: models.UserListView = await self._send(
            Call(
                "GET",
                "/api/v1/users",
                models.UserListView,
                authorized=True,
                query={
                    "email_prefix": email_prefix,
                    "status": status,
                    "created_from": created_from,
                    "created_to": created_to,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    async def search_sessions(
        self,
        *,
        user_id: str | UnsetType = UNSET,
        ip: str | UnsetType = UNSET,
        device: str | UnsetType = UNSET,
        country: str | UnsetType = UNSET,
        created_from: datetime | UnsetType = UNSET,
        created_to: datetime | UnsetType = UNSET,
        state: Literal["active", "ended", "any"] | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.FoundSessionListView:
        """Search sessions by account, address or network, device, country and time."""
        result: models.FoundSessionListView = await self._send(
            Call(
                "GET",
                "/api/v1/sessions",
                models.FoundSessionListView,
                authorized=True,
                query={
                    "user_id": user_id,
                    "ip": ip,
                    "device": device,
                    "country": country,
                    "created_from": created_from,
                    "created_to": created_to,
                    "state": state,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    async def revoke_found_sessions(
        self,
        *,
        user_id: str | None | UnsetType = UNSET,
        ip: str | None | UnsetType = UNSET,
        device: str | None | UnsetType = UNSET,
        country: str | None | UnsetType = UNSET,
        created_from: datetime | None | UnsetType = UNSET,
        created_to: datetime | None | UnsetType = UNSET,
        dry_run: bool | None | UnsetType = UNSET,
        confirmation: str | None | UnsetType = UNSET,
        reason: str | None | UnsetType = UNSET,
    ) -> models.RevocationView:
        """End the active sessions of any account that match a filter. The current session is
        kept.
        """
        result: models.RevocationView = await self._send(
            Call(
                "POST",
                "/api/v1/sessions/revocations",
                models.RevocationView,
                authorized=True,
                body={
                    "user_id": user_id,
                    "ip": ip,
                    "device": device,
                    "country": country,
                    "created_from": created_from,
                    "created_to": created_to,
                    "dry_run": dry_run,
                    "confirmation": confirmation,
                    "reason": reason,
                },
            )
        )
        return result

    async def list_user_sessions(self, user_id: str) -> models.SessionListView:
        """List the active sessions of a user, the last used first."""
        result: models.SessionListView = await self._send(
            Call(
                "GET", f"/api/v1/users/{user_id}/sessions", models.SessionListView, authorized=True
            )
        )
        return result

    async def revoke_user_sessions(
        self, user_id: str, *, reason: str | UnsetType = UNSET
    ) -> models.EndedSessionsView:
        """Sign a user out on every device, from the next request."""
        result: models.EndedSessionsView = await self._send(
            Call(
                "DELETE",
                f"/api/v1/users/{user_id}/sessions",
                models.EndedSessionsView,
                authorized=True,
                query={"reason": reason},
            )
        )
        return result

    async def change_role(
        self,
        user_id: str,
        *,
        role: Literal["user", "admin"],
        reason: str | None | UnsetType = UNSET,
    ) -> models.AccountStatusView:
        """Change the role of an account from its next request. The last administrator keeps
        theirs.
        """
        result: models.AccountStatusView = await self._send(
            Call(
                "PUT",
                f"/api/v1/users/{user_id}/role",
                models.AccountStatusView,
                authorized=True,
                body={"reason": reason, "role": role},
            )
        )
        return result

    async def get_profile(self, user_id: str) -> models.ProfileView:
        """Read the display name and the avatar of a person whose account is active."""
        result: models.ProfileView = await self._send(
            Call("GET", f"/api/v1/profiles/{user_id}", models.ProfileView, authorized=True)
        )
        return result

    async def list_profiles(self, *, ids: str) -> models.ProfileListView:
        """Read the display names and the avatars of people whose accounts are active."""
        result: models.ProfileListView = await self._send(
            Call(
                "GET",
                "/api/v1/profiles",
                models.ProfileListView,
                authorized=True,
                query={"ids": ids},
            )
        )
        return result

    async def list_sessions(self) -> models.SessionListView:
        """List the devices that you are signed in on, the current one first."""
        result: models.SessionListView = await self._send(
            Call("GET", "/api/v1/users/me/sessions", models.SessionListView, authorized=True)
        )
        return result

    async def revoke_sessions(
        self, *, scope: Literal["others", "all"] | UnsetType = UNSET
    ) -> models.EndedSessionsView:
        """Sign out all your other devices, or all devices, in one atomic step."""
        result: models.EndedSessionsView = await self._send(
            Call(
                "DELETE",
                "/api/v1/users/me/sessions",
                models.EndedSessionsView,
                authorized=True,
                query={"scope": scope},
            )
        )
        return result

    async def revoke_session(self, session_id: str) -> models.EndedSessionView:
        """Sign one of your devices out. Its next request is refused."""
        result: models.EndedSessionView = await self._send(
            Call(
                "DELETE",
                f"/api/v1/users/me/sessions/{session_id}",
                models.EndedSessionView,
                authorized=True,
            )
        )
        return result

    async def rename_session(self, session_id: str, *, device_name: str) -> models.SessionView:
        """Rename one of your devices."""
        result: models.SessionView = await self._send(
            Call(
                "PATCH",
                f"/api/v1/users/me/sessions/{session_id}",
                models.SessionView,
                authorized=True,
                body={"device_name": device_name},
            )
        )
        return result

    async def revoke_all_sessions(self) -> models.EndedSessionsView:
        """Sign every device out, including this one. The same as `?scope=all` on the
        collection.
        """
        result: models.EndedSessionsView = await self._send(
            Call(
                "DELETE", "/api/v1/users/me/sessions/all", models.EndedSessionsView, authorized=True
            )
        )
        return result

    async def list_audit(
        self,
        *,
        user_id: str | UnsetType = UNSET,
        session_id: str | UnsetType = UNSET,
        action: Literal[
            "account.registered",
            "account.registered.by_issuer",
            "account.deleted",
            "account.deleted.by_admin",
            "account.restored.by_admin",
            "account.restored.by_link",
            "account.recovered.by_operator",
            "account.suspended.by_admin",
            "account.unsuspended.by_admin",
            "account.erasure.ordered",
            "account.erasure.ordered.by_admin",
            "account.erasure.started",
            "account.erased",
            "role.changed.by_admin",
            "role.changed.by_operator",
            "profile.read.by_admin",
            "users.listed.by_admin",
            "sessions.read.by_admin",
            "sessions.searched.by_admin",
            "sessions.revoked.by_admin",
            "sessions.revocation.tried.by_admin",
            "profile.changed",
            "profile.changed.by_admin",
            "preferences.read.by_admin",
            "preferences.changed",
            "preferences.changed.by_admin",
            "preferences.reset",
            "preferences.reset.by_admin",
            "sign_in.refused",
            "account.email.verified",
            "account.email.change_requested",
            "account.email.changed",
            "account.email.change_undone",
            "account.mail.bounced",
            "account.mail.reported",
            "account.mail.allowed.by_operator",
            "account.password.changed",
            "account.password.reset",
            "session.started",
            "session.disowned",
            "session.revoked.by_owner",
            "session.ended.by_logout",
            "session.ended.by_limit",
            "session.superseded",
            "session.ended.by_refresh_token_reuse",
            "sessions.revoked.by_owner",
            "session.renamed",
            "session.used.elsewhere",
            "session.reauthenticated",
            "export.requested",
            "export.completed",
            "export.failed",
            "export.expired",
            "export.redriven",
            "export.link_issued",
            "signing_key.rotated",
            "system.heartbeat",
            "pepper.rotated",
            "audit.read.by_admin",
            "request.served",
            "request.refused",
            "request.failed",
            "requests.packed",
            "requests.counted",
        ]
        | UnsetType = UNSET,
        kind: Literal["changes", "requests"] | UnsetType = UNSET,
        since: datetime | UnsetType = UNSET,
        until: datetime | UnsetType = UNSET,
        limit: int | UnsetType = UNSET,
        cursor: str | UnsetType = UNSET,
    ) -> models.AuditListView:
        """Search the audit trail by user, session, action or time, newest first."""
        result: models.AuditListView = await self._send(
            Call(
                "GET",
                "/api/v1/audit",
                models.AuditListView,
                authorized=True,
                query={
                    "user_id": user_id,
                    "session_id": session_id,
                    "action": action,
                    "kind": kind,
                    "since": since,
                    "until": until,
                    "limit": limit,
                    "cursor": cursor,
                },
            )
        )
        return result

    async def list_activity(
        self, *, limit: int | UnsetType = UNSET, cursor: str | UnsetType = UNSET
    ) -> models.ActivityListView:
        """List what happened to your account, newest first, described in words."""
        result: models.ActivityListView = await self._send(
            Call(
                "GET",
                "/api/v1/users/me/activity",
                models.ActivityListView,
                authorized=True,
                query={"limit": limit, "cursor": cursor},
            )
        )
        return result

    async def request_export(
        self, *, idempotency_key: str | UnsetType = UNSET
    ) -> models.ExportView:
        """Start an export of all of your data into one file."""
        result: models.ExportView = await self._send(
            Call(
                "POST",
                "/api/v1/users/me/export",
                models.ExportView,
                authorized=True,
                headers={"Idempotency-Key": idempotency_key},
            )
        )
        return result

    async def list_exports(self) -> models.ExportListView:
        """List your exports, newest first."""
        result: models.ExportListView = await self._send(
            Call("GET", "/api/v1/users/me/exports", models.ExportListView, authorized=True)
        )
        return result

    async def get_export(self, export_id: str) -> models.ExportView:
        """Read the progress of one of your exports, and a download link when it is ready."""
        result: models.ExportView = await self._send(
            Call("GET", f"/api/v1/users/me/exports/{export_id}", models.ExportView, authorized=True)
        )
        return result

    async def get_jwks(self) -> models.JwksView:
        """List the public keys: those that sign now and the next ones."""
        result: models.JwksView = await self._send(
            Call("GET", "/.well-known/jwks.json", models.JwksView, authorized=False, bare=True)
        )
        return result

    async def get_metadata(self) -> models.MetadataView:
        """Return the issuer, the address of its keys, and how to introspect its tokens (RFC
        8414).
        """
        result: models.MetadataView = await self._send(
            Call(
                "GET",
                "/.well-known/openid-configuration",
                models.MetadataView,
                authorized=False,
                bare=True,
            )
        )
        return result

    async def get_metadata_at_well_known_oauth_authorization_server(self) -> models.MetadataView:
        """Return the issuer, the address of its keys, and how to introspect its tokens (RFC
        8414).
        """
        result: models.MetadataView = await self._send(
            Call(
                "GET",
                "/.well-known/oauth-authorization-server",
                models.MetadataView,
                authorized=False,
                bare=True,
            )
        )
        return result

    async def get_health(self) -> models.HealthView:
        """Return that the service is up. Dependencies are not checked."""
        result: models.HealthView = await self._send(
            Call("GET", "/api/v1/health", models.HealthView, authorized=False)
        )
        return result
