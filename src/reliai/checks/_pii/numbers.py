"""Numbers that are told by the sizes of their groups: cards, and the identities of many countries.

All shapes stand in one tree, so a text is gone through once whatever the number of rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.checks._pii.finding import Hit, Subject, words

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["NOT_PERSONAL", "NumberRule", "Numbers"]

NOT_PERSONAL: Final = words(
    "order orders invoice ticket ref reference tracking sku part model serial isbn issn ean upc",
    "gtin version build revision release commit batch lot item article product asin doi barcode",
    "transaction shipment parcel patent bestellung bestellnummer rechnung rechnungsnummer artikel*",
    "auftrag auftragsnummer commande facture colis pedido factura ordine fattura zendnummer",
    "bestelnummer factuur encomenda nota sha md5 hash timestamp epoch 订单号 訂單 注文番号",
)
"""Words before a number that say it is nobody's."""

NEAR: Final = 14
"""Characters before a number in which such a word must stand: right before it."""


class Found(NamedTuple):
    """A number that has the shape of a rule."""

    subject: Subject
    start: int
    end: int
    digits: str
    links: str


class NumberRule(NamedTuple):
    """How one kind of number looks.

    Attributes:
        kind: what it is.
        shapes: sizes of its groups, as in "3-2-4".
        links: what may stand between the groups.
        valid: whether the digits are such a number.
        context: words of which one must stand before it; None when the number speaks for itself.
        strong: whether its check digits leave so little to chance that neighbouring numbers, or a
            word that speaks against it, do not matter.
        exactly: what stands between the groups, where only one way to write it is common.
    """

    kind: str
    shapes: str
    links: str
    valid: Callable[[str], bool]
    context: re.Pattern[str] | None = None
    strong: bool = False
    exactly: str = ""


class Numbers:
    """Finds what a number of rules describe."""

    def __init__(self, rules: Iterable[NumberRule]) -> None:
        self._tree: dict[int, _Node] = {}
        for rule in rules:
            for shape in rule.shapes.split():
                self._add(rule, [int(size) for size in shape.split("-")])

    def _add(self, rule: NumberRule, sizes: list[int]) -> None:
        nodes = self._tree
        for size in sizes[:-1]:
            nodes = nodes.setdefault(size, _Node([], {})).longer
        nodes.setdefault(sizes[-1], _Node([], {})).rules.append(rule)

    def __call__(self, subject: Subject) -> Iterator[Hit]:
        starts, ends, links = subject.groups.starts, subject.groups.ends, subject.groups.links
        for first, start in enumerate(starts):
            node = self._tree.get(ends[first] - start)
            last = first
            while node is not None:
                if node.rules:
                    yield from _judged(subject, node.rules, first, last)
                if not node.longer or links[last] is None:
                    break
                last += 1
                node = node.longer.get(ends[last] - starts[last])


class _Node(NamedTuple):
    """The rules for one shape, and the longer shapes that begin with it."""

    rules: list[NumberRule]
    longer: dict[int, _Node]


def _judged(subject: Subject, rules: list[NumberRule], first: int, last: int) -> Iterator[Hit]:
    groups = subject.groups
    start, end = groups.starts[first], groups.ends[last]
    if not subject.apart(start, end):
        return
    inner = "".join(link or "" for link in groups.links[first:last])
    before = groups.links[first - 1] if first else None
    after = groups.links[last]
    text = subject.text
    if before == after == " " and " " in inner:
        return  # one of many numbers in a row
    digits = "".join(
        text[groups.starts[each] : groups.ends[each]] for each in range(first, last + 1)
    )
    for rule in rules:
        if any(link not in rule.links for link in inner):
            continue
        if rule.exactly and inner != rule.exactly:
            continue
        if not (_free(before, inner, rule) and _free(after, inner, rule)):
            continue
        if not rule.valid(digits):
            continue
        if rule.context is not None and not subject.says(rule.context, start):
            continue
        if rule.context is None and not rule.strong and subject.says(NOT_PERSONAL, start, NEAR):
            continue
        yield Hit(start, end, rule.kind)


def _free(link: str | None, inner: str, rule: NumberRule) -> bool:
    """Whether a number ends there, when a `link` joins it to another group."""
    if link is None or link in "()":
        return True
    return link == " " and (rule.strong or " " not in inner)
