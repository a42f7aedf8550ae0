"""Bodies of signing in, refreshing and stepping up."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.limits import LINK_TOKEN_MAX_CHARACTERS, LOGIN_CODE_TEXT_MAX_CHARACTERS
from latchkey.http.bodies.fields import (
    DeviceId,
    DeviceName,
    EmailText,
    NewPassword,
    PasswordText,
    UsernameText,
    string_required,
)
from latchkey.http.bodies.validation import Body

TokenTransport = Literal["cookie", "body"]


TokenText = Annotated[str, StringConstraints(min_length=1, max_length=LINK_TOKEN_MAX_CHARACTERS)]
"""What a mail's link has behind `#token=`: 74 characters, if it is one of ours."""


CodeText = Annotated[
    str, StringConstraints(min_length=1, max_length=LOGIN_CODE_TEXT_MAX_CHARACTERS)
]
"""What was mailed after `POST /auth/login/code`, as it was typed."""


class RefreshBody(Body):
    """The refresh token; left out by browsers, which have it in a cookie."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None


class ReauthenticateBody(Body):
    """The password once more."""

    password: PasswordText


class IdentifierBody(Body):
    """An e-mail address or a username."""

    model_config = ConfigDict(json_schema_extra={"oneOf": string_required("email", "username")})

    email: EmailText | None = None
    username: UsernameText | None = None

    @model_validator(mode="after")
    def _one_identifier(self) -> Self:
        if (self.email is None) == (self.username is None):
            raise PydanticCustomError(ProblemCode.REQUIRED, "Send either email or username.")
        return self

    @property
    def identifier(self) -> str:
        """Whichever of the two was sent."""
        return self.email or self.username or ""


class LoginBody(IdentifierBody):
    """Credentials: an e-mail address or a username, and the password."""

    password: PasswordText
    code: CodeText | None = None
    device_name: DeviceName | None = None
    device_id: DeviceId | None = None
    token_transport: TokenTransport = "body"  # noqa: S105 - a way, not a secret


class EmailBody(Body):
    """An e-mail address."""

    email: EmailText


class ConfirmEmailBody(Body):
    """A mail's token, and the password of the account: whoever confirms an address has both."""

    token: TokenText
    password: PasswordText


class TokenBody(Body):
    """A mail's token."""

    token: TokenText


class ResetPasswordBody(Body):
    """A mail's token and a new password."""

    token: TokenText
    new_password: NewPassword
    device_id: DeviceId | None = None


class ChangePasswordBody(Body):
    """The password, and the one that is to take its place."""

    current_password: PasswordText
    new_password: NewPassword
