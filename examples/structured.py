"""Answers of one type: parsed strictly, repaired where that is safe, asked for again, or refused.

Needs reliai, installed from its repository: `python structured.py`
"""

import os

from pydantic import BaseModel, Field

import reliai
from chat_client import chat
from reliai.testing import Truncated, fault_server


class Order(BaseModel):
    article: str
    pieces: int = Field(gt=0)


@reliai.check
def in_stock(order: Order) -> bool | str:
    return True if order.article in {"lamp", "chair"} else f"no {order.article} in stock"


@reliai.reliable(
    reliai.Guard(mail=reliai.MaxLength(2_000)),
    reliai.Validate(in_stock, output=Order, reask=1),  # tells the model what was wrong, once
)
def read_order(mail: str) -> str:
    return chat(mail, model="reader")


def show(what: str, mail: str = "Two lamps, please.") -> None:
    outcome = reliai.execute(read_order, mail)
    events = [event.kind for event in outcome.record.events]
    print(f"{what:<14} {outcome.value or outcome.error!r}  {events}")


good = '{"article": "lamp", "pieces": 2}'
with fault_server() as server:
    os.environ["MODELS_URL"] = server.url
    server.reset([good])
    show("strict JSON")
    server.reset([f"```json\n{good[:-1]},}}\n```"])
    show("repaired")
    server.reset(['{"article": "lamp", "pieces": 0}', good])
    show("asked again")
    print("    the model was told:", server.requests[-1].json["messages"][0]["content"][20:])
    server.reset(['{"article": "sofa", "pieces": 2}'])
    show("never right")
    server.reset([Truncated(then=good)])
    show("cut off")  # neither repaired nor asked again
    show("not even asked", mail="please " * 400)
