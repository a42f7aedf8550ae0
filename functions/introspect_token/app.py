"""POST /api/v1/auth/introspect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http import Request, Response, endpoint, signed
from latchkey.http.bodies.introspection import IntrospectionBody
from latchkey.http.url_encoded import UrlEncodedForm
from latchkey.http.views.introspection import IntrospectionView
from latchkey.http.views.introspection import introspection as introspection_view
from latchkey.wiring.tokens import introspection

if TYPE_CHECKING:
    from latchkey.flows.introspection import Introspection


@endpoint(
    caller=signed(),
    needs=introspection,
    body=IntrospectionBody,
    form=UrlEncodedForm(IntrospectionBody),
    returns=IntrospectionView,
    bare=True,
)
def handler(request: Request[IntrospectionBody], introspection: Introspection) -> Response:
    """Tell a backend whether an access token is accepted now (RFC 7662).

    It reads the session, so a token of a session that was signed out is inactive on the next
    request. Send the request, signed by a role that may invoke this route, to the API itself:
    `introspection_endpoint` of the metadata. The answer must not be cached.
    """
    context = request.context
    token = introspection.introspect(request.body.token, context.now, request_id=context.request_id)
    return Response(data=introspection_view(token), bare=True)
