"""A labelled corpus of personal data: made from a seed, in several locales, with hard negatives.

Nothing here knows the rules that are measured: numbers are made by the published recipes of their
check digits, and stand in sentences, forms, JSON, CSV and URLs, some with a word that names them.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

__all__ = ["Document", "corpus"]


class Document(NamedTuple):
    """A text and what is personal in it: start, end, kind."""

    text: str
    labels: tuple[tuple[int, int, str], ...]


FIRST = "ana bob chloé david eva françois greta hans inês jürgen karin luca maria noah".split()
LAST = "miller garcía schmidt dubois rossi silva jansen kowalski nakamura patel novák".split()
HOSTS = "example.com mail.example.org firma.de societe.fr empresa.es azienda.it corp.co.uk".split()


def digits(chance: random.Random, count: int, first: str = string.digits) -> str:
    return chance.choice(first) + "".join(chance.choices(string.digits, k=count - 1))


def ascii_name(name: str) -> str:
    for accented, plain in zip("éçüêíá", "ecueia", strict=True):
        name = name.replace(accented, plain)
    return name


def email(chance: random.Random) -> str:
    first, last = ascii_name(chance.choice(FIRST)), ascii_name(chance.choice(LAST))
    local = chance.choice(
        [f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}{digits(chance, 2)}"]
    )
    return f"{local}@{chance.choice(HOSTS)}"


def luhn_digit(body: str) -> str:
    doubled = [int(d) * 2 if n % 2 == 0 else int(d) for n, d in enumerate(reversed(body))]
    return str(-sum(d - 9 if d > 9 else d for d in doubled) % 10)


NETWORKS = [("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16)]
BANKS = [("DE", "", 18), ("FR", "", 23), ("ES", "", 20), ("NL", "ABNA", 10), ("GB", "WEST", 14)]


def card(chance: random.Random) -> str:
    prefix, size = chance.choice(NETWORKS)
    body = prefix + digits(chance, size - 1 - len(prefix))
    number = body + luhn_digit(body)
    gap = chance.choice(["", " ", "-"])
    if size == 15:
        return gap.join((number[:4], number[4:10], number[10:]))
    return gap.join(number[place : place + 4] for place in range(0, 16, 4))


def iban(chance: random.Random) -> str:
    country, bank, size = chance.choice(BANKS)
    body = bank + digits(chance, size)
    value = int("".join(str(int(char, 36)) for char in f"{body}{country}00"))
    number = f"{country}{98 - value % 97:02}{body}"
    if chance.random() < 0.5:
        return number
    return " ".join(number[place : place + 4] for place in range(0, len(number), 4))


def phone(chance: random.Random, locale: str) -> str:
    def d(count: int) -> str:
        return digits(chance, count)

    area = digits(chance, 1, "23456") + digits(chance, 2, "01234567")
    american = (area, digits(chance, 3, "23456789"), d(4))
    forms = {
        "en": [
            form.format(*american)
            for form in ("+1 {} {} {}", "({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1{}{}{}")
        ],
        "uk": [f"+44 20 {d(4)} {d(4)}", f"020 7{d(3)} {d(4)}", f"07{d(3)} {d(6)}", f"+447{d(9)}"],
        "de": [
            *(f"+49 151 {d(8)}", f"0171 {d(7)}", f"+49 (0)89 {d(6)}", f"0049 171 {d(7)}"),
            f"030/{digits(chance, 8, '123456789')}",
        ],
        "fr": [
            f"{trunk}{gap}{gap.join(d(2) for _ in range(4))}"
            for trunk, gap in (("+33 6", " "), ("06", " "), ("01", "."))
        ],
        "es": [f"+34 6{d(2)} {d(3)} {d(3)}", f"+346{d(8)}"],
        "it": [f"+39 34{d(1)} {d(3)} {d(4)}", f"+39 06 {d(4)} {d(4)}"],
        "pt": [f"(11) 9{d(4)}-{d(4)}", f"+55 21 9{d(4)}-{d(4)}"],
        "nl": [f"06-{digits(chance, 8, '12345')}", f"+31 6 {d(8)}"],
    }
    return chance.choice(forms[locale])


def dni(chance: random.Random) -> str:
    number = digits(chance, 8)
    return number + "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def bsn(chance: random.Random) -> str:
    while True:
        number = digits(chance, 9, "123456789")
        weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
        if sum(int(d) * w for d, w in zip(number, weights, strict=True)) % 11 == 0:
            return number


def cpf(chance: random.Random) -> str:
    body = digits(chance, 9)
    for _ in range(2):
        total = sum(int(d) * w for d, w in zip(body, range(len(body) + 1, 1, -1), strict=True))
        body += str(total * 10 % 11 % 10)
    return chance.choice([f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}", body])


def nhs(chance: random.Random) -> str:
    while True:
        number = digits(chance, 10, "4679")
        if sum(int(d) * w for d, w in zip(number, range(10, 0, -1), strict=True)) % 11 == 0:
            return chance.choice([number, f"{number[:3]} {number[3:6]} {number[6:]}"])


def nir(chance: random.Random) -> str:
    born = f"{digits(chance, 2)}{chance.randint(1, 12):02}"
    body = f"{chance.choice('12')}{born}{chance.randint(1, 95):02}{digits(chance, 6)}"
    key = f"{97 - int(body) % 97:02}"
    spaced = f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key}"
    return chance.choice([body + key, spaced])


def steuer_id(chance: random.Random) -> str:
    order = [*chance.sample("123456789", 8), "0"]
    body = [*order[:9], order[2]]
    product = 10
    for digit in body:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    number = "".join(body) + str((11 - product) % 10)
    return chance.choice([number, f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"])


def ssn(chance: random.Random) -> str:
    return f"{chance.randint(100, 665)}-{chance.randint(10, 99)}-{chance.randint(1000, 9999)}"


def nino(chance: random.Random) -> str:
    pair = chance.choice(["AB", "CE", "JM", "PW", "SX"])
    body = digits(chance, 6)
    gaps = f"{pair} {body[:2]} {body[2:4]} {body[4:]} {chance.choice('ABCD')}"
    return chance.choice([gaps, gaps.replace(" ", "")])


def birth(chance: random.Random, locale: str) -> str:
    year, month, day = chance.randint(1930, 2005), chance.randint(1, 12), chance.randint(1, 28)
    forms = {
        "en": [f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}", f"March {day}, {year}"],
        "de": [f"{day:02}.{month:02}.{year}", f"{day}. Oktober {year}"],
        "fr": [f"{day:02}/{month:02}/{year}", f"{day} février {year}"],
        "es": [f"{day:02}/{month:02}/{year}", f"{day} de agosto de {year}"],
    }
    return chance.choice(forms[locale])


def ip(chance: random.Random) -> str:
    return f"{chance.choice([81, 93, 145, 203])}." + ".".join(
        str(chance.randint(1, 254)) for _ in "abc"
    )


Maker = Callable[[random.Random], str]


def spoken(*frames: str) -> list[str]:
    """Sentences with a place for the value."""
    return list(frames)


SAID: list[tuple[str, list[str], Maker]] = [
    ("email", spoken("Write to {} please.", "Meine Adresse ist {}.", '{{"email": "{}"}}'), email),
    ("email", spoken("mailto:{}", "https://x.example/?u={}&a=1", "7;{};NL", "<{}>"), email),
    ("card", spoken("My card is {}, exp 12/29.", "Kreditkarte {}", "paid with {} today"), card),
    ("card", spoken('{{"number":"{}"}}', "1,{},EUR", "Carte : {}."), card),
    ("iban", spoken("IBAN: {}", "Bitte auf {} überweisen.", '"{}"', "cuenta {}."), iban),
    ("us_ssn", spoken("SSN {}", "my social is {} if needed", '{{"ssn":"{}"}}'), ssn),
    ("uk_nino", spoken("NI number {}", "Her NINO: {}."), nino),
    ("uk_nhs", spoken("NHS number {}", "NHS no. {}, seen today"), nhs),
    ("de_tax_id", spoken("Steuer-ID {}", "IdNr. {}, Finanzamt Mitte"), steuer_id),
    ("fr_nir", spoken("Numéro de sécu {}", "NIR : {}", "mon numéro {} merci"), nir),
    ("es_dni", spoken("DNI {}", "con DNI {}, vecino de Madrid", "NIF: {}"), dni),
    ("nl_bsn", spoken("BSN {}", "burgerservicenummer: {}"), bsn),
    ("br_cpf", spoken("CPF {}", "CPF: {}, obrigado"), cpf),
    ("ip", spoken("Login from {} failed", "client={} port=443", "http://{}/admin"), ip),
    *(
        ("phone", frames, partial(phone, locale=locale))
        for locale, frames in {
            "en": spoken("Call {} now", "Phone: {}", '"{}"', "my number is {}, thanks"),
            "uk": spoken("Ring me on {} please", "Mobile: {}"),
            "de": spoken("Tel. {}", "Ruf mich an: {}", "Mein Handy: {}."),
            "fr": spoken("Tél : {}", "Appelez le {} svp"),
            "es": spoken("Teléfono {}", "Llámame al {}"),
            "it": spoken("Tel: {}", "chiamami al {}"),
            "pt": spoken("Telefone {}", "WhatsApp: {}"),
            "nl": spoken("Bel {} even", "Telefoon: {}"),
        }.items()
    ),
    *(
        ("date_of_birth", frames, partial(birth, locale=locale))
        for locale, frames in {
            "en": spoken("born on {}", "DOB: {}", "date of birth {}"),
            "de": spoken("geboren am {}", "Geburtsdatum: {}"),
            "fr": spoken("né le {}", "date de naissance : {}"),
            "es": spoken("nacido el {}", "fecha de nacimiento: {}"),
        }.items()
    ),
]


def bad_card(chance: random.Random) -> str:
    body = "4" + digits(chance, 14)
    return body + str((int(luhn_digit(body)) + chance.randint(1, 9)) % 10)


def version(chance: random.Random) -> str:
    return ".".join(str(chance.randint(0, 20)) for _ in range(chance.choice([3, 4])))


def moment(chance: random.Random) -> str:
    day = f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    return f"{day}T{chance.randint(10, 23)}:30:{chance.randint(10, 59)}.{digits(chance, 6)}Z"


def sku(chance: random.Random) -> str:
    letters = "".join(chance.choices(string.ascii_uppercase, k=3))
    return f"{letters}-{digits(chance, 4)}-{digits(chance, 2)}"


def day(chance: random.Random) -> str:
    return f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.2024"


def clock(chance: random.Random) -> str:
    return ":".join(f"{chance.randint(0, 23):02}" for _ in range(3))


def price(chance: random.Random) -> str:
    return f"{chance.randint(1, 999)},{digits(chance, 3)}.{digits(chance, 2)}"


def row(chance: random.Random) -> str:
    return " ".join(digits(chance, chance.randint(1, 4)) for _ in range(8))


def order(chance: random.Random) -> str:
    return digits(chance, chance.choice([8, 9, 10, 11, 12]))


def isbn(chance: random.Random) -> str:
    return f"978-3-{digits(chance, 2)}-{digits(chance, 6)}-{digits(chance, 1)}"


def identifier(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def nobodys_address(chance: random.Random) -> str:
    return chance.choice(["255.255.255.0", "127.0.0.1", "10.0.0.0/8", "192.168.0.0/16"])


NEGATIVE: list[tuple[list[str], Maker]] = [
    (spoken("Order {} was shipped.", "order no. {}", "Bestellung {}"), order),
    (spoken("Invoice {} is due", "Rechnung {}"), lambda c: f"2024-{digits(c, 6)}"),
    (spoken("version {} fixes it", "v{}", "pip install x=={}"), version),
    (spoken("at {}", '"ts":"{}"'), moment),
    (spoken("ts={}", "epoch {} ms"), lambda c: f"17{digits(c, 11)}"),
    (spoken("id {}", "/items/{}"), identifier),
    (spoken("sha1 {}", "commit {}"), lambda c: f"{c.getrandbits(160):040x}"),
    (spoken("ISBN {}"), isbn),
    (spoken("EAN {}"), lambda c: f"40{digits(c, 11)}"),
    (spoken("price {} EUR", "${} total"), price),
    (spoken("part {} in stock", "SKU {}"), sku),
    (spoken("tracking {}"), lambda c: f"1Z999AA1{digits(c, 10)}"),
    (spoken("reference {}", "payment {} rejected"), bad_card),
    (spoken("on {}", "until {}"), day),
    (spoken("total {}", "({})"), lambda c: f"{c.randint(1, 999)} {digits(c, 3)} {digits(c, 3)}"),
    (spoken("rows: {}"), row),
    (spoken("loss {}"), lambda c: f"0.{digits(c, 12)}"),
    (spoken("icon {}"), lambda c: f"logo{digits(c, 2)}@2x.png"),
    (spoken("clone {}"), lambda c: f"git@github.com:org{digits(c, 2)}/repo.git"),
    (spoken("at {} sharp"), clock),
    (spoken("mask {}"), nobodys_address),
]


PROSE = spoken(
    "The lamp works well and the parcel came on time.",
    "Could you look into that again?",
    "Das Gerät läuft seitdem ohne Fehler.",
    "Je vous remercie de votre réponse.",
    "No tengo más preguntas.",
    "La consegna era prevista per ieri.",
    "We met in 2019 and have worked together since.",
    "Chapter 12 says so.",
    "The 3 of us paid 79.90 for 2 tickets.",
    "Obrigado pela ajuda.",
    "Dat is alles voor nu.",
)
BARE = spoken("{}", "- {} (checked)", "see {} there", "and {}, too")
"""Frames without a word that says what stands in them."""


def corpus(seed: int = 7, documents: int = 400, *, bare: bool = False) -> list[Document]:
    """Texts of about half a kilobyte, each with a few labelled and a few misleading items.

    Args:
        seed: of the random choices.
        documents: how many.
        bare: whether the labelled items stand there without a word that names them.
    """
    chance = random.Random(seed)
    return [_document(chance, bare=bare) for _ in range(documents)]


def _document(chance: random.Random, *, bare: bool) -> Document:
    items: list[tuple[str, str | None, str]] = [
        (chance.choice(BARE if bare else frames), kind, make(chance))
        for kind, frames, make in chance.sample(SAID, 3)
    ]
    items += [
        (chance.choice(frames), None, make(chance)) for frames, make in chance.sample(NEGATIVE, 3)
    ]
    chance.shuffle(items)
    text, labels = "", []
    for frame, kind, value in items:
        text += chance.choice(PROSE) + chance.choice(["\n", " ", "\n\n"])
        begin = len(text) + len(frame.split("{}")[0].replace("{{", "{"))
        text += frame.format(value) + "\n"
        if kind is not None:
            labels.append((begin, begin + len(value), kind))
    return Document(text, tuple(labels))
