"""Another environment for a deployed function, as a deployment gives it one."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.local.stack import LocalStack


def set_environment(
    functions: Any, name: str, variables: Mapping[str, str], **configuration: Any
) -> None:
    """Set a function's environment; one that answers through an alias gets a version of it.

    functions      a client of Lambda
    configuration  what else changes, in Lambda's names
    """
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": dict(variables)}, **configuration
    )
    for alias in functions.list_aliases(FunctionName=name)["Aliases"]:
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(FunctionName=name, Name=alias["Name"], FunctionVersion=version)


@contextlib.contextmanager
def changed_environment(
    stack: LocalStack, operation: str, *, timeout_seconds: int | None = None, **changed: str
) -> Iterator[None]:
    """Set variables of a deployed function, and restore its configuration afterwards."""
    name = stack.deployment.function_name(operation)
    functions = stack.client("lambda")
    before = functions.get_function_configuration(FunctionName=name)
    variables, timeout = before["Environment"]["Variables"], before["Timeout"]
    set_environment(functions, name, {**variables, **changed}, Timeout=timeout_seconds or timeout)
    try:
        yield
    finally:
        set_environment(functions, name, variables, Timeout=timeout)
