"""Words, numbers and sentences of a text in any language, as far as signs alone tell them."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

__all__ = ["Words", "sentences", "words_of"]

STEM = 5
"""Letters of a word that count: "refund", "refunds" and "refundable" are one."""


class Words(NamedTuple):
    """What a text is about: its content words and its numbers."""

    words: frozenset[str]
    numbers: frozenset[str]


_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？।؟])\s*|\n[ \t]*[-*•][ \t]+|\n+")  # noqa: RUF001  signs of other scripts
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")  # noqa: RUF001  an apostrophe as books print it
_NUMBER = re.compile(r"\d[\d.,\u202f']*")
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")

# Words of four letters and more that say nothing about what a sentence says.
_EMPTY = frozenset(
    """
    aber about after again ainda algo alguno alle allem allen aller alles alors also although
    always anche ancora andere another antes any anyone anything assim até auch aunque aussi
    autre autres avec avez avoir avons because been before beim being between bien bitte both
    cada ceci cela celle celles celui cependant cette ceux chez com come comme como con cosa
    così could cual cuando cuándo cómo dabei dalla dalle damit dann dans darauf daraus darf
    das dass degli dein deine dela dele deles della delle dello denn depois depuis deren desde
    dies diese diesem diesen dieser dieses doch does doing donc donde dopo dort dove down
    durch during dónde each eine einem einen einer eines either ela elas eles ella ellas elle
    elles ellos else encore entre então essa esse essere esta estas estava este esto estos
    está etwas eu euch euer even ever every everything faire fait falls fare fast foi foram
    from further ganz gern gli habe haben había hace hacer hanno hasta hatte have having here
    hers herself hier himself however ihnen ihre ihrem ihren ihrer immer into isso isto itself
    jede jeder jedes jetzt just kann kein keine können leur leurs like loro made mais make
    many mas mehr mein meine mesmo mich might moins more most much mucho muchos muito muss
    must myself même nach nada nella nelle never nicht noch noi nos nosotros nossa nosso
    nostro notre nous nuestra nuestro num numa nur oder ogni ohne onde only other others otra
    otro ought ourselves outra outro over para parce pela pelo pendant perché pero però peut
    più please plus poco pode podem poi por porque pour pourquoi prima puede pueden qual quale
    quand quando que quel quella quelle quelles quello quels quem questa queste questi questo
    quien quite quoi qué rather really same sans sehr sein seine selon sem senza sera seront
    seu seus shall should sich sido sie since sind sobre soll sollte solo some something sono
    sont sous sowie stata stato still sua suas such sulla sur sure são también também tanto
    tem than thank thanks that their theirs them themselves then there these they this those
    through thus tiene tienen toda todas todo todos together tous tout toute toutes tras trop
    très tutti tutto têm uma under unos unser unter until upon usted ustedes very viel você
    vocês vostro votre vous wann want warum weil welche well wenn werden were what whatever
    when where whether which while whom whose will wird with within without would wurde wurden
    your yours yourself zum zur zwar êtes être über
    """.split()
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, and the items of its lists."""
    return [part for part in (each.strip() for each in _SENTENCE.split(text)) if part]


def words_of(text: str) -> Words:
    """Content words, by how they begin, and numbers; of writing without blanks, pairs of signs."""
    text = unicodedata.normalize("NFKC", text).casefold()
    dense = _DENSE.findall(text)
    found = {run[n : n + 2] for run in dense for n in range(max(1, len(run) - 1))}
    for word in _WORD.findall(_DENSE.sub(" ", text)):
        if len(word) > 3 and word not in _EMPTY:
            found.add(word[:STEM])
    numbers = {"".join(filter(str.isdecimal, number)) for number in _NUMBER.findall(text)}
    return Words(frozenset(found), frozenset(n for n in numbers if len(n) > 1))
