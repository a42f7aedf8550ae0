"""The tutorial: every command works on the stack, and prints what the tutorial shows."""

from __future__ import annotations

from tests.support.snippets import Step, run, steps
from tools.template import ROOT

TUTORIAL = ROOT / "docs/tutorial.md"
ADDRESS = "http://localhost:8000"


def test_every_command_of_the_tutorial_prints_what_it_shows(stack):
    start, *rest = steps(TUTORIAL)
    assert start == Step("make run\n")
    assert rest[0].commands.startswith(f"api={ADDRESS}/api/v1\n")
    blocks = [Step(b.commands.replace(ADDRESS, stack.base_url), b.printed) for b in rest]
    outputs = run(blocks)
    assert len([block for block in blocks if block.printed]) >= 8
    for block, output in zip(blocks, outputs, strict=True):
        assert block.prints(output), f"{block.commands}\nprinted\n{output}\nnot\n{block.printed}"
