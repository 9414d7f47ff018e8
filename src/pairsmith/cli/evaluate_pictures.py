"""`pairsmith evaluate fid`, `reconstruction`, `spectrum`, `diversity`: sets of pictures, and pictures one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pairsmith.cli.console import note, plural, say
from pairsmith.cli.evaluate import Out, Seed
from pairsmith.cli.options import BatchRows, Device, DeviceOption

if TYPE_CHECKING:
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.evaluation.score import Score

TokenizerOption = Annotated[
    str | None,
    typer.Option("--tokenizer", metavar="MODEL", help="Take features from this VQ tokenizer: a folder or hub id."),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Take features from this network: inception:WEIGHTS (FID as published), timm:NAME or timm:NAME:WEIGHTS, "
        "open_clip:MODEL, or a folder or hub id of a transformers vision model, such as facebook/dinov2-base, or "
        "openai/clip-vit-large-patch14-336 for CMMD as published.",
    ),
]
GeneratedOption = Annotated[
    list[str],
    typer.Option(
        "--generated", metavar="PATH", help="Generated pictures, in the same forms. Repeat it, as NAME=PATH or PATH."
    ),
]


def register(commands: typer.Typer) -> None:
    """Add the commands of this module."""
    commands.command("fid")(evaluate_fid)
    commands.command("reconstruction")(evaluate_reconstruction)
    commands.command("spectrum")(evaluate_spectrum)
    commands.command("diversity")(evaluate_diversity)


def evaluate_fid(
    real: Annotated[
        Path,
        typer.Option(
            "--real",
            metavar="PATH",
            help="Real pictures: a pair store, a folder of images, or features as .npz (key features).",
        ),
    ],
    generated: GeneratedOption,
    out: Out = None,
    tokenizer: TokenizerOption = None,
    model: NetworkOption = None,
    batch_rows: BatchRows = 32,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Measure how far generated pictures are from real ones.

    Fréchet distance, CMMD (times 1000), KID, and improved precision and recall (percent) of the same features.
    Features from .npz files are taken as they are; pictures need --tokenizer or --model. A Fréchet distance is called
    FID only when the features are Inception's, and compares only at equal numbers of pictures. In the file: fid, cmmd,
    kid, kid_std (over subsets), precision, recall.
    """
    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.picture_features import Extraction, read_features
    from pairsmith.cli.results import described
    from pairsmith.evaluation.cmmd import cmmd
    from pairsmith.evaluation.frechet import frechet
    from pairsmith.evaluation.images.kid import kid
    from pairsmith.evaluation.images.precision_recall import NEIGHBOURS, precision_recall
    from pairsmith.evaluation.metrics_file import Metric

    extraction = Extraction(tokenizer, model, batch_rows, device.value)
    models = model_names(generated)
    ours = read_features(real, extraction)
    extra: dict[str, dict[str, Metric]] = {}
    for name, path in models.items():
        theirs = read_features(Path(path), extraction)
        result = frechet(ours, theirs)
        count = min(result.first_count, result.second_count)
        kernel = kid(ours, theirs, seed=seed)
        say(f"{name}: {result.first_count:,} real and {result.second_count:,} generated, {result.width} values each")
        extra[name] = {
            "fid": Metric(result.distance, count),
            "cmmd": Metric(cmmd(ours, theirs), count),
            "kid": Metric(kernel.mean, count),
            "kid_std": Metric(kernel.std, count),
        }
        if count > NEIGHBOURS:
            both = precision_recall(ours, theirs)
            extra[name]["precision"] = Metric.of(both.precision.interval(seed))
            extra[name]["recall"] = Metric.of(both.recall.interval(seed))
        else:
            note(f"precision and recall are left out: {NEIGHBOURS} neighbours need more than {count} pictures")
    settings = {
        "real": described(real),
        "generated": {name: described(path) for name, path in models.items()},
        "tokenizer": tokenizer,
        "model": model,
        "resize": "antialiased bicubic, not rounded",
        "seed": seed,
    }
    finish({}, extra, out, settings, seed=seed)


def evaluate_reconstruction(
    originals: Annotated[Path, typer.Option("--originals", help="Pictures: a pair store or a folder of images.")],
    tokenizer: Annotated[
        list[str],
        typer.Option(
            "--tokenizer",
            metavar="MODEL",
            help="VQ tokenizer: a folder or hub id. Repeat it, as NAME=SOURCE or SOURCE.",
        ),
    ],
    features: Annotated[
        str | None,
        typer.Option("--features", help="Network of rFID: inception:WEIGHTS, timm:NAME or open_clip:MODEL."),
    ] = None,
    out: Out = None,
    batch_rows: BatchRows = 32,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Measure what pictures lose on the way through a tokenizer.

    In the file: psnr (dB), ssim (0 to 1), lpips (only where its weights are on this machine), and with --features
    rfid, the Fréchet distance of originals and reconstructions.
    """
    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.reconstructions import reconstruct
    from pairsmith.cli.results import described

    models = model_names(tokenizer)
    scores: dict[str, dict[str, Score]] = {}
    extra: dict[str, dict[str, Metric]] = {}
    for name, source in models.items():
        scores[name], extra[name] = reconstruct(originals, source, features, batch_rows, device.value)
    settings = {"originals": described(originals), "tokenizers": models, "features": features, "seed": seed}
    finish(scores, extra, out, settings, seed=seed, digits=3)


def evaluate_spectrum(
    real: Annotated[
        Path, typer.Option("--real", metavar="PATH", help="Real pictures: a pair store or a folder of images.")
    ],
    generated: GeneratedOption,
    size: Annotated[
        int, typer.Option("--size", min=8, help="Pixels a side that all pictures are resized to (antialiased).")
    ] = 64,
    out: Out = None,
) -> None:
    """Compare power spectra of generated and real pictures.

    Azimuthal: power by frequency, whatever the direction. In the file: spectral_gap, the mean absolute difference
    of the curves in decades of power, and spectral_slope of log power over log frequency. A folder for --out also
    gets spectra.json with the curves.
    """
    import json

    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.picture_features import read_pictures
    from pairsmith.cli.results import described
    from pairsmith.evaluation.features import resize_pixels
    from pairsmith.evaluation.images.spectrum import spectra, spectral_gap
    from pairsmith.evaluation.metrics_file import Metric

    def curves(path: Path) -> Any:
        return spectra([resize_pixels(picture.load(), size) for picture in read_pictures(path)])

    models = model_names(generated)
    target = curves(real)
    found = {name: curves(Path(path)) for name, path in models.items()}
    extra: dict[str, dict[str, Metric]] = {}
    for name, own in found.items():
        count = len(own.log_power)
        gap = spectral_gap(target, own)
        say(f"{name}: {plural(len(target.log_power), 'real picture')}, {plural(count, 'generated picture')}")
        extra[name] = {"spectral_gap": Metric(gap, count), "spectral_slope": Metric(own.slope(), count)}
    settings = {
        "real": described(real),
        "generated": {name: described(path) for name, path in models.items()},
        "size": size,
        "real_slope": target.slope(),
    }
    finish({}, extra, out, settings, digits=4)
    if out is not None and out.is_dir():
        lines = {name: own.mean.tolist() for name, own in {"real": target, **found}.items()}
        content = {"cycles_per_pixel": target.frequencies.tolist(), "log10_power": lines}
        (out / "spectra.json").write_text(json.dumps(content))
        say(f"Written: {out / 'spectra.json'}")


def evaluate_diversity(
    pictures: Annotated[
        list[str],
        typer.Option(
            "--pictures",
            metavar="PATH",
            help="A pair store, a folder of images, or features as .npz. Repeat it, as NAME=PATH or PATH.",
        ),
    ],
    out: Out = None,
    tokenizer: TokenizerOption = None,
    model: NetworkOption = None,
    batch_rows: BatchRows = 32,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
) -> None:
    """Measure how different pictures are from each other.

    In the file: vendi, the effective number of different pictures (compare sets of equal size), and for pair stores
    with several pictures a group caption_variance, the mean cosine distance within a group.
    """
    from pairsmith.cli.caption_files import is_store
    from pairsmith.cli.figures import finish, model_names
    from pairsmith.cli.picture_features import Extraction, read_features
    from pairsmith.cli.results import described
    from pairsmith.evaluation.images.diversity import caption_variance, vendi_score
    from pairsmith.evaluation.metrics_file import Metric
    from pairsmith.pairs import PairStore

    extraction = Extraction(tokenizer, model, batch_rows, device.value)
    models = model_names(pictures)
    extra: dict[str, dict[str, Metric]] = {}
    for name, path in models.items():
        features = read_features(Path(path), extraction)
        extra[name] = {"vendi": Metric(vendi_score(features), len(features))}
        if is_store(Path(path)):
            store = PairStore(path)
            groups = [group or own for group, own in zip(store.column("group").to_pylist(), store.ids(), strict=True)]
            if len(set(groups)) < len(groups):
                extra[name]["caption_variance"] = Metric.of(caption_variance(features, groups).interval(seed))
    sizes = {figures["vendi"].n for figures in extra.values()}
    if len(sizes) > 1:
        say(f"The sets have different sizes ({', '.join(map(str, sorted(sizes)))}): their vendi does not compare")
    settings = {
        "pictures": {name: described(path) for name, path in models.items()},
        "tokenizer": tokenizer,
        "model": model,
        "seed": seed,
    }
    finish({}, extra, out, settings, seed=seed)
