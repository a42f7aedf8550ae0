"""Query parameters: one pydantic model for each endpoint that has any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from latchkey.domain.audit import Action
from latchkey.domain.errors import InvalidInput, ProblemCode
from latchkey.domain.ids import SessionId, id_pattern, is_id
from latchkey.domain.limits import (
    CURSOR_MAX_CHARACTERS,
    PAGE_DEFAULT_ITEMS,
    PAGE_MAX_ITEMS,
    PROFILES_MAX,
    REASON_MAX_CHARACTERS,
)
from latchkey.domain.search import SessionState
from latchkey.domain.text import readable_part, to_stored_form
from latchkey.http.bodies.fields import (
    NETWORK_FORMAT,
    WORD_MAX_CHARACTERS,
    Moment,
    UserId,
    shown_schema,
)
from latchkey.http.bodies.validation import problems_of
from latchkey.http.request import refuse_other_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping


class Query(BaseModel):
    """Base class. Each field is a parameter, and others are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def parse(cls, sent: Mapping[str, str]) -> Self:
        """Validate the parameters of a request. Raises InvalidInput."""
        refuse_other_parameters(sent, cls.model_fields)
        try:
            return cls.model_validate(sent)
        except ValidationError as error:
            raise InvalidInput(*problems_of(error)) from None


_ID = id_pattern("usr").strip("^$")
_ACCOUNT_IDS = f"^{_ID}(,{_ID}){{0,{PROFILES_MAX - 1}}}$"


# Types of parameters, from the text of a URL -------------------------------------------------


def _flag(text: str) -> bool:
    if text not in {"true", "false"}:
        raise PydanticCustomError(ProblemCode.NOT_AN_OPTION, "Send true or false.")
    return text == "true"


def _page_size(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= len(str(PAGE_MAX_ITEMS)):
        number = int(text)
        if 1 <= number <= PAGE_MAX_ITEMS:
            return number
    raise PydanticCustomError(
        ProblemCode.OUT_OF_RANGE, f"Send a whole number from 1 to {PAGE_MAX_ITEMS}."
    )


def _session_id(text: str) -> str:
    if not is_id("ses", text):
        raise PydanticCustomError(ProblemCode.NOT_AN_ID, "Send an id: ses_….")
    return text


def _kept(text: str, max_characters: int) -> str:
    kept = to_stored_form(text)
    if 1 <= len(kept) <= max_characters and readable_part(kept) == kept:
        return kept
    raise PydanticCustomError(
        ProblemCode.INVALID, f"Send 1 to {max_characters} printable characters."
    )


def _word(text: str) -> str:
    return _kept(text, WORD_MAX_CHARACTERS)


def _country(text: str) -> str:
    return _kept(text, 2)


def _reason(text: str) -> str:
    return _kept(text, REASON_MAX_CHARACTERS)


def _account_ids(text: str) -> list[str]:
    ids = text.split(",")
    if len(ids) > PROFILES_MAX:
        raise PydanticCustomError(ProblemCode.TOO_LONG, f"Send at most {PROFILES_MAX} ids.")
    return ids


Flag = Annotated[bool, BeforeValidator(_flag)]
PageSize = Annotated[
    int,
    BeforeValidator(_page_size),
    Field(json_schema_extra={"minimum": 1, "maximum": PAGE_MAX_ITEMS}),
]
SessionIdText = Annotated[
    SessionId, AfterValidator(_session_id), Field(json_schema_extra={"pattern": id_pattern("ses")})
]
AccountIds = Annotated[
    list[UserId],
    BeforeValidator(_account_ids),
    WithJsonSchema({"type": "string", "pattern": _ACCOUNT_IDS}),
]
Cursor = Annotated[str, Field(json_schema_extra={"maxLength": CURSOR_MAX_CHARACTERS})]
"""The start of a page. Only the list that issued a cursor can read it (`storage.cursors`)."""

Word = Annotated[
    str, AfterValidator(_word), Field(json_schema_extra=shown_schema(WORD_MAX_CHARACTERS))
]
Network = Annotated[Word, Field(json_schema_extra={"format": NETWORK_FORMAT})]
Country = Annotated[str, AfterValidator(_country), Field(json_schema_extra=shown_schema(2))]
Reason = Annotated[
    str, AfterValidator(_reason), Field(json_schema_extra=shown_schema(REASON_MAX_CHARACTERS))
]


# The queries of endpoints --------------------------------------------------------------------


class PageQuery(Query):
    """A page of a list."""

    limit: PageSize = Field(PAGE_DEFAULT_ITEMS, description="Entries per page.")
    cursor: Cursor | None = Field(None, description="`next_cursor` of the previous page.")


class ReasonQuery(Query):
    """For administrators, if the body has no `reason`."""

    reason: Reason | None = Field(
        None,
        description="Why the administrator does this. The person can read it in their history.",
    )


class DeletionQuery(Query):
    """How an account is deleted."""

    hard: Flag = Field(
        default=False,
        description="Erase at once, without the grace period. The account can't be restored.",
    )


class UserDeletionQuery(ReasonQuery, DeletionQuery):
    """How an account is deleted by its owner or by an administrator."""


class ScopeQuery(Query):
    """The sessions to end."""

    scope: Literal["others", "all"] = Field(
        "others",
        description="`others` keeps the current session. `all` ends it too and clears its cookie.",
    )


class UserQuery(PageQuery):
    """A search for accounts."""

    email_prefix: Word | None = Field(
        None, description="A prefix of the email address. The result is sorted by address."
    )
    status: Literal["any", "active", "suspended", "deleted"] = Field(
        "any", description="The account status. Accounts that are being erased are not listed."
    )
    created_from: Moment | None = Field(None, description="Created at this time or later.")
    created_to: Moment | None = Field(None, description="Created at this time or earlier.")


class ProfilesQuery(Query):
    """The people to look up."""

    ids: AccountIds = Field(
        description=f"Up to {PROFILES_MAX} ids of accounts, separated by commas. Those of nobody, "
        "or of accounts that are suspended or deleted, are not in the answer."
    )


class SessionQuery(PageQuery):
    """A search for sessions of any account."""

    user_id: UserId | None = Field(None, description="The account.")
    ip: Network | None = Field(
        None,
        description=("The IP address at sign-in, or a network: at least /16 (IPv4) or /32 (IPv6)."),
    )
    device: Word | None = Field(
        None, description="A prefix of the device's name, or the device's id."
    )
    country: Country | None = Field(
        None, description="The country at sign-in, as ISO 3166-1 alpha-2."
    )
    created_from: Moment | None = Field(None, description="Created at this time or later.")
    created_to: Moment | None = Field(None, description="Created at this time or earlier.")
    state: SessionState = Field(SessionState.ACTIVE, description="The state of the session.")


class AuditQuery(PageQuery):
    """A search in the audit trail."""

    user_id: UserId | None = Field(None, description="Rows about this account.")
    session_id: SessionIdText | None = Field(
        None, description="Rows about this session, or of acts in it."
    )
    action: Action | None = Field(None, description="Rows with this action.")
    kind: Literal["changes", "requests"] = Field(
        "changes",
        description="`requests` lists requests instead of changes. Requires user_id.",
    )
    since: Moment | None = Field(
        None, description="The earliest time. Default: 30 days before `until`."
    )
    until: Moment | None = Field(None, description="The latest time. Default: now.")
