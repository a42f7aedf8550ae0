"""What a person reads in their own history: words for each action, in each language.

They describe the action. The actor is added from the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, UNKNOWN_ACTOR, Action, AuditRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latchkey.domain.language import Language


@dataclass(frozen=True, slots=True)
class Words:
    """The text of an action in each language.

    `{device}` is the affected device, `{devices}` their number, and `{ended}` adds that devices
    were signed out.
    """

    en: str
    de: str


WORDS: dict[Action, Words] = {
    Action.ACCOUNT_REGISTERED: Words("Created the account", "Konto eröffnet"),
    Action.ACCOUNT_DELETED: Words("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_DELETED_BY_ADMIN: Words("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_RESTORED_BY_ADMIN: Words("Restored the account", "Konto wiederhergestellt"),
    Action.ACCOUNT_RESTORED_BY_LINK: Words(
        "Restored the account with a link from an email",
        "Konto über den Link einer E-Mail wiederhergestellt",
    ),
    Action.ACCOUNT_RECOVERED_BY_OPERATOR: Words(
        "Recovered the account from a backup", "Konto aus einer Sicherung wiederhergestellt"
    ),
    Action.ACCOUNT_SUSPENDED_BY_ADMIN: Words("Suspended the account", "Konto gesperrt"),
    Action.ACCOUNT_UNSUSPENDED_BY_ADMIN: Words("Lifted the suspension", "Konto entsperrt"),
    Action.ACCOUNT_ERASURE_ORDERED: Words(
        "Requested the erasure of all data", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN: Words(
        "Requested the erasure of all data", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_STARTED: Words(
        "Started to erase all data", "Löschung aller Daten begonnen"
    ),
    Action.ACCOUNT_ERASED: Words("Erased all data", "Alle Daten gelöscht"),
    Action.ROLE_CHANGED_BY_ADMIN: Words("Changed the role", "Rolle geändert"),
    Action.ROLE_CHANGED_BY_OPERATOR: Words("Changed the role", "Rolle geändert"),
    Action.PROFILE_READ_BY_ADMIN: Words("Viewed the profile", "Profil angesehen"),
    Action.USERS_LISTED_BY_ADMIN: Words("Searched the users", "Benutzer durchsucht"),
    Action.SESSIONS_READ_BY_ADMIN: Words("Viewed the devices", "Geräte angesehen"),
    Action.SESSIONS_SEARCHED_BY_ADMIN: Words("Searched devices", "Geräte durchsucht"),
    Action.SESSIONS_REVOKED_BY_ADMIN: Words("Signed out {devices}", "{devices} abgemeldet"),
    Action.SESSIONS_REVOCATION_TRIED_BY_ADMIN: Words(
        "Searched devices to sign out", "Abzumeldende Geräte ermittelt"
    ),
    Action.PROFILE_CHANGED: Words("Changed the profile", "Profil geändert"),
    Action.PROFILE_CHANGED_BY_ADMIN: Words("Changed the profile", "Profil geändert"),
    Action.PREFERENCES_READ_BY_ADMIN: Words("Viewed the preferences", "Einstellungen angesehen"),
    Action.PREFERENCES_CHANGED: Words("Changed the preferences", "Einstellungen geändert"),
    Action.PREFERENCES_CHANGED_BY_ADMIN: Words("Changed the preferences", "Einstellungen geändert"),
    Action.PREFERENCES_RESET: Words("Reset the preferences", "Einstellungen zurückgesetzt"),
    Action.PREFERENCES_RESET_BY_ADMIN: Words(
        "Reset the preferences", "Einstellungen zurückgesetzt"
    ),
    Action.SIGN_IN_REFUSED: Words(
        "Refused a sign-in with a wrong password on {device}",
        "Anmeldung mit falschem Passwort abgelehnt: {device}",
    ),
    Action.EMAIL_VERIFIED: Words("Confirmed the email address", "E-Mail-Adresse bestätigt"),
    Action.EMAIL_CHANGE_REQUESTED: Words(
        "Requested a change of the email address", "Änderung der E-Mail-Adresse angefordert"
    ),
    Action.EMAIL_CHANGED: Words("Changed the email address", "E-Mail-Adresse geändert"),
    Action.EMAIL_CHANGE_UNDONE: Words(
        "Undid the change of the email address{ended}",
        "Änderung der E-Mail-Adresse rückgängig gemacht{ended}",
    ),
    Action.MAIL_BOUNCED: Words(
        "Stopped sending email: the address does not accept any",
        "E-Mails eingestellt: Die Adresse nimmt keine an",
    ),
    Action.MAIL_REPORTED: Words(
        "Stopped sending email: an email was reported as spam",
        "E-Mails eingestellt: Eine wurde als Spam gemeldet",
    ),
    Action.MAIL_ALLOWED_BY_OPERATOR: Words("Allowed email again", "Versendet wieder E-Mails"),
    Action.PASSWORD_CHANGED: Words("Changed the password{ended}", "Passwort geändert{ended}"),
    Action.PASSWORD_RESET: Words(
        "Set a new password with a link from an email{ended}",
        "Neues Passwort über den Link einer E-Mail gesetzt{ended}",
    ),
    Action.SESSION_STARTED: Words("Signed in on {device}", "Angemeldet: {device}"),
    Action.SESSION_DISOWNED: Words(
        "Reported the sign-in on {device} as not theirs",
        "Anmeldung als fremd gemeldet: {device}",
    ),
    Action.SESSION_REVOKED_BY_OWNER: Words("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LOGOUT: Words("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LIMIT: Words(
        "Signed out {device}: too many devices were signed in, and it was unused for longest",
        "Abgemeldet: {device}, weil zu viele angemeldet waren und es am längsten unbenutzt war",
    ),
    Action.SESSION_SUPERSEDED: Words(
        "Replaced the earlier sign-in on {device}", "Frühere Anmeldung ersetzt: {device}"
    ),
    Action.SESSION_ENDED_BY_REUSE: Words(
        "Signed out {device}, because somebody used a copy of its sign-in",
        "Abgemeldet: {device}, weil jemand eine Kopie der Anmeldung benutzt hat",
    ),
    Action.SESSIONS_REVOKED_BY_OWNER: Words("Signed out {devices}", "{devices} abgemeldet"),
    Action.SESSION_USED_ELSEWHERE: Words(
        "Used {device} on another network with another app",
        "{device} in einem anderen Netz mit einer anderen App benutzt",
    ),
    Action.SESSION_RENAMED: Words(
        "Renamed a device to “{device}”", "Gerät umbenannt in „{device}“"
    ),
    Action.SESSION_REAUTHENTICATED: Words(
        "Entered the password again on {device}", "Passwort erneut eingegeben: {device}"
    ),
    Action.EXPORT_REQUESTED: Words("Requested a data export", "Datenexport angefordert"),
    Action.EXPORT_COMPLETED: Words("Finished a data export", "Datenexport fertiggestellt"),
    Action.EXPORT_FAILED: Words("A data export failed", "Datenexport fehlgeschlagen"),
    Action.EXPORT_EXPIRED: Words(
        "Removed the file of a data export", "Datei eines Datenexports entfernt"
    ),
    Action.EXPORT_REDRIVEN: Words("Restarted a data export", "Datenexport neu begonnen"),
    Action.EXPORT_LINK_ISSUED: Words(
        "Got a download link for a data export",
        "Link zum Herunterladen eines Datenexports erhalten",
    ),
    Action.SIGNING_KEY_ROTATED: Words("Renewed the signing keys", "Signaturschlüssel erneuert"),
    Action.HEARTBEAT: Words("The audit trail is running", "Das Protokoll läuft"),
    Action.PEPPER_ROTATED: Words(
        "Renewed the secrets of tokens and links", "Geheimnisse von Token und Links erneuert"
    ),
    Action.AUDIT_READ_BY_ADMIN: Words("Read this history", "Diesen Verlauf gelesen"),
    Action.REQUEST_SERVED: Words("Read data", "Daten gelesen"),
    Action.REQUEST_REFUSED: Words("A request was refused", "Eine Anfrage wurde abgelehnt"),
    Action.REQUEST_FAILED: Words("A request failed", "Eine Anfrage ist fehlgeschlagen"),
}

_BY_ADMIN = Words("{what} (by an administrator)", "{what} (durch die Verwaltung)")
_BY_SYSTEM = Words("{what} (automatically)", "{what} (automatisch)")
_FROM_DEVICE = Words("{what} (from {from_device})", "{what} (von: {from_device})")
_SIGNED_OUT_FROM = Words("{what} from {from_device}", _FROM_DEVICE.de)
_SIGN_OUTS = {Action.SESSION_REVOKED_BY_OWNER, Action.SESSIONS_REVOKED_BY_OWNER}
_A_DEVICE = Words("a device", "ein Gerät")
_NO_DEVICE = Words("no device", "Kein Gerät")
_ONE_DEVICE = Words("1 device", "1 Gerät")
_DEVICES = Words("{count} devices", "{count} Geräte")
_ENDED = Words(" and signed out {devices}", ", {devices} abgemeldet")


def describe_row(row: AuditRecord, personal: Mapping[str, str], language: Language) -> str:
    """Return a sentence about a row, for the person it is about.

    personal  the opened data of the row; empty if it can't be opened
    """
    device = personal.get("device") or _in(_A_DEVICE, language)
    counted = {0: _NO_DEVICE, 1: _ONE_DEVICE}.get(len(row.targets), _DEVICES)
    devices = _in(counted, language).format(count=len(row.targets))
    ended = _in(_ENDED, language).format(devices=devices) if row.targets else ""
    what = _in(WORDS[row.action], language).format(device=device, devices=devices, ended=ended)
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


def _in(words: Words, language: Language) -> str:
    text: str = getattr(words, language.value)
    return text
