"""What a person reads in their own history: words for each action, in each language.

They say what happened, never who did it: that is told from the row's actor.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from latchkey.domain.audit import SYSTEM_ACTOR, UNKNOWN_ACTOR, Action, AuditRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Language(StrEnum):
    """What the history can be read in."""

    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence in each language. `{device}` is the device acted on, `{count}` how many."""

    en: str
    de: str


WORDS: dict[Action, Words] = {
    Action.ACCOUNT_REGISTERED: Words("Opened the account", "Konto eröffnet"),
    Action.ACCOUNT_DELETED: Words("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_DELETED_BY_ADMIN: Words("Deleted the account", "Konto gelöscht"),
    Action.ACCOUNT_RESTORED_BY_ADMIN: Words("Restored the account", "Konto wiederhergestellt"),
    Action.ACCOUNT_RESTORED_BY_LINK: Words(
        "Restored the account with the link of a mail",
        "Konto über den Link einer E-Mail wiederhergestellt",
    ),
    Action.ACCOUNT_SUSPENDED_BY_ADMIN: Words("Suspended the account", "Konto gesperrt"),
    Action.ACCOUNT_UNSUSPENDED_BY_ADMIN: Words("Unsuspended the account", "Konto entsperrt"),
    Action.ACCOUNT_ERASURE_ORDERED: Words(
        "Ordered the account to be erased", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_ORDERED_BY_ADMIN: Words(
        "Ordered the account to be erased", "Löschung aller Daten verlangt"
    ),
    Action.ACCOUNT_ERASURE_STARTED: Words("Began to erase the account", "Löschung begonnen"),
    Action.ACCOUNT_ERASED: Words("Erased the account", "Alle Daten gelöscht"),
    Action.ROLE_CHANGED_BY_ADMIN: Words("Changed the role", "Rolle geändert"),
    Action.ROLE_CHANGED_BY_OPERATOR: Words("Changed the role", "Rolle geändert"),
    Action.PROFILE_READ_BY_ADMIN: Words("Looked at the profile", "Profil angesehen"),
    Action.USERS_LISTED_BY_ADMIN: Words("Searched the users", "Benutzer durchsucht"),
    Action.SESSIONS_READ_BY_ADMIN: Words("Looked at the devices", "Geräte angesehen"),
    Action.SESSIONS_SEARCHED_BY_ADMIN: Words("Searched devices", "Geräte durchsucht"),
    Action.SESSIONS_REVOKED_BY_ADMIN: Words(
        "Signed out devices: {count}", "Abgemeldete Geräte: {count}"
    ),
    Action.SESSIONS_REVOCATION_TRIED_BY_ADMIN: Words(
        "Looked up which devices to sign out", "Abzumeldende Geräte ermittelt"
    ),
    Action.PROFILE_CHANGED: Words("Changed the profile", "Profil geändert"),
    Action.PROFILE_CHANGED_BY_ADMIN: Words("Changed the profile", "Profil geändert"),
    Action.PREFERENCES_READ_BY_ADMIN: Words("Looked at the preferences", "Vorlieben angesehen"),
    Action.PREFERENCES_CHANGED: Words("Changed the preferences", "Vorlieben geändert"),
    Action.PREFERENCES_CHANGED_BY_ADMIN: Words("Changed the preferences", "Vorlieben geändert"),
    Action.PREFERENCES_RESET: Words("Reset the preferences", "Vorlieben zurückgesetzt"),
    Action.PREFERENCES_RESET_BY_ADMIN: Words("Reset the preferences", "Vorlieben zurückgesetzt"),
    Action.SIGN_IN_REFUSED: Words("Sign-in refused on {device}", "Anmeldung abgelehnt: {device}"),
    Action.EMAIL_VERIFIED: Words("Confirmed the e-mail address", "E-Mail-Adresse bestätigt"),
    Action.EMAIL_CHANGE_REQUESTED: Words(
        "Asked for another e-mail address", "Andere E-Mail-Adresse gewünscht"
    ),
    Action.EMAIL_CHANGED: Words("Changed the e-mail address", "E-Mail-Adresse geändert"),
    Action.EMAIL_CHANGE_UNDONE: Words(
        "Undid the change of the e-mail address, and signed out devices: {count}",
        "Änderung der E-Mail-Adresse rückgängig gemacht, abgemeldete Geräte: {count}",
    ),
    Action.PASSWORD_CHANGED: Words(
        "Changed the password, and signed out devices: {count}",
        "Passwort geändert, abgemeldete Geräte: {count}",
    ),
    Action.PASSWORD_RESET: Words(
        "Chose a new password by mail, and signed out devices: {count}",
        "Neues Passwort per Mail gewählt, abgemeldete Geräte: {count}",
    ),
    Action.SESSION_STARTED: Words("Signed in on {device}", "Angemeldet: {device}"),
    Action.SESSION_REVOKED_BY_OWNER: Words("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LOGOUT: Words("Signed out {device}", "Abgemeldet: {device}"),
    Action.SESSION_ENDED_BY_LIMIT: Words(
        "Signed out {device}, unused the longest of too many",
        "Abgemeldet: {device}, von zu vielen am längsten nicht benutzt",
    ),
    Action.SESSION_SUPERSEDED: Words(
        "Replaced the earlier sign-in on {device}", "Frühere Anmeldung ersetzt: {device}"
    ),
    Action.SESSION_ENDED_BY_REUSE: Words(
        "Signed out {device}, because a copy of its access was used",
        "Abgemeldet: {device}, weil eine Kopie seines Zugangs benutzt wurde",
    ),
    Action.SESSIONS_REVOKED_BY_OWNER: Words(
        "Signed out devices: {count}", "Abgemeldete Geräte: {count}"
    ),
    Action.SESSION_RENAMED: Words("Named a device {device}", "Gerät benannt: {device}"),
    Action.SESSION_REAUTHENTICATED: Words(
        "Entered the password again on {device}", "Passwort erneut eingegeben: {device}"
    ),
    Action.EXPORT_REQUESTED: Words("Asked for an export", "Datenexport angefordert"),
    Action.EXPORT_COMPLETED: Words("Finished an export", "Datenexport fertiggestellt"),
    Action.EXPORT_FAILED: Words("Could not make an export", "Datenexport fehlgeschlagen"),
    Action.EXPORT_EXPIRED: Words("Removed an export's file", "Datei eines Datenexports entfernt"),
    Action.EXPORT_REDRIVEN: Words("Started an export over", "Datenexport neu begonnen"),
    Action.EXPORT_LINK_ISSUED: Words(
        "Made a link to download an export", "Link zum Herunterladen eines Datenexports erstellt"
    ),
    Action.SIGNING_KEY_ROTATED: Words("Renewed the signing keys", "Signaturschlüssel erneuert"),
    Action.AUDIT_READ_BY_ADMIN: Words("Read this history", "Diesen Verlauf gelesen"),
    Action.REQUEST_SERVED: Words("Looked something up", "Etwas nachgesehen"),
    Action.REQUEST_REFUSED: Words("A request was refused", "Eine Anfrage wurde abgelehnt"),
    Action.REQUEST_FAILED: Words("A request failed", "Eine Anfrage ist fehlgeschlagen"),
}

_BY_ADMIN = Words("{what} (by an administrator)", "{what} (durch die Verwaltung)")
_BY_SYSTEM = Words("{what} (automatically)", "{what} (automatisch)")
_FROM_DEVICE = Words("{what} from {from_device}", "{what} (von: {from_device})")
_A_DEVICE = Words("a device", "ein Gerät")


def describe_row(row: AuditRecord, personal: Mapping[str, str], language: Language) -> str:
    """Say in one sentence what a row records, to the person that it is about.

    personal  what was sealed in the row; empty where it can't be read
    """
    device = personal.get("device") or _in(_A_DEVICE, language)
    what = _in(WORDS[row.action], language).format(device=device, count=len(row.targets))
    if row.actor == SYSTEM_ACTOR:
        return _in(_BY_SYSTEM, language).format(what=what)
    if row.actor == UNKNOWN_ACTOR:
        return what
    if row.actor != row.subject_id:
        return _in(_BY_ADMIN, language).format(what=what)
    from_device = personal.get("from_device")
    if from_device and from_device != device:
        return _in(_FROM_DEVICE, language).format(what=what, from_device=from_device)
    return what


def choose_language(wanted: Iterable[str]) -> Language:
    """Choose the first language tag that we have words in; English when there is none."""
    for tag in wanted:
        primary = tag.partition("-")[0].lower()
        if primary in Language:
            return Language(primary)
    return Language.ENGLISH


def _in(words: Words, language: Language) -> str:
    text: str = getattr(words, language.value)
    return text
