"""Presidio as the engine: its recognisers in place of ours, without a network.

Loaded only by `Pii(engine=…)`; presidio takes seconds to import, so that waits for `prepare`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.checks._pii.finding import Hit, resolved
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Presidio"]

_OURS: Final = {
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "MAC_ADDRESS": "mac",
    "CRYPTO": "crypto_wallet",
    "PERSON": "name",
    "ES_NIF": "es_dni",
    "IT_FISCAL_CODE": "it_codice_fiscale",
    "US_PASSPORT": "passport",
}
"""What presidio calls the kinds that have a name here."""
_VAGUE: Final = frozenset({"DATE_TIME", "URL", "NRP", "UUID", "LOCATION", "ORGANIZATION"})
"""What is found in nearly every text; looked for only when it is asked for."""


class Presidio:
    """Finds what an `AnalyzerEngine` finds.

    Args:
        engine: the engine; None for one with presidio's pattern recognisers and an empty spaCy
            model, which finds no names.
        kinds: our names or presidio's; None for all that the engine supports but the vague ones.
        language: the language the engine is asked for.
        threshold: the least score that counts.
    """

    window = None  # what it looks at has no bound

    def __init__(
        self, engine: Any, kinds: tuple[str, ...] | None, language: str, threshold: float
    ) -> None:
        self._engine = engine
        self._asked = kinds
        self._language = language
        self._threshold = threshold
        self._entities: list[str] = []
        self.kinds: tuple[str, ...] = kinds or ()

    def prepare(self) -> None:
        """Load presidio, and see that it knows the kinds.

        Raises:
            ConfigurationError: when it is not installed, or a kind is unknown to it.
        """
        if self._entities:
            return
        if self._engine is None:
            self._engine = _offline_engine(self._language)
        supported: list[str] = self._engine.get_supported_entities(self._language)
        known = {entity: _OURS.get(entity) or entity.lower() for entity in supported}
        if self._asked is None:
            wanted = [entity for entity in known if entity not in _VAGUE]
        else:
            _refuse_unknown(self._asked, known)
            asked = {kind.lower() for kind in self._asked}
            wanted = [e for e, kind in known.items() if kind in asked or e.lower() in asked]
        self._entities = sorted(wanted)
        self.kinds = tuple(known[entity] for entity in self._entities)

    def __call__(self, text: str) -> list[Hit]:
        """What is found, in the order of the text, each character at most once."""
        if not self._entities:
            self.prepare()
        if not text.strip():
            return []
        found = self._engine.analyze(
            text=text,
            language=self._language,
            entities=self._entities,
            score_threshold=self._threshold,
        )
        sure = {Hit(each.start, each.end, _kind(each)): each.score for each in found}
        ranks = {hit.kind: -score for hit, score in sorted(sure.items(), key=lambda item: item[1])}
        return resolved(sure, ranks.__getitem__)


def _kind(result: Any) -> str:
    entity: str = result.entity_type
    return _OURS.get(entity, entity.lower())


def _refuse_unknown(asked: Iterable[str], known: dict[str, str]) -> None:
    names = {*known.values(), *(entity.lower() for entity in known)}
    unknown = [kind for kind in asked if kind.lower() not in names]
    if unknown:
        raise ConfigurationError(
            f"Pii(kinds={unknown!r}): presidio's engine finds no such kind; "
            f"it finds: {', '.join(sorted(known.values()))}"
        )


def _offline_engine(language: str) -> Any:
    """An engine that never asks the network for anything: no model, no list of domains."""
    try:
        import spacy  # noqa: PLC0415  an extra, and heavy
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415
        from presidio_analyzer.nlp_engine import SpacyNlpEngine  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            'Pii(engine="presidio") needs presidio: pip install "reliai[presidio]"'
        ) from error
    nlp: Any = SpacyNlpEngine(models=[{"lang_code": language, "model_name": "blank"}])
    nlp.nlp = {language: spacy.blank(language)}
    registry: Any = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    registry.recognizers = [
        each for each in registry.recognizers if type(each).__name__ != "SpacyRecognizer"
    ]
    for recogniser in registry.recognizers:
        if type(recogniser).__name__ == "EmailRecognizer":
            _keep_offline(recogniser)
    return AnalyzerEngine(nlp_engine=nlp, registry=registry, supported_languages=[language])


def _keep_offline(recogniser: Any) -> None:
    """Have it judge domains by the list that comes with `tldextract`, not by a download."""
    import tldextract  # noqa: PLC0415  comes with presidio

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate(pattern_text: str) -> bool:
        return bool(extract(pattern_text).fqdn)

    recogniser.validate_result = validate
