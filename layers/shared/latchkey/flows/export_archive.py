"""The archive: a zip of a person's data, written sequentially and by segment.

    README.html     an explanation for people
    profile.json    a document
    sessions.json   a table, and the same as sessions.csv
    *.ndjson        a long table, one object a line, and the same as .csv
    manifest.json   every file with its size and SHA-256

It depends only on the export's record and its staged segments, not on the clock or the worker.
Packing it twice gives the same bytes.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import json
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from latchkey.domain.values import dataclass
from latchkey.flows.export_parts import PARTS, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from latchkey.domain.export import Export, Segment
    from latchkey.flows.export_parts import Part

SCHEMA_VERSION = 1
"""The format version of the files. Incremented when a column changes its meaning or is removed."""

_CSV_CHUNK_ROWS = 1000
_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that start a formula in a spreadsheet. Source: OWASP, "CSV Injection". The last four
are full-width forms, which some spreadsheets treat alike.
"""

_JSON = "application/json"
_CSV = "text/csv"
_NDJSON = "application/x-ndjson"
_SUFFIXES = {
    Form.DOCUMENT: ("json",),
    Form.TABLE: ("json", "csv"),
    Form.LONG_TABLE: ("ndjson", "csv"),
}


class Output(Protocol):
    """A write-only stream."""

    def write(self, content: bytes, /) -> int:
        """Append data."""
        ...

    def flush(self) -> None:
        """Process the appended data as far as possible."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    path: str
    media_type: str
    about: str
    rows: int | None
    size_bytes: int
    sha256: str


def encode_row(content: dict[str, Any]) -> bytes:
    """Encode a row as a line of a segment."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def pack(
    export: Export,
    read: Callable[[str], bytes],
    out: Output,
    packed: Callable[[Part], None],
) -> None:
    """Write the whole archive.

    read    reads a segment by its name
    packed  called after each part
    """
    packer = _Packer(export, read, out)
    packer.add_readme()
    for part in PARTS:
        packer.add_part(part)
        packed(part)
    packer.finish()


class _Packer:
    def __init__(self, export: Export, read: Callable[[str], bytes], out: Output) -> None:
        self._export = export
        self._at = _packed_at(export)
        self._read = read
        self._zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._files: list[_File] = []

    def add_readme(self) -> None:
        self._add("README.html", "text/html", "About this archive.", [self._readme()])

    def add_part(self, part: Part) -> None:
        segments = self._segments(part)
        rows = sum(segment.rows for segment in segments)
        stem, about = part.name, part.about
        match part.form:
            case Form.DOCUMENT:
                self._add(f"{stem}.json", _JSON, about, self._document(segments))
            case Form.TABLE:
                self._add(f"{stem}.json", _JSON, about, self._array(segments), rows)
                self._add(f"{stem}.csv", _CSV, about, self._csv(part, segments), rows)
            case Form.LONG_TABLE:
                self._add(f"{stem}.ndjson", _NDJSON, about, self._whole(segments), rows)
                self._add(f"{stem}.csv", _CSV, about, self._csv(part, segments), rows)
            case Form.FILE:
                for row in self._rows(segments):
                    content = base64.b64decode(row["base64"])
                    self._add(row["name"], row["media_type"], about, [content])

    def finish(self) -> None:
        about = "Every other file, with its size and SHA-256."
        self._add("manifest.json", _JSON, about, [self._manifest()])
        self._zip.close()

    def _add(
        self,
        path: str,
        media_type: str,
        about: str,
        chunks: Iterable[bytes],
        rows: int | None = None,
    ) -> None:
        at = self._at
        entry = zipfile.ZipInfo(path, (at.year, at.month, at.day, at.hour, at.minute, at.second))
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(entry, "w") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        self._files.append(
            _File(
                path=path,
                media_type=media_type,
                about=about,
                rows=rows,
                size_bytes=size,
                sha256=digest.hexdigest(),
            )
        )

    # A part's segments as a file -------------------------------------------------------------

    def _segments(self, part: Part) -> list[Segment]:
        return [s for s in self._export.segments if s.part == part.name]

    def _whole(self, segments: list[Segment]) -> Iterator[bytes]:
        for segment in segments:
            yield self._read(segment.name)

    def _lines(self, segments: list[Segment]) -> Iterator[bytes]:
        for content in self._whole(segments):
            yield from io.BytesIO(content)

    def _rows(self, segments: list[Segment]) -> Iterator[dict[str, Any]]:
        return map(json.loads, self._lines(segments))

    def _document(self, segments: list[Segment]) -> Iterator[bytes]:
        yield _pretty(next(self._rows(segments), {}))

    def _array(self, segments: list[Segment]) -> Iterator[bytes]:
        before = b"[\n  "
        for line in self._lines(segments):
            yield before + line.rstrip(b"\n")
            before = b",\n  "
        yield b"[]\n" if before == b"[\n  " else b"\n]\n"

    def _csv(self, part: Part, segments: list[Segment]) -> Iterator[bytes]:
        buffer = io.StringIO()
        # Without a byte order mark, spreadsheets assume a regional encoding.
        buffer.write(_BYTE_ORDER_MARK)
        writer = csv.writer(buffer, lineterminator="\r\n")
        writer.writerow(part.columns)
        for number, row in enumerate(self._rows(segments), start=1):
            writer.writerow([_cell(row.get(name)) for name in part.columns])
            if number % _CSV_CHUNK_ROWS == 0:
                yield _take(buffer)
        yield _take(buffer)

    # Manifest and README ---------------------------------------------------------------------

    def _manifest(self) -> bytes:
        export = self._export
        return _pretty(
            {
                "format": "latchkey.export",
                "schema_version": SCHEMA_VERSION,
                "export_id": export.id,
                "account_id": export.account_id,
                "requested_at": _instant(export.created_at),
                "collected_at": _instant(self._at),
                "files": [
                    {
                        "path": file.path,
                        "media_type": file.media_type,
                        "about": file.about,
                        "rows": file.rows,
                        "size_bytes": file.size_bytes,
                        "sha256": file.sha256,
                    }
                    for file in self._files
                ],
            }
        )

    def _readme(self) -> bytes:
        profile = [s for s in self._export.segments if s.part == "profile"]
        fields = next(self._rows(profile), {})
        known = {name: value for name, value in fields.items() if value is not None}
        return _README.format(
            email=html.escape(str(known.get("email", ""))),
            date=_date(self._at),
            export_id=html.escape(self._export.id),
            profile="\n".join(
                f"<tr><th scope=row>{_label(name)}</th><td>{_shown(_format(name, value))}</td></tr>"
                for name, value in known.items()
            ),
            parts="\n".join(self._readme_part(part) for part in PARTS),
        ).encode()

    def _readme_part(self, part: Part) -> str:
        segments = self._segments(part)
        rows = sum(segment.rows for segment in segments)
        if part.form is Form.FILE:
            names = [str(row["name"]) for row in self._rows(segments)]
            count = "" if names else "None."
        else:
            names = [f"{part.name}.{suffix}" for suffix in _SUFFIXES[part.form]]
            entries = "1 entry." if rows == 1 else f"{rows:,} entries."
            count = "" if part.form is Form.DOCUMENT else entries
        description = " ".join(filter(None, (_shown(part.about), count)))
        links = "\n".join(f'<a href="{_shown(name)}">{_shown(name)}</a>' for name in names)
        files = f"<dd>{links}</dd>" if links else ""
        return f"<dt>{_shown(part.title)}</dt><dd>{description}</dd>{files}"


_README = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Your data</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif }}
body {{ max-width: 44rem; margin: 3rem auto; padding: 0 1rem }}
h1 {{ line-height: 1.2 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0 }}
th, td {{ border-bottom: 1px solid #8884 }}
th {{ font-weight: 500; white-space: nowrap }}
td, code {{ overflow-wrap: anywhere }}
dt {{ font-weight: 600; margin-top: 1rem }}
dd {{ margin: 0 }}
a {{ color: light-dark(#0b57d0, #a8c7fa) }}
dd a {{ display: inline-block; margin-right: 1rem }}
@media (max-width: 32rem) {{
  body {{ margin-top: 1.5rem }}
  th, td {{ display: block; padding-right: 0 }}
  th {{ border: 0; padding-bottom: 0; white-space: normal }}
  td {{ padding-top: 0 }}
}}
</style>
<h1>Your data</h1>
<p>This is all data that we keep about the account of <strong>{email}</strong>, as of {date}.
Passwords and keys are not included: passwords can't be read, and keys would give access to your
account.</p>
<h2>You</h2>
<table>
{profile}
</table>
<h2>Contents</h2>
<dl>
{parts}
</dl>
<p>The <code>.csv</code> files open in a spreadsheet. A cell that would start a formula there begins
with an apostrophe, which is not part of your data. The <code>.json</code> and <code>.ndjson</code>
files have the same data for programs, with times in UTC. <code>.ndjson</code> is one JSON object
per line.</p> <p><a href="manifest.json">manifest.json</a> lists every file with its size and
SHA-256. With it you can check that no file is missing or changed. This is export
<code>{export_id}</code>.</p> </html>
"""


def _packed_at(export: Export) -> datetime:
    if export.packed_at is None:
        msg = "the export was not collected completely"
        raise ValueError(msg)
    return export.packed_at


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pretty(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"


def _cell(value: Any) -> Any:
    """Return a CSV cell that no spreadsheet computes. Numbers stay numbers."""
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return _cell("; ".join(str(part) for part in value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case str() if value.startswith(_FORMULA_STARTS):
            return f"'{value}"
    return value


def _take(buffer: io.StringIO) -> bytes:
    content = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return content


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            return html.escape(json.dumps(value, ensure_ascii=False))
    return html.escape(str(value))


def _format(name: str, value: Any) -> Any:
    """Format a time for people; return other values unchanged."""
    if isinstance(value, str) and name.endswith(("_at", "_until")):
        return _date(datetime.fromisoformat(value))
    return value


def _date(at: datetime) -> str:
    return f"{at:%-d %B %Y, %H:%M} UTC"


def _label(name: str) -> str:
    return html.escape(_LABELS.get(name, name.replace("_", " ").capitalize()))


_LABELS = {
    "id": "Account ID",
    "email": "Email address",
    "is_verified": "Email address confirmed",
    "must_reset_password": "Password must be reset",
    "avatar_id": "Picture's ID",
    "transactional_consent": "Messages about your activity",
    "marketing_consent": "News and offers",
    "updated_at": "Changed at",
    "purge_at": "Erased at",
    "former_email": "Former email address",
    "former_email_until": "Former email address reserved until",
}
"""Explanations of profile fields with unclear names."""
