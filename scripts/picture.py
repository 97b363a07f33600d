#!/usr/bin/env python3
"""Make the pictures of the report in docs/assets: report-light.png and report-dark.png.

python scripts/picture.py                # runs 'tabllm example' and 'tabllm make', then headless Chromium
python scripts/picture.py --page FILE    # a page that is there already
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "docs" / "assets"
#: Name -> Blink's preferred colour scheme.
SCHEMES = {"light": 1, "dark": 0}


def make_page(folder: Path) -> Path:
    for words in (["example", "visits.csv"], ["make", "visits.csv"]):
        subprocess.run([sys.executable, "-m", "tabllm", *words], cwd=folder, check=True)
    return folder / "visits-made" / "report.html"


def picture(page: Path, chromium: str, name: str, scheme: int, size: str) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}",
                f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={scheme}",
                f"--screenshot={ASSETS / f'report-{name}.png'}", page.resolve().as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--size", default="1100,590")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no Chromium here; install it, for example with 'apt install chromium'.")
    ASSETS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = arguments.page or make_page(Path(folder))
        for name, scheme in SCHEMES.items():
            picture(page, chromium, name, scheme, arguments.size)
    print(f"Wrote {', '.join(f'report-{name}.png' for name in SCHEMES)} to {ASSETS}.")


if __name__ == "__main__":
    main()
