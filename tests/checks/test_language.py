"""Language: texts in the wanted languages pass, others do not; what is too short or code does."""

# ruff: noqa: RUF001  other alphabets are what it is about

from __future__ import annotations

import sys
from typing import Any

import pytest

import reliai
from reliai import ConfigurationError, OutputInvalid, Validate
from reliai.checks import Language

TEXTS = {
    "en": "Your parcel left the warehouse on Monday and should arrive on Thursday.",
    "de": "Ihr Paket hat am Montag das Lager verlassen und sollte am Donnerstag ankommen.",
    "fr": "Votre colis a quitté l'entrepôt lundi et devrait arriver jeudi prochain.",
    "es": "Su paquete salió del almacén el lunes y debería llegar el jueves.",
    "it": "Il tuo pacco ha lasciato il magazzino lunedì e dovrebbe arrivare giovedì.",
    "pt": "A sua encomenda saiu do armazém na segunda-feira e deve chegar na quinta.",
    "nl": "Je pakket heeft maandag het magazijn verlaten en komt donderdag aan.",
    "pl": "Twoja paczka opuściła magazyn w poniedziałek i powinna dotrzeć w czwartek.",
    "sv": "Ditt paket lämnade lagret i måndags och bör komma fram på torsdag.",
    "fi": "Pakettisi lähti varastosta maanantaina ja sen pitäisi saapua torstaina.",
    "tr": "Paketiniz pazartesi günü depodan çıktı ve perşembe günü ulaşması bekleniyor.",
    "ru": "Ваша посылка покинула склад в понедельник и должна прибыть в четверг.",
    "uk": "Ваша посилка залишила склад у понеділок і має прибути в четвер.",
    "el": "Το δέμα σας έφυγε από την αποθήκη τη Δευτέρα και θα φτάσει την Πέμπτη.",
    "ar": "غادر طردك المستودع يوم الاثنين ومن المفترض أن يصل يوم الخميس.",
    "fa": "بسته شما دوشنبه از انبار خارج شد و باید پنجشنبه برسد.",
    "hi": "आपका पार्सल सोमवार को गोदाम से निकला और गुरुवार तक पहुँच जाना चाहिए।",
    "zh": "您的包裹星期一离开仓库，预计星期四送达。",
    "ja": "お荷物は月曜日に倉庫を出発し、木曜日に届く予定です。",
    "ko": "귀하의 소포는 월요일에 창고를 떠났으며 목요일에 도착할 예정입니다.",
    "th": "พัสดุของคุณออกจากคลังสินค้าเมื่อวันจันทร์และจะถึงในวันพฤหัสบดี",
    "vi": "Bưu kiện của bạn đã rời kho hôm thứ Hai và dự kiến đến vào thứ Năm.",
}
NEIGHBOURS = {
    "nb": "Pakken din forlot lageret på mandag og skal etter planen komme på torsdag.",
    "no": "Pakken din forlot lageret på mandag og skal etter planen komme på torsdag.",
    "hr": "Vaš paket je napustio skladište u ponedjeljak i trebao bi stići u četvrtak.",
    "id": "Paket Anda meninggalkan gudang pada hari Senin dan akan tiba pada hari Kamis.",
    "en-GB": TEXTS["en"],
    "pt_BR": TEXTS["pt"],
    "deu": TEXTS["de"],
    "zh-Hant": TEXTS["zh"],
}
ALWAYS = {
    "empty": "",
    "yes": "Oui.",
    "short": "Bonjour à tous",
    "number": "42,00 €",
    "name": "Kowalczyk",
    "emoji": "🎉🎉🎉",
    "link": "https://exemple.fr/bonjour/tout/le/monde/comment/allez/vous",
    "code": "def bonjour(monde):\n    return [monde[x] for x in range(10) if monde[x] != {}]",
    "fence": "```python\n# Ceci est un commentaire en français, assez long pour être reconnu\n```",
    "json": '{"titre": "un", "prix": 2, "articles": [{"nom": "stylo"}, {"nom": "encre"}]}',
    "sql": "SELECT nom, prix FROM articles WHERE (prix > 10 AND nom <> 'stylo');",
    "html": "<p class='salut'><b>Oui</b></p>",
    "address": "prenom.nom.de.famille@entreprise-francaise.example",
    "digits": "12 34 56 78 90 " * 10,
    "chinese word": "你好",
    "short sentence": "Le colis arrive jeudi.",
}


@pytest.mark.parametrize(("code", "text"), [*TEXTS.items(), *NEIGHBOURS.items()])
def test_a_text_in_the_language_passes(code: str, text: str) -> None:
    assert Language(code)(text) is None


@pytest.mark.parametrize(("code", "text"), [(c, t) for c, t in TEXTS.items() if c != "en"])
def test_a_text_in_another_language_fails_and_says_which(code: str, text: str) -> None:
    assert Language("en")(text) == f"it is not in en but seems to be in {code}"


@pytest.mark.parametrize("text", TEXTS.values())
def test_any_of_several_languages_passes(text: str) -> None:
    assert Language(*TEXTS)(text) is None


@pytest.mark.parametrize("text", ALWAYS.values(), ids=ALWAYS)
def test_what_nobody_can_tell_passes(text: str) -> None:
    assert Language("en")(text) is None


def test_prose_around_code_is_looked_at() -> None:
    code = "```python\nprint('hello')\n```"
    assert Language("en")(f"{TEXTS['fr']}\n{code}") == "it is not in en but seems to be in fr"
    assert Language("en")(f"{TEXTS['en']}\n{code}\n`été` naïve") is None


@pytest.mark.parametrize(
    "text",
    [
        "Every parcel is weighed twice. " * 20,
        "A provider's SDK that retries by itself cannot be told apart by its errors alone.",
        "Reset the MFA token in the admin console, then retry the OAuth flow with curl.",
        "Thursday, 14:30, gate B7: Lufthansa LH123 to Frankfurt, seat 12A, baggage 23 kg.",
    ],
)
def test_english_with_names_and_technical_words_is_english(text: str) -> None:
    assert Language("en")(text) is None


def test_a_few_foreign_words_do_not_make_another_language() -> None:
    text = "The French say 'bonjour tout le monde' where we say hello to everybody in the room."
    assert Language("en")(text) is None


@pytest.mark.parametrize("codes", [(), ("",), ("english",), (5,), ("e",), ("en", None)])
def test_what_is_no_code_is_a_configuration_error(codes: Any) -> None:
    with pytest.raises(ConfigurationError, match="Language"):
        Language(*codes)


def test_an_unknown_language_is_told_when_decorating() -> None:
    with pytest.raises(ConfigurationError, match=r"Language\('tlh'\): the detector does not know"):
        Validate(Language("tlh"))(lambda prompt: prompt)


def test_a_missing_extra_is_told_when_decorating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lingua", None)
    from reliai.checks import language

    language._languages.cache_clear()
    with pytest.raises(ConfigurationError, match=r'pip install "reliai\[language\]"'):
        Validate(Language("en"))(lambda prompt: prompt)


def test_nothing_of_the_text_is_in_the_error() -> None:
    with pytest.raises(OutputInvalid) as caught:
        Validate(Language("en"))(lambda prompt: TEXTS["fr"])("hello")
    assert "colis" not in str(caught.value)


def test_settings_are_described() -> None:
    check = reliai.check(Language("en", "de"), timeout=1)
    assert Language("en", "de").describe()["codes"] == ["en", "de"]
    assert repr(Language("en")) == "reliai.checks.Language('en')"
    assert (check.window, check.reads_text) == (None, True)
    assert Language("en")(5) == "it is not text but int"
