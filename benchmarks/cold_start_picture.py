"""Draws the initializations of docs/performance.md, as bars.

python -m benchmarks.cold_start_picture
"""

from __future__ import annotations

import re

from tools.template import ROOT

TABLE = ROOT / "docs/performance.md"
PICTURE = ROOT / "docs/cold-start.svg"
ROW = re.compile(r"^\| ([^|]+) \| ([0-9,]+) \|", re.MULTILINE)
ROW_HEIGHT, LABEL_WIDTH, BAR_WIDTH = 26, 200, 420


def rows(text: str) -> list[tuple[str, int]]:
    """Return the functions of the results, and the millions of instructions of their starts."""
    results = text.split("## Results")[1].split("\n\n")[1]
    found = [
        (name.replace("`", ""), int(init.replace(",", ""))) for name, init in ROW.findall(results)
    ]
    return [(name, init) for name, init in found if "forged" not in name]


def draw(bars: list[tuple[str, int]]) -> str:
    """Return an SVG with one bar for each function."""
    longest = max(init for _, init in bars)
    height = ROW_HEIGHT * len(bars) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}">',
        "<style>text { font: 13px sans-serif }</style>",
        f'<rect width="700" height="{height}" fill="#fff"/>',
    ]
    for number, (name, init) in enumerate(bars):
        top = ROW_HEIGHT * number + 8
        width = round(BAR_WIDTH * init / longest)
        color = "#b8b8b8" if name.startswith(("an ", "a ")) else "#2f6f9f"
        parts += [
            f'<text x="{LABEL_WIDTH - 8}" y="{top + 13}" text-anchor="end">{name}</text>',
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{width}" height="16" fill="{color}"/>',
            f'<text x="{LABEL_WIDTH + width + 6}" y="{top + 13}">{init:,}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(rows(TABLE.read_text())))
