"""Make the packaged list of concepts, `src/pairsmith/captions/data/concepts.txt`, from WordNet's nouns.

    apt-get install wordnet-base
    python tools/make_concepts.py --wordnet /usr/share/wordnet --out src/pairsmith/captions/data/concepts.txt

The list stands in for the classes of ImageNet-21k, which are WordNet noun synsets. ImageNet-21k-P, the cleaned set,
keeps 10-11 thousand classes, and its current release leaves the people out; so does this list. A synset is kept when

- it lies below one of `ROOTS` and below none of `CUTS`: a physical thing that can be seen from outside, no person;
- one of its names is one or two words of plain lower-case letters, on none of the lists in `make_concepts_words.txt`
  (unfit: slurs, sex, cruelty; abstract: the general shelves of WordNet, such as "commodity"; other: names that mostly
  mean something else, such as "felt"), and not the plural of another noun;
- that name means this synset first of all. "bank" is a slope in first place but mostly money by its tags: such names go
  by the tag counts; and a name that is mostly a verb or an adjective in the tagged texts ("western") is dropped;
- the name is familiar: its score reaches `THRESHOLDS` of its domain (plants need more: WordNet holds thousands of
  species that neither a language model nor an image generator knows).

Familiarity needs no other corpus: how often the name (or its plural) occurs in WordNet's definitions and examples (1.3
million words) plus three times its tag count; a two-word name counts its occurrences twice and adds a little for the
familiarity of its words. Each synset gives one name, its most familiar one; a short list of everyday things that these
rules lose ("bus") is added. The output is sorted, one name a line, under a header with WordNet's notice.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

# Synsets are named by their first word and the number of their lexicographer file (3 tops, 5 animal, 6 artifact,
# 8 body, 13 food, 17 object, 18 person, 20 plant).
Place = tuple[str, int]

ROOTS: dict[str, tuple[Place, ...]] = {
    "animal": (("animal", 3),),
    "plant": (("plant", 3), ("fungus", 20), ("plant_part", 20)),
    "artifact": (("artifact", 3),),
    "nature": (("natural_object", 3), ("geological_formation", 17), ("body_of_water", 17), ("land", 17)),
    "food": (("food", 3), ("food", 13), ("beverage", 13)),
    "body": (("external_body_part", 8),),
}
CUTS: tuple[Place, ...] = (
    ("person", 3), ("microorganism", 5), ("worm", 5), ("embryo", 5), ("abortus", 5), ("particle", 17),
    ("constellation", 17), ("asterism", 17), ("vitamin", 13), ("line", 6), ("opening", 6), ("contraceptive", 6),
    ("weapon_of_mass_destruction", 6), ("instrument_of_execution", 6), ("instrument_of_punishment", 6),
    ("crotch", 8), ("buttocks", 8), ("genitalia", 8), ("breast", 8),
)  # fmt: skip
# The inner parts of plants; the fruits among them are foods as well, and stay.
PLANT_CUTS: tuple[Place, ...] = (("reproductive_structure", 20), ("plant_tissue", 20))
# In this order a synset below several roots takes its domain.
THRESHOLDS = {"food": 0.8, "body": 2.0, "artifact": 1.0, "animal": 1.5, "plant": 3.0, "nature": 2.0}

HEADER = """\
# Concepts for caption prompts: one a line. Made by tools/make_concepts.py from the noun synsets of WordNet 3.0.
#
# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
#
# This software and database is being provided to you, the LICENSEE, by Princeton University under the following
# license. By obtaining, using and/or copying this software and database, you agree that you have read, understood,
# and will comply with these terms and conditions.: Permission to use, copy, modify and distribute this software and
# database and its documentation for any purpose and without fee or royalty is hereby granted, provided that you agree
# to comply with the following copyright notice and statements, including the disclaimer, and that the same appear on
# ALL copies of the software, database and documentation, including modifications that you make for internal use or
# for distribution. THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS
# OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO
# REPRESENTATIONS OR WARRANTIES OF MERCHANTABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE
# LICENSED SOFTWARE, DATABASE OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR
# OTHER RIGHTS. The name of Princeton University or Princeton may not be used in advertising or publicity pertaining
# to distribution of the software and/or database. Title to copyright in this software, database and any associated
# documentation shall at all times remain with Princeton University and LICENSEE agrees to preserve same.
#
"""


@dataclass(frozen=True)
class Synset:
    """One noun synset: where it is shelved, its names in their own case, the synsets above it."""

    file: int
    names: tuple[str, ...]
    above: tuple[str, ...]


def read_synsets(path: Path) -> dict[str, Synset]:
    """WordNet's data.noun as offset -> Synset (format: wndb(5WN))."""
    synsets = {}
    for line in path.read_text().splitlines():
        if line.startswith("  "):  # the notice at the top
            continue
        fields = line.partition("|")[0].split()
        count = int(fields[3], 16)
        names = tuple(fields[4 + 2 * at] for at in range(count))
        pointers = fields[5 + 2 * count :]
        above = tuple(
            pointers[at + 1]
            for at in range(0, len(pointers) - 3, 4)
            if pointers[at] in ("@", "@i") and pointers[at + 2] == "n"
        )
        synsets[fields[0]] = Synset(int(fields[1]), names, above)
    return synsets


def read_senses(path: Path) -> dict[str, list[str]]:
    """WordNet's index.noun as lower-case name -> offsets, most frequent sense first."""
    senses = {}
    for line in path.read_text().splitlines():
        if not line.startswith("  "):
            fields = line.split()
            senses[fields[0]] = fields[-int(fields[2]) :]
    return senses


def read_tags(path: Path) -> tuple[Counter[tuple[str, int]], Counter[str]]:
    """WordNet's cntlist.rev: tags of each (name, noun sense number), and of each name in all its other word classes."""
    nouns: Counter[tuple[str, int]] = Counter()
    others: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        key, sense, count = line.split()
        name, _, rest = key.partition("%")
        if rest.startswith("1:"):
            nouns[name, int(sense)] += int(count)
        else:
            others[name] += int(count)
    return nouns, others


def count_words(folder: Path) -> Counter[str]:
    """Occurrences of every word and every pair of neighbours in all definitions and examples."""
    counts: Counter[str] = Counter()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text().splitlines():
            words = re.findall(r"[a-z]+", line.partition("|")[2].lower())
            counts.update(words)
            counts.update(f"{first} {second}" for first, second in pairwise(words))
    return counts


def below(synsets: dict[str, Synset], places: Iterable[Place]) -> set[str]:
    """Offsets of the synsets named by `places` and of everything below them."""
    under = defaultdict(list)
    for offset, synset in synsets.items():
        for parent in synset.above:
            under[parent].append(offset)
    wanted = set(places)
    waiting = [offset for offset, synset in synsets.items() if (synset.names[0], synset.file) in wanted]
    found: set[str] = set()
    while waiting:
        offset = waiting.pop()
        if offset not in found:
            found.add(offset)
            waiting.extend(under[offset])
    return found


def read_word_lists(path: Path) -> dict[str, set[str]]:
    """Lists of words under headings `[unfit]`, `[abstract]` ...; words are separated by commas or line ends."""
    lists: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in path.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line.strip()):
            current = lists.setdefault(match.group(1), set())
        elif not line.startswith("#"):
            current.update(word.strip() for word in line.split(",") if word.strip())
    return lists


def make_concepts(folder: Path, word_lists: dict[str, set[str]]) -> dict[str, tuple[str, float]]:
    """Every concept with its domain and its familiarity."""
    synsets = read_synsets(folder / "data.noun")
    senses = read_senses(folder / "index.noun")
    tags, other_tags = read_tags(folder / "cntlist.rev")
    counts = count_words(folder)
    cut = below(synsets, CUTS)
    domains = {domain: below(synsets, ROOTS[domain]) - cut for domain in THRESHOLDS}
    domains["plant"] -= below(synsets, PLANT_CUTS)
    seen = set().union(*domains.values())

    def familiarity(name: str, offset: str) -> float | None:
        """None where the name does not mean this synset first of all."""
        own = [(number, at) for number, at in enumerate(senses[name.lower()], 1) if name in synsets[at].names]
        # An unseen rival sense decides only by its tags: the order of untagged senses means nothing.
        tagged = {at: tags[name, number] for number, at in own}
        first_seen = next(at for _, at in own if at in seen)
        if first_seen != offset or tagged[offset] < max(tagged.values()):
            return None
        words = name.split("_")
        text = " ".join(words)
        occurrences = counts[text] + counts[text + "s"]
        if len(words) == 2:
            return 2 * occurrences + 3 * tagged[offset] + 0.02 * min(counts[words[0]], counts[words[1]], 100)
        if other_tags[name] > sum(tagged.values()) and name not in word_lists["kept"]:  # mostly a verb or an adjective
            return None
        return occurrences + 3 * tagged[offset]

    concepts: dict[str, tuple[str, float]] = {}
    for domain, offsets in domains.items():
        for offset in sorted(offsets):
            named = []
            for name in synsets[offset].names:
                if fit(name, senses, word_lists) and (score := familiarity(name, offset)) is not None:
                    named.append((score, name.replace("_", " ")))
            if named:
                score, name = max(named)
                if score >= THRESHOLDS[domain]:
                    concepts.setdefault(name, (domain, score))
    for name in word_lists["added"]:
        concepts.setdefault(name, ("added", 0.0))
    return concepts


def fit(name: str, senses: dict[str, list[str]], word_lists: dict[str, set[str]]) -> bool:
    """Whether a name's form is fit for the list, whatever it means."""
    if not re.fullmatch(r"[a-z]{3,}(_[a-z]{2,})?|[a-z]{2}_[a-z]{3,}", name):
        return False
    words = name.split("_")
    text = " ".join(words)
    if text in word_lists["abstract"] or text in word_lists["other"]:
        return False
    stems = {word for part in words for word in (part, part.removesuffix("s"))}
    if text not in word_lists["kept"]:
        if stems & word_lists["unfit"]:
            return False
        if name.endswith("s") and any(name.removesuffix(end) in senses for end in ("s", "es")):  # a plural
            return False
    return True


def main() -> None:
    """Read WordNet, write the list, say how many concepts each domain gave."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder with data.noun")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    arguments = parser.parse_args()
    word_lists = read_word_lists(Path(__file__).with_name("make_concepts_words.txt"))
    concepts = make_concepts(arguments.wordnet, word_lists)
    arguments.out.write_text(HEADER + "".join(f"{name}\n" for name in sorted(concepts)))
    shares = Counter(domain for domain, _ in concepts.values())
    print(f"{len(concepts)} concepts: {dict(shares)}")


if __name__ == "__main__":
    main()
