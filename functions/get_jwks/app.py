"""GET /.well-known/jwks.json: the public keys that verify our access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.limits import KEY_CACHE_SECONDS
from latchkey.http import Request, Response, document, endpoint, public
from latchkey.http.views.system import JwksView
from latchkey.wiring.tokens import signing_key_store

if TYPE_CHECKING:
    from latchkey.storage.signing_keys import SigningKeyStore


@endpoint(caller=public(), needs=signing_key_store, returns=JwksView, bare=True)
def handler(request: Request[None], store: SigningKeyStore) -> Response:
    """List the public keys: those that sign now and the next ones."""
    del request
    return document(JwksView(keys=store.public_jwks()), max_age_seconds=KEY_CACHE_SECONDS)
