"""Another environment for a deployed function, as a deployment gives it one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def set_environment(functions: Any, name: str, variables: Mapping[str, str]) -> None:
    """Set a function's environment; one that answers through an alias gets a version of it.

    functions  a client of Lambda
    """
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": dict(variables)}
    )
    for alias in functions.list_aliases(FunctionName=name)["Aliases"]:
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name=alias["Name"], FunctionVersion=version)
