"""The range service of breached passwords is known to the functions that set passwords, alone."""

from __future__ import annotations

from tools import template

VARIABLE = "BREACHED_PASSWORD_CHECK"


def test_functions_that_set_passwords_get_the_parameter_and_no_others():
    functions = {
        template.folder(properties)
        for properties in template.functions().values()
        if VARIABLE in properties.get("Environment", {}).get("Variables", {})
    }
    setting = {
        path.parent.name
        for path in (template.ROOT / "functions").glob("*/app.py")
        if "WeakPassword" in path.read_text(encoding="utf-8")
    }
    assert functions == setting
    assert functions == {"register", "change_password", "reset_password"}


def test_it_is_off_by_default():
    assert template.load()["Parameters"]["BreachedPasswordCheck"]["Default"] == ""
    variables = template.load()["Globals"]["Function"]["Environment"]["Variables"]
    assert VARIABLE not in variables
