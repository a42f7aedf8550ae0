"""The TypeScript client over the deployed stack (clients/typescript/tests/stack.test.ts)."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.template import ROOT

if TYPE_CHECKING:
    from tools.local.stack import LocalStack

CLIENT = ROOT / "clients" / "typescript"


@pytest.mark.timeout(610)
def test_the_typescript_client(stack: LocalStack):
    installed = (CLIENT / "node_modules" / ".stamp").exists()
    assert installed, "The client's packages are not installed: make client"
    ran = subprocess.run(
        ["npm", "test", "--silent", "--", "tests/stack.test.ts"],  # noqa: S607 - the developer's own
        cwd=CLIENT,
        env={**os.environ, "LATCHKEY_URL": stack.base_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "3 passed" in ran.stdout
