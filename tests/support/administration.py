"""Valid and hostile requests to the operations of administrators."""

from __future__ import annotations

SOMEBODY = "usr_00000000000000000000000001"
WIDE = ("0.0.0.0/0", "10.0.0.0/15", "::/0", "2001:db8::/31", "::ffff:0.0.0.0/96", "1.2.3.4/99")
NO_NETWORK = (
    "elsewhere",
    "1.2.3",
    "1.2.3.4/-1",
    "1.2.3.4/16/16",
    "\u0661.2.3.4",
)
CONTROL = ("a\u0000", "a\nb", "\u202eesrever", "\u0085", "x" * 255)
NO_TIME = ("yesterday", "2026-01-02", "2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00")

HOSTILE_FILTERS: list[dict[str, str]] = [
    *({"ip": text} for text in (*WIDE, *NO_NETWORK, *CONTROL)),
    *({"ip": text, "user_id": SOMEBODY} for text in (*WIDE[:2], *NO_NETWORK[:2])),
    *({"device": text} for text in CONTROL),
    *({"country": text} for text in (*CONTROL, "DEU")),
    *({"user_id": text} for text in (*CONTROL, "usr_1", "ACCOUNT#usr", f"{SOMEBODY}\n")),
    *({"created_from": text} for text in NO_TIME),
    *({"created_to": text} for text in (*NO_TIME, "9999-12-31T23:59:59-14:00")),
    {"created_from": "2026-01-02T00:00:00Z", "created_to": "2026-01-01T00:00:00Z"},
    {"colour": "red"},
]
