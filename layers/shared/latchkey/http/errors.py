"""The one table from domain errors to responses.

It is the policy, including where a response reveals less than the service knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain import errors as domain
from latchkey.domain.errors import ProblemCode
from latchkey.domain.language import Language
from latchkey.domain.text import escape_unprintable
from latchkey.domain.values import dataclass
from latchkey.http.response import export_path, render_json

if TYPE_CHECKING:
    from latchkey.domain.errors import DomainError, Problem
    from latchkey.http.request import Event


@dataclass(frozen=True, slots=True)
class Row:
    """The status and the messages of one error."""

    status: int
    en: str
    de: str

    def message(self, language: Language) -> str:
        """Return the message in a language."""
        return self.de if language is Language.GERMAN else self.en


CATALOGUE: dict[type[DomainError], Row] = {
    domain.InvalidInput: Row(
        400, "The request is not valid. See details.", "Die Anfrage ist ungültig. Siehe details."
    ),
    domain.InvalidLanguageCode: Row(
        400,
        "A language is not a registered BCP 47 tag. Send a tag such as pt-BR.",
        "Eine Sprache ist kein registriertes BCP-47-Kürzel. Sende zum Beispiel pt-BR.",
    ),
    domain.InvalidCursor: Row(
        400,
        "This cursor does not belong to this list. Start at the first page.",
        "Dieser Cursor gehört nicht zu dieser Liste. Beginne bei der ersten Seite.",
    ),
    domain.UnusablePicture: Row(
        400,
        "This file is not a usable JPEG, PNG or WebP image.",
        "Diese Datei ist kein verwendbares JPEG-, PNG- oder WebP-Bild.",
    ),
    domain.WeakPassword: Row(
        400,
        "This password is not accepted. See details.",
        "Dieses Passwort wird nicht akzeptiert. Siehe details.",
    ),
    domain.CurrentSessionUnknown: Row(
        400,
        "Your current session cannot be identified. Sign in again or use scope=all.",
        "Deine aktuelle Sitzung lässt sich nicht bestimmen. "
        "Melde dich neu an oder benutze scope=all.",
    ),
    domain.SingleUseTokenInvalid: Row(
        400,
        "This link has been used or has expired.",
        "Dieser Link wurde schon benutzt oder ist abgelaufen.",
    ),
    # Enumeration: an unknown account and a wrong password get one response.
    domain.InvalidCredentials: Row(
        401,
        "The email address or the password is wrong.",
        "Die E-Mail-Adresse oder das Passwort ist falsch.",
    ),
    domain.CodeInvalid: Row(
        401,
        "This code is wrong, has been used or has expired.",
        "Dieser Code ist falsch, wurde schon benutzt oder ist abgelaufen.",
    ),
    domain.RefreshTokenInvalid: Row(
        401,
        "The refresh token is not valid. Sign in again.",
        "Das Refresh-Token ist ungültig. Melde dich neu an.",
    ),
    domain.RefreshTokenReused: Row(
        401,
        "This refresh token was already replaced. The session has ended. Sign in again.",
        "Dieses Refresh-Token wurde bereits ersetzt. Die Sitzung ist beendet. Melde dich neu an.",
    ),
    domain.TokenMissing: Row(
        401,
        "Send an access token: Authorization: Bearer <token>.",
        "Sende ein Access-Token: Authorization: Bearer <token>.",
    ),
    domain.TokenInvalid: Row(
        401, "The access token is not valid.", "Das Access-Token ist ungültig."
    ),
    domain.TokenExpired: Row(
        401,
        "The access token has expired. Refresh it.",
        "Das Access-Token ist abgelaufen. Erneuere es.",
    ),
    domain.SessionRevoked: Row(
        401, "This session has been signed out.", "Diese Sitzung wurde abgemeldet."
    ),
    # 401 for a token of the account. After a correct password the same state is 403, below.
    domain.SessionOfDeletedAccount: Row(
        401,
        "This session ended because the account was deleted.",
        "Diese Sitzung endete, weil das Konto gelöscht wurde.",
    ),
    domain.SessionOfSuspendedAccount: Row(
        401,
        "This session ended because the account was suspended.",
        "Diese Sitzung endete, weil das Konto gesperrt wurde.",
    ),
    domain.SessionExpired: Row(
        401,
        "This session has expired. Sign in again.",
        "Diese Sitzung ist abgelaufen. Melde dich neu an.",
    ),
    domain.SessionIdleTimeout: Row(
        401,
        "This session was unused for too long. Sign in again.",
        "Diese Sitzung wurde zu lange nicht benutzt. Melde dich neu an.",
    ),
    domain.OriginNotAllowed: Row(
        403,
        "Requests with cookies are accepted only from allowed origins.",
        "Anfragen mit Cookies werden nur von erlaubten Origins angenommen.",
    ),
    domain.DirectAccessRefused: Row(
        403,
        "The API cannot be called directly. Use the service's public address.",
        "Die API ist nicht direkt erreichbar. Benutze die öffentliche Adresse des Dienstes.",
    ),
    domain.SignatureRequired: Row(
        403,
        "Sign the request with SigV4 as a role that may invoke this route.",
        "Signiere die Anfrage mit SigV4 als Rolle, die diese Route aufrufen darf.",
    ),
    domain.EmailNotVerified: Row(
        403, "Confirm your email address first.", "Bestätige zuerst deine E-Mail-Adresse."
    ),
    domain.PasswordResetRequired: Row(
        403, "Reset your password by email first.", "Setze zuerst dein Passwort per E-Mail zurück."
    ),
    domain.AccountDeleted: Row(
        403, "This account has been deleted.", "Dieses Konto wurde gelöscht."
    ),
    domain.AccountSuspended: Row(
        403, "This account has been suspended.", "Dieses Konto wurde gesperrt."
    ),
    domain.ReauthenticationRequired: Row(
        403, "Enter your password again first.", "Gib zuerst dein Passwort noch einmal ein."
    ),
    domain.NoPassword: Row(
        409,
        "This account has no password. Sign in again at your identity provider instead.",
        "Dieses Konto hat kein Passwort. Melde dich stattdessen beim Identitätsanbieter neu an.",
    ),
    domain.AdministratorsOnly: Row(
        403, "Only administrators may do this.", "Das dürfen nur Administratoren."
    ),
    domain.MetadataUnavailable: Row(
        404,
        "This deployment has no address that could be an issuer.",
        "Diese Installation hat keine Adresse, die ein Aussteller sein kann.",
    ),
    domain.AccountNotFound: Row(404, "Account not found.", "Konto nicht gefunden."),
    domain.ProfilesNotPublic: Row(
        404,
        "Profiles of other people are not available.",
        "Profile anderer Personen sind nicht verfügbar.",
    ),
    # Enumeration: another person's session and an unknown one get one response.
    domain.SessionNotFound: Row(
        404,
        "Session not found or already terminated.",
        "Sitzung nicht gefunden oder bereits beendet.",
    ),
    # Enumeration, as above.
    domain.ExportNotFound: Row(404, "Export not found.", "Export nicht gefunden."),
    domain.ExportAlreadyRunning: Row(
        409,
        "An export is already running. See Location.",
        "Ein Export läuft bereits. Siehe Location.",
    ),
    # Enumeration: another person's upload, a used one and an unknown one get one response.
    domain.UploadNotFound: Row(
        404,
        "Upload not found, already used, or expired.",
        "Upload nicht gefunden, schon benutzt oder abgelaufen.",
    ),
    domain.UploadNotComplete: Row(
        409, "The file has not been uploaded yet.", "Die Datei ist noch nicht hochgeladen."
    ),
    domain.EmailAlreadyRegistered: Row(
        409,
        "This email address is already registered.",
        "Diese E-Mail-Adresse ist bereits registriert.",
    ),
    domain.UsernameTaken: Row(409, "This username is taken.", "Dieser Benutzername ist vergeben."),
    domain.LastAdministrator: Row(
        409,
        "This is the last administrator. Make another account an administrator first.",
        "Das ist der letzte Administrator. Mache zuerst ein anderes Konto zum Administrator.",
    ),
    domain.RevocationNotConfirmed: Row(
        409,
        "Send the filter with dry_run first, then with its confirmation.",
        "Sende den Filter zuerst mit dry_run, dann mit dessen confirmation.",
    ),
    domain.ErasureStarted: Row(
        409,
        "This account is being erased and can no longer be changed.",
        "Dieses Konto wird endgültig gelöscht und lässt sich nicht mehr ändern.",
    ),
    domain.PreconditionFailed: Row(
        412,
        "The resource has changed since you read it. Read it again.",
        "Die Ressource hat sich geändert, seit du sie gelesen hast. Lies sie noch einmal.",
    ),
    domain.IdempotencyKeyReused: Row(
        422,
        "This idempotency key was used for another request. Use a new one.",
        "Dieser Idempotency-Key wurde für eine andere Anfrage benutzt. Benutze einen neuen.",
    ),
    domain.TooManyPendingUploads: Row(
        429,
        "Finish an upload first, or wait until one expires.",
        "Schließe zuerst einen Upload ab oder warte, bis einer abläuft.",
    ),
    domain.TooManyAttempts: Row(
        429,
        "Too many attempts. Try again later.",
        "Zu viele Versuche. Versuche es später noch einmal.",
    ),
    domain.TemporarilyUnavailable: Row(
        503,
        "The service is temporarily unavailable. Try again later.",
        "Der Dienst ist gerade nicht verfügbar. Versuche es später noch einmal.",
    ),
}

PROBLEMS: dict[ProblemCode, str] = {
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: "the operation does not accept this media type",
    ProblemCode.MALFORMED_BODY: "the body cannot be read",
    ProblemCode.MALFORMED_JSON: "not valid JSON (RFC 8259): UTF-8, unique names, finite numbers",
    ProblemCode.MALFORMED_FORM: "not a valid form (RFC 7578), not UTF-8, or a field was sent twice",
    ProblemCode.TOO_DEEP: "the JSON is nested too deeply",
    ProblemCode.TOO_LARGE: "more bytes than allowed",
    ProblemCode.REQUIRED: "the field is required",
    ProblemCode.UNKNOWN_FIELD: "the field does not exist, or cannot be set here",
    ProblemCode.UNKNOWN_PARAMETER: "the query parameter does not exist",
    ProblemCode.WRONG_TYPE: "not of the documented type, such as a number sent as text",
    ProblemCode.TOO_SHORT: "too few characters",
    ProblemCode.TOO_LONG: "too many characters",
    ProblemCode.OUT_OF_RANGE: "a number that is too small or too large",
    ProblemCode.NOT_AN_OPTION: "not one of the allowed values",
    ProblemCode.NOT_AN_ID: "not an id of the expected kind",
    ProblemCode.NOT_A_TIME: "not an RFC 3339 time with a time zone",
    ProblemCode.FORBIDDEN_CHARACTER: "contains a control, direction or invisible character",
    ProblemCode.INVALID: "does not have the documented form",
    ProblemCode.INVALID_EMAIL: "not an email address that mail can be sent to",
    ProblemCode.INVALID_LANGUAGE_CODE: "not a registered BCP 47 language tag",
    ProblemCode.INVALID_CURSOR: "not a cursor that this list returned to this caller",
    ProblemCode.TOO_COMMON: "a common or easily guessed password",
    ProblemCode.UNCHANGED: "the value is already set",
    ProblemCode.SINGLE_USE_TOKEN_INVALID: "the link was used, has expired, or is not valid",
    ProblemCode.CURRENT_SESSION_UNKNOWN: "the current session cannot be identified",
    ProblemCode.ONE_FILTER_ONLY: "only one of these filters can be used at a time",
    ProblemCode.USER_REQUIRED: "only available with `user_id`",
    ProblemCode.EMPTY_PERIOD: "the period ends before it begins",
}
"""The meanings of the codes in `details`, for docs/errors.md."""

_GERMAN_PROBLEMS: dict[ProblemCode, str] = {
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: "Dieser Medientyp wird hier nicht angenommen.",
    ProblemCode.MALFORMED_BODY: "Der Body ist nicht lesbar.",
    ProblemCode.MALFORMED_JSON: "Das ist kein gültiges JSON in UTF-8.",
    ProblemCode.MALFORMED_FORM: "Das ist kein gültiges Formular.",
    ProblemCode.TOO_DEEP: "Das JSON ist zu tief verschachtelt.",
    ProblemCode.TOO_LARGE: "Das ist zu groß.",
    ProblemCode.REQUIRED: "Dieses Feld ist erforderlich.",
    ProblemCode.UNKNOWN_FIELD: "Dieses Feld gibt es hier nicht.",
    ProblemCode.UNKNOWN_PARAMETER: "Diesen Parameter gibt es hier nicht.",
    ProblemCode.WRONG_TYPE: "Das hat den falschen Typ.",
    ProblemCode.TOO_SHORT: "Das ist zu kurz.",
    ProblemCode.TOO_LONG: "Das ist zu lang.",
    ProblemCode.OUT_OF_RANGE: "Diese Zahl ist zu klein oder zu groß.",
    ProblemCode.NOT_AN_OPTION: "Das ist keiner der erlaubten Werte.",
    ProblemCode.NOT_AN_ID: "Das ist keine gültige Kennung.",
    ProblemCode.NOT_A_TIME: "Das ist keine Zeitangabe mit Zeitzone (RFC 3339).",
    ProblemCode.FORBIDDEN_CHARACTER: "Darin ist ein Zeichen, das nicht erlaubt ist.",
    ProblemCode.INVALID: "Das hat nicht die vorgeschriebene Form.",
    ProblemCode.INVALID_EMAIL: "Das ist keine gültige E-Mail-Adresse.",
    ProblemCode.INVALID_LANGUAGE_CODE: "Das ist kein registriertes BCP-47-Kürzel.",
    ProblemCode.INVALID_CURSOR: "Das ist kein Cursor dieser Liste.",
    ProblemCode.TOO_COMMON: "Dieses Passwort ist verbreitet oder leicht zu erraten.",
    ProblemCode.UNCHANGED: "Dieser Wert ist bereits gesetzt.",
    ProblemCode.SINGLE_USE_TOKEN_INVALID: "Dieser Link wurde schon benutzt oder ist abgelaufen.",
    ProblemCode.CURRENT_SESSION_UNKNOWN: "Die aktuelle Sitzung lässt sich nicht bestimmen.",
    ProblemCode.ONE_FILTER_ONLY: "Nur einer dieser Filter ist gleichzeitig möglich.",
    ProblemCode.USER_REQUIRED: "Das geht nur mit user_id.",
    ProblemCode.EMPTY_PERIOD: "Der Zeitraum endet, bevor er beginnt.",
}
"""German messages of `details`, by code. In English each problem has its own message."""

INTERNAL_ERROR = "INTERNAL_ERROR"
_INTERNAL_ROW = Row(500, "Something went wrong on our side.", "Bei uns ist etwas schiefgegangen.")


def render_error(
    error: Exception,
    request_id: str,
    *,
    problem_json: bool = False,
    language: Language = Language.ENGLISH,
) -> Event:
    """Render an error in the envelope, or as RFC 9457 `problem+json` if the client asked for it.

    language  of the messages; codes and fields are the same in all languages

    The response contains the code, the message, the problems and, for a deleted account, the time
    of its erasure. An error that is not in the table becomes INTERNAL_ERROR without details. The
    name of an unknown field comes from the client, so unprintable characters in it are replaced.
    """
    row, code = _INTERNAL_ROW, INTERNAL_ERROR
    if isinstance(error, domain.DomainError) and type(error) in CATALOGUE:
        row, code = CATALOGUE[type(error)], error.code
    details = [
        {"field": escape_unprintable(p.field), "code": p.code, "message": _explain(p, language)}
        for p in getattr(error, "problems", ())
    ]
    title = message = row.message(language)
    if isinstance(error, domain.AccountDeleted) and error.purge_at is not None:
        until = f"{error.purge_at:%Y-%m-%d %H:%M} UTC"
        message += {
            Language.ENGLISH: f" It can be restored until {until}.",
            Language.GERMAN: f" Es kann bis {until} wiederhergestellt werden.",
        }[language]
    headers = {"content-language": language.value, **_headers(error, code)}
    if problem_json:
        body: dict[str, Any] = {
            "type": f"urn:latchkey:error:{code.lower()}",
            "title": title,
            "status": row.status,
            "code": code,
            "request_id": request_id,
        }
        if message != title:
            body["detail"] = message
        if details:
            body["details"] = details
        headers["content-type"] = "application/problem+json"
    else:
        content: dict[str, Any] = {"code": code, "message": message, "request_id": request_id}
        if details:
            content["details"] = details
        body = {"success": False, "error": content}
    return render_json(row.status, body, request_id, headers=headers)


def _explain(problem: Problem, language: Language) -> str:
    return _GERMAN_PROBLEMS[problem.code] if language is Language.GERMAN else problem.message


def _headers(error: Exception, code: str) -> dict[str, str]:
    headers = {}
    if isinstance(error, domain.TokenMissing):
        headers["www-authenticate"] = "Bearer"
    elif isinstance(error, domain.NotAuthenticated):
        # RFC 6750 section 3.1. The description is the stable code.
        headers["www-authenticate"] = f'Bearer error="invalid_token", error_description="{code}"'
    if isinstance(
        error, (domain.TemporarilyUnavailable, domain.TooManyAttempts, domain.TooManyPendingUploads)
    ):
        headers["retry-after"] = str(error.retry_after_seconds)
    if isinstance(error, domain.ExportAlreadyRunning):
        headers["location"] = export_path(error.export_id)
    return headers
