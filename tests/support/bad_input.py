"""Invalid profiles and preferences of people and attackers, and how each is refused.

Each is tested in process, with a comparison of all stored data, and over HTTP.
"""

from __future__ import annotations

from typing import Any

NO_LANGUAGES = [
    "en_US",
    "english",
    "xx",
    "",
    "-",
    "en-",
    "x-klingon",
    "qaa",
    "qtz-DE",
    "root",
    "\uff50\uff54",
    "e" * 4000,
    "en-US\n",
    "pt-BR-pt",
]

NOT_THEIRS_TO_SET = [
    "id",
    "email",
    "role",
    "is_verified",
    "is_active",
    "avatar_url",
    "avatar_id",
    "status",
    "password_hash",
    "created_at",
    "updated_at",
    "version",
    "session_version",
    "sign_in_epoch",
    "signed_out_at",
    "__proto__",
]

BAD_PROFILES: list[tuple[Any, str, str]] = [
    ({"display_name": "Ada\u0000"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "Ada\nLovelace"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "\u202egnp.ecalevol"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "Ada\u2066x\u2069"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"full_name": "Ada\u200b"}, "full_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "\u3164"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "\u2800"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"display_name": "\ufe0f"}, "display_name", "FORBIDDEN_CHARACTER"),
    ({"location": "a\u200db"}, "location", "FORBIDDEN_CHARACTER"),
    # Three characters when they are stored, and counted so.
    ({"display_name": "\U0001d160" * 34}, "display_name", "TOO_LONG"),
    ({"display_name": "\u0085"}, "display_name", "TOO_SHORT"),
    ({"display_name": "   "}, "display_name", "TOO_SHORT"),
    ({"display_name": "x" * 101}, "display_name", "TOO_LONG"),
    ({"display_name": ["Ada"]}, "display_name", "WRONG_TYPE"),
    ({"display_name": {"$ne": None}}, "display_name", "WRONG_TYPE"),
    ({"age": -1}, "age", "OUT_OF_RANGE"),
    ({"age": 151}, "age", "OUT_OF_RANGE"),
    ({"age": "36"}, "age", "WRONG_TYPE"),
    ({"age": 36.5}, "age", "WRONG_TYPE"),
    ({"age": True}, "age", "WRONG_TYPE"),
    ({"marketing_consent": None}, "marketing_consent", "WRONG_TYPE"),
    ({"marketing_consent": "true"}, "marketing_consent", "WRONG_TYPE"),
    ({"marketing_consent": 1}, "marketing_consent", "WRONG_TYPE"),
    ({"username": "a@b"}, "username", "INVALID"),
    ({"username": "ab"}, "username", "TOO_SHORT"),
    ({"username": "\u0430da"}, "username", "INVALID"),
    ([], "body", "WRONG_TYPE"),
    ("text", "body", "WRONG_TYPE"),
    (42, "body", "WRONG_TYPE"),
]
"""What is sent, and which field is refused for what."""

NOT_UTF8 = [
    b"Zo\xeb M\xfcller",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"\xff",
    b"\\ufffd",
    b"\xef\xbf\xbd",
]
"""Latin-1, overlong, a surrogate, beyond Unicode, truncated, no UTF-8 at all; U+FFFD itself."""

READABLE_NAMES = [
    "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf\u0dc0",
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 iPad",
    "\U0001f3f3\ufe0f\u200d\U0001f308",
]
"""Sinhala, Persian and emoji that need joiners."""

DEEP = "[" * 40 + "]" * 40

HOSTILE_JSON = [
    ("null", "WRONG_TYPE"),
    ('{"age": 1e999}', "MALFORMED_JSON"),
    ('{"age": NaN}', "MALFORMED_JSON"),
    ('{"age": 36, "age": 37}', "MALFORMED_JSON"),
    ('{"display_name": "\\ud800"}', "MALFORMED_JSON"),
    ('{"occupation": ' + DEEP + "}", "TOO_DEEP"),
    ("[" * 60_000, "MALFORMED_JSON"),
    ('{"age": ' + "9" * 5000 + "}", "MALFORMED_JSON"),
]
"""A profile's text, and what is wrong with the body as a whole."""

BAD_PREFERENCES: list[tuple[Any, str, str]] = [
    ({"wifi": ["fast"]}, "wifi", "WRONG_TYPE"),
    ({"wifi": 1.5}, "wifi", "WRONG_TYPE"),
    ({"noise_level": "a\u202eb"}, "noise_level", "FORBIDDEN_CHARACTER"),
    ({"seating": "x" * 101}, "seating", "TOO_LONG"),
    ({"": 1}, "body", "INVALID"),
    ({"Upper": 1}, "Upper", "INVALID"),
    ({"__proto__": {"admin": True}}, "__proto__", "INVALID"),
    ({"with space": 1}, "with space", "INVALID"),
    ({"\u0000": 1}, "\ufffd", "INVALID"),
    ({"x" * 65: 1}, "x" * 64, "INVALID"),
    (["wifi"], "body", "WRONG_TYPE"),
    ("wifi", "body", "WRONG_TYPE"),
]

HOSTILE_PREFERENCES = [
    ('{"other_preferences": ' + DEEP + "}", "TOO_DEEP"),
    ('{"a":' * 40 + "1" + "}" * 40, "TOO_DEEP"),
    ('{"coffee": 1e999}', "MALFORMED_JSON"),
    ('{"coffee": 1, "coffee": 2}', "MALFORMED_JSON"),
    ('{"coffee": "\\udead"}', "MALFORMED_JSON"),
]
