"""Settings of a generator as options of ``tabllm fit``: one by one, or all of a file that ``tabllm tune`` wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from tabular.errors import UsageError
from tabular.settings import CommonSettings, EngineSettings, Setting, TrainingSettings, settings_table

from ..lm.settings import PretrainedSettings
from .options import AtLeast, Decorated, Within, file_option

__all__ = ["option_of", "setting_options", "settings_option", "with_settings"]

#: The settings that have an option: of every generator, of those that are trained, and of pretrained language models.
SETTING_OPTIONS = (
    (CommonSettings, ("rare_below",)),
    (TrainingSettings, ("epochs", "steps", "batch_size", "learning_rate")),
    (EngineSettings, ("engine",)),
    (
        PretrainedSettings,
        (
            "precision",
            "tuning",
            "serialization",
            "max_cell_tokens",
            "rank",
            "lora_scale",
            "lora_dropout",
            "lora_layers",
            "accumulate",
            "checkpointing",
            "revision",
            "random_weights",
        ),
    ),
)

settings_option: Callable[[Decorated], Decorated] = file_option(
    "--settings",
    "settings_file",
    help="Settings file: options of the generator, as 'tabllm tune' writes them; options given here win.",
)


def option_of(setting: Setting) -> Callable[[Decorated], Decorated]:
    """The option of a setting; left out, it is ``None``, and the generator's own default holds."""
    none = setting.default is None or setting.default is False
    reported = setting.absent or ("" if none else str(setting.default).removesuffix(".0"))
    kind: dict[str, Any] = {"type": str, "metavar": "TEXT"}
    if setting.choices:
        kind = {"type": click.Choice(setting.choices)}
    elif setting.types == "bool":
        kind = {"is_flag": True, "default": None}
    elif setting.types.startswith("int"):
        kind = {"type": AtLeast(1 if setting.least is None else int(setting.least)), "metavar": "N"}
    elif setting.types.startswith("float"):
        low, high = (setting.above, setting.below) if setting.least is None else (setting.least, setting.below)
        kind = {
            "type": Within(low, setting.most if high is None else high, setting.least is None, high is not None),
            "metavar": "X",
        }
    help = setting.help + (f"  [default: {reported}]" if reported else "")
    return click.option(f"--{setting.name.replace('_', '-')}", help=help, **kind)


def setting_options(command: Decorated) -> Decorated:
    """An option for each of :data:`SETTING_OPTIONS`, as its setting is declared."""
    for kind, names in reversed(SETTING_OPTIONS):
        for name in reversed(names):
            command = option_of(settings_table(kind)[name])(command)
    return command


def with_settings(
    context: click.Context, file: str | None, model: str, given: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The model and its options: those of the file, and before them those that were given on the command line.

    Args:
        given: every option of the command line, ``None`` where it was left out.

    Raises:
        UsageError: if the file is no such file, is for another model, or sets what the model does not have.
    """
    if file is None:
        return model, given
    from ..tuning.settings import read_settings

    settings = read_settings(file)
    if context.get_parameter_source("model") is click.core.ParameterSource.DEFAULT:
        if settings.model is None:
            raise UsageError(f"{file} names no model; say which one its settings are for with -m.")
        model = settings.model
    settings.check(model, file)
    options = {name: value for name, value in given.items() if value is not None}
    reported = dict(settings.options)
    if "epochs" in options or "steps" in options:  # one of them stands in place of the other
        reported = {name: value for name, value in reported.items() if name not in ("epochs", "steps")}
    return model, {**reported, **options}
