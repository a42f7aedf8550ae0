"""E-mail addresses: one spelling for each mailbox."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from latchkey.domain.errors import InvalidInput, Problem, ProblemCode
from latchkey.domain.limits import EMAIL_MAX_CHARACTERS


def normalise_email(text: str, *, field: str = "email") -> str:
    """Check an address and bring it into the form that is stored, mailed and shown.

    Compatibility forms are folded (NFKC), the domain is put in Punycode and lower case. A local
    part outside ASCII is refused: SES can't mail it, and look-alike letters would make two
    accounts of what a person reads as one.

    Raises InvalidInput.
    """
    candidate = unicodedata.normalize("NFKC", text).strip()
    if len(candidate) > EMAIL_MAX_CHARACTERS:
        raise InvalidInput(
            Problem(field, ProblemCode.TOO_LONG, "An e-mail address is shorter than this.")
        )
    try:
        valid = validate_email(candidate, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        words = "This is not an e-mail address that can be mailed."
        raise InvalidInput(Problem(field, ProblemCode.INVALID_EMAIL, words)) from error
    # Never None here: without SMTPUTF8 every accepted address has an ASCII form.
    return valid.ascii_email or valid.normalized
