"""The package is light to import: command lines that only count words should not wait for torch."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "sklearn", "transformers", "scipy", "pyarrow")


def test_no_model_library_is_imported() -> None:
    code = (
        "import sys\n"
        "from pairsmith.evaluation import cider, frechet_distance, ptb_tokenize, vqa_accuracy\n"
        "assert callable(cider) and callable(vqa_accuracy) and callable(frechet_distance) and callable(ptb_tokenize)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
