"""`make docs`: builds the documentation site from docs/ and openapi.json into .docs/site.

It generates the index of decisions, from the headings of the records, and the API reference, which
is Swagger UI with openapi.json. The site loads nothing from other hosts.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.template import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
BUILD = ROOT / ".docs"
READER = DOCS / "node_modules/swagger-ui-dist"
HEADING = re.compile(r"^# (\d+)\. (.+)$", re.MULTILINE)
SKIPPED = {"node_modules"}

REFERENCE = """\
# API reference

[Open the reference](api/index.html): every route with its parameters, bodies, responses and error
codes, from [openapi.json](api/openapi.json).

{operations}
"""

READER_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:">
<title>API reference - Latchkey</title>
<link rel="stylesheet" href="swagger-ui.css">
<div id="reference"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="contract.js"></script>
<script src="reader.js"></script>
</html>
"""

READER_SCRIPT = """\
// Read-only: it sends no request, and asks no validator.
SwaggerUIBundle({
  spec: contract,
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "none",
  supportedSubmitMethods: [],
  validatorUrl: null,
});
"""


def pages() -> list[Path]:
    """Return every page of docs/."""
    return sorted(
        path for path in DOCS.rglob("*.md") if not SKIPPED & set(path.relative_to(DOCS).parts)
    )


def decisions() -> str:
    """Return the index of decisions, in the order of their numbers."""
    rows = []
    for path in sorted((DOCS / "adr").glob("*.md")):
        heading = HEADING.search(path.read_text(encoding="utf-8"))
        if heading is None or int(heading[1]) != int(path.name[:4]):
            raise SystemExit(f"docs/adr/{path.name} has no heading '# {int(path.name[:4])}. …'")
        rows.append(f"| {heading[1]} | [{heading[2]}]({path.name}) |")
    return "\n".join(["# Decisions", "", "| number | decision |", "|--:|---|", *rows, ""])


def reference(contract: dict[str, dict[str, dict[str, dict[str, object]]]]) -> str:
    """Return the page that lists every operation and links to Swagger UI."""
    rows = [
        f"| `{method.upper()} {path}` | {operation['summary']} |"
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    ]
    return REFERENCE.format(operations="\n".join(["| route | what it does |", "|---|---|", *rows]))


def stage(source: Path) -> None:
    """Write everything that the generator reads."""
    shutil.rmtree(source, ignore_errors=True)
    for page in pages():
        target = source / page.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(page, target)
    for picture in DOCS.glob("*.svg"):
        shutil.copy(picture, source)
    text = (ROOT / "openapi.json").read_text(encoding="utf-8")
    (source / "adr/index.md").write_text(decisions(), encoding="utf-8")
    (source / "reference.md").write_text(reference(json.loads(text)), encoding="utf-8")
    api = source / "api"
    api.mkdir()
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        shutil.copy(READER / name, api / name)
    (api / "index.html").write_text(READER_PAGE, encoding="utf-8")
    (api / "reader.js").write_text(READER_SCRIPT, encoding="utf-8")
    (api / "openapi.json").write_text(text, encoding="utf-8")
    # As a script, because a page that is read from a file may not fetch another.
    (api / "contract.js").write_text(f"const contract = {text.strip()};\n", encoding="utf-8")


def main() -> int:
    """Build the site. A broken link fails the build."""
    stage(BUILD / "source")
    command = [str(ROOT / ".tools/docs/bin/zensical"), "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
