"""Reduces a layer's botocore to the services, endpoints and certificates that Latchkey uses.

`python trim_botocore.py DIRECTORY SERVICE…`: the directory of the package, and the services by
their boto3 names. botocore reads its list of endpoints in every cold start, and its certificates
for every new connection. It has 1.2 MB of the one and 260 KB of the other.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path

ROOTS = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}
"""The roots of AWS's endpoints, and the SHA-256 digests of their certificates (DER).
Amazon Trust Services recommends that a trust store has all five.
Source: https://www.amazontrust.com/repository/ (trust store recommendations)."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def main(arguments: list[str]) -> None:
    """Reduce the package in this directory."""
    package, *services = arguments
    botocore = Path(package)
    prefixes = trim_services(botocore / "data", set(services))
    trim_endpoints(botocore / "data" / "endpoints.json", prefixes)
    trim_certificates(botocore / "cacert.pem")


def trim_services(data: Path, services: set[str]) -> set[str]:
    """Remove all other services. Returns the names of these in the list of endpoints."""
    for directory in data.iterdir():
        if directory.is_dir() and directory.name not in services:
            shutil.rmtree(directory)
    if missing := services - {directory.name for directory in data.iterdir()}:
        raise SystemExit(f"botocore does not know {', '.join(sorted(missing))}.")
    prefixes = set()
    for model in data.glob("*/*/service-2.json*"):
        content = model.read_bytes()
        document = json.loads(gzip.decompress(content) if model.suffix == ".gz" else content)
        prefixes.add(document["metadata"]["endpointPrefix"])
    return prefixes


def trim_endpoints(path: Path, prefixes: set[str]) -> None:
    """Remove the endpoints of all other services. Regions and partitions stay."""
    document = json.loads(path.read_text())
    for partition in document["partitions"]:
        partition["services"] = {
            name: service for name, service in partition["services"].items() if name in prefixes
        }
    path.write_text(json.dumps(document, separators=(",", ":")))


def trim_certificates(path: Path) -> None:
    """Remove all roots that issue no certificates for AWS. Ends the build if one is missing."""
    found = {}
    for match in _CERTIFICATE.finditer(path.read_text()):
        digest = hashlib.sha256(base64.b64decode(match[1])).hexdigest()
        found[digest] = match[0]
    kept = []
    for name, digest in ROOTS.items():
        if digest not in found:
            raise SystemExit(f"botocore's certificates lack {name}. See ROOTS in {__file__}.")
        kept.append(f"# {name}\n{found[digest]}\n")
    path.write_text("\n".join(kept))


if __name__ == "__main__":
    main(sys.argv[1:])
