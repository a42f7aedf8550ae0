"""Parameter Store in memory."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


class Parameters:
    """Parameter Store: what is called between two of its requests may interfere."""

    def __init__(self) -> None:
        """Start empty."""
        self.values: dict[str, str] = {}
        self.between: Callable[[], object] = lambda: None
        self.chance = random.Random()
        self.throttled = 0.0

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> Any:  # noqa: N803 - AWS's names
        assert WithDecryption
        if self.chance.random() < self.throttled:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")
        self.between()
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        return {"Parameter": {"Value": self.values[Name]}}

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> None:  # noqa: N803 - AWS's names
        assert Overwrite
        assert Type == ("String" if Name.endswith("public-keys") else "SecureString")
        assert len(Value) <= 4096, "a standard parameter's limit"
        self.between()
        self.values[Name] = Value

    def kids(self, name: str) -> list[str]:
        """List the ids of the keys or peppers in a parameter."""
        content = json.loads(self.values[f"/any/{name}"])
        if "peppers" in content:
            kind = name.removesuffix("-peppers")
            return [f"{kind}-{pepper['id']}" for pepper in content["peppers"]]
        return [key["kid"] for key in content["keys"]]
