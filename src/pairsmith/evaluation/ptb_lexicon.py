"""Words and characters that the PTB tokeniser treats specially.

Everything here was found by feeding the Stanford tokeniser (3.4.1) with all words of up to four letters, the vocabulary
of COCO captions and every character of the Basic Multilingual Plane, and looking at what came out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def alternatives(words: Iterable[str]) -> str:
    """The words as one regular-expression alternative, longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that are cut in two although nothing separates the halves.
SPLIT_WORDS = {
    "cannot": ("can", "not"),
    "gonna": ("gon", "na"),
    "gotta": ("got", "ta"),
    "lemme": ("lem", "me"),
    "gimme": ("gim", "me"),
    "wanna": ("wan", "na"),
}

# Abbreviations that may end a sentence. They keep their period, and a hyphen after it does not continue the token.
ENDING_ABBREVIATIONS = _words(
    "al ala apr ariz assn aug bhd bldg blvd bros co colo conn corp cos ct dak dec esq est etc ext feb fla fri ga "
    "inc ind intl jan jr jul jun kan kans ky ltd mar md mich minn mo mon mont neb nev nov oct okla penn plc rd rt "
    "sep sept seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo"
)
# The same, when the first letter is a capital ("la." and "miss." are words, "La." and "Miss." are states).
CAPITAL_ABBREVIATIONS = _words("ark az del ill la mass miss ore pa tex wash")
# The same, in lower case or with a capital, but not in capitals.
COMPANY_ABBREVIATIONS = _words("ppte ppty pte ptes pty ptys")
# Titles and the like, which stand before a name: the period stays, and a hyphen does continue the token.
TITLE_ABBREVIATIONS = _words(
    "adj adm adv alex assoc asst atty ave brig capt cf cie cmdr col cpl dept det dr drs elec ens ft gen gov govs "
    "hon insp invt jos lt maj mlle mme mr mrs ms msgr mt natl pfc ph pres prof profs pvt rep reps rev sen sens sfc "
    "sgt spc st ste supt treas vs wm"
)
# Titles in lower case or with a capital, but not in capitals.
LOWER_TITLE_ABBREVIATIONS = frozenset({"mfg", "mtg"})
# Abbreviations only when a number follows ("No. 5", but "No. Never").
NUMBER_ABBREVIATIONS = _words("art ca fig figs no nos op pp prop")
ABBREVIATIONS = (
    ENDING_ABBREVIATIONS
    | CAPITAL_ABBREVIATIONS
    | COMPANY_ABBREVIATIONS
    | TITLE_ABBREVIATIONS
    | LOWER_TITLE_ABBREVIATIONS
    | NUMBER_ABBREVIATIONS
)

# A single letter with a period before one of these (and a blank) ends a sentence: "vitamin A. The" against "A. Turing".
SENTENCE_STARTS = _words(
    "a about according additionally after an as at but earlier he her here however if in it last many more now once "
    "one other our she since so some such that the their then there these they this we what when while yet you mr. "
    "ms."
)

# "5.jpg" is one token when a blank or the end of a sentence follows.
FILE_EXTENSIONS = _words(
    "bat bmp c cgi class cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl png ppt ps py "
    "sql tar txt wav x xml zip"
)

# Marks that continue a word: combining accents and vowel signs of the scripts that the original knows.
MARKS = (
    "\u02c2-\u02c5\u02d2-\u02df\u02e5-\u02eb\u02ed\u02ef-\u036f\u0375\u0378\u0379\u0384\u0385\u03f6\u0483-\u0487\u055a-\u055f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a\u064b-\u065e\u0670\u06d6-\u06e4\u06e7-\u06ed\u06fd\u06fe"
    "\u070f\u0711\u0730-\u074c\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0903\u093c\u093e-\u094e\u0951-\u0955\u0962\u0963\u0981-\u0983"
    "\u09bc\u09be-\u09c4\u09c7\u09c8\u09cb-\u09cd\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c\u0a3e-\u0a4f\u0a81-\u0a83\u0abc"
    "\u0abe-\u0acf\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcd\u0c01-\u0c03\u0c3e-\u0c56\u0d3e-\u0d44\u0d46-\u0d48\u0e31"
    "\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
)
# Number signs that Python's `\w` takes for letters (roman numerals, circled numbers ...).
NUMBER_SIGNS = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u09f4-\u09f9\u0b72-\u0b77\u0bf0-\u0bf2\u0c78-\u0c7e\u0d58-\u0d5e\u0d70-\u0d78\u0f2a-\u0f33"
    "\u1369-\u137c\u16ee-\u16f0\u17f0-\u17f9\u19da\u2070\u2074-\u2079\u2080-\u2089\u2150-\u2182\u2185-\u2189\u2460-\u249b"
    "\u24ea-\u24ff\u2776-\u2793\u2cfd\u3007\u3021-\u3029\u3038-\u303a\u3192-\u3195\u3220-\u3229\u3248-\u324f\u3251-\u325f"
    "\u3280-\u3289\u32b1-\u32bf\ua6e6-\ua6ef\ua830-\ua835"
)
# Signs that are tokens of their own; a sign that is in no class (emoji, control characters) vanishes.
SYMBOLS = (
    "!-/:-@\\[-`{-~\u00a1-\u00ac\u00ae-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u037e\u0387\u0589\u05be\u05c0\u05c3\u05c6"
    "\u05f3\u05f4\u0600-\u0603\u0606-\u060c\u0614\u061b\u061e\u061f\u066a\u066d\u06d4\u0700-\u070d\u07f6-\u07f8\u0964\u0965"
    "\u0e3f\u0e4f\u1fbd\u2013-\u2023\u2026\u2030-\u203b\u203e-\u2042\u2044\u2070\u2074-\u207e\u2080-\u208e\u20a0\u20a4\u20ac\u2100\u2101"
    "\u2103-\u2106\u2108\u2109\u2114\u2116-\u2118\u211e-\u2123\u2125\u2127\u2129\u212e\u213a\u213b\u2140-\u2144\u214a-\u214d"
    "\u214f\u2153-\u215e\u2190-\u2bff\u3001\u3002\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0\uffe1"
    "\uffe5\uffe6\x80\x91-\x94\x96\x97"
)

# What is written for characters that are normalised; quotes and dashes take the ASCII form of the Penn Treebank.
CHARACTER_NAMES = {
    "(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-",
    "\x91": "`", "\u2018": "`", "\u201b": "`", "\u2039": "`", "\x92": "'", "\u2019": "'", "\u203a": "'",
    "\x93": "``", "\u201c": "``", "\u00ab": "``", "\x94": "''", "\u201d": "''", "\u00bb": "''", '"': "''",
    "\x96": "--", "\x97": "--", "\u2013": "--", "\u2014": "--", "\u2015": "--", "\u2026": "...",
    "\x80": "$", "\u00a4": "$", "\u20a0": "$", "\u20ac": "$", "\u00a2": "cents", "\u00a3": "#",
    "\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3",
}  # fmt: skip

# Tokens that the caption metrics throw away. The brackets among them are in capitals and therefore never match after
# lower-casing, so brackets stay as words: a quirk of the official code that decides digits.
DROPPED_TOKENS = _words("'' ' `` ` -LRB- -RRB- -LCB- -RCB- . ? ! , : - -- ... ;")
