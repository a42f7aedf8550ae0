"""Sessions against a model: any sequence of sign-ins, refreshes, replays, revocations and crashes.

The model says in 60 lines of plain Python what `flows` and `storage` must do together. A crash is
a write that happened and whose answer was lost, so that the caller sees a 503.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, override

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.storage.keys import LIMIT_PREFIX
from latchkey.storage.memory import MemoryTable
from tests.support.service import InProcessService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latchkey.storage.table import Write

LIMIT = 3
IDLE = timedelta(days=14)
ABSOLUTE = timedelta(days=90)
ACCESS = timedelta(minutes=10, seconds=30)
GRACE = timedelta(seconds=30)
SESSIONS = "/api/v1/users/me/sessions"


class CrashingTable(MemoryTable):
    """Loses the response of the next write on request."""

    crash_next = False

    @override
    def _commit(self, writes: Sequence[Write], *, factor: int) -> None:
        super()._commit(writes, factor=factor)
        # What is counted before anything is looked at is another matter (test_brute_force.py).
        if not all(write.key.pk.startswith(LIMIT_PREFIX) for write in writes):
            self._crash()

    def _crash(self) -> None:
        if self.crash_next:
            self.crash_next = False
            raise TemporarilyUnavailable(retry_after_seconds=1)


@dataclass
class ModelSession:
    """One session as it should be."""

    started: datetime
    device: str
    last_activity: datetime
    generation: int = 1
    used: int = 0
    rotated: datetime | None = None
    ended: bool = False

    def refusal(self, now: datetime) -> str | None:
        if self.ended:
            return "SESSION_REVOKED"
        if now >= self.started + ABSOLUTE:
            return "SESSION_EXPIRED"
        if now >= self.last_activity + IDLE:
            return "SESSION_IDLE_TIMEOUT"
        return None

    def use(self, now: datetime, generation: int) -> None:
        if now - self.last_activity >= timedelta(minutes=1) or generation > self.used:
            self.last_activity = now
            self.used = max(self.used, generation)

    def refresh(self, now: datetime, presented: int) -> str | None:
        """Apply a refresh and return its refusal."""
        refusal = self.refusal(now)
        if refusal is not None:
            return refusal
        if presented == self.generation:
            self.used, self.generation = self.generation, self.generation + 1
            self.rotated = self.last_activity = now
            return None
        unused = self.used < self.generation
        in_grace = self.rotated is not None and now - self.rotated <= GRACE
        if presented == self.generation - 1 and (unused or in_grace):
            return None
        self.ended = True
        return "REFRESH_TOKEN_REUSED"


@dataclass(frozen=True)
class Held:
    """Tokens that some client has, also old ones."""

    session: str
    generation: int
    access: str
    refresh: str
    issued: datetime


@dataclass
class Model:
    sessions: dict[str, ModelSession] = field(default_factory=dict)

    def active(self, now: datetime) -> dict[str, ModelSession]:
        return {sid: s for sid, s in self.sessions.items() if s.refusal(now) is None}

    def start(self, sid: str, now: datetime, device: str) -> None:
        others = []
        for session in self.active(now).values():
            if session.device == device:
                session.ended = True
            else:
                others.append(session)
        others.sort(key=lambda session: session.last_activity)
        for session in others[: max(0, len(others) + 1 - LIMIT)]:
            session.ended = True
        self.sessions[sid] = ModelSession(now, device, now)


class SessionMachine(RuleBasedStateMachine):
    """Requests to the service, each compared with the model."""

    tokens: Bundle[Held] = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.table = CrashingTable()
        self.service = InProcessService(table=self.table, SESSION_LIMIT=str(LIMIT))
        self.model = Model()
        self.devices = 0
        answer = self.service.register()
        self._learn(answer.data["session"]["id"], "device-of-registration")

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def _learn(self, sid: str, device: str) -> None:
        self.model.start(sid, self.now, device)

    def _stored_sessions(self) -> set[str]:
        items = self.table.all_items()
        return {str(i["sk"])[8:] for i in items if str(i["sk"]).startswith("SESSION#")}

    @rule(target=tokens, crash=st.booleans(), same_device=st.booleans())
    def login(self, *, crash: bool, same_device: bool) -> Any:
        """Sign in, on a new device or again on the last one."""
        self.service.clock.advance(seconds=1)
        if not same_device or self.devices == 0:
            self.devices += 1
        device = f"dev_{self.devices:026}"
        before = self._stored_sessions()
        self.table.crash_next = crash
        answer = self.service.login(cookies=[f"__Host-latchkey_device={device}"])
        self.table.crash_next = False
        (sid,) = self._stored_sessions() - before
        self._learn(sid, device)
        if crash:
            assert answer.status == 503
            return multiple()
        assert answer.status == 200
        data = answer.data
        return Held(sid, 1, data["access_token"], data["refresh_token"], self.now)

    @rule(target=tokens, held=tokens, crash=st.booleans())
    def refresh(self, held: Held, *, crash: bool) -> Any:
        """Refresh with any token that was ever issued."""
        return self._refresh(held, crash=crash)

    @rule(held=tokens, pause=st.sampled_from([27, 28, 29, 30, 31]))
    def replay(self, held: Held, pause: int) -> None:
        """Refresh, use what came of it, and come back with the old token around the grace's end."""
        successor = self._refresh(held)
        if isinstance(successor, Held):
            self._authorized(successor, "GET", "/api/v1/users/me")
            self.service.clock.advance(seconds=pause)
            self._refresh(held)

    def _refresh(self, held: Held, *, crash: bool = False) -> Any:
        self.service.clock.advance(seconds=1)
        session = self.model.sessions[held.session]
        writes = held.generation == session.generation and session.refusal(self.now) is None
        expected = session.refresh(self.now, held.generation)
        crashes = crash and (writes or expected == "REFRESH_TOKEN_REUSED")
        self.table.crash_next = crashes
        answer = self.service.request(
            "POST", "/api/v1/auth/refresh", json_body={"refresh_token": held.refresh}
        )
        if crashes:
            assert answer.status == 503
            return multiple()
        if expected is not None:
            assert answer.code == expected
            return multiple()
        data = answer.data
        return Held(
            held.session,
            session.generation,
            data["access_token"],
            data["refresh_token"],
            self.now,
        )

    @rule(held=tokens)
    def use(self, held: Held) -> None:
        """Make any request."""
        self._authorized(held, "GET", "/api/v1/users/me")

    @rule(held=tokens, victim=tokens, crash=st.booleans())
    def revoke(self, held: Held, victim: Held, *, crash: bool) -> None:
        """Sign a device out, perhaps this one."""
        path = f"{SESSIONS}/{victim.session}"

        def effect() -> str | None:
            session = self.model.sessions[victim.session]
            if session.refusal(self.now) is not None:
                return "SESSION_NOT_FOUND"
            session.ended = True
            return None

        self._authorized(held, "DELETE", path, effect, crash=crash)

    @rule(held=tokens, scope=st.sampled_from(["others", "all"]), crash=st.booleans())
    def revoke_many(self, held: Held, scope: str, *, crash: bool) -> None:
        """Sign the others out, or everybody."""

        def effect() -> str | None:
            for sid, session in self.model.active(self.now).items():
                if scope == "all" or sid != held.session:
                    session.ended = True
            return None

        self._authorized(held, "DELETE", SESSIONS, effect, crash=crash, query={"scope": scope})

    def _authorized(
        self,
        held: Held,
        method: str,
        path: str,
        effect: Any = lambda: None,
        *,
        crash: bool = False,
        query: dict[str, str] | None = None,
    ) -> None:
        self.service.clock.advance(seconds=1)
        session = self.model.sessions[held.session]
        refusal = session.refusal(self.now)
        if self.now >= held.issued.replace(microsecond=0) + ACCESS:
            refusal = "TOKEN_EXPIRED"
        if refusal is None:
            touches = (
                self.now - session.last_activity >= timedelta(minutes=1)
                or held.generation > session.used
            )
            session.use(self.now, held.generation)
            refusal = effect()
            # The authorizer's own write comes first, and losing its answer is no one's business.
            crashes = crash and refusal is None and not touches
        else:
            crashes = False
        self.table.crash_next = crash and (crashes or refusal is None)
        answer = self.service.request(method, path, token=held.access, query=query)
        self.table.crash_next = False
        if crashes:
            assert answer.status == 503
        elif refusal is None:
            assert answer.status == 200
        else:
            assert answer.code == refusal

    @rule(
        duration=st.sampled_from(
            [
                timedelta(seconds=28),
                timedelta(seconds=31),
                timedelta(minutes=5),
                timedelta(days=5),
                timedelta(days=14),
            ]
        )
    )
    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        self.service.clock.advance(seconds=duration.total_seconds())

    @rule(held=tokens)
    def list_sessions(self, held: Held) -> None:
        """See exactly the devices that are signed in."""
        self.service.clock.advance(seconds=1)
        answer = self.service.request("GET", SESSIONS, token=held.access)
        session = self.model.sessions[held.session]
        if answer.status == 200:
            session.use(self.now, held.generation)
            listed = {entry["id"] for entry in answer.data["sessions"]}
            assert listed == set(self.model.active(self.now))
            assert answer.data["sessions"][0]["is_current"]
        else:
            expired = self.now >= held.issued.replace(microsecond=0) + ACCESS
            assert answer.code == ("TOKEN_EXPIRED" if expired else session.refusal(self.now))

    @invariant()
    def the_limit_holds(self) -> None:
        assert len(self.model.active(self.now)) <= LIMIT


@pytest.fixture
def quiet():
    """Pytest keeps every line of the log until a test ends: of this one, several hundred MB."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("runs", [60, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_sessions_match_the_model(runs):
    run_state_machine_as_test(
        SessionMachine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
