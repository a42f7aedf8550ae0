"""Reads exports: unpacks them and compares them with the manifest."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of an archive whose manifest has been checked against them."""

    files: dict[str, bytes]
    manifest: dict[str, Any]

    def text(self) -> str:
        """All of it, to look for what must, or must not, be in there."""
        return "\n".join(content.decode(errors="replace") for content in self.files.values())

    def json(self, path: str) -> Any:
        return json.loads(self.files[path])

    def ndjson(self, path: str) -> list[Any]:
        return [json.loads(line) for line in self.files[path].splitlines()]

    def csv(self, path: str) -> list[dict[str, str]]:
        text = self.files[path].decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))


def read_archive(content: bytes, *, sha256: str | None = None) -> Archive:
    """Unpack and verify: every file is in the manifest with its size and hash, and no other."""
    if sha256 is not None:
        assert hashlib.sha256(content).hexdigest() == sha256
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert len(names) == len(set(names))
        files = {name: archive.read(name) for name in names}
    manifest = json.loads(files["manifest.json"])
    described = {entry["path"]: entry for entry in manifest["files"]}
    assert set(described) == set(files) - {"manifest.json"}
    for path, entry in described.items():
        assert entry["size_bytes"] == len(files[path]), path
        assert entry["sha256"] == hashlib.sha256(files[path]).hexdigest(), path
    return Archive(files, manifest)
