"""Bodies of sign-in, refresh and step-up."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.limits import (
    LINK_TOKEN_MAX_CHARACTERS,
    LOGIN_CODE_TEXT_MAX_CHARACTERS,
    REFRESH_TOKEN_MAX_CHARACTERS,
)
from latchkey.http.bodies.fields import (
    DeviceIdText,
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
"""The text behind `#token=` in the emailed link: 74 characters."""


CodeText = Annotated[
    str, StringConstraints(min_length=1, max_length=LOGIN_CODE_TEXT_MAX_CHARACTERS)
]
"""The emailed code of `POST /auth/login/code`, as the person typed it."""


class RefreshBody(Body):
    """The refresh token. Browsers leave it out, because it is in a cookie."""

    refresh_token: (
        Annotated[str, StringConstraints(min_length=1, max_length=REFRESH_TOKEN_MAX_CHARACTERS)]
        | None
    ) = None


class ReauthenticateBody(Body):
    """The current password."""

    password: PasswordText


class IdentifierBody(Body):
    """An email address or a username."""

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
        """The email address or the username."""
        return self.email or self.username or ""


class LoginBody(IdentifierBody):
    """An email address or a username, and the password."""

    password: PasswordText
    code: CodeText | None = None
    device_name: DeviceName | None = None
    device_id: DeviceIdText | None = None
    token_transport: TokenTransport = "body"  # noqa: S105 - a way, not a secret


class EmailBody(Body):
    """An email address."""

    email: EmailText


class ConfirmEmailBody(Body):
    """The token of an emailed link, and the account's password.

    The device that asked for the link may omit the password.
    """

    token: TokenText
    password: PasswordText | None = None
    device_id: DeviceIdText | None = None


class TokenBody(Body):
    """The token of an emailed link."""

    token: TokenText


class ResetPasswordBody(Body):
    """The token of an emailed link, and a new password."""

    token: TokenText
    new_password: NewPassword
    device_id: DeviceIdText | None = None


class ChangePasswordBody(Body):
    """The current password and a new one."""

    current_password: PasswordText
    new_password: NewPassword
