"""Single-use tokens. A token is redeemed in the transaction of its effect, so it works once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.single_use import SingleUseToken
from latchkey.storage import keys
from latchkey.storage.fences import put_for_account
from latchkey.storage.records import from_item, to_item
from latchkey.storage.table import (
    ABSENT,
    EXISTS,
    Change,
    ConditionFailed,
    Delete,
    Put,
    Update,
)

if TYPE_CHECKING:
    from datetime import datetime

    from latchkey.domain.ids import TokenId
    from latchkey.storage.table import Table


class SingleUseTokenStore:
    """Valid tokens."""

    def __init__(self, table: Table) -> None:
        """Use this table."""
        self._table = table

    def find(self, token_id: TokenId, now: datetime) -> SingleUseToken | None:
        """Read a valid token.

        Pattern      T1, before it is redeemed
        Request      GetItem
        Consistency  strong
        Cost         1 RRU
        """
        item = self._table.get(keys.single_use_token(token_id))
        if item is None:
            return None
        token = from_item(SingleUseToken, item)
        return token if now < token.expires_at else None

    def put_new(self, token: SingleUseToken) -> None:
        """Issue a token.

        Pattern      T2, when the mail with its link is written
        Request      TransactWriteItems
        Cost         4 WRU and 1 for the index: the token and the account's check
        Condition    no token has this id, and the account is not being erased
        Raises       AccountNotFound
        """
        put_for_account(self._table, token.account_id, issue(token))

    def count_password(self, token_id: TokenId) -> int | None:
        """Count a password attempt with a token. None if the token is gone.

        Pattern      T3, before the password is verified
        Request      UpdateItem
        Cost         1 WRU
        Condition    the token exists
        Race         none: ADD is atomic, every password gets a number of its own
        """
        change = Change(add={"passwords": 1})
        try:
            item = self._table.update(Update(keys.single_use_token(token_id), change, EXISTS))
        except ConditionFailed:
            return None
        return int(str(item["passwords"]))

    def delete(self, token_id: TokenId) -> None:
        """Make a token void.

        Pattern      T4, after too many wrong passwords
        Request      DeleteItem
        Cost         1 WRU
        """
        self._table.delete(Delete(keys.single_use_token(token_id)))


def issue(token: SingleUseToken) -> Put:
    """Return the write that issues a token, for the transaction that causes its email."""
    attributes = {
        **to_item(token),
        "ttl": int(token.expires_at.timestamp()),
        # An index entry of its account, so that an erasure finds it.
        "gsi1pk": keys.account_tokens_partition(token.account_id),
        "gsi1sk": token.id,
    }
    return Put(keys.single_use_token(token.id), attributes, ABSENT)
