"""Mail on SES."""

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
"""One attempt: a second one after a lost answer would be a second mail. The queue tries again."""


_TOO_FAST = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_TOO_MANY = "LimitExceededException"
_DAILY = "daily"
"""What SES says when the quota of 24 hours is used up, with the code that it has for its rate, too.
Source: Amazon SES Developer Guide, "Errors related to the sending quotas"."""


class MailNotSent(Exception):
    """SES refused or did not answer. Says why by its code only: its words repeat the address."""

    def __init__(self, code: str) -> None:
        """Carry SES's code, or the name of what kept it from answering: the log has it."""
        super().__init__(code)
        self.code = code


class Mailer:
    """Sends mails from one address."""

    def __init__(self, *, sender: str, sender_name: str, configuration_set: str) -> None:
        """Send from this address, which is an identity of SES or of a domain that is one."""
        self._from = formataddr((sender_name, sender))
        self._configuration_set = configuration_set
        self._ses: Any = aws_client("sesv2", _CONFIG)

    def send(self, to: str, letter: Letter) -> None:
        """Send a mail. Raises MailNotSent; MailPostponed when SES takes no more for now."""
        body = {"Text": _utf8(letter.text), "Html": _utf8(letter.html)}
        request: dict[str, Any] = {
            "FromEmailAddress": self._from,
            "Destination": {"ToAddresses": [to]},
            "Content": {
                "Simple": {
                    "Subject": _utf8(letter.subject),
                    "Body": body,
                    # RFC 3834: nobody's absence notice is to answer.
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
