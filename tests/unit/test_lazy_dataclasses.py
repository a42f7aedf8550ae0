"""Lazy dataclasses do what the standard library's do."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints, override

import pytest

from latchkey.domain import lazy_dataclasses
from latchkey.domain.account import Account, ProfileFields
from tools.template import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable


def declare(library: Any) -> Any:  # noqa: C901 - many classes
    """Declare the same classes with one of the two."""

    @library.dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        kind: ClassVar[str] = "point"

        @property
        def sum(self) -> int:
            return self.x + self.y

        def doubled(self) -> Any:
            return library.replace(self, x=2 * self.x)

    class Plain:
        def name(self) -> str:
            return "plain"

    @library.dataclass(frozen=True, slots=True, kw_only=True)
    class Record(Plain):
        id: str
        parts: dict[str, int] = library.field(default_factory=dict)
        note: str | None = None

    @library.dataclass(frozen=True, slots=True, kw_only=True)
    class Longer(Record):
        extra: int
        note: str | None = "longer"

    @library.dataclass(slots=True, kw_only=True)
    class Changing:
        value: int
        other: int = 0

    @library.dataclass(frozen=True)
    class Checked:
        value: int

        def __post_init__(self) -> None:
            if self.value < 0:
                raise ValueError(self.value)

    @library.dataclass(frozen=True, slots=True)
    class Empty:
        pass

    @library.dataclass
    class Mutable:
        values: list[int] = library.field(default_factory=list)

    @library.dataclass(frozen=True, slots=True)
    class Own:
        x: int

        def __init__(self, text: str) -> None:
            object.__setattr__(self, "x", int(text))

        @override
        def __repr__(self) -> str:
            return "own"

        @override
        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        @override
        def __hash__(self) -> int:
            return 5

    return SimpleNamespace(**locals())


STANDARD, LAZY = declare(dataclasses), declare(lazy_dataclasses)


def _changed(record: Any) -> Any:
    record.other = 3
    return record


DEEDS: list[Callable[..., Any]] = [
    lambda k: k.Point(1),
    lambda k: k.Point(1, 3).sum,
    lambda k: k.Point(y=1, x=3),
    lambda k: k.Point(),
    lambda k: k.Point(1, 2, 3),
    lambda k: k.Point(1, z=2),
    lambda k: k.Point(1, x=2),
    lambda k: (k.Point(1) == k.Point(1, 2), k.Point(1) == k.Point(2), k.Point(1) == 1),
    lambda k: k.Point(1) != k.Point(1),
    lambda k: hash(k.Point(1)) == hash((1, 2)),
    lambda k: {k.Point(1), k.Point(1, 2), k.Point(2)} == {k.Point(1), k.Point(2)},
    lambda k: setattr(k.Point(1), "x", 2),
    lambda k: delattr(k.Point(1), "x"),
    lambda k: k.Point(4).doubled(),
    lambda k: k.Point.kind,
    lambda k: k.Point.__doc__,
    lambda k: k.Point.__match_args__,
    lambda k: k.Point.__slots__,
    lambda k: k.Point(1) < k.Point(2),
    lambda k: hasattr(k.Point(1), "__dict__"),
    lambda k: k.Point.__init__.__qualname__ if k.Point(1) else None,
    lambda k: copy.deepcopy(k.Point(1)),
    lambda k: copy.copy(k.Point(5)) == k.Point(5),
    lambda k: copy.replace(k.Point(5), y=9),
    lambda k: k.Point(5).__getstate__(),
    lambda k: dataclasses.asdict(k.Point(5)),
    lambda k: dataclasses.astuple(k.Point(5)),
    lambda k: dataclasses.replace(k.Point(5), y=1),
    lambda k: dataclasses.replace(k.Point(5), z=1),
    lambda k: dataclasses.is_dataclass(k.Point),
    lambda k: [(f.name, f.type, f.default, f.kw_only) for f in dataclasses.fields(k.Point)],
    lambda k: [(f.name, f.default_factory, f.init) for f in dataclasses.fields(k.Record)],
    lambda k: (k.Record.__dataclass_params__.frozen, k.Record.__match_args__),
    lambda k: k.Record("a"),
    lambda k: k.Record(id="a"),
    lambda k: k.Record(id="a").name(),
    lambda k: k.Record(id="a").parts is k.Record(id="a").parts,
    lambda k: k.Record(id="a", parts={"b": 1}, note="n"),
    lambda k: get_type_hints(k.Record),
    lambda k: k.Longer(id="a", extra=1),
    lambda k: k.Longer(id="a"),
    lambda k: k.Longer(id="a", extra=1).name(),
    lambda k: k.Longer.__slots__,
    lambda k: [f.name for f in dataclasses.fields(k.Longer)],
    lambda k: k.Longer(id="a", extra=1) == k.Record(id="a", note="longer"),
    lambda k: _changed(k.Changing(value=1)),
    lambda k: hash(k.Changing(value=1)),
    lambda k: setattr(k.Changing(value=1), "unknown", 3),
    lambda k: k.Checked(1),
    lambda k: k.Checked(-1),
    lambda k: setattr(k.Checked(1), "value", 3),
    lambda k: (k.Empty(), k.Empty() == k.Empty(), hash(k.Empty()) == hash(())),
    lambda k: (k.Mutable(), k.Mutable().values is k.Mutable().values),
    lambda k: k.Mutable.values,
    lambda k: (k.Own("3").x, k.Own("3"), k.Own("3") == k.Own("4"), hash(k.Own("3"))),
]


def outcome(do: Callable[..., Any], kinds: Any) -> Any:
    try:
        return repr(do(kinds))
    except Exception as error:  # noqa: BLE001 - its type and message are compared
        return type(error), str(error)


@pytest.mark.parametrize("do", DEEDS, ids=range(len(DEEDS)))
def test_both_do_the_same(do):
    assert outcome(do, LAZY) == outcome(do, STANDARD)
    assert outcome(do, LAZY) == outcome(do, STANDARD), "and again, after the first call"


def test_standard_dataclasses_extend_lazy_ones():
    @dataclasses.dataclass(frozen=True)
    class More(LAZY.Point):
        z: int = 3

    assert repr(More(1)).endswith("More(x=1, y=2, z=3)")
    assert lazy_dataclasses.field_names(More) == ("x", "y", "z")
    assert lazy_dataclasses.replace(More(1), z=5).z == 5


def test_an_instance_gets_no_other_attributes():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LAZY.Point(1).z = 2
    with pytest.raises(AttributeError):
        object.__setattr__(LAZY.Point(1), "z", 2)


@lazy_dataclasses.dataclass(frozen=True, slots=True)
class Pickled:
    x: int


def test_instances_are_pickled():
    assert pickle.loads(pickle.dumps(Pickled(3))) == Pickled(3)  # noqa: S301 - our own


def test_the_first_instances_may_be_made_by_many_threads():
    made = []
    for _ in range(20):
        kind = declare(lazy_dataclasses).Longer
        barrier = threading.Barrier(4)

        def make(kind=kind, barrier=barrier):
            barrier.wait()
            made.append(kind(id="a", extra=1).extra)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert made == [1] * 80


def test_names_of_fields():
    assert lazy_dataclasses.field_names(STANDARD.Longer) == ("id", "parts", "note", "extra")
    assert lazy_dataclasses.field_names(LAZY.Longer) == ("id", "parts", "note", "extra")
    assert lazy_dataclasses.field_names(LAZY.Empty()) == ()
    assert lazy_dataclasses.is_dataclass(LAZY.Point(1))
    assert lazy_dataclasses.is_dataclass(STANDARD.Point)
    assert not lazy_dataclasses.is_dataclass("text")
    assert issubclass(Account, ProfileFields)


def test_all_dataclasses_of_the_service_are_lazy():
    folders = (ROOT / "layers/shared/latchkey", ROOT / "functions")
    standard = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in folder.rglob("*.py")
        if "from dataclasses import dataclass" in path.read_text()
    }
    assert standard == {"layers/shared/latchkey/domain/values.py"}


def test_the_standard_decorator_is_not_loaded():
    code = "import latchkey.domain.account, sys; print('dataclasses' in sys.modules)"
    ran = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "layers/shared"},
    )
    assert ran.stdout == "False\n"
