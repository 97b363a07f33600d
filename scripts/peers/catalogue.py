"""Which generators are compared, what each one needs, and what others published about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["JUDGE", "PEERS", "PUBLISHED", "Peer"]

TORCH = "torch==2.13.0"


@dataclass(frozen=True)
class Peer:
    """A generator.

    Attributes:
        name: as on the command line.
        label: as in tables.
        program: file in ``programs/`` that fits and samples it.
        environment: name of its virtual environment; empty: the Python that runs this script.
        install: calls of ``pip install``, in turn.
        options: what the program is given.
        note: settings that differ from the package's defaults.
    """

    name: str
    label: str
    program: str
    environment: str = ""
    install: tuple[tuple[str, ...], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def _ours(name: str) -> Peer:
    return Peer(name, f"tabllm {name}", "ours", options={"model": name})


_SYNTHYVERSE = (
    (TORCH, "xgboost-cpu==3.2.0", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "tqdm", "numba", "psutil"),
    # Without its dependencies: its xgboost is the one with CUDA, and xgb-diffusion is not on every index.
    ("--no-deps", "synthyverse==0.2.7", "torch-ema", "einops", "imbalanced-learn", "sklearn-compat", "arfpy"),
    # Its networks import them.
    ("matplotlib", "seaborn"),
)


def _synthyverse(name: str, label: str, *, capped: bool, **options: Any) -> Peer:
    """``capped``: the package can stop training at a time limit by itself, and then still gives rows."""
    return Peer(
        name,
        f"{label} (synthyverse 0.2.7)",
        "synthyverse_peer",
        "synthyverse",
        _SYNTHYVERSE,
        {"model": name.removeprefix("sv-"), "capped": capped, **options},
        "training stops at 60 % of the time limit" if capped else "",
    )


PEERS = {
    peer.name: peer
    for peer in (
        *(_ours(name) for name in ("nano", "tabcascade", "tabddpm", "ctgan", "tvae")),
        Peer(
            "tabularargn",
            "TabularARGN (mostlyai-engine 2.7.3)",
            "mostly",
            "mostly",
            # Without torchvision, which its dependencies ask for and nothing here uses.
            (
                (TORCH,),
                ("--no-deps", "mostlyai-engine==2.7.3"),
                (
                    "pandas",
                    "pyarrow",
                    "psutil",
                    "pydantic",
                    "rich",
                    "scikit-learn",
                    "joblib",
                    "tokenizers",
                    "transformers",
                    "tenacity",
                    "setuptools",
                    "opacus",
                    "safetensors",
                    "huggingface-hub",
                    "peft",
                    "datasets",
                ),
            ),
        ),
        Peer(
            "ctgan-package",
            "CTGAN (ctgan 0.12.1)",
            "ctgan_package",
            "ctgan",
            ((TORCH, "ctgan==0.12.1"),),
            {"model": "CTGAN"},
        ),
        Peer(
            "tvae-package",
            "TVAE (ctgan 0.12.1)",
            "ctgan_package",
            "ctgan",
            ((TORCH, "ctgan==0.12.1"),),
            {"model": "TVAE"},
        ),
        Peer(
            "realtabformer",
            "REaLTabFormer 0.2.4",
            "realtabformer_peer",
            "realtabformer",
            ((TORCH, "realtabformer==0.2.4", "transformers<5", "datasets<4"),),
        ),
        Peer(
            "be-great",
            "GReaT (be-great 0.0.14, distilgpt2)",
            "great",
            "great",
            ((TORCH, "be-great==0.0.14"),),
            note="needs the weights of distilgpt2: --language-model",
        ),
        Peer(
            "origami",
            "ORiGAMi (origami-ml 2.0.1)",
            "origami_peer",
            "origami",
            ((TORCH, "origami-ml==2.0.1", "pandas", "pyarrow"),),
            note="numbers in bins",
        ),
        _synthyverse("sv-tabdiff", "TabDiff", capped=True),
        _synthyverse("sv-tabsyn", "TabSyn", capped=True),
        _synthyverse("sv-tabddpm", "TabDDPM", capped=True),
        _synthyverse("sv-cdtd", "CDTD", capped=True),
        _synthyverse("sv-tabcascade", "TabCascade", capped=True),
        _synthyverse("sv-arf", "ARF", capped=False),
        _synthyverse("sv-synthpop", "synthpop (CART)", capped=False),
        _synthyverse("sv-xgbdiffusion", "XGBoost diffusion", capped=False),
    )
}

#: The environment of SDMetrics, which wants an older pandas than this package.
JUDGE = (("sdmetrics==0.32.0", "xgboost-cpu==3.2.0", "scikit-learn"),)

#: Published by april-tools/tabpc (arXiv 2603.23016; five trainings each, on a GPU, up to 8,000 epochs): detection by
#: SDMetrics' class with XGBoost's defaults, trend error in %, and AUC of XGBoost trained on synthetic rows.
PUBLISHED = {
    "adult": {"TabSyn": (0.794, 1.93, 0.9104), "TabDiff": (0.841, 1.54, 0.9130), "TabPC": (0.855, 1.44, 0.9162)},
    "shoppers": {"TabSyn": (0.655, 2.13, 0.9144), "TabDiff": (0.736, 1.91, 0.9170), "TabPC": (0.894, 1.78, 0.8970)},
    "magic": {"TabSyn": (0.760, 0.88, 0.9370), "TabDiff": (0.773, 0.84, 0.9358), "TabPC": (0.860, 1.70, 0.9324)},
}
