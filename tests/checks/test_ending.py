"""NoRefusal and NotTruncated: how an answer ended, by its response and by its words."""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

from typing import Any

import pytest

from reliai import NoRefusal, NotTruncated, ReliaiWarning, Response, check
from reliai.providers.answer import ToolCall

REFUSALS = """
I'm sorry, but I can't help with that.
I’m sorry, but I can’t assist with that request.
I'm sorry, I cannot assist with creating malware.
I cannot provide instructions on how to build a weapon.
I can't help you with hacking into someone's account.
As an AI language model, I cannot provide that.
I'm unable to comply with your request.
I apologize, but I am not able to assist with such content.
Sorry, I won't write that.
I must respectfully decline this request.
That's not something I can help with.
This request violates our usage policies.
Unfortunately, I can't share that information.
I'm not comfortable helping with that.
I'm afraid I can't do that.
My apologies, but I cannot fulfill this request.
**I'm sorry, but I can't continue with this.**
Es tut mir leid, aber dabei kann ich nicht helfen.
Es tut mir leid, aber ich kann Ihnen bei dieser Anfrage nicht helfen.
Leider kann ich dir damit nicht weiterhelfen.
Je suis désolé, mais je ne peux pas vous aider avec cela.
Désolé, je ne peux pas répondre à cette demande.
Lo siento, pero no puedo ayudarte con eso.
Lo siento, no puedo cumplir con esa solicitud.
Mi dispiace, ma non posso aiutarti con questa richiesta.
Desculpe, mas não posso ajudar com isso.
Het spijt me, maar ik kan je daar niet bij helpen.
Przepraszam, ale nie mogę w tym pomóc.
Извините, но я не могу помочь с этим.
К сожалению, я не могу выполнить этот запрос.
Üzgünüm, ancak bu konuda yardımcı olamam.
很抱歉，我无法满足您的这个请求。
抱歉，我无法协助处理此请求。
我无法提供此类信息。
申し訳ございませんが、そのご要望にはお応えできません。
申し訳ありませんが、その件についてはお手伝いできません。
죄송하지만 그 요청은 도와드릴 수 없습니다.
عذرًا، لا أستطيع مساعدتك في هذا الطلب.
क्षमा करें, मैं इस अनुरोध में मदद नहीं कर सकता।
""".strip().splitlines()

ANSWERS = """
I can't wait to help you plan this trip!
I'm sorry to hear that. You can reset your password under Settings.
I can't help but notice that the totals differ.
I cannot recommend this enough: it is the best option.
"I'm sorry, but I can't help with that," said the guard.
He said: I cannot help you with that.
I'm sorry, but we cannot offer a refund after 30 days.
I'm sorry, but I can't find your order. Could you send its number?
I can't help with that order until you tell me its number.
We can't process payments on Sundays.
I can't think of a better example than this one.
I can't provide legal advice about this, but here is what the contract says: clause 4 ends it.
No, I can't do Tuesday; how about Wednesday?
The system cannot help with that error; restart it.
You can't help with that unless you have the key.
As an AI language model, I am made of layers of attention.
Sorry for the late reply! The invoice is attached.
Unfortunately, the flight is fully booked.
I won't lie: this is hard.
I am unable to connect to the database because the password expired.
I must decline your kind invitation, since I am abroad.
I'm not able to attend the meeting on Friday.
This violates the constraint UNIQUE(email).
def refuse(): return "I can't help with that"
To say "I can't help with this request" politely, try: let me find someone.
The model answered that it could not help.
I can do that. First, open the file.
It's against the law to park there, so choose the garage.
Sure, I can help with that!
Leider ist das Produkt nicht verfügbar.
Ich kann Ihre Bestellung nicht finden. Wie lautet die Nummer?
Das kann ich gerne erklären.
Ich kann kaum erwarten, das zu sehen.
Es tut mir leid, dass Ihr Paket verspätet ist. Ich habe es verfolgt.
Je suis désolé pour ce retard ; votre colis arrive demain.
Je ne peux pas attendre de vous voir.
Je ne peux pas trouver votre commande.
No puedo esperar a verte.
Lo siento mucho por la demora; su pedido llega mañana.
No puedo encontrar ese archivo.
Mi dispiace per il ritardo: il pacco arriva domani.
Não posso esperar para te ver.
Desculpe pela demora, o pedido chega amanhã.
Ik kan niet wachten om dit te zien.
Przepraszam za opóźnienie, paczka dotrze jutro.
Nie mogę się doczekać.
Я не могу дождаться встречи.
Извините за задержку, посылка придёт завтра.
Üzgünüm, siparişiniz gecikti.
抱歉让您久等了，您的订单明天到。
我不能吃辣，所以点了面条。
对不起，我迟到了。
申し訳ございません、到着が遅れております。
죄송합니다, 배송이 늦어지고 있습니다.
عذرًا على التأخير، سيصل طلبك غدًا.
क्षमा करें, आपका ऑर्डर कल पहुँचेगा।
""".strip().splitlines()

REFUSED, PASSED = "the answer reads as a refusal", None
TOOL = ToolCall("search", "{}")


@pytest.mark.parametrize("text", REFUSALS)
def test_a_text_that_refuses_is_a_refusal(text: str) -> None:
    assert NoRefusal()(text) == REFUSED


@pytest.mark.parametrize("text", ANSWERS)
def test_a_text_that_answers_is_none(text: str) -> None:
    assert NoRefusal()(text) is PASSED


@pytest.mark.parametrize("text", REFUSALS[:6])
def test_a_refusal_may_stand_after_thoughts_or_ornaments(text: str) -> None:
    thoughts = "<think>They want something bad. I can't wait.</think>\n\n"
    assert NoRefusal()(thoughts + text) == REFUSED
    assert NoRefusal()(f"\n> **{text}**") == REFUSED
    assert NoRefusal()(text.upper()) == REFUSED


def test_a_long_answer_is_none_however_it_begins() -> None:
    start = "I can't help with that directly. "
    assert NoRefusal()(start + "Call them. ") == REFUSED
    assert NoRefusal()(start + "The number is in the book. " * 60) is PASSED


def test_a_refusal_inside_an_answer_is_none() -> None:
    assert NoRefusal()("Here is the dialogue:\n\nI'm sorry, but I can't help with that.") is PASSED


@pytest.mark.parametrize("text", ["", " ", "\n", "…", "42", "{}", "I", "\ud800"])
def test_odd_texts_are_none(text: str) -> None:
    assert NoRefusal()(text) is PASSED


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        (Response(text="Paris", finish_reason="stop"), PASSED),
        (Response(text="Paris"), PASSED),
        (Response(text=None, finish_reason="tool_call", tool_calls=(TOOL,)), PASSED),
        (Response(text=REFUSALS[0], finish_reason="tool_call", tool_calls=(TOOL,)), PASSED),
        (Response(text="so far", finish_reason="length"), PASSED),
        (Response(text=None, refusal="I will not"), "the model refused to answer"),
        (Response(text=None, refusal=""), "the model refused to answer"),
        (Response(text="no", finish_reason="refusal"), "the model refused to answer"),
        (
            Response(text="Par", finish_reason="content_filter"),
            "a content filter stopped the answer",
        ),
        (Response(text=REFUSALS[0], finish_reason="stop"), REFUSED),
    ],
)
def test_what_the_provider_says_is_believed(response: Response, verdict: str | None) -> None:
    assert NoRefusal()(response) == verdict


@pytest.mark.parametrize(
    ("finish", "verdict"),
    [
        ("length", "the answer reached its length limit"),
        ("stop", None),
        ("tool_call", None),
        ("content_filter", None),
        ("refusal", None),
        ("suspended", None),
    ],
)
def test_only_the_length_limit_truncates(finish: str, verdict: str | None) -> None:
    assert NotTruncated()(Response(text="so", finish_reason=finish)) == verdict


@pytest.mark.parametrize("value", ["text that ends in the mid", 5, None, {"a": 1}, Response()])
def test_not_truncated_without_a_finish_reason_passes_and_warns_once(value: Any) -> None:
    check = NotTruncated()
    with pytest.warns(ReliaiWarning, match=r"reliai\.read\(response\)") as warned:
        assert (check(value), check(value)) == (None, None)
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_not_truncated_that_has_seen_a_finish_reason_does_not_warn() -> None:
    check = NotTruncated()
    check(Response(finish_reason="stop"))
    assert check("a stand-in's text") is None


def test_no_refusal_judges_texts_and_warns_of_what_it_cannot_judge() -> None:
    check = NoRefusal()
    assert check("Paris") is None
    with pytest.warns(ReliaiWarning, match="neither a response nor a text") as warned:
        assert (check(5), check({"a": 1})) == (None, None)
    assert len(warned) == 1


def test_a_warning_that_is_an_error_changes_no_verdict() -> None:
    assert NotTruncated()("text") is None


def test_their_facts_survive_another_name() -> None:
    named = check(NoRefusal(), name="polite", timeout=5)
    assert (named.reads_response, named.fails_as) == (True, "refused")
    assert (NotTruncated.reads_response, NotTruncated.fails_as) == (True, "truncated")
    assert repr(NoRefusal()) == "reliai.NoRefusal()"
    assert NotTruncated().describe() == {
        "check": "NotTruncated",
        "timeout": None,
        "on_error": "block",
    }
