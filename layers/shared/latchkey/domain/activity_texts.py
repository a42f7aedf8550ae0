"""Texts of a person's own history: a sentence for each action, in each language.

A text describes the action. The actor is added from the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, UNKNOWN_ACTOR, Action, AuditRecord
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.domain.language import Language


@dataclass(frozen=True, slots=True)
class Text:
    """The text of an action in each language.

    `{device}` is the affected device, `{devices}` their number, and `{ended}` adds that devices
    were signed out.
    """

    en: str
    de: str


TEXTS: dict[Action, Text] = {
    Action.ACCOUNT_REGISTERED: Text("Created the account", "Konto eröffnet"),
    Action.ACCOUNT_REGISTERED_BY_ISSUER: Text(
        "Created the account with the first sign-in at the identity provider",
        "Konto mit der ersten Anmeldung beim Identitätsanbieter eröffnet",
    ),
    Action.ACCOUNT_DELETED: Text("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_DELETED_BY_ADMIN: Text("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_RESTORED_BY_ADMIN: Text("Restored the account", "Konto wiederhergestellt"),
    Action.ACCOUNT_RESTORED_BY_LINK: Text(
        "Restored the account with a link from an email",
        "Konto über den Link einer E-Mail wiederhergestellt",
    ),
    Action.ACCOUNT_RECOVERED_BY_OPERATOR: Text(
        "Recovered the account from a backup", "Konto aus einer Sicherung wiederhergestellt"
    ),
    Action.ACCOUNT_SUSPENDED_BY_ADMIN: Text("Suspended the account", "Konto gesperrt"),
    Action.ACCOUNT_UNSUSPENDED_BY_ADMIN: Text("Lifted the suspension", "Konto entsperrt"),
    Action.ACCOUNT_ERASURE_ORDERED: Text(
        "Requested the erasure of all data", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN: Text(
        "Requested the erasure of all data", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_STARTED: Text(
        "Started to erase all data", "Löschung aller Daten begonnen"
    ),
    Action.ACCOUNT_ERASED: Text("Erased all data", "Alle Daten gelöscht"),
    Action.ROLE_CHANGED_BY_ADMIN: Text("Changed the role", "Rolle geändert"),
    Action.ROLE_CHANGED_BY_OPERATOR: Text("Changed the role", "Rolle geändert"),
    Action.PROFILE_READ_BY_ADMIN: Text("Viewed the profile", "Profil angesehen"),
    Action.USERS_LISTED_BY_ADMIN: Text("Searched the users", "Benutzer durchsucht"),
    Action.SESSIONS_READ_BY_ADMIN: Text("Viewed the devices", "Geräte angesehen"),
    Action.SESSIONS_SEARCHED_BY_ADMIN: Text("Searched devices", "Geräte durchsucht"),
    Action.SESSIONS_REVOKED_BY_ADMIN: Text("Signed out {devices}", "{devices} abgemeldet"),
    Action.SESSIONS_REVOCATION_TRIED_BY_ADMIN: Text(
        "Searched devices to sign out", "Abzumeldende Geräte ermittelt"
    ),
    Action.PROFILE_CHANGED: Text("Changed the profile", "Profil geändert"),
    Action.PROFILE_CHANGED_BY_ADMIN: Text("Changed the profile", "Profil geändert"),
    Action.PREFERENCES_READ_BY_ADMIN: Text("Viewed the preferences", "Einstellungen angesehen"),
    Action.PREFERENCES_CHANGED: Text("Changed the preferences", "Einstellungen geändert"),
    Action.PREFERENCES_CHANGED_BY_ADMIN: Text("Changed the preferences", "Einstellungen geändert"),
    Action.PREFERENCES_RESET: Text("Reset the preferences", "Einstellungen zurückgesetzt"),
    Action.PREFERENCES_RESET_BY_ADMIN: Text("Reset the preferences", "Einstellungen zurückgesetzt"),
    Action.SIGN_IN_REFUSED: Text(
        "Refused a sign-in with a wrong password on {device}",
        "Anmeldung mit falschem Passwort abgelehnt: {device}",
    ),
    Action.EMAIL_VERIFIED: Text("Confirmed the email address", "E-Mail-Adresse bestätigt"),
    Action.EMAIL_CHANGE_REQUESTED: Text(
        "Requested a change of the email address", "Änderung der E-Mail-Adresse angefordert"
    ),
    Action.EMAIL_CHANGED: Text("Changed the email address", "E-Mail-Adresse geändert"),
    Action.EMAIL_CHANGE_UNDONE: Text(
        "Undid the change of the email address{ended}",
        "Änderung der E-Mail-Adresse rückgängig gemacht{ended}",
    ),
    Action.MAIL_BOUNCED: Text(
        "Stopped sending email: the address does not accept any",
        "E-Mails eingestellt: Die Adresse nimmt keine an",
    ),
    Action.MAIL_REPORTED: Text(
        "Stopped sending email: an email was reported as spam",
        "E-Mails eingestellt: Eine wurde als Spam gemeldet",
    ),
    Action.MAIL_ALLOWED_BY_OPERATOR: Text("Allowed email again", "Versendet wieder E-Mails"),
    Action.PASSWORD_CHANGED: Text("Changed the password{ended}", "Passwort geändert{ended}"),
    Action.PASSWORD_RESET: Text(
        "Set a new password with a link from an email{ended}",
        "Neues Passwort über den Link einer E-Mail gesetzt{ended}",
    ),
    Action.SESSION_STARTED: Text("Signed in on {device}", "Angemeldet: {device}"),
    Action.SESSION_DISOWNED: Text(
        "Reported the sign-in on {device} as not theirs",
        "Anmeldung als fremd gemeldet: {device}",
    ),
    Action.SESSION_REVOKED_BY_OWNER: Text("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LOGOUT: Text("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LIMIT: Text(
        "Signed out {device}: too many devices were signed in, and it was unused for longest",
        "Abgemeldet: {device}, weil zu viele angemeldet waren und es am längsten unbenutzt war",
    ),
    Action.SESSION_SUPERSEDED: Text(
        "Replaced the earlier sign-in on {device}", "Frühere Anmeldung ersetzt: {device}"
    ),
    Action.SESSION_ENDED_BY_REUSE: Text(
        "Signed out {device}, because somebody used a copy of its sign-in",
        "Abgemeldet: {device}, weil jemand eine Kopie der Anmeldung benutzt hat",
    ),
    Action.SESSIONS_REVOKED_BY_OWNER: Text("Signed out {devices}", "{devices} abgemeldet"),
    Action.SESSION_USED_ELSEWHERE: Text(
        "Used {device} on another network with another app",
        "{device} in einem anderen Netz mit einer anderen App benutzt",
    ),
    Action.SESSION_RENAMED: Text("Renamed a device to “{device}”", "Gerät umbenannt in „{device}“"),
    Action.SESSION_REAUTHENTICATED: Text(
        "Entered the password again on {device}", "Passwort erneut eingegeben: {device}"
    ),
    Action.EXPORT_REQUESTED: Text("Requested a data export", "Datenexport angefordert"),
    Action.EXPORT_COMPLETED: Text("Finished a data export", "Datenexport fertiggestellt"),
    Action.EXPORT_FAILED: Text("A data export failed", "Datenexport fehlgeschlagen"),
    Action.EXPORT_EXPIRED: Text(
        "Removed the file of a data export", "Datei eines Datenexports entfernt"
    ),
    Action.EXPORT_REDRIVEN: Text("Restarted a data export", "Datenexport neu begonnen"),
    Action.EXPORT_LINK_ISSUED: Text(
        "Got a download link for a data export",
        "Link zum Herunterladen eines Datenexports erhalten",
    ),
    Action.SIGNING_KEY_ROTATED: Text("Renewed the signing keys", "Signaturschlüssel erneuert"),
    Action.HEARTBEAT: Text("The audit trail is running", "Das Protokoll läuft"),
    Action.PEPPER_ROTATED: Text(
        "Renewed the secrets of tokens and links", "Geheimnisse von Token und Links erneuert"
    ),
    Action.AUDIT_READ_BY_ADMIN: Text("Read this history", "Diesen Verlauf gelesen"),
    Action.REQUEST_SERVED: Text("Read data", "Daten gelesen"),
    Action.REQUEST_REFUSED: Text("A request was refused", "Eine Anfrage wurde abgelehnt"),
    Action.REQUEST_FAILED: Text("A request failed", "Eine Anfrage ist fehlgeschlagen"),
    Action.REQUESTS_PACKED: Text("Read data", "Daten gelesen"),
    Action.REQUESTS_COUNTED: Text("Counted requests", "Anfragen gezählt"),
}

_BY_ADMIN = Text("{what} (by an administrator)", "{what} (durch die Verwaltung)")
_BY_SYSTEM = Text("{what} (automatically)", "{what} (automatisch)")
_FROM_DEVICE = Text("{what} (from {from_device})", "{what} (von: {from_device})")
_SIGNED_OUT_FROM = Text("{what} from {from_device}", _FROM_DEVICE.de)
_SIGN_OUTS = {Action.SESSION_REVOKED_BY_OWNER, Action.SESSIONS_REVOKED_BY_OWNER}
_A_DEVICE = Text("a device", "ein Gerät")
_NO_DEVICE = Text("no device", "Kein Gerät")
_ONE_DEVICE = Text("1 device", "1 Gerät")
_DEVICES = Text("{count} devices", "{count} Geräte")
_ENDED = Text(" and signed out {devices}", ", {devices} abgemeldet")


def describe_row(row: AuditRecord, personal: Mapping[str, str], language: Language) -> str:
    """Return a sentence about a row, for the person it is about.

    personal  the opened data of the row; empty if it can't be opened
    """
    device = personal.get("device") or _in(_A_DEVICE, language)
    counted = {0: _NO_DEVICE, 1: _ONE_DEVICE}.get(len(row.targets), _DEVICES)
    devices = _in(counted, language).format(count=len(row.targets))
    ended = _in(_ENDED, language).format(devices=devices) if row.targets else ""
    what = _in(TEXTS[row.action], language).format(device=device, devices=devices, ended=ended)
    if row.actor == SYSTEM_ACTOR:
        return _in(_BY_SYSTEM, language).format(what=what)
    if row.actor == UNKNOWN_ACTOR:
        return what
    if row.actor != row.subject_id:
        return _in(_BY_ADMIN, language).format(what=what)
    from_device = personal.get("from_device")
    if from_device and from_device != device:
        where = _SIGNED_OUT_FROM if row.action in _SIGN_OUTS else _FROM_DEVICE
        return _in(where, language).format(what=what, from_device=from_device)
    return what


def _in(text: Text, language: Language) -> str:
    translation: str = getattr(text, language.value)
    return translation
