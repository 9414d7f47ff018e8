"""The tokeniser against the output of the Java original, word by word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.evaluation.ptb import ptb_tokenize
from pairsmith.evaluation.ptb_lexicon import DROPPED_TOKENS
from tests.evaluation.goldens import read_lines
from tests.evaluation.patience import PATIENT

# Inputs and outputs of the Java program, for rules that the golden files do not reach.
PROBES = {
    "don't've he'd've shouldn't've": "do n't 've he 'd 've should n't 've",
    "the boys' toys. the boys'.": "the boys toys the boys",
    "its' it'S DON'T dogs'S": "its it 's do n't dogs 's",
    "lemme dunno d'ye y'all c'mon ol' 'em 'cause 'bout 'til": "lem me dunno d'ye y' all c'mon ol' 'em 'cause bout 'til",
    "fo'c'sle ne'er ma'am's nor'easter gov't": "fo c sle ne'er ma'am 's nor'easter gov t",
    "can't cann't can'tn't": "ca n't cann t ca n'tn t",
    "it’s y’all o’clock ’90s don’t": "it 's y’ all o’clock ’90s do n't",
    "5's 5'11\" 6'2\" 10'x12'": "5 's 5 11 6 2 10 x12",
    "'55 y. '55. '05s mid-'90s": "'55 y. 55 05s mid '90s",
    "AT&T a&b B&W A&B&C": "at&t a & b b&w a&b&c",
    "-less -5 --5 a-5 5-10 5.5-inch 1,000-strong non-U.S.": "less -5 5 a-5 5-10 5.5-inch 1,000-strong non-u.s.",
    "a/b/c/d 1/a/b a/1 his/her.": "a/b/c / d 1/a/b a/1 his/her",
    "a_b_c _a a_ a_b.c snake_case_name": "a_b_c _ a a _ a_b c snake_case_name",
    "C++ C# F# C+ #art #a5 ## @home @5": "c++ c# f# c + #art #a 5 ## @home @ 5",
    "5:30pm 12:30p.m. 5pm 10km 5.5km 1.000,50 3.5. .5": "5:30 pm 12:30 p.m. 5pm 10km 5.5 km 1.000,50 3.5 .5",
    "$5.00 US$5 5€ £5 5¢ ½ 1½": "$ 5.00 us$ 5 5 $ # 5 5 cents 1/2 1 1/2",
    "see www.x.com. or https://www.x.com/a?b=c. or foo.org, me@x.com": (
        "see www.x.com or https://www.x.com/a?b=c or foo.org me@x.com"
    ),
    "file.txt IMG_1234.jpg 5.jpg v3.5.x": "file.txt img_1234 jpg 5.jpg v3.5.x",
    ":) :-( ;D =P ^_^ (^^) <3": ":-rrb- :--lrb- ;d =p ^_^ -lrb-^^-rrb- < 3",
    '<b>bold</b> <a href="x">y</a> a < b': '<b> bold </b> <a\xa0href="x"> y </a> a < b',
    "a &amp; b &lt;c&gt; don&apos;t x&nbsp;y": "a & b < c > do n't x y",
    "(555) 123-4567 or 555 123 4567 or 1 1/2": "-lrb-555-rrb-\xa0123-4567 or 555\xa0123\xa04567 or 1\xa01/2",
    "No. 5 and No. no. 5": "no. 5 and no no. 5",
    "Jan. 5, Sat. 5, La. 5, la. 5": "jan. 5 sat 5 la. 5 la 5",
    "vitamin A. The dog": "vitamin a the dog",
    "vitamin A. Their's": "vitamin a. their 's",
    "by A. Turing": "by a. turing",
    "x al.-a table.-a Mr.-a": "x al. a table.-a mr.-a",
    "table., chair.; lamp.:": "table. chair. lamp.",
    "a“b”c ‘d’ «e» „f“": "a b c d’ e „ f",
    "20°C 5² H₂O x⁻²": "20 ° c 5 ² h ₂ o x ⁻²",
    "a\u00adb \u200bc caf\u00e9 \u65e5\u672c a\U0001f600b": "ab c café 日本 a b",
    "wait...what .. .... ----- --- ?! !!": "wait what ----- ?! !!",
    "[x] {y} a*b ** ~z |": "-lsb- x -rsb- -lcb- y -rcb- a * b ** ~ z |",
    "li'l ev'ry S'mores Cap'n Dunkin' somethin'": "li'l ev'ry s'mores cap'n dunkin' somethin'",
    "l'amour qu'il Ho'ohu B'bb b'bb O'Brien": "l'amour qu'il ho'ohu b'bb b bb o'brien",
    "rock'n'roll rock 'n' roll 'no' 'n x'n y": "rock 'n' roll rock 'n' roll no 'n x 'n y",
    "pro- anti- S&P-500 C.D.s": "pro- anti- s&p-500 c.d.s",
}


@pytest.mark.parametrize(
    "name", ["coco_val2017", "fakecap_constant_clipscore", "sugarcrepe_unref_neg_and_scpp_caption2", "edge_inputs"]
)
def test_agrees_with_java_on_every_golden_caption(shared: Path, name: str) -> None:
    pairs = read_lines(shared / "goldens" / "ptb_tokens" / f"{name}.jsonl")
    tokens = ptb_tokenize([pair["in"] for pair in pairs])
    assert len(tokens) == len(pairs)
    assert [(pair["in"], pair["out"], own) for pair, own in zip(pairs, tokens, strict=True) if pair["out"] != own] == []


def test_the_published_notebook_counts_as_many_tokens(shared: Path) -> None:
    """The demonstration of the COCO caption evaluation prints how many n-grams its candidates have."""
    folder = shared / "goldens" / "coco_caption_fakecap"
    entries = json.loads((folder / "captions_val2014_fakecap_results.json").read_text())
    lengths = [len(text.split()) for text in ptb_tokenize([entry["caption"] for entry in entries])]
    guesses = [sum(max(length - n, 0) for length in lengths) for n in range(4)]
    assert guesses == json.loads((folder / "expected_full_val2014.json").read_text())["bleu_stats"]["guess"]


@pytest.mark.parametrize("text", PROBES)
def test_rules_that_the_goldens_do_not_reach(text: str) -> None:
    assert ptb_tokenize([text]) == [PROBES[text]]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"])
def test_line_separators_inside_a_caption_are_blanks_and_shift_nothing(separator: str) -> None:
    assert ptb_tokenize([f"a dog{separator}runs", "a cat"]) == ["a dog runs", "a cat"]


def test_single_initial_at_the_end_depends_on_the_next_caption_only() -> None:
    assert ptb_tokenize(["Avenue D.", "A street"]) == ["avenue d", "a street"]
    assert ptb_tokenize(["Avenue D.", " ", "A street"]) == ["avenue d", "", "a street"]
    assert ptb_tokenize(["Avenue D.", "Big street"]) == ["avenue d.", "big street"]
    assert ptb_tokenize(["Avenue D."]) == ["avenue d."]


def test_pieces_between_blanks_give_the_same_tokens_as_the_whole_line() -> None:
    # "<" sends a line through the lexer as a whole, so the two lines take the two ways through the code.
    text = "Don't park the U.S. Army's 5:30pm trucks at (St. Mary's) e.g. here, o'clock etc. w/ snow-covered #1 cars!"
    pieces, whole = ptb_tokenize([text, f"< {text}"])
    assert whole == f"< {pieces}"


@PATIENT
@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_gives_one_clean_line_each(captions: list[str]) -> None:
    tokens = ptb_tokenize(captions)
    assert len(tokens) == len(captions)
    for line in tokens:
        assert line == line.lower().strip(" ")
        assert "  " not in line
        assert not DROPPED_TOKENS.intersection(line.split(" "))
        assert not {"\n", "\r", "\u2028", "\x85"}.intersection(line)


@PATIENT
@given(st.lists(st.sampled_from(["a", "red", "dog", "runs", "on", "the", "snow", "with", "two", "cats"]), min_size=1))
def test_plain_words_pass_unchanged(words: list[str]) -> None:
    assert ptb_tokenize([" ".join(words)]) == [" ".join(words)]
