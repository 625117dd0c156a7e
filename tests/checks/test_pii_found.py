"""What is found: each kind in the forms in which people write it, in text, JSON, URLs and code."""

# ruff: noqa: RUF001  people do write full-width digits and typographic dashes

from __future__ import annotations

import pytest

from reliai.checks import Pii
from reliai.checks._pii.catalogue import KINDS

EVERYTHING = Pii(kinds=KINDS)

CASES = """
email | Write to john.doe+spam@example.co.uk today. | john.doe+spam@example.co.uk
email | <jane_doe@example.org>, please | jane_doe@example.org
email | 'a.b@example.de' | a.b@example.de
email | ends the sentence: bob@example.com. | bob@example.com
email | O'Brien@example.ie writes | O'Brien@example.ie
email | {"email":"x@y.io","n":1} | x@y.io
email | https://example.com/?user=max@firma.de&x=1 | max@firma.de
email | mailto:max@firma.de | max@firma.de
email | a;max@firma.de;b | max@firma.de
email | [me](mailto:me@me.dev) | me@me.dev
email | jörg@müller.de antwortet | jörg@müller.de
email | почта@пример.рф
email | 我的邮箱是zhang@example.cn请回复 | zhang@example.cn
email | full width：ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ | ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ
email | john (at) example (dot) com
email | jane [at] mail [dot] example [dot] org
email | user@xn--mller-kva.de
email | ?mail=ana%40example.com&x | ana%40example.com
email | {"a": "Hi\\nana@example.com"} | ana@example.com
email | {"a": "j\\u00f6rg@example.com"} | j\\u00f6rg@example.com
phone | +1 415 555 2671
phone | (+1) 415-555-2671
phone | +14155552671, | +14155552671
phone | +1 (415) 555-2671
phone | (415) 555-2671
phone | 415-555-2671
phone | 415.555.2671
phone | 1-800-555-2671
phone | call me at 4155552671 | 4155552671
phone | tel:+49-30-901820 | +49-30-901820
phone | +44 (0)20 7946 0958
phone | 020 7946 0958
phone | 07700 900123
phone | +49 151 23456789
phone | 0049 151 23456789
phone | 00 49 151 23456789
phone | (00 49 151 23456789) | 00 49 151 23456789
phone | reach us (030 12345678) | 030 12345678
phone | 0171/1234567
phone | Telefon: 030 12345678 | 030 12345678
phone | (030) 12345678
phone | 06 12 34 56 78
phone | 06.12.34.56.78
phone | +33 6 12 34 56 78
phone | móvil 612 345 678 | 612 345 678
phone | +34 612 345 678
phone | +39 347 123 4567
phone | 04 1234 5678 ext | 04 1234 5678
phone | 0412 345 678
phone | 06-12345678
phone | +31 6 12345678
phone | (11) 98765-4321
phone | +55 11 98765-4321
phone | WhatsApp 98765 43210 | 98765 43210
phone | +91 98765 43210
phone | 03-1234-5678
phone | 携帯 090-1234-5678 | 090-1234-5678
phone | 手机 13800138000 | 13800138000
phone | 138-0013-8000
phone | +86 138 0013 8000
phone | phone=4155552671&x | 4155552671
phone | "phone": "415-555-2671" | 415-555-2671
phone | ＋１ ４１５ ５５５ ２６７１
phone | ٠٤١٢ ٣٤٥ ٦٧٨
phone | 415‑555‑2671
phone | _415-555-2671_ | 415-555-2671
phone | "Call\\n415-555-2671\\n" | 415-555-2671
card | 4242424242424242
card | 4242 4242 4242 4242
card | 4242-4242-4242-4242, 12/29 | 4242-4242-4242-4242
card | 5555 5555 5555 4444
card | 2223003122003222
card | 378282246310005
card | 3782 822463 10005
card | 6011111111111117
card | 3530111333300000
card | Diners card 30569309025904 | 30569309025904
card | ４２４２　４２４２　４２４２　４２４２
card | {"pan":4242424242424242} | 4242424242424242
card | card:4242424242424242; | 4242424242424242
card | 卡号4242424242424242。 | 4242424242424242
card | name,4242424242424242,12 | 4242424242424242
iban | DE89370400440532013000
iban | IBAN: DE89 3704 0044 0532 0130 00 and more words | DE89 3704 0044 0532 0130 00
iban | GB29-NWBK-6016-1331-9268-19
iban | fr1420041010050500013m02606
iban | NL91ABNA0417164300. | NL91ABNA0417164300
iban | ES91 2100 0418 4502 0005 1332
iban | MT84MALT011000012345MTLCAST001S
us_ssn | 123-45-6789
us_ssn | SSN 123 45 6789 | 123 45 6789
us_ssn | "ssn":"123456789" | 123456789
us_ssn | my social security number is 123456789 | 123456789
us_ssn | ITIN 912-70-1234 | 912-70-1234
uk_nhs | NHS number 943 476 5919 | 943 476 5919
uk_nhs | patient 9434765919 | 9434765919
uk_nino | AB123456C
uk_nino | AB 12 34 56 C
de_tax_id | Steuer-ID 36574261809 | 36574261809
de_tax_id | 86 095 742 719
fr_nir | 2 55 08 14 168 025 38
fr_nir | 255081416802538
es_dni | DNI 12345678Z | 12345678Z
es_nie | X1234567L
it_codice_fiscale | RSSMRA85T10A562S
nl_bsn | BSN: 111222333 | 111222333
br_cpf | 529.982.247-25
br_cpf | CPF 52998224725 | 52998224725
in_aadhaar | 2341 2341 2346
in_aadhaar | Aadhaar: 234123412346 | 234123412346
in_pan | ABCPE1234F
pl_pesel | PESEL 44051401359 | 44051401359
se_personnummer | 811218-9876
se_personnummer | personnummer 8112189876 | 8112189876
ch_ahv | 756.9217.0769.85
be_national_number | 85.07.30-033.28
fi_hetu | 131052-308T
cn_resident_id | 11010519491231002X
mx_curp | HEGG560427MVZRRL04
ca_sin | SIN 130 692 544 | 130 692 544
passport | passport number C01X00T47 | C01X00T47
passport | Reisepass C01X00T47 | C01X00T47
date_of_birth | DOB: 1990-05-17 | 1990-05-17
date_of_birth | born 05/17/1990 | 05/17/1990
date_of_birth | born on May 17, 1990 | May 17, 1990
date_of_birth | geboren am 17. Mai 1990 | 17. Mai 1990
date_of_birth | geb. 17.05.1990 | 17.05.1990
date_of_birth | née le 17 mai 1990 | 17 mai 1990
date_of_birth | nacido el 17 de mayo de 1990 | 17 de mayo de 1990
date_of_birth | 生年月日 1990年5月17日 | 1990年5月17日
ip | from 203.0.113.7 at | 203.0.113.7
ip | [203.0.113.7]:8080 | 203.0.113.7
ip | http://203.0.113.7:8080/x | 203.0.113.7
ip | 2001:db8:85a3::8a2e:370:7334
ip | fe80::1ff:fe23:4567:890a
ip | ::ffff:203.0.113.7
mac | 00:1B:44:11:3A:B7
mac | 00-1b-44-11-3a-b7
mac | mac 001b.4411.3ab7 | 001b.4411.3ab7
crypto_wallet | 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa
crypto_wallet | bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4
crypto_wallet | 0x52908400098527886E0F7030069857D2E4169EE7
url_login | https://bob:s3cret@example.com/x | bob:s3cret
url_login | ftp://bob@example.com | bob
address | 1600 Pennsylvania Avenue NW, Washington, DC 20500
address | I live at 12 Main Street | 12 Main Street
address | Musterstraße 12a, 12345 Berlin
address | 10 Downing Street, London SW1A 2AA
address | 10 rue de la Paix, 75002 Paris
address | vivo en Calle Mayor 5 | Calle Mayor 5
address | Keizersgracht 123, 1015 CJ Amsterdam
name | My name is Alice Smith and | Alice Smith
name | Dear Bob, | Bob
name | Frau Dr. Müller | Müller
name | je m’appelle Zoé | Zoé
name | Customer: Jean-Luc Picard | Jean-Luc Picard
""".strip().splitlines()


def parts(line: str) -> tuple[str, str, str]:
    """The kind, the text, and what is found in it: all of it when nothing else is said."""
    kind, text, *expected = (part.strip(" ") for part in line.split(" | "))
    return kind, text, expected[0] if expected else text


@pytest.mark.parametrize("line", CASES)
def test_it_is_found_whole_and_as_what_it_is(line: str) -> None:
    kind, text, expected = parts(line)
    found = [(hit.kind, text[hit.start : hit.end]) for hit in EVERYTHING.find(text)]
    assert found == [(kind, expected)]


@pytest.mark.parametrize("line", CASES)
def test_it_is_found_alone_when_only_its_kind_is_looked_for(line: str) -> None:
    kind, text, expected = parts(line)
    found = [text[hit.start : hit.end] for hit in Pii(kinds=[kind]).find(text)]
    assert expected in found


@pytest.mark.parametrize("line", CASES)
def test_it_is_found_within_other_text(line: str) -> None:
    kind, text, expected = parts(line)
    around = f'Hello there.\n"{text}"\nThank you, and good bye.'
    assert expected in [around[hit.start : hit.end] for hit in Pii(kinds=[kind]).find(around)]


def test_every_kind_has_cases() -> None:
    assert {parts(line)[0] for line in CASES} == set(KINDS)
