"""Whether a text mentions a noun, in the singular or the plural, by spelling rules and a list of exceptions.

Rules rather than a tagger: the words compared are a known concept and the words of a caption about it, so candidates
are generous and a match needs one candidate of each in common.
"""

from __future__ import annotations

_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "lice": "louse", "dice": "die", "oxen": "ox", "brethren": "brother",
    "pence": "penny", "kine": "cow", "quizzes": "quiz", "gases": "gas", "buses": "bus", "busses": "bus",
    "criteria": "criterion", "phenomena": "phenomenon", "automata": "automaton", "polyhedra": "polyhedron",
    "opera": "opus", "genera": "genus", "corpora": "corpus", "stigmata": "stigma", "stomata": "stoma",
    "cherubim": "cherub", "seraphim": "seraph", "passersby": "passerby", "staves": "staff", "axes": "axis",
}  # fmt: skip
# Compounds take the plural of their last part: firemen, eyeteeth, dormice, forefeet.
_LAST_PARTS = ("men", "children", "feet", "teeth", "geese", "mice", "lice")
# ("ies", "y"): a word in -ies may be the plural of one in -y.
_ENDINGS = (
    ("zzes", "z"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("zes", "z"),
    ("ses", "s"), ("ses", "sis"), ("oes", "o"), ("ies", "y"), ("ies", "ie"), ("ves", "f"), ("ves", "fe"), ("ves", "ve"),
    ("ices", "ex"), ("ices", "ix"), ("eaux", "eau"), ("ae", "a"), ("ia", "ium"), ("a", "um"), ("i", "us"), ("s", ""),
)  # fmt: skip


def singulars(noun: str) -> set[str]:
    """The noun itself and everything it may be the plural of, lower case."""
    noun = noun.lower()
    found = {noun}
    if noun in _IRREGULAR:
        found.add(_IRREGULAR[noun])
    for part in _LAST_PARTS:
        if noun.endswith(part):
            found.add(noun[: -len(part)] + _IRREGULAR[part])
    for ending, singular in _ENDINGS:
        stem = noun[: -len(ending)]
        if noun.endswith(ending) and len(stem) >= 2 and not (ending == "s" and noun.endswith("ss")):
            found.add(stem + singular)
    return found


def mentions(words: list[str], concept: list[str]) -> bool:
    """Whether a concept's words stand side by side among a text's words, in either number, joined or apart.

    "racing car" is found in "two racing cars" and "a racing-car", "ice cream" in "an icecream", "racehorse" in
    "a race horse".

    Args:
        words: of the text, lower case, hyphens split.
        concept: words of the concept, lower case, hyphens split.
    """
    if not concept:
        return False
    head, noun = "".join(concept[:-1]), concept[-1]
    wanted = {head + form for form in singulars(noun)} | singulars(head + noun)
    for length in range(1, len(concept) + 2):
        for start in range(len(words) - length + 1):
            *before, last = words[start : start + length]
            joined = "".join(before)
            forms = {joined + form for form in singulars(last)}
            if not forms.isdisjoint(wanted):
                return True
    return False
