"""Feedback from browsers, through a real server into a real store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI

import reliai
from reliai import feedback
from reliai.integrations.fastapi import feedback_router, install
from reliai.records import RecordStore
from tests.integrations._web import served

if TYPE_CHECKING:
    from collections.abc import Iterator

app = FastAPI()
install(app)
app.include_router(feedback_router(durable=True))


@app.get("/answer")
@reliai.reliable(name="answer")
def answer() -> str:
    return "an answer"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with served(app) as url, httpx.Client(base_url=url) as client:
        yield client


@pytest.fixture(autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> RecordStore:
    monkeypatch.setenv("RELIAI_FEEDBACK_KEY", "k" * 32)
    store = RecordStore(f"sqlite:///{tmp_path_factory.mktemp('store')}/records.db")
    reliai.configure(observers=[], records=store)
    return store


def say(client: httpx.Client, **said: Any) -> httpx.Response:
    return client.post("/feedback", json=said)


def test_what_a_browser_says_is_kept_with_the_call_that_it_saw(client: httpx.Client) -> None:
    call_id = client.get("/answer").headers["X-Call-Id"]
    token = feedback.token(call_id, by="u1")
    response = say(client, token=token, value=0, comment="wrong", key="k1")
    assert response.status_code == 202
    assert response.json() == {"accepted": True}
    (said,) = feedback.read(call_id)
    assert (said.name, said.value, said.by, said.comment) == ("thumbs", 0, "u1", "wrong")


def test_what_the_token_names_may_be_said(client: httpx.Client) -> None:
    for name, values in (("thumbs", (0, 1)), ("stars", (0.5, 1.0)), ("ok", (False, True))):
        token = feedback.token("0" * 32, name=name, by="u1", values=values)
        for value in values:
            assert say(client, token=token, value=value).status_code == 202
    assert {said.name: said.value for said in feedback.read()} == {
        "thumbs": 1,
        "stars": 1.0,
        "ok": True,
    }


def test_none_takes_it_back(client: httpx.Client) -> None:
    token = feedback.token("0" * 32, by="u1")
    assert say(client, token=token, value=1).status_code == 202
    assert say(client, token=token, value=None).status_code == 202
    assert feedback.read("0" * 32) == []


def test_a_token_that_is_not_ours_is_refused(client: httpx.Client) -> None:
    token = feedback.token("0" * 32)
    response = say(client, token=token[:-2] + "xx", value=1)
    assert response.status_code == 401
    assert feedback.read() == []


@pytest.mark.parametrize("said", [{"value": 7}, {}, {"value": 1, "by": "somebody"}])
def test_what_may_not_be_said_is_refused(client: httpx.Client, said: dict[str, Any]) -> None:
    token = feedback.token("0" * 32, values=(0, 1))
    assert say(client, token=token, **said).status_code == 422
    assert feedback.read() == []


@pytest.mark.parametrize("value", [True, 1, 0.5, "text"])
def test_a_value_keeps_its_kind(client: httpx.Client, value: object) -> None:
    assert say(client, token=feedback.token("0" * 32), value=value).status_code == 202
    (said,) = feedback.read()
    assert said.value == value
    assert type(said.value) is type(value)
