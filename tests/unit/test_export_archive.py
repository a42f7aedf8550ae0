"""Values of an export in its CSV files and its page."""

from __future__ import annotations

import pytest

from latchkey.flows.export_archive import _cell, _shown


@pytest.mark.parametrize(
    ("value", "cell", "shown"),
    [
        (True, "true", "yes"),
        (False, "false", "no"),
        (36, 36, "36"),
        ("Ada", "Ada", "Ada"),
        ("=1+1", "'=1+1", "=1+1"),
        ("<b>", "<b>", "&lt;b&gt;"),
        (["full_name", "age"], "full_name; age", "[&quot;full_name&quot;, &quot;age&quot;]"),
        (["=1+1", "b"], "'=1+1; b", "[&quot;=1+1&quot;, &quot;b&quot;]"),
        ({"city": "Köln"}, '{"city": "Köln"}', "{&quot;city&quot;: &quot;Köln&quot;}"),
        (None, None, "None"),
    ],
)
def test_value_is_neither_a_formula_nor_markup(value, cell, shown):
    assert _cell(value) == cell
    assert _shown(value) == shown
