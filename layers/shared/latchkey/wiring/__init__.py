"""The composition root: creates the parts of the service, by area.

A part is a function with the decorator `part`. It is the key under which `Services` stores its
result, so a handler's `needs=` and a test's replacement refer to it by import:

    needs=sessions
    Services(config, {table: MemoryTable()})

Parts import classes inside their functions, so that a Lambda function loads only what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from latchkey.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Part[T]:
    """A named part of the service: a key of `Services`, and a function that creates the part."""

    __slots__ = ("make", "name")

    def __init__(self, make: Callable[[Services], T]) -> None:
        """Name the part after its function."""
        self.make = make
        self.name = make.__name__

    @override
    def __repr__(self) -> str:
        return f"<part {self.name}>"


type Needs = Part[Any] | tuple[Part[Any], ...]
"""The parts that a handler declares, in the order of its arguments."""


def part[T](make: Callable[[Services], T]) -> Part[T]:
    """Make a function a part."""
    return Part(make)


class Services:
    """The parts of one process. Each is created once, when it is first needed."""

    def __init__(
        self, config: Config | None = None, replacements: Mapping[Part[Any], Any] | None = None
    ) -> None:
        """Read the configuration from the environment unless it is given.

        replacements  objects to use instead of a part's own
        """
        self.config = config or Config.from_env()
        self._made: dict[Part[Any], Any] = dict(replacements or {})

    def __getitem__[T](self, part: Part[T]) -> T:
        if part not in self._made:
            self._made[part] = part.make(self)
        found: T = self._made[part]
        return found

    def __setitem__[T](self, part: Part[T], replacement: T) -> None:
        self._made[part] = replacement


_services: Services | None = None


def services() -> Services:
    """Return this process's services. The first call creates them from the environment."""
    global _services  # noqa: PLW0603 - one composition root for each process
    if _services is None:
        _services = Services()
    return _services


def use(replacement: Services | None) -> None:
    """Replace this process's services for a test. None restores the default."""
    global _services  # noqa: PLW0603 - see services()
    _services = replacement


def resolve(needs: Needs | None) -> tuple[Any, ...]:
    """Return the parts that a handler declares, for its arguments."""
    if needs is None:
        return ()
    parts = needs if isinstance(needs, tuple) else (needs,)
    return tuple(services()[part] for part in parts)
