"""What makes a password good enough: long, and not one that everybody tries first."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from flask_babel import lazy_gettext as _l

SHORTEST = 12
LONGEST = 128

# Stems of the passwords most tried anywhere, and the words of this shop: a password that is only one of them,
# repeated or with digits around it, is guessed in the first minute.
WORDS = """
password passw0rd passwort contrasena motdepasse letmein welcome iloveyou admin administrator root master
login qwerty qwertyuiop qwertyui azerty asdfghjkl asdfgh zxcvbnm zxcvbn qazwsx qazwsxedc qweasd qweasdzxc
onetwothree abc abcd abcde abcdef abcdefg abcdefgh abcdefghijkl monkey dragon football baseball superman
batman sunshine princess shadow michael jordan charlie trustno secret changeme default test testing guest
demo user hello woaini woaini1314 aini wodemima mima nihao zhongguo beijing wuhan hubei shannan nedong
naidong lhasa tibet xizang yarlung yarlungmarket yalongji yalong yaxiang zanghe zangxiangji tudou market
shop supermarket
"""
STEMS = frozenset(WORDS.split())
RUNS = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def normalise_password(password: str) -> str:
    """One way of writing each character, so that the same keys on two devices give the same password."""
    return unicodedata.normalize("NFKC", password)


def faults_of_password(password: str, *, email: str = "", name: str = "") -> list[Any]:
    """What is wrong with it, in words; an empty list if nothing is."""
    faults: list[Any] = []
    if len(password) < SHORTEST:
        faults.append(_l("Please use at least %(n)s characters; a short sentence is good", n=SHORTEST))
    if len(password) > LONGEST:
        faults.append(_l("Please use at most %(n)s characters", n=LONGEST))
    if not faults and is_common(password, email=email, name=name):
        faults.append(_l("This password is too easy to guess; please choose another"))
    return faults


def is_common(password: str, *, email: str = "", name: str = "") -> bool:
    """Whether guessers try it early: a known stem, the person's own name, a run of keys, few characters."""
    plain = password.casefold()
    if len(set(plain)) <= 4 or any(plain in run * 2 for run in RUNS):
        return True
    own = {part for part in (email.casefold(), email.casefold().split("@")[0], name.casefold()) if len(part) >= 3}
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    letters = re.sub(r"[\W\d_]+", "", core.translate(str.maketrans("@$013", "asole")))
    bare = re.sub(r"[\W\d_]+", "", plain)
    return plain in own or any(is_made_of(word, STEMS | own) for word in (letters, bare))


def is_made_of(word: str, stems: frozenset[str] | set[str]) -> bool:
    """Whether the word is one stem, once or several times; a word without letters is only digits and signs."""
    if not word:
        return True
    return any(word == stem * (len(word) // len(stem)) for stem in stems if len(stem) <= len(word))
