"""The verifier of the examples, from environment variables."""

import os

from latchkey_client.introspection import IntrospectionVerifier
from latchkey_client.table import TableVerifier
from latchkey_client.verify import Verifier


def make_verifier() -> Verifier:
    """Read the table in the account of Latchkey, or introspect elsewhere."""
    if table := os.environ.get("LATCHKEY_TABLE"):
        return TableVerifier(table, issuer=os.environ["LATCHKEY_ISSUER"])
    return IntrospectionVerifier(
        os.environ["LATCHKEY_INTROSPECTION"], region=os.environ["AWS_REGION"]
    )
