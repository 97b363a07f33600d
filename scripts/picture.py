#!/usr/bin/env python3
"""Make the pictures of pages in docs/assets: NAME-light.png and NAME-dark.png.

python scripts/picture.py                # report: runs 'tabllm example' and 'tabllm make', then headless Chromium
python scripts/picture.py --page FILE    # a page that is there already
python scripts/picture.py --page FILE --name pairs --part pairs --size 1100,700     # one section of it
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


def section_of(page: Path, part: str, folder: Path) -> Path:
    """A copy of ``page`` that shows only the element whose id is ``part``."""
    style = f"<style>main>:not(#{part},:has(#{part})),header,footer{{display:none!important}}</style></head>"
    copy = folder / "part.html"
    copy.write_text(page.read_text("utf-8").replace("</head>", style, 1), "utf-8")
    return copy


def picture(page: Path, chromium: str, target: Path, scheme: int, size: str) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--window-size={size}",
                f"--user-data-dir={profile}",
                f"--blink-settings=preferredColorScheme={scheme}",
                f"--screenshot={target}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--name", default="report")
    parser.add_argument("--part", metavar="ID", help="the section to show; the top of the page if absent")
    parser.add_argument("--size", default="1100,590")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no Chromium here; install it, for example with 'apt install chromium'.")
    ASSETS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        page = arguments.page or make_page(Path(folder))
        if arguments.part:
            page = section_of(page, arguments.part, Path(folder))
        for name, scheme in SCHEMES.items():
            picture(page, chromium, ASSETS / f"{arguments.name}-{name}.png", scheme, arguments.size)
    print(f"Wrote {', '.join(f'{arguments.name}-{name}.png' for name in SCHEMES)} to {ASSETS}.")


if __name__ == "__main__":
    main()
