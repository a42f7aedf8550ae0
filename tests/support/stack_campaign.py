"""Which interleavings the deployed stack repeats.

Two requests meet in what both use: items and indexes of the table, and pictures. The world in
memory knows which of these each step reads and writes. An operation that touches nothing of the
other one does what it does alone, wherever it is paused. That leaves the pauses of
`World.interleavings`: those before a step that conflicts with one of the other operation, and the
one after the last step.

The other services connect no two requests. Keys and peppers are only read. Mails, exports and
erasures are messages in the table until a worker has them. Files of exports are only signed for.

Of these pauses, one in which both operations read what they have read in other runs shows nothing
new: each does what it has done there, as `test_replaying_is_executing` shows. So the stack repeats
a selection in which everything is that an operation does in any of them, and the rest is run in
memory only:

    world      operations    pauses    with a conflict    on the stack
    new                 3       102                 26              26
    active             52    22,724              8,046           5,316
    admin              57    17,803              6,197           3,862
    exporting          52     1,414                493             259
    suspended          23     4,094                831             607
    deleted            24     4,464                950             658
    due                25     4,225                614             429
    erasing            24     4,008                340              86
    all                      58,834             17,497          11,243
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support import authorization
from tests.support.interleaved_operations import operations, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from tests.support.interleaved_operations import Operation
    from tests.support.interleaved_worlds import World
    from tests.support.interleaving import Recording

OVER_HTTP = {*authorization.OPERATIONS, "authorizer"}
"""Operations of the contract, and the one that is a part of them all."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A run that the stack repeats."""

    first: str
    second: str
    before: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """What the stack repeats of a world.

    pauses     all of all pairs of operations
    conflicts  those of them in which it can make a difference who comes first
    """

    pauses: int
    conflicts: int
    repeated: list[Pause]


def over_http(world: str) -> list[Operation]:
    """The operations of a world that are requests."""
    return [operation for operation in operations(world) if operation.entry_of in OVER_HTTP]


def campaign(world: World) -> Campaign:
    """Choose what the stack repeats."""
    parts = dict(_parts(world))
    pauses = sum(len(world.trace(first)) + 1 for first, _ in _pairs(world))
    return Campaign(pauses, len(parts), choose(parts))


def choose[Run, Part](parts: Mapping[Run, AbstractSet[Part]]) -> list[Run]:
    """Choose runs in which all parts are, of runs with two parts each."""
    seen: set[Part] = set()
    chosen = []
    for new in (2, 1):
        for run, done in parts.items():
            if len(done - seen) >= new:
                seen |= done
                chosen.append(run)
    return chosen


def _parts(world: World) -> Iterator[tuple[Pause, frozenset[Recording]]]:
    for first, second in _pairs(world):
        for run in world.interleavings(first, second):
            yield Pause(first.name, second.name, run.pause_before), frozenset(run.parts)


def _pairs(world: World) -> Iterator[tuple[Operation, Operation]]:
    for first in over_http(world.name):
        for second in seconds(world.name, first):
            if second.entry_of in OVER_HTTP:
                yield first, second
