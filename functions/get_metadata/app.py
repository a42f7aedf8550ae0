"""GET /.well-known/openid-configuration, and /.well-known/oauth-authorization-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.errors import MetadataUnavailable
from latchkey.domain.limits import KEY_CACHE_SECONDS
from latchkey.http import Request, Response, document, endpoint, public
from latchkey.http.views.system import MetadataView
from latchkey.wiring.tokens import metadata

if TYPE_CHECKING:
    from latchkey.flows.metadata import Metadata


@endpoint(
    caller=public(),
    needs=metadata,
    returns=MetadataView,
    errors=(MetadataUnavailable,),
    bare=True,
)
def handler(request: Request[None], metadata: Metadata) -> Response:
    """Return the issuer, the address of its keys, and how to introspect its tokens (RFC 8414)."""
    found = metadata.read(request.api_host)
    return document(MetadataView.of(found), max_age_seconds=KEY_CACHE_SECONDS)
