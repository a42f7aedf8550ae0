"""Email addresses: one canonical form for each mailbox."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import EMAIL_LOCAL_PART_MAX_CHARACTERS, EMAIL_MAX_CHARACTERS

_WRITTEN_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
"""Japanese, Chinese and Korean. Source: UTS 39 5.2."""


def normalise_email(text: str, *, field: str = "email") -> str:
    """Validate an address and return its canonical form, which is stored, mailed and shown.

    Compatibility forms are folded (NFKC), and the domain is Punycode in lower case: `example.com`
    with a Greek letter becomes `xn--exmple-xif.com`. A local part outside ASCII is refused: SES
    can't send to it, and look-alike letters would allow two accounts whose addresses look equal. A
    domain that mixes scripts is refused too. No registry sells such names.

    Raises InvalidInput.
    """
    candidate = unicodedata.normalize("NFKC", text).strip(" ")
    if len(candidate) > EMAIL_MAX_CHARACTERS:
        raise InvalidInput(Problem(field, ProblemCode.TOO_LONG, "This email address is too long."))
    try:
        valid = validate_email(candidate, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise _not_an_address(field) from error
    # Never None here: without SMTPUTF8 every accepted address has an ASCII form.
    address = valid.ascii_email or valid.normalized
    local, _, _ = address.rpartition("@")
    if len(local) > EMAIL_LOCAL_PART_MAX_CHARACTERS or len(address) > EMAIL_MAX_CHARACTERS:
        raise _not_an_address(field)
    if any(_mixes_scripts(label) for label in valid.domain.split(".")):
        raise _not_an_address(field)
    return address


def _mixes_scripts(label: str) -> bool:
    """Return whether a label mixes scripts that no language combines.

    Source: UTS 39 5.2, "Highly Restrictive"; the script is the first word of a letter's name.
    """
    scripts = {unicodedata.name(c, "").partition(" ")[0] for c in label if c.isalpha()}
    return len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER)


def _not_an_address(field: str) -> InvalidInput:
    message = "This is not an email address that can receive email."
    return InvalidInput(Problem(field, ProblemCode.INVALID_EMAIL, message))
