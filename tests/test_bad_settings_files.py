"""Settings files that are wrong: each is named, with its line and the way out."""

from __future__ import annotations

import os
import re
import traceback

import pytest

from magistral_nb import Client, ConfigurationError
from magistral_nb.settings_files import load_settings
from magistral_nb.settings_format import line_of
from magistral_nb.settings_text import MOST_BYTES
from tests.test_settings_files import SECRET, Write, refusal
from tests.test_settings_files import folders as folders
from tests.test_settings_files import write as write

CAMPUS = '[endpoints.campus]\nbase_url = "https://x.invalid/v1"\n'


BAD = {
    "syntax": ("[defaults]\nseed = \n", 2, "TOML"),
    "twice": ("[defaults]\nseed = 1\nseed = 2\n", 3, "TOML"),
    "unknown table": ("[defaults]\n\n[default]\nseed = 1\n", 3, "'defaults'"),
    "outside a table": ("temperature = 0.5\n", 1, "[defaults]"),
    "defaults is no table": ("defaults = 1\n", 1, "[defaults]"),
    "a list of tables": ("[[endpoints]]\nname = 1\n", 1, "[endpoints.NAME]"),
    "no name": ('[endpoints]\nbase_url = "http://x/v1"\n', 2, "[endpoints.campus]"),
    "unknown default": ("[defaults]\n# a comment\ntemprature = 0.5\n", 3, "'temperature'"),
    "unknown field": (CAMPUS + 'modle = "m"\n', 3, "'model'"),
    "wrong type": ('[defaults]\ntemperature = "hot"\n', 2, "a number from 0 to 2"),
    "a flag is no number": ("[defaults]\nmax_tokens = true\n", 2, "a whole number"),
    "nor a temperature": ("[defaults]\ntemperature = true\n", 2, "a number from 0 to 2"),
    "the second of two": (CAMPUS + 'model = "m"\n[endpoints.b]\nbase_url = "http://x/v1"\nmodel = 5\n', 6, "text"),
    "out of range": ("[defaults]\nseed = 1\ntemperature = 3.0\n", 3, "from 0 to 2"),
    "not a number": ("[defaults]\ntop_p = nan\n", 2, "from 0 to 1"),
    "endless": ("[defaults]\ntimeout = inf\n", 2, "seconds"),
    "a choice": ('[defaults]\nkeep_thinking = "some"\n', 2, '"last"'),
    "an address in defaults": ('[defaults]\nbase_url = "http://x/v1"\n', 2, "[endpoints.NAME]"),
    "a key": (f'[defaults]\napi_key = "{SECRET}"\n', 2, "key_env"),
    "a key in an endpoint": (CAMPUS + f'key = "{SECRET}"\n', 3, "api_key"),
    "a key that others can read": (CAMPUS + f'api_key = "{SECRET}"\n', 3, "chmod 600"),
    "a key on two lines": (CAMPUS + f'api_key = """{SECRET}\n"""\n', 3, "no line break"),
    "no key": (CAMPUS + 'api_key = " "\n', 3, "a key in quotes"),
    "a number for a key": (CAMPUS + "api_key = 5\n", 3, "a key in quotes"),
    "no flag": (CAMPUS + "allow_insecure = 1\n", 3, "true or false"),
    "a key at the top": (f'api_key = "{SECRET}"\n', 1, "key_env"),
    "a key for a variable": (CAMPUS + f'key_env = "{SECRET}"\n', 3, "environment variable"),
    "a long key for a variable": (CAMPUS + f'key_env = "{"a1b2c3d4" * 8}"\n', 3, "environment variable"),
    "a key in a header": (CAMPUS + f'headers = {{Authorization = "Bearer {SECRET}"}}\n', 3, "key_env"),
    "a broken header": (CAMPUS + 'headers = {X-A = "a\\r\\nX-B: b"}\n', 3, "a table of texts"),
    "no web address": ('[endpoints.campus]\nbase_url = "ftp://x/v1"\n', 2, "http://"),
    "no host": ('[endpoints.campus]\nbase_url = "https:///v1"\n', 2, "http://"),
    "a password": (f'[endpoints.campus]\nbase_url = "https://me:{SECRET}@x.invalid/v1"\n', 2, "no password"),
    "no address": ('[endpoints.campus]\nmodel = "m"\n', 1, "base_url"),
    "a misspelt row": ("\n[endpoints.navigater]\ncontext = 5\n", 2, "[endpoints.navigator]"),
    "an empty table": ("[endpoints.navigater]\n", 1, "[endpoints.navigator]"),
    "a strange name": ('[endpoints."my server"]\nbase_url = "http://x/v1"\n', 1, "letters"),
    "a name with a meaning": ('[endpoints.auto]\nbase_url = "http://x/v1"\n', 1, "auto"),
    "an unknown dialect": (CAMPUS + 'dialect = "navigatr"\n', 3, "'navigator'"),
    "half a price": (CAMPUS + "price_prompt = 1\n", 3, "price_completion"),
    "a negative price": (CAMPUS + "price_prompt = -1\nprice_completion = 1\n", 3, "USD"),
    "deep": ("a = " + "[" * 5000, None, "nested"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_named_with_its_line_and_the_way_out(write: Write, case: str) -> None:
    text, line, way_out = BAD[case]
    path = write(text, 2)
    error = refusal()
    assert str(path) in error.message
    assert way_out in str(error)
    if line:
        assert re.search(rf"\bline {line}\b", error.message), error.message
    assert SECRET not in str(error)
    with pytest.raises(ConfigurationError):
        Client("demo").settings  # noqa: B018  reading it is the test


def test_a_key_in_a_bad_file_is_in_no_frame_of_the_error(write: Write) -> None:
    """`%xmode Verbose` prints the local variables of every frame."""
    for case in (
        "a key",
        "a key in an endpoint",
        "a key that others can read",
        "a key on two lines",
        "a password",
        "a key in a header",
    ):
        write(BAD[case][0])
        frames = [frame for frame, _ in traceback.walk_tb(refusal().__traceback__)]
        seen = [repr(value) for frame in frames[1:] for value in frame.f_locals.values()]
        assert len(frames) > 1
        assert SECRET not in "".join(seen), case


def test_files_that_cannot_be_read_are_named(write: Write) -> None:
    path = write(b'[defaults]\n\ninstructions = "caf\xe9"\n')
    assert f"{path}, line 3" in refusal().message
    write(b"#" * (MOST_BYTES + 1))
    assert "larger" in refusal().message
    path.unlink()
    os.mkfifo(path)  # reading it would wait for ever
    assert f"{path} is no file" in refusal().message
    path.unlink()
    path.mkdir()
    assert f"{path} is no file" in refusal().message
    path.rmdir()
    if os.geteuid():
        path.touch(0o000)
    else:
        path.symlink_to("/proc/self/mem")  # even root cannot read that
    assert f"{path} cannot be read" in refusal().message


def test_windows_line_ends_and_a_byte_order_mark_are_fine(write: Write) -> None:
    write(b"\xef\xbb\xbf[defaults]\r\nseed = 5\r\n")
    assert load_settings().defaults["seed"].value == 5
    write(b"[defaults]\r\nseed = 5\r\nsede = 6\r\n")
    assert "line 3" in refusal().message


TEXT = '''# endpoint = 1
[defaults]   # a table
system = """
seed = 1
[endpoints.a]
"""
stop = [
  "x",   # seed = 2
]
"seed" = 3
'model' = "m"

[endpoints]
a = {base_url = "http://x", model = "m"}
[endpoints.b]
headers.X-A = "1"
'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("defaults", 2), ("defaults system", 3), ("defaults stop", 7), ("defaults seed", 10), ("defaults model", 11),
        ("endpoints a model", 14), ("endpoints b", 15), ("endpoints b headers X-A", 16), ("endpoints c", None),
    ],
)  # fmt: skip
def test_the_line_of_a_key(keys: str, line: int | None) -> None:
    assert line_of(TEXT, tuple(keys.split())) == line


def test_an_unknown_line_is_said_to_be_unknown(write: Write) -> None:
    write("[defaults]\nstop = [\n" + '"x",\n' * 300 + "]\nsede = 1\n")
    message = refusal().message
    assert "line unknown" in message
    assert "defaults.sede" in message
