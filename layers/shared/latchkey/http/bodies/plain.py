"""Bodies that are read without pydantic, which takes a third of the start of a hot function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.limits import REFRESH_TOKEN_MAX_CHARACTERS
from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from latchkey.http.bodies.validation import Body


class PlainBody[Read]:
    """A body whose valid documents are read here. Its model says what is wrong with any other.

    The model is also the contract. It is loaded when it is needed.
    """

    def __init__(
        self, model: Callable[[], type[Body]], read: Callable[[Mapping[str, Any]], Read | None]
    ) -> None:
        """Use the model for the documents that `read` returns None for."""
        self.model = model
        self._read = read

    def parse(self, document: Any) -> Any:
        """Validate a JSON document. Raises InvalidInput."""
        read = self._read(document) if isinstance(document, dict) else None
        return self.model().parse(document) if read is None else read

    def may_be_left_out(self) -> bool:
        """Return whether an empty body is valid."""
        return self._read({}) is not None or self.model().may_be_left_out()


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """What `RefreshBody` has."""

    refresh_token: str | None = None


def _refresh_model() -> type[Body]:
    from latchkey.http.bodies.auth import RefreshBody  # noqa: PLC0415 - rarely needed

    return RefreshBody


def _read_refresh(document: Mapping[str, Any]) -> PresentedToken | None:
    token = document.get("refresh_token")
    is_valid = token is None or (
        isinstance(token, str) and 1 <= len(token) <= REFRESH_TOKEN_MAX_CHARACTERS
    )
    return PresentedToken(token) if is_valid and document.keys() <= {"refresh_token"} else None


REFRESH_BODY = PlainBody(_refresh_model, _read_refresh)
