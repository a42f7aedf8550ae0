"""GET /api/v1/health: the health of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http.auth import public
from latchkey.http.endpoint import endpoint
from latchkey.http.response import ok
from latchkey.http.views.system import HealthView

if TYPE_CHECKING:
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(caller=public(), returns=HealthView)
def handler(request: Request[None]) -> Response:
    """Return that the service is up. Dependencies are not checked."""
    del request
    return ok(HealthView(status="ok"))
