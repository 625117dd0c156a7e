"""What is not found: numbers and words that only look like personal data."""

from __future__ import annotations

import pytest

from reliai.checks import Pii
from reliai.checks._pii.catalogue import KINDS

DEFAULT = Pii()

LINES = """
version 1.2.3.4 is out
v10.20.30.40
Chrome/120.0.6099.109 Safari/537.36
release 2024.11.05.1
requires numpy==1.26.4 and pandas>=2.2.0,<3
ISBN 978-3-16-148410-0
ISBN 0-306-40615-2
ISBN 9783161484100
ISSN 2049-3630
doi:10.1000/182
EAN 4006381333931
order 12345678
Order #4155552671
order number 123-45-6789
invoice 2024-000123
Rechnung Nr. 2024/11/000815
tracking 1Z999AA10123456784
tracking number 9400110200881234567890
SKU AB123456C
part no. 12345678Z
model X1234567
ticket 4155552671
1700000000
1700000000000
1700000000123456
2024-11-05T12:30:45.123456Z
2024-11-05 12:30:45 +0100
20241105123045
12:30:45
on 01.02.2024 10:30
05/17/2024
May 17, 2024
between 1990 and 2024
550e8400-e29b-41d4-a716-446655440000
urn:uuid:123e4567-e89b-12d3-a456-426614174000
d41d8cd98f00b204e9800998ecf8427e
da39a3ee5e6b4b0d3255bfef95601890afd80709
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
commit 4242424242424242abc
$1,234,567.89
1 234 567,89 EUR
1.234.567,89
price: 4.111,11
revenue of 4111 1111 in 2023
12 345 678 901 inhabitants
3.14159265358979
6.02214076e23
0.1234567890123456
4242424242424243
4242 4242 4242 4241
0000 0000 0000 0000
1234 5678 9012 3456
9999 9999 9999 9999
DE89370400440532013001
GB00WEST12345698765432
DE00 0000 0000 0000 0000 00
XX82WEST12345698765432
000-12-3456
666-12-3456
123-00-6789
123-45-0000
943 476 5919
111222333
12345678901
529.982.247-26
2341 2341 2347
12345678A
X1234567A
RSSMRA85T10A562T
ABCDE1234F
git@github.com:org/repo.git
git clone git@gitlab.com:group/project.git
npm install @scope/package@1.2.3
logo@2x.png
icon@3x.webp
user@localhost
@app.route("/users")
Follow @someone on the net
a @ b . c
meet me @ 5 pm
127.0.0.1
0.0.0.0
255.255.255.0
10.0.0.0/8
192.168.0.0/16
256.1.1.1
1.2.3
1.2.3.4.5
1.2.3.4 Introduction
std::vector<int>::iterator
a::b
::1
12:30:45:50
00:00:00:00:00:00
ff:ff:ff:ff:ff:ff
AA:BB
https://example.com/path?x=1
https://example.com:8080/
http://localhost:3000
bitcoin is at 42000
1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb
bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5
0x1234
0x0000000000000000000000000000000000000000
the year 1990 was good
born to run
she was born in 1990
passport control is on the left
passport photos cost 12 dollars
12 Angry Men
see page 12 Main Street is nice
10 best ways to live
room 123, floor 4
chapter 5, section 4.2.1
temperature 37.5, pressure 1013.25
coordinates 52.520008, 13.404954
score 3-2-4
phone model 12
iPhone 15 Pro Max 256
area code 415
call 911
call 5 times
cost of a call | 5 1.9 5000 45
call 1, 2 or 3 in 1000 2000 cases
press 1 for sales
95% of 1,000,000 users
2 + 2 = 4
x = 123456789
[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
1 2 3 4 5 6 7 8 9 10 11 12 13
0 1 2 3
100 200 300 400
200 300 4000
tensor([0.1234, 0.5678, 0.9012])
int32 int64 float16
A1 B2 C3 D4
H2O and CO2
GPT-4 and o3-mini-2025-01-31
gpt-4o-2024-08-06
rgb(255, 255, 255)
#4242424242
line 4155552671 of the log
id_4155552671 user_123-45-6789_x
C:\\new\\table 12
PID 12345 TID 67890
0123456789abcdef
+1
+100
++i
C++17
1+1=2
+1 2 3 4 5 6 7 8 9 10 11 12 13
00 12 34
+999 123456789
1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a
1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4
bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8fbbb
0xabcdefghijabcdefghijabcdefghijabcdefghij
1111 1111 111
111.111.111-11
::ffff:127.0.0.1
1:2:3:4:5:6:7:8
(1) first (2) second (3) third
§ 263 Abs. 1 StGB
RFC 2822 and ISO 8601
Boeing 737-800
MH370
Euro 2024
24/7
50/50
9/11
3:16
""".strip().splitlines()


@pytest.mark.parametrize("text", LINES)
def test_nothing_is_found_where_nothing_is_personal(text: str) -> None:
    assert [(hit.kind, text[hit.start : hit.end]) for hit in DEFAULT.find(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Dear all, hello there, hi everyone",
        "This is great. My name is on the list.",
        "Dr. who? Mr. and Mrs. were out.",
        "name: none",
        "call me maybe",
    ],
)
def test_words_that_are_no_names_are_not_found(text: str) -> None:
    assert Pii(kinds=KINDS).find(text) == []


def test_a_page_of_documentation_has_no_personal_data(request: pytest.FixtureRequest) -> None:
    for name in "call-path costs caching errors policies providers records testing".split():
        text = (request.config.rootpath / "docs" / f"{name}.md").read_text(encoding="utf-8")
        found = {hit.kind: text[hit.start : hit.end] for hit in DEFAULT.find(text)}
        assert found.keys() <= {"email"}, name
