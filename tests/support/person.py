"""A signed-in person, and snapshots of all stored data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latchkey.domain.ids import AccountId
from latchkey.storage import keys
from latchkey.storage.table import Change, Update

if TYPE_CHECKING:
    from latchkey.storage.table import Key, Table, Value
    from tests.support.service import Answer, InProcessService

ME = "/api/v1/users/me"


class Person:
    """A person with an account and one device."""

    def __init__(
        self, service: InProcessService, email: str = "ada@example.com", **fields: Any
    ) -> None:
        """Register and stay signed in."""
        registered = service.register(email, **fields).data
        self.service = service
        self.email = email
        self.id: str = registered["user"]["id"]
        self.session_id: str = registered["session"]["id"]
        self.token: str = registered["access_token"]

    def request(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request from this device."""
        return self.service.request(method, path, token=self.token, **options)

    def get(self, path: str = ME, **options: Any) -> Answer:
        """Read something, by default the own account."""
        return self.request("GET", path, **options)

    def patch(self, body: Any, **options: Any) -> Answer:
        """Change the own profile."""
        return self.request("PATCH", ME, json_body=body, **options)

    def put(self, user_id: str, body: Any, **options: Any) -> Answer:
        """Replace a profile."""
        return self.request("PUT", f"/api/v1/users/{user_id}", json_body=body, **options)

    def become_admin(self) -> None:
        """As the deployer makes one: in the table. The role counts from the next sign-in."""
        set_account(self.service.table, self, role="admin")
        self.service.table.update(Update(keys.administrators(), Change(add={"working": 1})))
        self.token = self.service.login(self.email).data["access_token"]


def account_key(person: Person) -> Key:
    """Return the key of a person's account."""
    return keys.account(AccountId(person.id))


def set_account(table: Table, person: Person, **fields: Value) -> None:
    """Change a person's account in the table, without a request."""
    table.update(Update(account_key(person), Change(assign=fields)))


def audit_rows(service: Any, action: str) -> list[Any]:
    """Every audit row of an action."""
    return [item for item in service.table.all_items() if item.get("action") == action]


def stored_items(service: Any) -> list[Any]:
    """Everything but sessions, which any request may touch: what a refusal has to leave alone."""
    items = service.table.all_items()
    return [item for item in items if not str(item["sk"]).startswith("SESSION#")]
