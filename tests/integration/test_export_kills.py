"""SIGKILL at every point that an export worker passes: the export is ready all the same, once.

Workers are processes of their own on an emulator of their own, with the real handler in them.
"""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from latchkey import wiring
from latchkey.storage import boto_client
from latchkey.storage.boto_client import aws_client
from tests.support.export_campaign import Campaign
from tests.support.export_process import OUT_OF_TIME, STEPS, deliver
from tests.support.recorded_service import create_tables
from tests.support.service import ENVIRONMENT
from tools.local import emulator
from tools.local.processes import free_port

KILLED = -9
SEED = 20260102
OFTEN = ("checkpoint", "read_rows", "part_uploaded")
LATER = timedelta(minutes=12)
"""The queue shows a message again when it was hidden for so long."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    with emulator.start(free_port(), tmp_path_factory.mktemp("emulator")) as running:
        yield {**ENVIRONMENT, **running.environment, "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.fixture(scope="module")
def campaign(environment):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        boto_client._session.cache_clear()
        create_tables()
        s3 = aws_client("s3")
        region = {"LocationConstraint": "eu-west-1"}
        s3.create_bucket(Bucket=ENVIRONMENT["EXPORT_BUCKET"], CreateBucketConfiguration=region)
        yield Campaign(s3, aws_client("dynamodb"), SEED)
        boto_client._session.cache_clear()
        wiring.use(None)


def kill_and_redeliver(campaign, environment, point, rows, nth):
    """Kill the first worker. Returns how many redeliveries the export took."""
    # Hex packs to half of its size, and is four times in the file: two parts of 8 MiB, and a rest.
    big = point == "part_uploaded"
    requested = (
        campaign.request_export(80, row_bytes=120_000) if big else campaign.request_export(rows)
    )
    looks = 200 if point in OUT_OF_TIME else None
    code = deliver(environment, requested.message_id, kill_at=point, nth=nth, looks=looks)
    assert code == KILLED, f"{point} was not passed {nth} times"
    campaign.require_unreachable(requested)
    for delivery in (1, 2):
        # The message that was being worked on comes again, and one that was handed over comes.
        for message_id in campaign.messages("export", requested.export.id):
            assert deliver(environment, message_id, shift=LATER * delivery) == 0
        if not campaign.messages("export", requested.export.id):
            campaign.require_complete(requested)
            return delivery
    pytest.fail(f"killed at {point}, the export was not ready after two redeliveries")


def run(campaign, environment, plan, seed=SEED):
    redeliveries = Counter()
    chance = random.Random(seed)
    for point, rows in plan:
        nth = chance.randrange(1, 4) if point in OFTEN else 1
        redeliveries[kill_and_redeliver(campaign, environment, point, rows, nth)] += 1
    return redeliveries


def test_export_continues_after_a_killed_worker(campaign, environment):
    """One step of each phase; the whole list is the slow test's."""
    points = ("stage", "hand_over", "archive_complete", "publish")
    done = run(campaign, environment, [(point, 300) for point in points])
    assert done.total() == len(points)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_export_continues_after_a_kill_at_every_step(campaign, environment, seed):
    """Three times, so each step is hit three times: forty-eight exports."""
    plan = [(point, 1000) for point in STEPS]
    plan[3 * seed] = (plan[3 * seed][0], 10_000)
    done = run(campaign, environment, plan, seed)
    print(f"\n{done.total()} exports, {dict(done)} redeliveries: exports")  # noqa: T201
    assert done.total() == len(STEPS)


def test_five_parallel_deliveries_make_one_file_and_one_email(campaign, environment):
    requested = campaign.request_export(200)
    with ThreadPoolExecutor(5) as pool:
        codes = list(
            pool.map(lambda _: deliver(environment, requested.message_id), range(5), timeout=240)
        )
    assert 0 in codes
    campaign.require_complete(requested)
    # Those that were not done come again, and find nothing to do.
    assert deliver(environment, requested.message_id, shift=LATER) == 0
    campaign.require_complete(requested)
