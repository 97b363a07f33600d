"""The page in a real browser, headless Chromium: quiet console, no request, plots, both themes, a phone's width."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from eval import compare, write_html
from eval.page.elements.theme import PALETTE

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
)

#: Written at the end of a copy of the page: it leaves what it finds on the root element of the window.
PROBE = """<script>
addEventListener("load", () => {
  const root = document.documentElement, seen = (e) => e.getBoundingClientRect();
  if (new URLSearchParams(location.search).has("click")) document.getElementById("theme").click();
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  const plots = [...document.querySelectorAll("figure > svg")];
  parent.document.documentElement.dataset.found = JSON.stringify({
    ground: getComputedStyle(document.body).backgroundColor,
    button: document.getElementById("theme").textContent,
    hidden: document.getElementById("theme").hidden,
    plots: plots.length,
    drawn: plots.filter((e) => seen(e).width > 150 && seen(e).height > 30).length,
    wide: plots.filter((e) => seen(e).right > root.clientWidth).length,
    client: root.clientWidth,
    scroll: root.scrollWidth,
    requests: performance.getEntriesByType("resource").map((e) => e.name),
    elements: document.querySelectorAll("*").length,
  });
});
</script></body>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A folder with ``one.html`` and ``three.html``, as written but for the probe, and each in a phone's width."""
    import numpy as np
    import pandas as pd

    from eval.preparing import features

    def people(seed):
        rng = np.random.default_rng(seed)
        age = rng.integers(18, 80, 300)
        spent = np.where(rng.random(300) < 0.5, 0, rng.gamma(2, 30, 300)).round(2)
        city = rng.choice([f"a city with the long name {i}" for i in range(30)], 300)
        return pd.DataFrame({"age": age, "spent": spent, "c" * 200: city, "clicked": rng.random(300) < age / 100})

    folder = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "TREES", 5)
        options = {"holdout": people(9), "target": "clicked", "protect": ["age"], "threads": 1}
        made = {f"{'t' * 60}able {i}": compare(people(0), people(i), **options) for i in (1, 2, 3)}
    write_html(next(iter(made.values())), folder / "one.html")
    write_html(made, folder / "three.html")
    for path in list(folder.iterdir()):
        path.write_text(path.read_text("utf-8").replace("</body>", PROBE), "utf-8")
        # The window of a headless Chromium is no narrower than 500 pixels, a frame may be.
        frame = f'<!DOCTYPE html><link rel="icon" href="data:,"><iframe src="{path.name}" width="390" height="844">'
        path.with_name(f"phone-{path.name}").write_text(f"{frame}</iframe>", "utf-8")
    return folder


@pytest.fixture(scope="module")
def served(pages):
    """The address of the folder on a server that notes what it is asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            file = pages / self.path.lstrip("/").partition("?")[0]
            self.send_response(200 if file.is_file() else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(file.read_bytes() if file.is_file() else b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def opened(address, *flags):
    """What the probe found at ``address``, and what the console said."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900", "--dump-dom", *flags, address],
            capture_output=True,
            text=True,
            timeout=120,
        )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(unescape(found.group(1))), console


def rgb(colour):
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize(("name", "plots"), [("one", 34), ("three", 102)])
@pytest.mark.parametrize(("window", "width"), [("", 1280), ("phone-", 390)])
def test_every_plot_is_drawn_and_nothing_overflows(served, name, plots, window, width):
    found, console = opened(f"{served[0]}/{window}{name}.html")
    assert console == []
    assert found["requests"] == []
    assert found["client"] == width
    assert (found["plots"], found["drawn"], found["wide"]) == (plots, plots, 0)
    assert found["scroll"] == found["client"]


def test_a_server_is_asked_for_the_page_alone(served):
    address, asked = served
    asked.clear()
    _, console = opened(f"{address}/one.html")
    assert console == []
    assert asked == ["/one.html"]


@pytest.mark.parametrize(("flags", "theme"), [((), 0), (("--blink-settings=preferredColorScheme=0",), 1)])
def test_the_theme_is_the_readers_until_the_button_says_otherwise(pages, flags, theme):
    address = f"file://{pages}/one.html"
    found, _ = opened(address, *flags)
    assert found["ground"] == rgb(PALETTE["ground"][theme])
    assert (found["button"], found["hidden"]) == (("Dark", "Light")[theme], False)
    clicked, console = opened(f"{address}?click", *flags)
    assert clicked["ground"] == rgb(PALETTE["ground"][1 - theme])
    assert clicked["button"] == ("Dark", "Light")[1 - theme]
    assert console == []


def test_it_has_few_enough_elements_to_load_at_once(pages):
    found, _ = opened(f"file://{pages}/three.html")
    assert 100 < found["elements"] < 20_000
