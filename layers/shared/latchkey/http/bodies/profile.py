"""Bodies that change a profile. What is not in them can't be set: role, address, state, picture."""

from __future__ import annotations

from typing import Annotated, Any, override

from pydantic import BeforeValidator, ConfigDict, Field

from latchkey.domain.limits import AGE_MAX_YEARS
from latchkey.http.bodies.fields import PersonName, Username, whole
from latchkey.http.bodies.languages import LanguageTag
from latchkey.http.bodies.validation import Body

Age = Annotated[int, Field(ge=0, le=AGE_MAX_YEARS), BeforeValidator(whole)]


class ProfileBody(Body):
    """What a person says of themselves. Null, or absent in a PUT, is "nothing"."""

    username: Username | None = None
    full_name: PersonName | None = None
    display_name: PersonName | None = None
    speaking_language: LanguageTag | None = None
    listening_language: LanguageTag | None = None
    age: Age | None = None
    occupation: PersonName | None = None
    location: PersonName | None = None


class ReplaceUserBody(ProfileBody):
    """A whole profile.

    Consents are no part of it: a consent is what the person declares, so nobody else can give it
    for them, and leaving it out of a form withdraws nothing.
    """

    @property
    def changes(self) -> dict[str, Any]:
        """Every field: what was not sent is cleared."""
        return self.model_dump()


class UpdateMeBody(ProfileBody):
    """Some of a profile: absent is unchanged, null is cleared."""

    transactional_consent: bool = False
    marketing_consent: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"avatar"})

    @property
    def picture(self) -> bytes | None:
        """The picture that came along, as it came; JSON brings none."""
        return None


class UpdateMeForm(UpdateMeBody):
    """The same as a form: everything is text (`36`, `true`), empty is cleared, and a picture."""

    model_config = ConfigDict(strict=False)

    avatar: bytes | None = None

    @property
    @override
    def picture(self) -> bytes | None:
        """The picture that came along, as it came."""
        return self.avatar
