"""Bodies that change a profile. The role, the email address and the status are not in them."""

from __future__ import annotations

from typing import Annotated, Any, override

from pydantic import BeforeValidator, ConfigDict, Field

from latchkey.domain.limits import AGE_MAX_YEARS
from latchkey.http.bodies.fields import PersonName, Username, whole
from latchkey.http.bodies.languages import LanguageTag
from latchkey.http.bodies.validation import Body

Age = Annotated[int, Field(ge=0, le=AGE_MAX_YEARS), BeforeValidator(whole)]


class ProfileBody(Body):
    """The fields of a profile. A null clears a field."""

    username: Username | None = None
    full_name: PersonName | None = None
    display_name: PersonName | None = None
    speaking_language: LanguageTag | None = None
    listening_language: LanguageTag | None = None
    age: Age | None = None
    occupation: PersonName | None = None
    location: PersonName | None = None


class ReplaceUserBody(ProfileBody):
    """A complete profile.

    Consents are not part of it: only the person can give a consent, and leaving it out of a form
    does not withdraw it.
    """

    @property
    def changes(self) -> dict[str, Any]:
        """Return every field. A field that was not sent is cleared."""
        return self.model_dump()


class UpdateMeBody(ProfileBody):
    """A partial profile. An absent field is unchanged, a null clears it."""

    transactional_consent: bool = False
    marketing_consent: bool = False

    @property
    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent."""
        return self.model_dump(exclude_unset=True, exclude={"avatar"})

    @property
    def avatar_file(self) -> bytes | None:
        """The uploaded picture, unprocessed. None for JSON."""
        return None


class UpdateMeForm(UpdateMeBody):
    """The same as a form, plus a picture. Values are text (`36`, `true`); an empty one is null."""

    model_config = ConfigDict(strict=False)

    avatar: bytes | None = None

    @property
    @override
    def avatar_file(self) -> bytes | None:
        """The uploaded picture, unprocessed."""
        return self.avatar
