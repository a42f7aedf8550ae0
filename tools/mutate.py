"""`make mutate`: changes the code at one place, and lists the changes that no test notices.

It draws a fixed sample of changes (tools/mutants.py) from every file of the packages that
tools/mutants.toml names. For each change it runs the tests that execute the changed function, until
one fails. tools/mutants.toml explains survivors; one without an explanation fails the command.

Everything runs within one pytest that has collected the tests: a run of all tests records which
functions each executes, then each mutant gets a fork of the process with the code of its function
replaced.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import multiprocessing
import os
import re
import resource
import sys
import time
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path, PurePath
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tools.mutants import Mutant, code_of, mutant_by_hand, mutants_of, nested, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

ROOT = Path(__file__).parent.parent
LAYER = ROOT / "layers/shared/latchkey"
SETTINGS = ROOT / "tools/mutants.toml"

MIN_MUTANTS = 3
"""The mutants of the smallest files."""
SECONDS_PER_MUTANT = 20
"""Processor time for the tests of one mutant. A test that notices is usually among the first."""
WAITING_SECONDS = 300
"""A mutant that waits for longer, or computes for twice its time, has stopped the test: killed."""
TESTS = ("tests/unit", "tests/storage", "tests/functions")

type Verdict = Literal["killed", "survived", "not executed"]

_FORK = multiprocessing.get_context("fork")
_TOOL = sys.monitoring.PROFILER_ID


@dataclass(slots=True)
class Trace:
    """What a run of all tests without a mutant showed."""

    tests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The ids of the tests that execute a function, by `file function`."""
    executed: Counter[str] = field(default_factory=Counter)
    """The number of functions that a test executes, by its id."""
    seconds: float = 0
    failed: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Campaign:
    """Replaces pytest's loop over the tests by one over mutants."""

    mutants: list[Mutant]
    jobs: int
    verdicts: list[tuple[Mutant, Verdict]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Let generated tests repeat, and do not look for the smallest failure."""
        import hypothesis  # noqa: PLC0415 - pytest refuses one that is imported before its plugin

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "mutants", deadline=None, derandomize=True, database=None, phases=phases
        )
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Trace the tests, then try each mutant."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} files cannot be imported")
        print(f"{len(self.mutants)} mutants; running {len(session.items)} tests without one")
        trace = self._traced(session.items)
        self.failed = trace.failed
        print(f"{trace.seconds:.0f} s of processor time, {len(self.failed)} failed", flush=True)
        live = _live_functions({mutant.file for mutant in self.mutants})
        shares = [self.mutants[at :: self.jobs] for at in range(self.jobs)]
        for verdicts in _in_children(
            [partial(_try, share, session.items, trace, live) for share in shares]
        ):
            if verdicts is None:
                self.failed.append("a process ended without its verdicts")
            self.verdicts += verdicts or []
        return True

    def _traced(self, items: list[pytest.Item]) -> Trace:
        files = sorted({item.path for item in items})
        shares = [
            [item for item in items if files.index(item.path) % self.jobs == at]
            for at in range(self.jobs)
        ]
        whole = Trace()
        for part in _in_children([partial(Tracer().run, share) for share in shares]):
            if part is None:
                whole.failed.append("a process ended without a result")
                continue
            whole.seconds += part.seconds
            whole.executed |= part.executed
            whole.failed += part.failed
            for function, tests in part.tests.items():
                whole.tests[function] |= tests
        return whole


@dataclass(slots=True, eq=False)
class Tracer:
    """Records the functions of latchkey that a test executes, itself and in its shared fixtures."""

    executed: set[str] = field(default_factory=set)
    shared: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What fixtures executed for several tests, by their scope."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Record a shared fixture apart: its result is for all later tests of its scope."""
        if fixturedef.scope == "function":
            return (yield)
        before, self.executed = self.executed, set()
        sys.monitoring.restart_events()
        try:
            return (yield)
        finally:
            self.shared[fixturedef.scope] |= self.executed
            self.executed = before

    def run(self, items: Sequence[pytest.Item]) -> Trace:
        """Run tests, and record them."""
        trace = Trace()
        items[0].config.pluginmanager.register(self)
        sys.monitoring.use_tool_id(_TOOL, "mutate")
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.PY_START, self._on_start)
        sys.monitoring.set_events(_TOOL, sys.monitoring.events.PY_START)
        path = None
        for item, following in zip_longest(items, items[1:]):
            if item.path != path:
                path = item.path
                self.shared = defaultdict(set, session=self.shared["session"])
            self.executed.clear()
            sys.monitoring.restart_events()
            if failure := _failure(item, following):
                trace.failed.append(f"{item.nodeid}: {failure}")
                continue
            functions = self.executed.union(*self.shared.values())
            trace.executed[item.nodeid] = len(functions)
            for function in functions:
                trace.tests[function].add(item.nodeid)
        trace.seconds = time.process_time()
        return trace

    def _on_start(self, code: CodeType, _: int) -> object:
        if code.co_filename.startswith(str(LAYER)):
            file = code.co_filename.removeprefix(f"{LAYER}/")
            self.executed.add(_key(file, code))
        return sys.monitoring.DISABLE


def in_order(items: Iterable[pytest.Item], function: str, trace: Trace) -> list[pytest.Item]:
    """Return the tests of a function, those first that are most about it.

    These are in files with a similar name, then those that execute few other functions.
    """
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.nodeid in trace.tests.get(function, ()):
            files[item.path].append(item)

    def rank(path: Path) -> tuple[int, float]:
        others = sum(trace.executed[item.nodeid] for item in files[path])
        return -len(_words(path.stem) & _words(function)), others / len(files[path])

    return [item for path in sorted(files, key=rank) for item in files[path]]


def _words(name: str) -> set[str]:
    """Return the words of a name: test_access_tokens and AccessTokenVerifier share two."""
    words = re.findall(r"[A-Z]?[a-z]+", name)
    return {word.lower().rstrip("s") for word in words} - {"test", "py"}


def unexplained(found: Iterable[Mutant], settings: str) -> list[Mutant]:
    """Return the survivors that tools/mutants.toml does not explain."""
    known = {
        (entry["function"], entry["before"], entry["after"])
        for entry in tomllib.loads(settings).get("survivor", [])
        if entry["why"]
    }
    return [m for m in found if (m.function, m.before, m.after) not in known]


def drawn(paths: Sequence[str], lines: int | None, seed: int) -> list[Mutant]:
    """Return the mutants of the files below `paths`: the required ones, and a sample.

    The sample's order spreads those of each file, so that a run that is stopped has tried some of
    every file.
    """
    files = chosen(paths, lines)
    by_hand = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["required"]
    required = [
        mutant_by_hand(name, _source(name), entry["before"], entry["after"])
        for entry in by_hand
        if (name := entry["file"]) in dict(files)
    ]
    placed = [
        (at / count, mutant)
        for name, count in files
        for at, mutant in enumerate(sample(mutants_of(name, _source(name)), count, seed), start=1)
    ]
    return required + [mutant for _, mutant in sorted(placed, key=itemgetter(0))]


def chosen(paths: Sequence[str], lines: int | None) -> list[tuple[str, int]]:
    """Return the files below `paths`, and how many mutants of each are drawn."""
    shares: dict[str, int] = tomllib.loads(SETTINGS.read_text(encoding="utf-8"))["lines"]
    return [
        (name, max(MIN_MUTANTS, _source(name).count("\n") // (lines or share)))
        for package, share in sorted(shares.items())
        for name in sorted(str(path.relative_to(LAYER)) for path in (LAYER / package).rglob("*.py"))
        if any(PurePath(name).is_relative_to(path) for path in paths or [package])
    ]


def main() -> int:
    """Mutate the files, and list what survived without an explanation."""
    parser = argparse.ArgumentParser(prog="make mutate")
    parser.add_argument("paths", nargs="*", help="below latchkey/: security, flows/sign_in.py")
    parser.add_argument("--tests", nargs="*", help="files or folders of tests")
    parser.add_argument("--lines", type=int, help="draw one mutant for this many lines")
    parser.add_argument("--seed", type=int, default=1, help="draw other mutants")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    settings = SETTINGS.read_text(encoding="utf-8")
    campaign = Campaign(drawn(arguments.paths, arguments.lines, arguments.seed), arguments.jobs)
    left_out = [f"--ignore={name}" for name in tomllib.loads(settings)["left_out"]]
    options = ["-q", "-s", "-p", "no:randomly", "-p", "no:cacheprovider", *left_out]
    marked = ["-m", "not slow and not integration", "--disable-socket", "--allow-unix-socket"]
    # The checked-out code, not the tests' own copies of it.
    os.chdir(ROOT)
    pytest.main([*options, *marked, *(arguments.tests or TESTS)], plugins=[campaign])
    if campaign.failed:
        print("Without a mutant, these fail:", *campaign.failed, sep="\n  ")
    return _report(campaign.verdicts, settings) or len(campaign.failed)


def _report(verdicts: Sequence[tuple[Mutant, Verdict]], settings: str) -> int:
    counts = Counter((mutant.file.partition("/")[0], verdict) for mutant, verdict in verdicts)
    for package in sorted({package for package, _ in counts}):
        one = {verdict: n for (name, verdict), n in counts.items() if name == package}
        print(f"{package:10}", ", ".join(f"{n} {verdict}" for verdict, n in sorted(one.items())))
    survivors = [mutant for mutant, verdict in verdicts if verdict != "killed"]
    remaining = unexplained(survivors, settings)
    print(f"{len(survivors)} survived, {len(remaining)} of them without an explanation")
    for mutant in remaining:
        print(_described(mutant))
    return 1 if remaining else 0


def _described(mutant: Mutant) -> str:
    return f"\n{mutant.function}\n  - {mutant.before}\n  + {mutant.after}"


def _try(
    mutants: Sequence[Mutant],
    items: list[pytest.Item],
    trace: Trace,
    live: dict[CodeType, list[FunctionType]],
) -> list[tuple[Mutant, Verdict]]:
    """Give each mutant a process of its own."""
    verdicts: list[tuple[Mutant, Verdict]] = []
    for number, mutant in enumerate(mutants, start=1):
        verdict = _verdict(mutant, items, trace, live)
        verdicts.append((mutant, verdict))
        if verdict != "killed":
            message = f"{number} of {len(mutants)} {verdict}: {_described(mutant)}"
            print(message, file=sys.stderr, flush=True)
    return verdicts


def _verdict(
    mutant: Mutant,
    items: list[pytest.Item],
    trace: Trace,
    live: dict[CodeType, list[FunctionType]],
) -> Verdict:
    replaced = replacements(mutant, _source(mutant.file))
    tests = in_order(items, _key(mutant.file, replaced[0][0]), trace)
    if not tests:
        return "not executed"

    def run() -> bool:
        limit = 2 * SECONDS_PER_MUTANT
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        for old, new in replaced:
            for function in live.get(old, []):
                if len(function.__code__.co_freevars) == len(new.co_freevars):
                    function.__code__ = new
        return all_pass(tests)

    (passed,) = _in_children([run], WAITING_SECONDS)
    return "survived" if passed else "killed"


def all_pass(items: Sequence[pytest.Item]) -> bool:
    """Run tests until one fails, or their time is over."""
    started = time.process_time()
    for item, following in zip_longest(items, items[1:]):
        if _failure(item, following):
            return False
        if time.process_time() - started > SECONDS_PER_MUTANT:
            break
    return True


def replacements(mutant: Mutant, source: str) -> list[tuple[CodeType, CodeType]]:
    """Return the code of the changed function, and of those within it, before and after."""
    for old, new in zip(code_of(source), code_of(mutant.source), strict=True):
        if old != new:
            return list(zip(nested(old), nested(new), strict=False))
    return []


def _live_functions(files: Iterable[str]) -> dict[CodeType, list[FunctionType]]:
    """Import the files, and find their functions by their code, however they are decorated."""
    for file in files:
        importlib.import_module(".".join(("latchkey", *PurePath(file).with_suffix("").parts)))
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is FunctionType:
            found[thing.__code__].append(thing)
    return found


def _source(file: str) -> str:
    return (LAYER / file).read_text(encoding="utf-8")


def _key(file: str, code: CodeType) -> str:
    """Name a function, also for the code of functions within it."""
    return f"{file} {code.co_qualname.partition('.<locals>')[0]}"


class _Watch:
    """Notes why a test failed."""

    def __init__(self) -> None:
        self.failure = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failure = self.failure or report.longreprtext or "failed"


def _failure(item: pytest.Item, following: pytest.Item | None) -> str:
    watch = _Watch()
    item.config.pluginmanager.register(watch)
    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
    item.config.pluginmanager.unregister(watch)
    return watch.failure


def _in_children[T](
    work: Sequence[Callable[[], T]], seconds: float | None = None
) -> list[T | None]:
    """Run each in a fork of this process. The result is None if it was killed or took too long."""
    running = []
    for one in work:
        receiver, sender = _FORK.Pipe(duplex=False)
        child = _FORK.Process(target=_send, args=(one, sender))
        child.start()
        sender.close()
        running.append((child, receiver))
    results: list[T | None] = []
    for child, receiver in running:
        try:
            result = receiver.recv() if receiver.poll(seconds) else None
        except EOFError:
            result = None
        child.kill()
        child.join()
        if isinstance(result, Exception):
            raise result
        results.append(result)
    return results


def _send(work: Callable[[], object], sender: Any) -> None:
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    try:
        sender.send(work())
    except Exception as error:  # noqa: BLE001 - the parent raises it
        sender.send(error)


if __name__ == "__main__":
    sys.exit(main())
