"""The contract and the service agree for thousands of generated requests."""

from __future__ import annotations

import pytest

from tests.support.generated import Campaign


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("requests", [300, pytest.param(12_000, marks=pytest.mark.slow)])
def test_the_service_agrees_with_its_contract(requests):
    campaign = Campaign()
    campaign.run(requests)
    assert campaign.sent > requests * 0.6
    assert not campaign.failures, "\n\n".join(campaign.failures[:5])


def test_every_operation_is_requested():
    campaign = Campaign()
    campaign.run(1)
    assert set(campaign.statuses) == campaign.operations
