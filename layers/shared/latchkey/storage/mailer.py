"""Sends emails with SES."""

from __future__ import annotations

from datetime import timedelta
from email.utils import formataddr
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from latchkey.domain.limits import MAIL_QUOTA_DELAY_SECONDS, MAIL_RATE_DELAY_SECONDS
from latchkey.domain.mail import MailPostponed
from latchkey.storage.boto_client import aws_client

if TYPE_CHECKING:
    from latchkey.domain.mail import Letter

_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
"""One attempt: a retry after a lost response could send a second email. The queue retries."""


_TOO_FAST = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_TOO_MANY = "LimitExceededException"
_DAILY = "daily"
"""The messages of SES when the 24-hour quota is used up. Its error code is that of the rate limit.
Source: Amazon SES Developer Guide, "Errors related to the sending quotas".
"""


class MailNotSent(Exception):
    """SES refused or did not respond. Has only its code, because its message has the address."""

    def __init__(self, code: str) -> None:
        """Store the code of SES, or the name of the error, for the log."""
        super().__init__(code)
        self.code = code


class Mailer:
    """Sends emails from one address."""

    def __init__(self, *, sender: str, sender_name: str, configuration_set: str) -> None:
        """Send from this address. It, or its domain, must be an SES identity."""
        self._from = formataddr((sender_name, sender))
        self._configuration_set = configuration_set
        self._ses: Any = aws_client("sesv2", _CONFIG)

    def send(self, to: str, letter: Letter) -> None:
        """Send an email. Raises MailNotSent, or MailPostponed above a limit of SES."""
        body = {"Text": _utf8(letter.text), "Html": _utf8(letter.html)}
        request: dict[str, Any] = {
            "FromEmailAddress": self._from,
            "Destination": {"ToAddresses": [to]},
            "Content": {
                "Simple": {
                    "Subject": _utf8(letter.subject),
                    "Body": body,
                    # RFC 3834: prevents automatic replies.
                    "Headers": [{"Name": "Auto-Submitted", "Value": "auto-generated"}],
                }
            },
        }
        if self._configuration_set:
            request["ConfigurationSetName"] = self._configuration_set
        try:
            self._ses.send_email(**request)
        except ClientError as error:
            raise _refusal(error) from None
        except BotoCoreError as error:
            raise MailNotSent(type(error).__name__) from None


def _refusal(error: ClientError) -> MailNotSent | MailPostponed:
    code = error.response["Error"]["Code"]
    says_daily = _DAILY in error.response["Error"].get("Message", "").lower()
    if code == _TOO_MANY or (code in _TOO_FAST and says_daily):
        return MailPostponed(timedelta(seconds=MAIL_QUOTA_DELAY_SECONDS), quota=True)
    if code in _TOO_FAST:
        return MailPostponed(timedelta(seconds=MAIL_RATE_DELAY_SECONDS), quota=False)
    return MailNotSent(code)


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
