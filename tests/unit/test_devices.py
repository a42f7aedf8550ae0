"""Descriptions of real devices, without invented details."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchkey.security.client_hints import ClientHints, read_client_hints
from latchkey.security.devices import clean_device_name, describe

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK}"
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {BLINK}"
MAC_WEBKIT = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {BLINK}"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT}"
CHROME = "Chrome/142.0.0.0"

# user agent → label, browser version, system, its version, model, type
REAL = [
    ("HTC_Touch_3G Mozilla/4.0 (compatible; MSIE 6.0; Windows CE; IEMobile 7.11)",
     ("IE on Windows", "7.11", "Windows", "CE", "Touch_3G", "mobile")),
    ("Opera/9.50 (Windows Mobile; U; en)",
     ("Opera on Windows Mobile", "9.50", "Windows Mobile", None, None, "mobile")),
    (f"{IPHONE} Mobile/15E148",
     ("Safari on iOS", None, "iOS", "18.1", "iPhone", "mobile")),
    (f"{WINDOWS} {CHROME} Safari/537.36",
     ("Chrome on Windows", "142", "Windows", None, "Desktop", "desktop")),
    (f"{WINDOWS} {CHROME} Safari/537.36 Edg/142.0.0.0",
     ("Edge on Windows", "142", "Windows", None, "Desktop", "desktop")),
    (f"{WINDOWS} Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
     ("Opera on Windows", "125", "Windows", None, "Desktop", "desktop")),
    (f"{WINDOWS} Chrome/140.0.0.0 Safari/537.36 Vivaldi/7.6.3797.58",
     ("Vivaldi on Windows", "7.6.3797", "Windows", None, "Desktop", "desktop")),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
     ("Firefox on Windows", "145", "Windows", None, "Desktop", "desktop")),
    (f"Mozilla/5.0 (Windows NT 6.1; Win64; x64) {BLINK} Chrome/109.0.0.0 Safari/537.36",
     ("Chrome on Windows", "109", "Windows", "7", "Desktop", "desktop")),
    ("Mozilla/5.0 (Windows NT 6.3; WOW64; Trident/7.0; rv:11.0) like Gecko",
     ("IE on Windows", "11", "Windows", "8.1", "Desktop", "desktop")),
    (f"{MAC} {CHROME} Safari/537.36",
     ("Chrome on macOS", "142", "macOS", None, "Desktop", "desktop")),
    (f"{MAC} {CHROME} Safari/537.36 Edg/142.0.0.0",
     ("Edge on macOS", "142", "macOS", None, "Desktop", "desktop")),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
     ("Firefox on macOS", "145", "macOS", None, "Desktop", "desktop")),
    (f"{MAC_WEBKIT} Version/18.1 Safari/605.1.15",
     ("Safari on Mac or iPad", "18.1", "macOS or iPadOS", None, None, "desktop")),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_13_6) {WEBKIT} Version/13.1.2 Safari/605.1.15",
     ("Safari on Mac or iPad", "13.1.2", "macOS or iPadOS", None, None, "desktop")),
    (f"{MAC_WEBKIT} CriOS/142.0.7444.46 Version/18.1 Safari/605.1.15",
     ("Chrome on iPadOS", "142.0.7444", "iPadOS", None, "iPad", "tablet")),
    (f"{MAC_WEBKIT} FxiOS/145.0 Safari/605.1.15",
     ("Firefox on iPadOS", "145", "iPadOS", None, "iPad", "tablet")),
    ((f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {WEBKIT} Version/17.5 Mobile/15E148 "
     "Safari/604.1"),
     ("Safari on iPadOS", "17.5", "iPadOS", "17.5", "iPad", "tablet")),
    (f"{IPHONE} Version/18.1 Mobile/15E148 Safari/604.1",
     ("Safari on iOS", "18.1", "iOS", "18.1", "iPhone", "mobile")),
    ((f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {WEBKIT} Version/26.0 Mobile/15E148 "
     "Safari/604.1"),
     ("Safari on iOS", "26", "iOS", None, "iPhone", "mobile")),
    (f"{IPHONE} CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1",
     ("Chrome on iOS", "142.0.7444", "iOS", "18.1", "iPhone", "mobile")),
    (f"{IPHONE} FxiOS/145.0 Mobile/15E148 Safari/605.1.15",
     ("Firefox on iOS", "145", "iOS", "18.1", "iPhone", "mobile")),
    (f"{IPHONE} EdgiOS/141.0.3537.72 Version/18.0 Mobile/15E148 Safari/604.1",
     ("Edge on iOS", "141.0.3537", "iOS", "18.1", "iPhone", "mobile")),
    (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0.0.35.107;FBBV/1;FBDV/iPhone15,2]",
     ("Facebook on iOS", "480", "iOS", "18.1", "iPhone15,2", "mobile")),
    (f"{ANDROID} {CHROME} Mobile Safari/537.36",
     ("Chrome on Android", "142", "Android", None, None, "mobile")),
    (f"{ANDROID} {CHROME} Safari/537.36",
     ("Chrome on Android", "142", "Android", None, None, "tablet")),
    (f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
     ("Samsung Internet on Android", "28", "Android", None, None, "mobile")),
    ((f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {BLINK} SamsungBrowser/26.0 Chrome/122.0.0.0 "
     "Mobile Safari/537.36"),
     ("Samsung Internet on Android", "26", "Android", "14", "SM-S921B", "mobile")),
    (f"Mozilla/5.0 (Linux; Android 10; SM-A105F) {BLINK} Chrome/90.0.4430.91 Mobile Safari/537.36",
     ("Chrome on Android", "90.0.4430", "Android", "10", "SM-A105F", "mobile")),
    ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
     ("Firefox on Android", "145", "Android", "15", None, "mobile")),
    ("Mozilla/5.0 (Android 15; Tablet; rv:145.0) Gecko/145.0 Firefox/145.0",
     ("Firefox on Android", "145", "Android", "15", None, "tablet")),
    ((f"Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A.230805.001; wv) {BLINK} Version/4.0 "
     "Chrome/120.0.6099.144 Mobile Safari/537.36"),
     ("Chrome on Android", "120.0.6099", "Android", "13", "Pixel 7", "mobile")),
    ((f"Mozilla/5.0 (Linux; U; Android 13; en-us; Redmi Note 12) {BLINK} Version/4.0 "
     "Chrome/112.0.5615.136 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.5.0-gn"),
     ("MiuiBrowser on Android", "14.5", "Android", "13", "Redmi Note 12", "mobile")),
    ((f"Mozilla/5.0 (Linux; Android 12; KFTRWI) {BLINK} Silk/120.4.1 like Chrome/120.0.6099.230 "
     "Safari/537.36"),
     ("Amazon Silk on Android", "120.4.1", "Android", "12", "Kindle", "tablet")),
    ("Mozilla/5.0 (X11; Linux x86_64) " + BLINK + f" {CHROME} Safari/537.36",
     ("Chrome on Linux", "142", "Linux", None, "Desktop", "desktop")),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
     ("Firefox on Ubuntu", "145", "Ubuntu", None, "Desktop", "desktop")),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} {CHROME} Safari/537.36",
     ("Chrome on ChromeOS", "142", "ChromeOS", None, "Desktop", "desktop")),
    (f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/142.0.0.0 Safari/537.36",
     ("Headless Chrome on Linux", "142", "Linux", None, None, "bot")),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
     ("Googlebot", "2.1", None, None, None, "bot")),
    ("curl/8.14.1", ("curl", "8.14.1", None, None, None, "unknown")),
    ("Wget/1.24.5", ("Wget", "1.24.5", None, None, None, "unknown")),
    ("python-requests/2.32.5", ("Python Requests", "2.32", None, None, None, "unknown")),
    ("okhttp/4.12.0", ("Android app", "4.12", None, None, None, "mobile")),
    ("Dart/3.9 (dart:io)", ("Flutter app", "3.9", None, None, None, "unknown")),
    ("MyApp/1.2 (Linux; Android 15; Pixel 9 Build/AP4A.250105.002) okhttp/4.12.0",
     ("MyApp on Android", "1.2", "Android", "15", "Pixel 9", "mobile")),
    ("MyApp/42 CFNetwork/1494.0.7 Darwin/23.4.0",
     ("MyApp on iOS", "42", "iOS", "17.4", None, "mobile")),
    ("My App/3.1 (iPhone; iOS 18.1; Scale/3.00)",
     ("My App on iOS", "3.1", "iOS", "18.1", "iPhone", "mobile")),
    ("My App/3.1 (iPad13,1; iOS 18.1)",
     ("My App on iPadOS", "3.1", "iPadOS", "18.1", "iPad", "tablet")),
    ("Acme/5.2 CFNetwork/1568.200.51 Darwin/24.1.0",
     ("Acme on iOS", "5.2", "iOS", "18.1", None, "mobile")),
    ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A.240205.002)",
     ("Android", "14", "Android", "14", "Pixel 8", "unknown")),
    (f"Mozilla/5.0 (PlayStation; PlayStation 5/6.00) {WEBKIT} Version/15.4 Safari/605.1.15",
     ("Safari", "15.4", None, None, "PlayStation 5", "unknown")),
    ("", ("Unknown device", None, None, None, None, "unknown")),
]  # fmt: skip


@pytest.mark.parametrize(("user_agent", "expected"), REAL)
def test_device_has_a_common_name(user_agent, expected):
    device = describe(user_agent)
    found = (
        device.name,
        device.browser_version,
        device.os,
        device.os_version,
        device.model,
        device.type,
    )
    assert found == expected


def hints(**named: str) -> dict[str, str]:
    return {f"sec-ch-ua-{name.replace('_', '-')}": value for name, value in named.items()}


@pytest.mark.parametrize(
    ("user_agent", "sent", "expected"),
    [
        (WINDOWS, hints(platform='"Windows"', platform_version='"15.0.0"'), ("Windows", "11")),
        (WINDOWS, hints(platform='"Windows"', platform_version='"13.0.0"'), ("Windows", "11")),
        (WINDOWS, hints(platform='"Windows"', platform_version='"10.0.0"'), ("Windows", "10")),
        (WINDOWS, hints(platform='"Windows"', platform_version='"0.3.0"'), ("Windows", "8.1")),
        (WINDOWS, hints(platform='"Windows"', platform_version='""'), ("Windows", None)),
        (WINDOWS, hints(platform='"Windows"'), ("Windows", None)),
        (MAC, hints(platform='"macOS"', platform_version='"15.1.0"'), ("macOS", "15.1")),
        (ANDROID, hints(platform='"Android"', platform_version='"15.0.0"'), ("Android", "15")),
        # A phone that asks for desktop pages says Linux in its user agent.
        ("X11; Linux x86_64", hints(platform='"Android"'), ("Android", None)),
        (WINDOWS, hints(platform='"Linux"', platform_version='"6.8.0"'), ("Linux", None)),
        # Not of the form: as if it had not been sent.
        (WINDOWS, hints(platform="Windows", platform_version="15"), ("Windows", None)),
        (WINDOWS, hints(platform='"Windows"', platform_version='"1e9"'), ("Windows", None)),
        (WINDOWS, hints(platform='"<script>"'), ("Windows", None)),
    ],
)
def test_client_hints_override_the_system(user_agent, sent, expected):
    device = describe(f"{user_agent} {CHROME} Safari/537.36", client_hints=sent)
    assert (device.os, device.os_version) == expected


def test_client_hints_add_model_and_browser():
    sent = hints(platform='"Android"', model='"Pixel 9"', mobile="?1")
    sent["sec-ch-ua"] = '"Chromium";v="142", "Brave";v="142", "Not_A Brand";v="99"'
    device = describe(f"{ANDROID} {CHROME} Mobile Safari/537.36", client_hints=sent)
    assert (device.name, device.model, device.type) == ("Brave on Android", "Pixel 9", "mobile")
    sent["sec-ch-ua-mobile"] = "?0"
    assert describe(f"{ANDROID} {CHROME} Safari/537.36", client_hints=sent).type == "tablet"


@pytest.mark.parametrize(
    "value",
    ["", "Windows", '"', '"Win', '"a" "b"', '"\x00"', '"é"', '"' + "x" * 300 + '"', "?1", '"\\x"'],
)
def test_malformed_hint_is_ignored(value):
    assert read_client_hints({"sec-ch-ua-platform": value}) == ClientHints()


def test_escapes_in_a_hint_are_decoded():
    assert read_client_hints({"sec-ch-ua-model": '"a\\"b\\\\c"'}).model == 'a"b\\c'


def test_name_of_a_native_app_takes_precedence():
    assert describe("okhttp/4.12.0", device_name="Ada's Pixel 9").name == "Ada's Pixel 9"
    assert describe("okhttp/4.12.0", device_name=" \u202e\x00 ").name == "Android app"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Ada's\r\nSet-Cookie: a=b", "Ada'sSet-Cookie: a=b"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\u200b\u2066b", "ab"),
        ("  many   spaces  ", "many spaces"),
        ("x" * 1000, "x" * 64),
        ("\ud800", ""),
        ("Łódź 📱", "Łódź 📱"),
    ],
)
def test_a_name_is_safe_to_show(text, clean):
    assert clean_device_name(text) == clean


@given(st.text(max_size=512), st.dictionaries(
    st.sampled_from(["sec-ch-ua", *hints(platform="", platform_version="", model="", mobile="")]),
    st.text(max_size=300),
))  # fmt: skip
def test_any_user_agent_gets_a_description(user_agent, sent):
    device = describe(user_agent, client_hints=sent)
    assert 0 < len(device.name) <= 64
    for text in (device.browser, device.browser_version, device.os, device.os_version):
        assert text is None or (0 < len(text) <= 64 and text == clean_device_name(text))
    assert device.type in {"desktop", "mobile", "tablet", "bot", "unknown"}


def test_long_client_hint_is_ignored():
    longest = "x" * 254
    assert read_client_hints({"sec-ch-ua-model": f'"{longest}"'}).model == longest
    assert read_client_hints({"sec-ch-ua-model": f'"{longest}x"'}).model is None
