"""New passwords: common, guessable and short ones are refused, phrases are not."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from latchkey.domain.errors import WeakPassword
from latchkey.security import common_passwords
from latchkey.security.common_passwords import CommonPasswords, fold
from latchkey.security.password_policy import PasswordPolicy, is_walk
from tests.support.service import PASSWORD
from tools.template import ROOT

COMMON = CommonPasswords()
POLICY = PasswordPolicy(
    min_length=15, common=COMMON, service_words=("Latchkey", "accounts.example.org")
)
KNOWN = ("ada.lovelace@analytical.example", "Ada Lovelace", "countess")


def refusal(password, policy=POLICY, known=()):
    """The code of what is wrong; None for a password that is accepted."""
    try:
        policy.require_acceptable(password, field="password", known=known)
    except WeakPassword as error:
        (problem,) = error.problems
        return problem.code
    return None


# Length ---------------------------------------------------------------------------------------


def test_length_counts_code_points():
    assert refusal("vexing quilt 7\u00e9") is None
    assert refusal("vexing quilt 7") == "TOO_SHORT"
    assert refusal("\U0001f600" * 14) == "TOO_SHORT"
    assert refusal("k3 vowel \U0001f600 " * 5 + "mends a lantern " * 4) is None
    assert refusal("x" * 129) == "TOO_LONG"


@pytest.mark.parametrize(
    "password",
    ["\ufdfa", "\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468\u2469\u246a\u246b"],
    ids=["one ligature", "twelve circled numbers"],
)
def test_length_counts_the_typed_characters(password):
    assert refusal(password) == "TOO_SHORT"


def test_length_counts_the_normalized_form_if_it_is_shorter():
    assert refusal("e\u0301" * 14) == "TOO_SHORT"


# What is refused ------------------------------------------------------------------------------

LISTED = [
    "thisismypassword",
    "worldofwarcraft",
    "linkedinpassword",
    "cristianoronaldo",
    "californication",
    "avengedsevenfold",
    "manchester united",
    "default_password",
    "williamdimitri1",
    "zombaks61zombaks61",
    "lightpower12345",
    "kartoffelpuffer",
    "ThisIsMyPassword2025!",
    "TH1515MYP455W0RD",
    "\uff54\uff48\uff49\uff53\uff49\uff53\uff4d\uff59\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
]
PATTERNS = [
    "passwordpassword",
    "123456789012345678",
    "qwertyuiopasdfgh",
    "a" * 100,
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb",
    "zaq12wsxcde34rfvbgt5",
    "1a2s3d4f5g6h7j8k",
    "123456789101112",
    "112233445566778899",
    "102030405060708090",
    "qwertzuiop\u00fcasdfgh",
    "azertyuiopqsdfgh",
    "',.pyfgcrlaoeuidh",
    "\u0439\u0446\u0443\u043a\u0435\u043d\u0433\u0448\u0449\u0437\u0445\u044a\u0444\u044b\u0432\u0430",
    "abcdefghijklmnop",
    "aabbccddeeffgghh",
    "Summer2024Summer2024",
    "12/12/1990-12/12/1990",
    "Tr0ub4dor&3Tr0ub4dor&3",
    "Password12345678!",
    "January2025!!!!!",
    "\U0001f600\U0001f680\U0001f419" * 5,
]
PHRASES = [
    "correct horse battery staple",
    "Correct-Horse-Battery-Staple!",
    "c0rr3cth0rs3b4tt3ryst4pl3",
    "thequickbrownfox",
    "tobeornottobethatisthequestion",
    "To be, or not to be 1600",
    "MayTheForceBeWithYou",
]
EXPECTED = [
    "latchkeylatchkey",
    "latchkey password",
    "Latchkey2025!!!!",
    "accounts.example.org",
    "lovelaceanalytical",
    "Countess Ada 1815!",
    "ada.lovelace@analytical.example",
]


@pytest.mark.parametrize("password", LISTED + PATTERNS + PHRASES + EXPECTED)
def test_common_and_expected_passwords_are_refused(password):
    assert refusal(password, known=KNOWN) == "TOO_COMMON"


def test_most_used_words_with_a_usual_ending_are_refused():
    words = [w for w in FREQUENCY_LISTS["passwords"][:100] if len(w) >= 6]
    assert len(words) > 50
    for word in words:
        for ending in ("123456789", "!!!!!!!!!", "_2024_2025"):
            assert refusal((word + ending).ljust(15, "!")) == "TOO_COMMON", word + ending


@pytest.mark.parametrize(
    ("password", "name"),
    [("plumkwenthalmoss", "Zorbik Kwenthal"), ("xunovember853xu", "Xu Ng")],
    ids=["one of two names", "names of two letters"],
)
def test_parts_of_names_add_no_strength(password, name):
    assert refusal(password) is None
    assert refusal(password, known=(name,)) == "TOO_COMMON"


def test_ending_is_ignored_only_if_at_least_twelve_characters_are_listed(tmp_path):
    path = tmp_path / "filter"
    common_passwords.write(path, {fold("plumkettles"), fold("plumkettless")}, 4096)
    with CommonPasswords(path) as common:
        policy = PasswordPolicy(min_length=15, common=common)
        assert refusal("plumkettles xqvzw", policy) is None
        assert refusal("plumkettless xqvzw", policy) == "TOO_COMMON"


# What is accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "quite another long password",
        "Wolke Tasse Fenster Rad",
        "mjq7xkw2tzp4vbn",
        "f8K#92jd!kQmz0Lp",
        "\u0447\u0430\u0439\u043d\u0438\u043a 7 \u043b\u0435\u0442\u0438\u0442 up",
        "were we were there then",
        "Latchkey opens no green door",
    ],
)
def test_phrases_and_random_characters_are_accepted(password):
    assert refusal(password, known=KNOWN) is None


def test_random_phrases_are_accepted():
    chosen = random.Random(18)
    words = [w for w in FREQUENCY_LISTS["english_wikipedia"][:10_000] if 4 <= len(w) <= 9]
    phrases = [" ".join(chosen.choices(words, k=4)) for _ in range(100)]
    refused = [phrase for phrase in phrases if refusal(phrase) is not None]
    assert len(refused) <= 1, refused


def test_the_documents_own_example_is_accepted():
    assert PASSWORD in (ROOT / "README.md").read_text()


def test_deployment_may_allow_shorter_passwords():
    policy = PasswordPolicy(min_length=8, common=COMMON)
    assert refusal("vB7#qk2!", policy) is None
    for password in ("password1", "12345678", "qwertyuiop", "aaaaaaaa", "abababab", "iloveyou!"):
        assert refusal(password, policy) == "TOO_COMMON"


# How ------------------------------------------------------------------------------------------


def test_spellings_of_a_common_password_are_refused():
    assert len({fold(p) for p in ("P@ssw0rd", "pass word", "PASSWORD", "\uff50assword!")}) == 2
    assert fold("\u2026 - !?".replace("!", "")) == ""


@pytest.mark.parametrize("text", ["plum kettle orbits", "sweet water trees", "f8K#92jd!kQmz0Lp"])
def test_words_are_not_keyboard_walks(text):
    assert not is_walk(text)


def test_filter_has_few_false_positives():
    chosen = random.Random(18)
    assert sum(f"{chosen.getrandbits(200):x}" in COMMON for _ in range(20_000)) == 0


def test_the_filter_holds_at_least_a_hundred_thousand():
    # 28.9 bits are set for each by 20 hashes, half of all: see Bloom.
    content = common_passwords.FILE.read_bytes()[16:]
    bits = len(content) * 8
    ones = sum(byte.bit_count() for byte in content)
    assert 0.49 < ones / bits < 0.51
    assert bits / 28.9 > 300_000


def test_invalid_filter_file_is_refused(tmp_path):
    path = Path(tmp_path, "filter")
    path.write_bytes(b"something else that is long enough")
    with pytest.raises(ValueError, match="filter"):
        CommonPasswords(path)


@settings(deadline=None)
@given(st.sets(st.text(min_size=1), max_size=30))
def test_written_filter_finds_its_passwords(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("filter") / "filter"
    common_passwords.write(path, texts, 4096)
    with CommonPasswords(path) as common:
        assert all(text in common for text in texts)


@pytest.mark.parametrize("text", ["4@8({[<3691!|10$57%2", "@l1!|$07", "p4ssw0rd1"])
def test_estimate_is_fast_for_every_password(text):
    started = time.process_time()
    refusal((text * 128)[:128])
    assert time.process_time() - started < 1


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=15, max_size=128))
def test_every_text_gets_a_result(password):
    assert refusal(password) in {None, "TOO_SHORT", "TOO_LONG", "TOO_COMMON"}
