"""Which value wins: the argument, the environment, a file, the row, or ours."""

from __future__ import annotations

import pytest

from magistral_nb import ENDPOINTS, Client
from magistral_nb.choosing import choose_endpoint
from tests.fake_server import FakeServer
from tests.test_client import GOOD
from tests.test_settings_files import Write, campus
from tests.test_settings_files import folders as folders
from tests.test_settings_files import write as write


def test_argument_over_environment_over_file_over_row_over_ours(
    write: Write, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.play(GOOD)

    def asked(client: Client, **call: float) -> tuple[str, float]:
        client.chat("hi", **call)  # type: ignore[arg-type]  # temperature only
        body = server.requests[-1].json()
        return body["model"], body["temperature"]

    write(campus(server))
    assert asked(Client()) == ("row-model", 0.7)
    write(campus(server, 'model = "file-model"\ntemperature = 0.2'))
    assert asked(Client()) == ("file-model", 0.2)
    assert asked(Client("campus")) == ("file-model", 0.2)
    monkeypatch.setenv("MAGISTRAL_MODEL", "env-model")
    assert asked(Client()) == ("env-model", 0.2)
    assert asked(Client(model="mine", temperature=0.7)) == ("mine", 0.7)  # 0.7 is ours too, but somebody said it
    assert asked(Client(temperature=0.7), temperature=1) == ("env-model", 1)


def test_an_argument_that_equals_our_default_still_wins(write: Write) -> None:
    write('[defaults]\nmax_retries = 5\nkeep_thinking = "all"\nsystem = "Be brief."\ntop_p = 0.5')
    own = Client("demo", max_retries=2, keep_thinking="none", system="default", top_p=0.95).settings
    assert (own.max_retries, own.keep_thinking, own.system, own.top_p) == (2, "none", "default", 0.95)
    assert Client("demo", system=None).settings.system is None
    told = Client("demo").settings
    assert (told.max_retries, told.keep_thinking, told.system, told.top_p) == (5, "all", "Be brief.", 0.5)


def test_a_model_belongs_to_the_endpoint_that_the_files_name(write: Write) -> None:
    write('[defaults]\nendpoint = "navigator"\nmodel = "for-navigator"\nseed = 7', 2)
    assert Client().settings.model == "for-navigator"
    assert Client("navigator").settings.model == "for-navigator"
    elsewhere = Client("demo").settings
    assert (elsewhere.model, elsewhere.seed) == (ENDPOINTS["demo"].model, 7)
    assert Client(base_url="http://127.0.0.1:9/v1").settings.model is None
    write('[defaults]\nendpoint = "demo"')  # whoever names another endpoint wants its model, not the system's
    assert Client().settings.model == ENDPOINTS["demo"].model
    write('[defaults]\nendpoint = "demo"\nmodel = "mine"')
    assert Client().settings.model == "mine"


def test_the_environment_names_an_endpoint_over_the_files(write: Write) -> None:
    write('[defaults]\nendpoint = "demo"')
    assert choose_endpoint(None, None, env={"MAGISTRAL_ENDPOINT": "together"}).endpoint.name == "together"
    assert choose_endpoint(None, None, env={"NAVIGATOR_API_KEY": "x"}).endpoint.name == "demo"


def test_a_model_with_no_endpoint_goes_with_the_key_that_is_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('[defaults]\nmodel = "mine"')
    choice = choose_endpoint(None, None, env={"TOGETHER_API_KEY": "x"})
    assert (choice.endpoint.name, choice.defaults["model"]) == ("together", ("mine", str(path)))
    monkeypatch.setenv("TOGETHER_API_KEY", "x")
    assert Client().settings.model == "mine"
    monkeypatch.setenv("MAGISTRAL_MODEL", "of the environment")
    assert Client().settings.model == "of the environment"
    assert "model" not in choose_endpoint("demo", None, env={}).defaults
