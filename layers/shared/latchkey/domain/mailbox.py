"""Maps addresses to mailboxes, for rate limits only. An account keeps its exact address."""

from __future__ import annotations

from latchkey.domain.account import email_key

_SAME_DOMAIN = {"googlemail.com": "gmail.com"}
"""Alternative names of domains. Source: support.google.com/mail/answer/10313."""

_IGNORES_DOTS = frozenset({"gmail.com"})
"""Domains whose local parts mean the same without dots.

Source: support.google.com/mail/answer/7436150.

Elsewhere a dot can be the difference between two people, who must not share a limit."""


def mailbox_of(address: str) -> str:
    """Return the mailbox of an address, as far as its form shows it.

    `ada+news@example.com` reaches `ada@example.com` (RFC 5233). At a provider without such tags,
    two people share a limit on emails. The result has no other use.
    """
    local, _, domain = email_key(address).rpartition("@")
    domain = _SAME_DOMAIN.get(domain, domain)
    local = local.partition("+")[0] or local
    if domain in _IGNORES_DOTS:
        local = local.replace(".", "")
    return f"{local}@{domain}"
