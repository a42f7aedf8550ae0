"""GET /api/v1/health: the health of the service."""

from __future__ import annotations

from latchkey.http import Request, Response, endpoint, ok, public
from latchkey.http.views.system import HealthView


@endpoint(caller=public(), returns=HealthView)
def handler(request: Request[None]) -> Response:
    """Return that the service is up. Dependencies are not checked."""
    del request
    return ok(HealthView(status="ok"))
