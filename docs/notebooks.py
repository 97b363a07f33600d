"""A hook of mkdocs: shows each notebook of ``tutorials/`` as a page, with the outputs that it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files


def on_files(files: Files, *, config: Any) -> Files:
    """Put a page of Markdown in the place of each notebook."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        text = markdown(json.loads(Path(file.abs_src_path).read_text(encoding="utf-8")))
        files.append(File.generated(config, file.src_uri.removesuffix(".ipynb") + ".md", content=text))
    return files


def markdown(notebook: dict[str, Any]) -> str:
    """The cells of a notebook one below the other: text as it is, code fenced, outputs below their code."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        parts += [shown(output) for output in cell.get("outputs", ())]
    return "\n\n".join(parts) + "\n"


def shown(output: dict[str, Any]) -> str:
    """One output: HTML where there is some, on a line of its own kind for Markdown, else text."""
    data = output.get("data", {})
    if "text/html" in data:
        html = "".join(data["text/html"])
        html = html[: html.find("<style")] + html[html.find("</style>") + 8 :] if "<style" in html else html
        return "<div>" + "".join(line.strip() for line in html.splitlines()) + "</div>"
    return "```text\n" + "".join(output.get("text", data.get("text/plain", ""))).rstrip("\n") + "\n```"
