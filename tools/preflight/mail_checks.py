"""Checks of SES: the sender, the recipients, the rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.preflight.findings import fails, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.preflight.account import Account
    from tools.preflight.findings import Finding
    from tools.preflight.plan import Plan


SANDBOX_HINT = (
    "Ask for production access (SES console, Account dashboard), or verify each recipient too."
)


def mail_sender(account: Account, plan: Plan) -> Iterator[Finding]:
    """SES has verified the sender address or its domain."""
    sender = plan.value("MailSender")
    if not sender:
        yield fails("MailSender has no value: give MailSender=accounts@example.com.")
        return
    domain = sender.rpartition("@")[2]
    pending = []
    for identity in (sender, domain):
        found = account.find("sesv2", "get_email_identity", EmailIdentity=identity)
        if found is None:
            continue
        if found["VerifiedForSendingStatus"]:
            yield ok(f"SES may send as {sender}: {identity} is verified in {account.region}.")
            return
        pending.append(identity)
    if pending:
        yield fails(
            f"SES knows {pending[0]}, but it is not verified: follow the link in SES's mail, or "
            "publish the DKIM records that SES shows for the domain."
        )
        return
    yield fails(
        f"SES knows neither {sender} nor {domain} in {account.region}, and nobody can confirm an "
        f"address without mail. Run `aws sesv2 create-email-identity --region {account.region} "
        f"--email-identity {sender}` and follow the link in its mail."
    )


def mail_account(account: Account, plan: Plan) -> Iterator[Finding]:
    """SES may send to everybody, at a known rate."""
    found = account.ask("sesv2", "get_account")
    quota = found.get("SendQuota", {})
    pace = f"{quota.get('MaxSendRate', 0):g} a second, {quota.get('Max24HourSend', 0):g} a day"
    if not found.get("SendingEnabled", False) or found.get("EnforcementStatus") == "SHUTDOWN":
        yield fails(
            f"SES has paused sending in {account.region}: see its Account dashboard for the reason."
        )
    elif found.get("EnforcementStatus") == "PROBATION":
        yield warning(f"SES has put this account under review: {pace}. See its Account dashboard.")
    elif not found.get("ProductionAccessEnabled", False):
        needed = plan.value("EmailVerification") != "optional"
        sentence = (
            f"SES is in its sandbox in {account.region} ({pace}): mails reach verified addresses "
            f"only. {SANDBOX_HINT}"
        )
        if needed:
            sentence += " Until then only people with a verified address can register."
        yield warning(sentence)
    elif 0 <= quota.get("Max24HourSend", 0) <= quota.get("SentLast24Hours", 0):
        yield warning(f"SES's quota of the day is used up: {pace}.")
    else:
        yield ok(f"SES sends to everybody: {pace}.")


def mail_configuration_set(account: Account, plan: Plan) -> Iterator[Finding]:
    """The configuration set exists."""
    name = plan.value("MailConfigurationSet")
    if not name:
        return
    found = account.find("sesv2", "get_configuration_set", ConfigurationSetName=name)
    if found is None:
        yield fails(f"SES has no configuration set {name} in {account.region}: make it first.")
    elif not found.get("SendingOptions", {}).get("SendingEnabled", True):
        yield fails(f"Sending is switched off in the configuration set {name}.")
    else:
        yield ok(f"The configuration set {name} is there.")
