"""Where an answer comes from when the model has none: by kind of failure, and in order.

Needs reliai, installed from its repository: `python fallbacks.py`
"""

import os

import reliai
from chat_client import chat
from reliai.testing import Status, fault_server


@reliai.reliable(reliai.Timeout(1), name="small")  # a guarded fallback brings its own policies
def small_model(prompt: str) -> str:
    return chat(prompt, model="small")


def long_model(prompt: str) -> str:  # a bare one runs inside the policies below
    return chat(prompt, model="long")


@reliai.reliable(
    reliai.Timeout(5),
    reliai.Fallback(
        small_model,
        "A colleague will answer by mail.",
        on={"context_length": long_model},  # a prompt too long needs another model
        reserve=0.5,  # half the time is kept for the fallbacks
    ),
    reliai.Retry(2),
    name="large",
)
def answer(prompt: str) -> str:
    return chat(prompt, model="large")


def show(what: str) -> None:
    outcome = reliai.execute(answer, "Where is my parcel?")
    record = outcome.record
    asked = [attempt.target for attempt in record.attempts]
    print(f"{what:<18} {record.status:<9} {outcome.unwrap()!r}, asked {asked}")


models = {"large": "It is on its way.", "small": "On its way.", "long": "On its way, at length."}

with fault_server({name: [None] for name in models}, model=lambda r: models[r["model"]]) as server:
    os.environ["MODELS_URL"] = server.url
    show("all is well")
    server.reset({"large": Status(503)})
    show("large is down")
    server.reset({"large": Status("quota")})
    show("quota spent")  # permanent: not retried
    server.reset({"large": Status("context_length")})
    show("prompt too long")
    with server.outage(Status(503)):
        show("all are down")
