from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pairsmith.errors import InputError
from pairsmith.generators.model import MaskedGenerator
from pairsmith.pairs import PairStore
from pairsmith.pairs.atomic import CRASH_POINTS
from pairsmith.pairs.images import load_pixels
from pairsmith.stages.render import render_captions
from pairsmith.stages.renderer import Drawing, Identity
from pairsmith.stages.token_renderer import TokenRenderer
from pairsmith.tokenizer.model import VQTokenizer
from pairsmith.training.synthesis import Synthesizer
from tests.pairs.rows import folder_bytes
from tests.stages.models import CAPTIONS, make_captions, make_synthesizer, make_tokenizer, render, render_until_crash


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    make_captions(folder)
    return folder


@pytest.fixture(scope="module")
def whole(captions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    render(captions, folder, images=True)
    return folder


def test_every_caption_gets_tokens_and_the_picture_they_decode_to(whole: Path) -> None:
    store = PairStore(whole)
    assert [pair.caption for pair in store.iter_pairs()] == CAPTIONS
    tokenizer = make_tokenizer()
    assert store.manifest.tokenizer == tokenizer.fingerprint()
    for pair in store.iter_pairs():
        assert pair.tokens is not None
        assert pair.image is not None
        import torch

        decoded = tokenizer.decode(torch.from_numpy(pair.tokens.astype(np.int64))[None])[0].numpy()
        assert np.abs(decoded - load_pixels(pair.image, 16)).max() <= 0.5 / 255 + 1e-6


def test_batch_and_shard_sizes_do_not_change_what_is_made(captions: Path, whole: Path, tmp_path: Path) -> None:
    expected = list(PairStore(whole).iter_pairs())
    for number, (batch_rows, shard_rows) in enumerate(((1, 8), (7, 20), (64, 3))):
        store = render(captions, tmp_path / str(number), images=True, batch_rows=batch_rows, shard_rows=shard_rows)
        assert list(store.iter_pairs()) == expected


def test_another_seed_gives_other_pictures(captions: Path) -> None:
    ids = [str(i) for i in range(len(CAPTIONS))]
    first = make_synthesizer(0).tokens(CAPTIONS, ids)
    assert (make_synthesizer(0).tokens(CAPTIONS, ids) == first).all()
    assert (make_synthesizer(1).tokens(CAPTIONS, ids) != first).any()
    assert (make_synthesizer(0).tokens(CAPTIONS, ids, [1] * len(ids)) != first).any()  # another epoch


def test_repeats_share_the_group_and_differ(captions: Path, tmp_path: Path) -> None:
    store = render(captions, tmp_path, repeat=2)
    pairs = list(store.iter_pairs())
    assert len(pairs) == 2 * len(CAPTIONS)
    assert len({pair.id for pair in pairs}) == len(pairs)
    assert all(first.group == second.group for first, second in zip(pairs[::2], pairs[1::2], strict=True))
    assert any((first.tokens != second.tokens).any() for first, second in zip(pairs[::2], pairs[1::2], strict=True))


@pytest.mark.parametrize("crash_at", ["rows-made:1", *(f"{name}:2" for name in CRASH_POINTS), "manifest-written:5"])
def test_killed_and_resumed_gives_byte_equal_shards(captions: Path, whole: Path, tmp_path: Path, crash_at: str) -> None:
    context = multiprocessing.get_context("forkserver")  # what takes long to import is imported once
    context.set_forkserver_preload(["tests.stages.models"])
    process = context.Process(target=render_until_crash, args=(captions, tmp_path, crash_at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    render(captions, tmp_path, images=True)
    assert folder_bytes(tmp_path) == folder_bytes(whole)


def test_an_autoregressive_generator_draws_the_same_alone_together_and_after_a_kill(
    captions: Path, tmp_path: Path
) -> None:
    whole = render(captions, tmp_path / "whole", images=True, kind="autoregressive")
    expected = list(whole.iter_pairs())
    assert {pair.generator for pair in expected} == {"autoregressive"}
    for batch_rows in (1, 7):
        store = render(captions, tmp_path / str(batch_rows), images=True, kind="autoregressive", batch_rows=batch_rows)
        assert list(store.iter_pairs()) == expected
    process = multiprocessing.get_context("forkserver").Process(
        target=render_until_crash, args=(captions, tmp_path / "killed", "rows-made:1", "autoregressive")
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    render(captions, tmp_path / "killed", images=True, kind="autoregressive")
    assert folder_bytes(tmp_path / "killed") == folder_bytes(tmp_path / "whole")


def test_a_tokenizer_of_other_codes_is_refused_and_another_decoder_is_not(captions: Path, tmp_path: Path) -> None:
    tokenizer, plain = make_tokenizer(), make_synthesizer()
    config = plain.generator.config.model_copy(update={"codes": tokenizer.codes_fingerprint()})
    synthesizer = Synthesizer(MaskedGenerator(config).eval(), plain.text_encoder, plain.sampling, 0)
    store = PairStore(captions)
    stranger = VQTokenizer(tokenizer.config.model_copy(update={"seed": 5})).eval()  # equal in every size
    with pytest.raises(InputError, match="take the tokenizer that the generator was trained with"):
        render_captions(store, TokenRenderer(synthesizer, stranger), tmp_path / "stranger")
    assert not (tmp_path / "stranger").exists()
    finetuned = tokenizer.with_finetuned_decoder(channels=8, blocks=2).eval()
    assert finetuned.fingerprint() != tokenizer.fingerprint()
    drawn = [
        render_captions(store, TokenRenderer(synthesizer, model), tmp_path / name).column_matrix("tokens")
        for name, model in (("own", tokenizer), ("finetuned", finetuned))
    ]
    assert (drawn[0] == drawn[1]).all()


def test_other_settings_are_refused(captions: Path, whole: Path) -> None:
    with pytest.raises(InputError, match="images"):
        render(captions, whole, images=False)


def test_a_caption_that_cannot_be_drawn_keeps_the_row_it_would_have_had(
    captions: Path, whole: Path, tmp_path: Path
) -> None:
    class Choking:
        """Draws tokens, and dies of one caption, alone or among others."""

        name, seed = "choking", 0

        def identity(self) -> Identity:
            return Identity("weights", {"steps": 1}, {"seed": 0}, num_tokens=4)

        def draw(self, texts: Sequence[str], ids: Sequence[str], turns: Sequence[int]) -> list[Drawing]:
            if poison in texts:
                raise InputError("cannot draw this")
            return [Drawing(tokens=np.full(4, turn, np.uint16)) for turn in turns]

        def remarks(self) -> list[str]:
            return []

    store = PairStore(captions)
    poison = store.pair(2).caption
    drawn = render_captions(store, Choking(), tmp_path / "choked", repeat=2, shard_rows=5, batch_rows=3)
    poison = ""
    calm = render_captions(store, Choking(), tmp_path / "calm", repeat=2, shard_rows=5, batch_rows=3)
    failed = list(drawn.iter_pairs(status="failed"))
    assert [row.group for row in failed] == [store.pair(2).id] * 2
    assert {row.reason for row in failed} == {"cannot draw this"}
    assert len(drawn) + 2 == len(calm) == 2 * len(store)
    assert sorted([*drawn.ids(), *(row.id for row in failed)]) == sorted(calm.ids())
