"""The token rules of the PTB tokeniser: at every place the rule that reaches farthest wins, the earlier one at a tie.

A rule is a regular expression. Its groups are the tokens it yields; what it matches after its last group is look-ahead
that counts for "farthest" but stays in the text. Rules are kept in three lists, by the kind of character they can start
with, so that a place is tried against few of them.
"""

from __future__ import annotations

import re

from pairsmith.evaluation.ptb_lexicon import (
    CAPITAL_ABBREVIATIONS,
    CHARACTER_NAMES,
    COMPANY_ABBREVIATIONS,
    DROPPED_TOKENS,
    ENDING_ABBREVIATIONS,
    FILE_EXTENSIONS,
    LOWER_TITLE_ABBREVIATIONS,
    MARKS,
    NUMBER_ABBREVIATIONS,
    NUMBER_SIGNS,
    SENTENCE_STARTS,
    SPLIT_WORDS,
    SYMBOLS,
    TITLE_ABBREVIATIONS,
    alternatives,
)

_LETTER = rf"[^\W\d_{NUMBER_SIGNS}]"
_WORD_START = rf"(?:{_LETTER}|[{MARKS}])"
_WORD_CHARACTER = rf"(?:[^\W_{NUMBER_SIGNS}]|[{MARKS}])"
_APOSTROPHE = r"(?:['\u2019\x92]|&apos;)"
_BLANK = r"[ \t\u00a0\u2000-\u200a\u3000]"
_BLANK_OR_LINE = r"[ \t\n\u00a0\u2000-\u200a\u3000]"
_HYPHEN = r"[-\u058a\u2010\u2011]"

_WORD = rf"{_WORD_START}{_WORD_CHARACTER}*(?:[.!?]{_WORD_START}{_WORD_CHARACTER}*)*"  # "cat", "T.V", "end.Next"
_CLITIC = rf"{_APOSTROPHE}(?:[sSmMdD]|[lL][lL]|[rR][eE]|[vV][eE])"
_NUMBER = r"(?:\d*(?:[.:,\u066b\u066c]\d+)+|\d+)"  # "5", "3.5", "1,000", "12:30", ".5"
_ACRONYM = r"[A-Za-z](?:\.[A-Za-z])+"
_COMPOUND = (  # "two-story", "d'oeuvre-like"
    rf"(?:[dDoOlL]{_APOSTROPHE}{_WORD_CHARACTER})?{_WORD_CHARACTER}+"
    rf"(?:{_HYPHEN}(?:[dDoOlL]{_APOSTROPHE}{_WORD_CHARACTER})?{_WORD_CHARACTER}+)*"
)
_WIDE_COMPOUND = rf"[A-Za-z0-9][A-Za-z0-9.,]*(?:-(?:{_ACRONYM}\.|[A-Za-z0-9]+))+"  # "5.5-inch", "non-U.S."
_TAG = (
    r"<(?:[!?][A-Za-z-][^>\r\n]*|/?[A-Za-z][A-Za-z0-9_:.-]*"
    r"(?: +[A-Za-z][A-Za-z0-9_:.-]*(?: *= *(?:'[^']*'|\"[^\"]*\"|[A-Za-z][A-Za-z0-9]*))?)* */?) *>"
)
_EMAIL = (
    r"[a-zA-Z0-9][^ \t\n\f\r\"<>|(){}\u00a0]*@"
    r"(?:[^ \t\n\f\r\"<>|(){}.\u00a0]+\.)*[^ \t\n\f\r\"<>|(){}.\u00a0]+"
)
_URL_BODY = r'[^ \t\n\f\r"<>|(){}]+[^ \t\n\f\r"<>|.!?(){},-]'
_URL_PATH = r'/[^ \t\n\f\r"<>|()]+[^ \t\n\f\r"<>|.!?(){},-]'


def _titled(words: frozenset[str]) -> str:
    return alternatives({word for stem in words for word in (stem, stem.title())})


_ENDING = (
    rf"(?i:{alternatives(ENDING_ABBREVIATIONS)})"
    rf"|{alternatives({word for stem in CAPITAL_ABBREVIATIONS for word in (stem.title(), stem.upper())})}"
    rf"|{_titled(COMPANY_ABBREVIATIONS)}"
)
_STARTS = alternatives({word for stem in SENTENCE_STARTS for word in (stem.title(), stem.upper())})
_SENTENCE_START = rf"{_BLANK_OR_LINE}+(?:(?:{_STARTS}){_BLANK_OR_LINE}|{_TAG})"
_SPLIT = "|".join(f"({first})({second})" for first, second in SPLIT_WORDS.values())

_ANYWHERE = [
    r"((?:(?i:www)\.(?:[^ \t\n\f\r\"<>|.!?(){},]+\.)+[a-zA-Z]{2,4}"  # www.example.com/page
    r"|(?:[^ \t\n\f\r\"`'<>|.!?(){}$,-_]+\.)+(?i:com|net|org|edu))"  # no capitals, digits, hyphens here
    rf"(?:{_URL_PATH})?)(?![A-Za-z])",
]
_FROM_WORD_CHARACTER = [
    rf"({_COMPOUND})",
    rf"({_COMPOUND}(?:_{_COMPOUND})+)",  # snake_case
    rf"({_WORD_CHARACTER}+(?:\.{_WORD_CHARACTER}+)*\.(?i:{alternatives(FILE_EXTENSIONS)}))(?:[\s.?!,]|$)",
    r"([A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2})",  # "and/or", at most two slashes
    rf"((?:{_COMPOUND}(?:_{_COMPOUND})*|{_WORD}|{_WIDE_COMPOUND})\.)[,;:\u3001]",  # a word keeps its period here
    rf"({_WIDE_COMPOUND})",
    rf"({_EMAIL})",
]
_FROM_LETTER = [
    rf"(?i:{_SPLIT})",
    rf"({_WORD}){_CLITIC}",
    rf"({_WORD_START}{_WORD_CHARACTER}*?)(?<![nN])[nN]{_APOSTROPHE}[tT]",
    rf"({_WORD})",
    rf"([dlnoA-HJ-XZ](?:{_APOSTROPHE}|[`\u2018\u201b]){_LETTER}{{2,}}|{_LETTER}+[aeiouyAEIOUY](?:{_APOSTROPHE}|[`\u2018\u201b])[aeiouA-Z]{_LETTER}*"
    rf"|[dD]unkin{_APOSTROPHE}|somethin{_APOSTROPHE}|[oO]l{_APOSTROPHE}|[cC]ap{_APOSTROPHE}n|[cC]{_APOSTROPHE}est)",
    r"([lL]i'l|[eE]v'ry|[cC]'[mM]on|[sS]'mores|[nN]or'easter|[nN]?[eE]'er)",  # only with a straight apostrophe
    rf"([jJdDlL]{_APOSTROPHE})",
    rf"([yY]{_APOSTROPHE}){_LETTER}",
    rf"([nN]{_APOSTROPHE}[tT])",
    rf"((?i:https?)://{_URL_BODY})",
    r"([A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+)",  # "AT&T"
    r"([Cc]\+\+|[CcFf]#)",
    rf"((?:{_ENDING})\.)",
    rf"((?:{_ENDING})\.).{{0,2}}",  # beats a compound that is at most two characters longer
    rf"((?i:{alternatives(TITLE_ABBREVIATIONS)})\.|(?:{_titled(LOWER_TITLE_ABBREVIATIONS)})\.)",
    rf"([A-Za-z])\.{_SENTENCE_START}",  # "vitamin A. The"
    rf"((?:{_ACRONYM}|[A-Za-z])\.)",
    rf"((?i:{alternatives(NUMBER_ABBREVIATIONS)})\.){_BLANK}?\d",
    r"([A-Z]+\$)",  # "US$"
    r"((?i:pro|anti)-|S(?:&|&amp;)P-500|S(?:&|&amp;)Ls|C\.D\.s)",
    r"(x_[x=~<>'^-])",
]
_FROM_DIGIT = [
    r"(\d{1,2}[-/]\d{1,2}[-/]\d{2,4})",
    rf"({_NUMBER})",
    r"((?:\d{1,4}[- \u00a0])?\d{1,4}(?:\\?/|\u2044)\d{1,4})",  # "1 1/2" is one token
]
_PHONE = (
    r"((?:\([0-9]{2,3}\)[ \u00a0]?|(?:\+\+?)?(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0])"
    r"[0-9]{3,4}[- \u00a0]?[0-9]{3,5}"
    r"|(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5})"
)
_FROM_SIGN = [
    rf"(?i:({_APOSTROPHE}t)(is|was))",
    rf"({_TAG})",  # one token, blanks and all
    rf"({_APOSTROPHE}(?:[nN]{_APOSTROPHE}?|[eE][mM]|[tT][iI][lL][lL]?|[cC][aA][uU][sS][eE]|[2-9]0[sS]))",
    rf"({_APOSTROPHE}\d\d)(?=\s|$)",  # "'05"
    rf"({_CLITIC})(?:[^A-Za-z]|$)",
    r"(')[A-Za-z][^ \t\n\r\u00a0]",  # an opening quote
    rf"({_CLITIC})",
    rf"([-+]?{_NUMBER})",
    r"([\u207a\u207b\u208a\u208b]?(?:[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+|[\u2080-\u2089]+))",
    r"(-(?i:[LR][RCS]B)-)",
    r"(@[A-Za-z_][A-Za-z_0-9]*)",
    rf"(#{_LETTER}+)",
    rf"(<{_EMAIL}>)",
    r"(\.{3,5}|(?:\.[ \u00a0]){2,4}\.)",
    r"([?!]+)",
    r"(-{5,}|-{1,4})",
    r"(\*+|(?:\\\*){1,3})",
    r"([<>]?[:;=][-o*']?[(){}\[\]DPdpO\\|@])(?![A-Za-z0-9])",
    r"([x=~<>'^-]_[x=~<>'^-]|\([x=~<>'^-][._-]?[x=~<>'^-]\))",
    r"('{1,2}|[`\u2018-\u201f\u2039\u203a\u00ab\u00bb\x91-\x94]{1,2})",
    r"(@{2,}|_{2,}|#{2,}|<<|>>)",
    r"(&(?:(?i:amp|lt|gt|quot|apos|nbsp|mdash|ndash)|MD|HT|TL|UR|LR|QC|QL|QR|odq|cdq|#[0-9]+|[aeiouAEIOU](?:acute|grave|uml));)",
    rf"([{SYMBOLS}])",
]
_LETTER_RULES = [re.compile(rule) for rule in _FROM_LETTER + _FROM_WORD_CHARACTER + _ANYWHERE]
_DIGIT_RULES = [re.compile(rule) for rule in [*_FROM_DIGIT, *_FROM_WORD_CHARACTER, _PHONE, *_ANYWHERE]]
_SIGN_RULES = [re.compile(rule) for rule in [*_FROM_SIGN, _PHONE, *_ANYWHERE]]

_MARK = re.compile(f"[{MARKS}]")
_ENTITIES = {
    "&amp;": "&",
    "&apos;": "'",
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": "''",
    "&nbsp;": "",
    "&mdash;": "--",
    "&ndash;": "--",
    "&md;": "--",
}
_ENTITY = re.compile("|".join(_ENTITIES), re.IGNORECASE)
_PARENTHESES = str.maketrans({name: CHARACTER_NAMES[name] for name in "()"})
_QUOTES = str.maketrans({sign: name for sign, name in CHARACTER_NAMES.items() if name in {"`", "'", "``", "''"}})
_QUOTES_OR_CLITIC = re.compile(rf"[^\w]+|[nN]{_APOSTROPHE}[tT]|{_CLITIC}")  # elsewhere a curly apostrophe stays curly
_LONG_DASH = re.compile("-{3,4}")


def lex(text: str, end: int | None = None) -> list[str]:
    """The tokens of `text` that are kept, in lower case.

    Args:
        text: one caption, without soft hyphens and characters beyond the Basic Multilingual Plane; it may be followed
        by
            a line break and the next caption, which the rule on single initials looks at.
        end: where the caption ends in `text`; default its length.
    """
    end = len(text) if end is None else end
    tokens: list[str] = []
    position = 0
    while position < end:
        character = text[position]
        if character.isspace():
            position += 1
            continue
        if character.isalpha() or _MARK.match(character):
            rules = _LETTER_RULES
        elif character.isdecimal():
            rules = _DIGIT_RULES
        else:
            rules = _SIGN_RULES
        best: re.Match[str] | None = None
        for rule in rules:
            match = rule.match(text, position)
            if match and match.end() > (best.end() if best else position):
                best = match
        if best is None:  # a sign of no class: it vanishes
            position += 1
            continue
        for token in best.groups():
            if token is None:
                continue
            position += len(token)
            written = _write(token)
            if written and written not in DROPPED_TOKENS:
                tokens.append(written)
    return tokens


def _write(token: str) -> str:
    """The token as the original prints it: normalised signs, lower case, no blanks inside."""
    if token in CHARACTER_NAMES:
        return CHARACTER_NAMES[token]
    if _LONG_DASH.fullmatch(token):
        return "--"
    if token.startswith(".") and not token.strip(". \u00a0"):
        return "..."
    if "&" in token:
        token = _ENTITY.sub(lambda match: _ENTITIES[match.group().lower()], token)
    if not token.isascii() and _QUOTES_OR_CLITIC.fullmatch(token):
        token = token.translate(_QUOTES)
    if not token.startswith("<"):
        token = token.translate(_PARENTHESES)
    return token.replace(" ", "\u00a0").lower()
