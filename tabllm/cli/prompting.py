"""``tabllm sample --prompt-only``: its options, and the model that is shown some rows in place of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tabular.errors import UsageError

from ..lm.serialization.names import TEXT_SERIALIZATIONS
from .options import count_option, file_option, options_as
from .session import Session

if TYPE_CHECKING:
    from tabular.io.file_form import FileForm
    from tabular.synthesizer import Synthesizer

__all__ = ["Prompt", "prompt_options", "shown_rows"]


@dataclass(frozen=True)
class Prompt:
    """What ``--prompt-only`` and the options that go with it say; absent ones are ``None``."""

    model: str | None
    examples: int | None
    serialization: str | None
    schema_file: str | None

    def check(self, prompt_only: bool, **without: Any) -> None:
        """Raise :class:`UsageError` where options do not go together.

        Args:
            without: option -> its value, of those that need a fit.
        """
        if not prompt_only:
            given = {
                "-m": self.model,
                "--examples": self.examples,
                "--serialization": self.serialization,
                "--schema": self.schema_file,
            }
            if named := next((name for name, value in given.items() if value is not None), None):
                raise UsageError(f"{named} goes with --prompt-only; a RUN knows its own model and schema.")
            return
        if self.model is None:
            raise UsageError("--prompt-only needs a pretrained language model: add -m NAME ('tabllm models list').")
        if named := next((name for name, value in without.items() if value), None):
            raise UsageError(f"--{named} needs a fit: leave it out, or fit with 'tabllm fit DATA -m {self.model}'.")


#: The options; the command gets ``prompt_only`` and, as ``prompt``, a :class:`Prompt`.
prompt_options = options_as(
    "prompt",
    [
        click.option(
            "--prompt-only",
            is_flag=True,
            help="No fit: RUN is a table, and a pretrained language model is shown some of its rows before it "
            "writes new ones.",
        ),
        click.option(
            "-m",
            "--model",
            metavar="NAME",
            help="Pretrained language model, with --prompt-only: a short name, a hub id or a folder.",
        ),
        count_option(
            "--examples",
            metavar="K",
            help="Example rows in a prompt, with --prompt-only; drawn anew every 32 rows.  [default: 8]",
        ),
        click.option(
            "--serialization",
            type=click.Choice(list(TEXT_SERIALIZATIONS)),
            help="Text format of a row, with --prompt-only.  [default: csv]",
        ),
        file_option("--schema", "schema_file", help="Schema file of the table, with --prompt-only."),
    ],
    lambda model, examples, serialization, schema_file: Prompt(model, examples, serialization, schema_file),
)


def shown_rows(
    session: Session, data: str, prompt: Prompt, seed: int | None, device: str, options: dict[str, Any]
) -> tuple[Synthesizer, Any, FileForm | None]:
    """(the model that was shown ``data``, what tells that file from another, how it is written).

    Args:
        options: others of the generator; absent ones are ``None``.
    """
    from tabllm.hub.names import is_model_name
    from tabllm.lm.prompted import PromptedLM
    from tabular.io.file_form import ReadOptions
    from tabular.io.origins import fingerprint
    from tabular.io.reading import check_table
    from tabular.schema import Schema

    from .reading import read

    assert prompt.model is not None
    if not is_model_name(prompt.model):
        raise UsageError(f"{prompt.model!r} is no pretrained language model; 'tabllm models list' shows some.")
    given = {"examples": prompt.examples, "serialization": prompt.serialization, "seed": seed, **options}
    model = PromptedLM(
        base=prompt.model, device=device, **{name: value for name, value in given.items() if value is not None}
    )
    model.check()
    found = read(session, data, ReadOptions())
    schema = None if prompt.schema_file is None else Schema.from_json(prompt.schema_file)
    model.fit(check_table(found.table), schema=schema, progress=session.reporter())
    return model, fingerprint(data), found.form
