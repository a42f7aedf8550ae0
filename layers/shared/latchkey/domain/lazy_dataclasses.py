"""Dataclasses whose methods are made when they are first called.

The standard decorator compiles seven methods for each class while it is imported: 4.3 million
instructions. Most classes that a function imports have no instance in a cold start, and most
methods are never called.

These are `frozen`, `slots` and `kw_only`, defaults, factories, inheritance and `__post_init__`,
with the behaviour of the standard library. Its `fields`, `asdict` and `replace` accept these
classes, and these can be mixed with its own. tests/unit/test_lazy_dataclasses.py compares the two.
"""

from __future__ import annotations

from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTHING = object()
_FIELDS = "__lazy_fields__"


class _Factory:
    """Makes the default of a field."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


type _Field = tuple[Any, Any, bool]
"""The type as it is written, the default or its factory, and whether it is keyword-only."""


def field(*, default_factory: Callable[[], Any]) -> Any:
    """Give a field a default that is made for each instance."""
    return _Factory(default_factory)


def dataclass(
    kind: Any = None, /, *, frozen: bool = False, slots: bool = False, kw_only: bool = False
) -> Any:
    """Make a class with fields. With `slots` it is another class of the same name."""
    if kind is None:
        return lambda kind: _made(kind, frozen=frozen, slots=slots, kw_only=kw_only)
    return _made(kind, frozen=frozen, slots=slots, kw_only=kw_only)


def is_dataclass(value: Any) -> bool:
    """Return whether this is a dataclass, or an instance of one, of either decorator."""
    kind = value if isinstance(value, type) else type(value)
    return hasattr(kind, _FIELDS) or hasattr(kind, "__dataclass_fields__")


def field_names(value: Any) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass, of either decorator, or of an instance."""
    kind: Any = value if isinstance(value, type) else type(value)
    return tuple(kind.__dict__.get(_FIELDS) or kind.__dataclass_fields__)


def replace(value: Any, /, **changes: Any) -> Any:
    """Return a copy with other values of some fields."""
    return value.__replace__(**changes)


def _made(kind: Any, *, frozen: bool, slots: bool, kw_only: bool) -> Any:
    namespace = dict(kind.__dict__)
    fields: dict[str, _Field] = {}
    for base in kind.__mro__[:0:-1]:
        fields |= base.__dict__.get(_FIELDS, {})
    own = {
        name: (annotation, namespace.get(name, _NOTHING), kw_only)
        for name, annotation in namespace.get("__annotations__", {}).items()
        if not str(annotation).startswith("ClassVar")
    }
    added = tuple(name for name in own if name not in fields)
    fields |= own
    methods = _FROZEN if frozen else _MUTABLE
    made = {name: method for name, method in methods.items() if name not in namespace}
    made[_FIELDS] = fields
    made["__match_args__"] = tuple(name for name, each in fields.items() if not each[2])
    if not slots:
        for name, method in made.items():
            setattr(kind, name, method)
        for name, (_, default, _) in own.items():
            if isinstance(default, _Factory):
                delattr(kind, name)
        return kind
    for name in (*own, "__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace |= {**made, "__slots__": added, "__qualname__": kind.__qualname__}
    return type(kind)(kind.__name__, kind.__bases__, namespace)


# The methods --------------------------------------------------------------------------------------


def _first_init(self: Any, *args: Any, **values: Any) -> None:
    """Compile the class's own `__init__`, which replaces this one, and call it."""
    kind: Any
    (kind, *_) = (k for k in type(self).__mro__ if k.__dict__.get("__init__") is _first_init)
    init = kind.__init__ = _compiled_init(kind)
    init(self, *args, **values)


def _compiled_init(kind: Any) -> Any:
    """Compile what one would write: parameters with their defaults, and assignments."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_nothing": _NOTHING}
    positional, keywords, lines = ["self"], ["*"], []
    is_frozen = kind.__setattr__ is _set
    for name, (_, default, kw_only) in getattr(kind, _FIELDS).items():
        parameter = value = name
        if isinstance(default, _Factory):
            names[f"_make_{name}"] = default.make
            parameter, value = (
                f"{name}=_nothing",
                f"_make_{name}() if {name} is _nothing else {name}",
            )
        elif default is not _NOTHING:
            names[f"_default_{name}"] = default
            parameter = f"{name}=_default_{name}"
        (keywords if kw_only else positional).append(parameter)
        slot = getattr(kind, name, None)
        if not is_frozen:
            lines.append(f" self.{name}={value}")
        elif isinstance(slot, MemberDescriptorType):
            # A fifth of the time of object.__setattr__, which looks the slot up by its name.
            names[f"_set_{name}"] = slot.__set__
            lines.append(f" _set_{name}(self,{value})")
        else:
            lines.append(f" _set(self,{name!r},{value})")
    if hasattr(kind, "__post_init__"):
        lines.append(" self.__post_init__()")
    parameters = positional if keywords == ["*"] else [*positional, *keywords]
    code = "\n".join((f"def __init__({','.join(parameters)}):", *(lines or [" pass"])))
    exec(code, names)  # noqa: S102 - the names of fields, as in the standard library
    init = names["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


def _values(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _FIELDS)]


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(tuple(_values(self)))


def _repr(self: Any) -> str:
    values = zip(getattr(self, _FIELDS), _values(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in values)})"


def _replace(self: Any, /, **changes: Any) -> Any:
    present = zip(getattr(self, _FIELDS), _values(self), strict=True)
    return type(self)(**dict(present) | changes)


def _set(self: Any, name: str, value: Any) -> None:
    del self, value
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - rarely needed

    msg = f"cannot assign to field {name!r}"
    raise FrozenInstanceError(msg)


def _delete(self: Any, name: str) -> None:
    del self
    from dataclasses import FrozenInstanceError  # noqa: PLC0415 - rarely needed

    msg = f"cannot delete field {name!r}"
    raise FrozenInstanceError(msg)


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(getattr(self, _FIELDS), state, strict=True):
        object.__setattr__(self, name, value)


class _Standard:
    """What the standard library reads of a dataclass. It is made when it is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, _: object, kind: Any) -> Any:
        import dataclasses  # noqa: PLC0415 - rarely needed

        def standard(default: Any, kw_only: bool) -> Any:
            if isinstance(default, _Factory):
                return dataclasses.field(default_factory=default.make, kw_only=kw_only)
            given = dataclasses.MISSING if default is _NOTHING else default
            return dataclasses.field(default=given, kw_only=kw_only)

        fields = [
            (name, annotation, standard(default, kw_only))
            for name, (annotation, default, kw_only) in getattr(kind, _FIELDS).items()
        ]
        is_frozen = kind.__setattr__ is _set
        twin = dataclasses.make_dataclass(kind.__name__, fields, frozen=is_frozen)
        return getattr(twin, self._name)


_MUTABLE: dict[str, Any] = {
    "__init__": _first_init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": None,
    "__replace__": _replace,
    "__dataclass_fields__": _Standard("__dataclass_fields__"),
    "__dataclass_params__": _Standard("__dataclass_params__"),
}
_FROZEN = _MUTABLE | {
    "__hash__": _hash,
    "__setattr__": _set,
    "__delattr__": _delete,
    "__getstate__": _values,
    "__setstate__": _set_state,
}
