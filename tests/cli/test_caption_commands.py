"""`negatives`, `filter`, `balance`, `diversity` and the options of `captions`: from store to store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pairsmith.pairs import Pair, PairStore
from tests.captions.tiny import tiny_llama, tiny_tokenizer
from tests.cli.test_errors import only_sentence

TEXTS = [
    "A red dog sits on the grass of a park.",
    "a red dog sits on the grass of a park",
    "Two cats in a small blue car.",
    "Buy this blue car now at our store.",
    "A dog under a green tree near the old house.",
    "A big dog runs in the park with a cat.",
]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """A store of six captions and a failed row."""
    rows = [Pair(id=f"{at:032x}", caption=text, seed=at) for at, text in enumerate(TEXTS)]
    rows.append(Pair(id="f" * 32, caption="", status="failed", reason="HTTP 500: oops"))
    return PairStore.write(tmp_path / "captions", rows, settings={}).folder


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny language model."""
    folder = tmp_path_factory.mktemp("lm")
    words = tiny_tokenizer()
    tiny_llama(len(words)).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def test_negatives(pairsmith, captions: Path, tmp_path: Path) -> None:
    out = tmp_path / "negatives"
    arguments = ("negatives", captions, "--parser", "word-lists", "--out", out, "--set", "seed=3")
    result = pairsmith(*arguments)
    assert result.exit_code == 0, result.output
    assert f"{out}: 6 rows ok" in result.stdout
    rows = list(PairStore(out).iter_pairs())
    assert all(row.negative and row.negative_kind and row.negative != row.caption for row in rows)
    assert pairsmith(*arguments).exit_code == 0
    preview = pairsmith("negatives", captions, "--parser", "word-lists", "--preview", 2)
    assert preview.stdout.count("\n") == 4
    assert "per_caption: 1" in pairsmith("negatives", captions, "--dry-run").stdout


def test_negatives_need_a_place(pairsmith, captions: Path) -> None:
    assert "give --out FOLDER" in only_sentence(pairsmith("negatives", captions))
    refused = pairsmith("negatives", captions, "--parser", "spacy", "--spacy-model", "en_no_such_model", "--preview", 1)
    assert "spaCy" in only_sentence(refused)


def test_negatives_by_a_language_model(pairsmith, captions: Path, language_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "edited"
    result = pairsmith("negatives", captions, "--writer", language_model, "--device", "cpu", "--out", out)
    assert result.exit_code == 0, result.output
    assert sum(json.loads(line.split(": ")[1]) for line in result.stdout.splitlines() if line.startswith("  ")) == 6


def test_filter(pairsmith, captions: Path, tmp_path: Path) -> None:
    out = tmp_path / "filtered"
    result = pairsmith("filter", captions, "--out", out, "--set", "near_duplicates=null")
    assert result.exit_code == 0, result.output
    assert f"{out}: 4 captions of 6 kept" in result.stdout
    assert "  duplicate: 1" in result.stdout
    assert "  advertising: 1" in result.stdout
    assert PairStore(out).counts() == {"ok": 4, "filtered": 2, "failed": 1}
    preview = pairsmith("filter", captions, "--preview", 2, "--set", "near_duplicates=null")
    assert preview.stdout.splitlines()[1].endswith(f"(duplicate: of {0:032x})")


def test_filter_by_published_thresholds_needs_its_models(pairsmith, captions: Path, language_model: Path) -> None:
    arguments = ("filter", captions, "--preset", "synthvlm", "--preview", 6, "--set", "near_duplicates=null")
    assert "--perplexity-model" in only_sentence(pairsmith(*arguments))
    without = ("--perplexity-model", language_model, "--device", "cpu", "--set", "verdict=null")
    result = pairsmith(*arguments, *without, "--set", "perplexity.most=0.001")
    assert result.exit_code == 0, result.output
    assert "perplexity: " in result.stdout


def test_filter_shares_its_models_out_to_workers(
    pairsmith, captions: Path, language_model: Path, tmp_path: Path
) -> None:
    arguments = ("filter", captions, "--perplexity-model", language_model, "--device", "cpu")
    limits = ("--set", "near_duplicates=null", "--set", "perplexity.most=1e9", "--part-rows", 4)
    result = pairsmith(*arguments, *limits, "--workers", 2, "--out", tmp_path / "shared")
    assert result.exit_code == 0, result.output
    scores = captions / "scores" / "perplexity.parquet"
    before = scores.read_bytes()
    scores.unlink()
    assert pairsmith(*arguments, *limits, "--out", tmp_path / "alone").exit_code == 0
    assert scores.read_bytes() == before
    shards = [[shard.sha256 for shard in PairStore(tmp_path / name).manifest.shards] for name in ("shared", "alone")]
    assert shards[0] == shards[1]
    again = pairsmith(*arguments, *limits, "--retry-failed", "--out", tmp_path / "alone")
    assert again.exit_code == 0, again.output


def test_the_published_limits_against_the_original_image(pairsmith, captions: Path) -> None:
    shown = pairsmith("filter", captions, "--preset", "synthvlm-image", "--dry-run").stdout
    assert [line.strip() for line in shown.splitlines() if "name:" in line] == [
        "- name: clip", "- name: blip_itm", "- name: clip",
    ]  # fmt: skip
    assert "0.28" in shown
    assert "keep_top: 0.4" in shown
    off = ("--set", "perplexity=null", "--set", "verdict=null", "--set", "near_duplicates=null")
    refused = pairsmith("filter", captions, "--preset", "synthvlm-image", "--preview", 1, *off)
    assert "clip" in only_sentence(refused)
    assert "name:" not in pairsmith("filter", captions, "--preset", "synthvlm", "--dry-run").stdout


def test_balance(pairsmith, captions: Path, language_model: Path, tmp_path: Path) -> None:
    bank = tmp_path / "bank.txt"
    bank.write_text("dog\ncat\ncar\ntree\n")
    out = tmp_path / "balanced"
    result = pairsmith("balance", captions, "--concepts", bank, "--out", out, "--set", "limit=1")
    assert result.exit_code == 0, result.output
    assert "before: 6 captions, 4 concepts, entropy" in result.stdout
    assert "after: " in result.stdout
    assert PairStore(out).counts()["failed"] == 1
    page = tmp_path / "balanced.html"
    assert f"Report: {page}" in pairsmith("report", out, "--concepts", bank).stdout
    assert "After balancing" in page.read_text()
    assert "stores of captions" in only_sentence(pairsmith("report", tmp_path, "--concepts", bank))
    arguments = ("--set", "method=clusters", "--set", "clusters=2", "--set", "keep=3", "--embedder", language_model)
    clustered = pairsmith("balance", captions, "--out", tmp_path / "clustered", "--device", "cpu", *arguments)
    assert clustered.exit_code == 0, clustered.output
    assert "3 captions of 6 kept" in clustered.stdout
    assert "would stay" in pairsmith("balance", captions, "--concepts", bank, "--preview", 1).stdout


def test_diversity(pairsmith, captions: Path, language_model: Path, tmp_path: Path) -> None:
    human = tmp_path / "human.json"
    entries = [{"image_id": at // 2, "id": at, "caption": text} for at, text in enumerate(TEXTS)]
    human.write_text(json.dumps({"images": [], "annotations": entries}))
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(["a red dog", "the blue car"] * 4))
    arguments = ["--embedder", language_model, "--clusters", 2, "--device", "cpu", "--out", tmp_path / "out"]
    result = pairsmith("diversity", captions, f"people={human}", lines, *arguments)
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(metrics) >= {"diversity.captions.entropy_bits", "diversity.people.concentration_5"}
    assert metrics["diversity.lines.entropy_bits"]["n"] == 6
    assert len(list((tmp_path / "out" / "embeddings").glob("*.npz"))) == 2  # two sets have the same captions
    assert pairsmith("diversity", captions, f"people={human}", lines, *arguments).stdout == result.stdout
    twice = pairsmith("diversity", captions, f"captions={human}", *arguments)
    assert "two sets are called 'captions'" in only_sentence(twice)


def test_prompts_and_domains_of_captions(pairsmith, language_model: Path, tmp_path: Path) -> None:
    assert "synclr-relation" in only_sentence(pairsmith("captions", "--prompt", "mine", "--preview", 1))
    bank = tmp_path / "bank.csv"
    bank.write_text("concept,weight,domain\ndog,1,pets\ncar,1,traffic\n")
    out = tmp_path / "out"
    result = pairsmith(
        "captions", "--writer", language_model, "--prompt", "polygen-base", "--concepts", bank, "--domain", "pets",
        "--count", 4, "--out", out, "--device", "cpu", "--set", "captions.attempts=1",
        "--set", "chat.sampling.max_new_tokens=4",
    )  # fmt: skip
    assert "none of its 4 rows can be used (4 filtered): unfinished (4)" in only_sentence(result)
    rows = list(PairStore(out).iter_pairs(status=None))
    assert {row.concept for row in rows} == {"dog"}
    assert len({row.axis for row in rows}) == 4
    assert "law" in only_sentence(pairsmith("captions", "--concepts", bank, "--domain", "law", "--preview", 1))
