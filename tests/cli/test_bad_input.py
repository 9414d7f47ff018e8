"""Bad rows and full disks, by the commands that meet them: a reason in the row or one sentence, and nothing lost."""

from __future__ import annotations

import errno
import os

import pytest
import yaml

from pairsmith.pairs import Pair, PairStore, imported_id
from pairsmith.pairs.atomic import HashingFile
from tests.cli.test_errors import only_sentence
from tests.pairs.importers.samples import huge_picture, picture
from tests.pairs.rows import folder_bytes
from tests.recipes.synth2.tiny import own_settings

WHOLE = picture(0, (64, 64))
LONG = "word " * 2000  # 10,000 characters
# Name -> picture, caption, and what import makes of it.
SOURCE = {
    "cut": (WHOLE[: len(WHOLE) // 2], "a dog", "failed", "truncated"),
    "empty": (WHOLE, "", "filtered", "empty caption"),
    "enormous": (huge_picture(), "a dog", "failed", "too large"),
    "good": (WHOLE, "a dog", "ok", ""),
    "long": (WHOLE, LONG, "filtered", "caption of 9999 characters"),
    "nothing": (b"", "a dog", "failed", "not an image"),
}


def test_import_keeps_bad_rows_with_their_reasons(pairsmith, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, (image, caption, _, _) in SOURCE.items():
        (source / f"{name}.jpg").write_bytes(image)
        (source / f"{name}.txt").write_text(caption)
    made = pairsmith("import", source, "--out", tmp_path / "store")
    assert made.stdout.endswith("store: 1 row ok, 2 filtered, 3 failed\n")
    found = {pair.image_path: pair for pair in PairStore(tmp_path / "store").iter_pairs(status=None)}
    assert len(found) == len(SOURCE)
    for name, (_, _, status, words) in SOURCE.items():
        assert found[f"{name}.jpg"].status == status
        assert words in found[f"{name}.jpg"].reason


@pytest.mark.parametrize(
    ("limit", "message"),  # room for every store, but not for the pixels; for the pixels, but for no model
    [
        (60_000, "training/pixels.u8: no space left to write it"),
        (200_000, "step_00000001: the checkpoint cannot be written ("),
    ],
)
def test_a_run_on_own_pairs_survives_bad_rows_and_names_a_full_disk(pairsmith, tmp_path, limit, message):
    resource = pytest.importorskip("resource")
    source = tmp_path / "source"
    source.mkdir()
    for name, (image, caption, _, _) in SOURCE.items():
        (source / f"{name}.jpg").write_bytes(image)
        (source / f"{name}.txt").write_text(caption)
    for number in range(12):
        (source / f"{number}.jpg").write_bytes(picture(number))
        (source / f"{number}.txt").write_text(f"picture number {number}")
    settings = own_settings(tmp_path / "lm", "tokenizer_training.steps=1", "tokenizer.continuous_steps=0")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings.to_dict()))
    call = ("run", "synth2", "--real", source, "--config", tmp_path / "settings.yaml", "--out", tmp_path / "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        result = pairsmith(*call)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 2
    assert message in result.stderr.splitlines()[-1]
    assert PairStore(tmp_path / "run" / "data" / "imported").counts() == {"ok": 13, "filtered": 2, "failed": 3}
    assert not list((tmp_path / "run").rglob("*.tmp*"))


@pytest.fixture
def bad_store(tmp_path):
    """Rows that claim to be ok, as another program may have written them."""
    rows = [
        Pair(id=imported_id("x", name), caption=caption, image=image or None, image_path=name, generator="x")
        for name, (image, caption, _, _) in SOURCE.items()
    ]
    return PairStore.write(tmp_path / "bad", rows, settings={"test": 1}).folder


@pytest.fixture
def commands(models):
    """Command -> its arguments, but for the store and --out."""
    drawing = ("--generator", models / "generator", "--tokenizer", models / "tokenizer")
    return {
        "tokenize": ("--tokenizer", models / "tokenizer", "--keep-images"),
        "render": (*drawing, "--language-model", models / "lm", "--images", "--set", "steps=2"),
    }


def test_tokenize_and_render_survive_bad_rows(pairsmith, bad_store, commands, tmp_path):
    made = pairsmith("tokenize", bad_store, *commands["tokenize"], "--out", tmp_path / "tokens")
    assert "3 rows ok, 3 failed, 4 tokens each" in made.stdout
    words = {"cut": "truncated", "enormous": "too large", "nothing": "the row has no picture"}
    for pair, name in zip(PairStore(tmp_path / "tokens").iter_pairs(status=None), SOURCE, strict=True):
        assert pair.status == ("failed" if name in words else "ok")
        assert words.get(name, "") in pair.reason
    drawn = pairsmith("render", bad_store, *commands["render"], "--out", tmp_path / "drawn")  # captions alone matter
    assert "6 rows ok" in drawn.stdout
    assert "16.7% of the captions were cut to 8 tokens" in drawn.stdout
    assert LONG.strip() in {pair.caption.strip() for pair in PairStore(tmp_path / "drawn").iter_pairs()}


@pytest.mark.parametrize("command", ["import", "tokenize", "render"])
def test_a_full_disk_costs_only_the_shard_at_hand(pairsmith, commands, tmp_path, monkeypatch, command):
    source = tmp_path / "source"
    source.mkdir()
    rows = []
    for number in range(4):
        image, caption = picture(number), f"picture number {number}"
        rows.append(Pair(id=imported_id("x", str(number)), caption=caption, image=image, generator="x"))
        (source / f"{number}.jpg").write_bytes(image)
        (source / f"{number}.txt").write_text(caption)
    if command != "import":
        source = PairStore.write(tmp_path / "pairs", rows, settings={"test": 1}).folder
    call = (command, source, *commands.get(command, ()), "--shard-rows", 1, "--out")
    assert pairsmith(*call, tmp_path / "whole").exit_code == 0

    real = HashingFile.write

    def full(self, data):  # in the middle of the third shard
        if "part-00002" in self._raw.name and self.bytes_written > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(HashingFile, "write", full)
        sentence = only_sentence(pairsmith(*call, tmp_path / "cut"))
    assert "no space left" in sentence
    assert "part-00002.parquet" in sentence
    kept = folder_bytes(tmp_path / "cut")
    assert sorted(kept) == ["README.md", "manifest.json", "part-00000.parquet", "part-00001.parquet"]
    assert len(PairStore(tmp_path / "cut", partial=True)) == 2
    assert pairsmith(*call, tmp_path / "cut").exit_code == 0
    assert folder_bytes(tmp_path / "cut") == folder_bytes(tmp_path / "whole")


def test_a_generator_of_another_tokenizer_is_refused(pairsmith, models, commands, tmp_path):
    from pairsmith.generators import MaskedGenerator

    pairs = PairStore.write(tmp_path / "pairs", [Pair(id="1" * 32, caption="a star")], settings={"test": 1}).folder
    other = MaskedGenerator.from_pretrained(models / "generator")
    other.config = other.config.model_copy(update={"codes": "0123456789abcdef"})
    other.save_pretrained(tmp_path / "other")
    call = ["render", pairs, *commands["render"], "--out", tmp_path / "out"]
    call[call.index("--generator") + 1] = tmp_path / "other"
    sentence = only_sentence(pairsmith(*call))
    assert "0123456789abcdef" in sentence
    assert "take the tokenizer that the generator was trained with" in sentence
    assert not (tmp_path / "out").exists()
