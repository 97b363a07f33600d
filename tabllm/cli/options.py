"""Options that several commands share."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

import click

__all__ = [
    "PATH",
    "AtLeast",
    "Holdout",
    "Renamed",
    "Share",
    "Shares",
    "Within",
    "count_option",
    "details_option",
    "device_option",
    "drop_option",
    "faker_option",
    "file_option",
    "html_option",
    "json_option",
    "kind_option",
    "model_option",
    "options_as",
    "out_option",
    "real_rows_option",
    "sampled_option",
    "seed_option",
    "train_rows_option",
]

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

#: A file or folder: completed by the shell, and checked by the library, which knows better what is wrong.
PATH = click.Path()


class Renamed(click.Option):
    """An option that still takes its ``former`` spellings, of which no help and no error tells."""

    def __init__(self, declarations: Sequence[str], *, former: Sequence[str], **options: Any) -> None:
        super().__init__([*declarations, *former], **options)
        self.former = former

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        with self._without_former():
            return super().get_help_record(ctx)

    def get_error_hint(self, ctx: click.Context | None) -> str:
        with self._without_former():
            return super().get_error_hint(ctx)

    @contextlib.contextmanager
    def _without_former(self) -> Iterator[None]:
        known = self.opts
        self.opts = [name for name in known if name not in self.former]
        try:
            yield
        finally:
            self.opts = known


class Share(click.ParamType):
    """A share such as ``0.2`` or ``20%``, above 0 and below 1; a word of ``words`` is passed on."""

    name = "share"

    def __init__(self, *words: str) -> None:
        self.words = words

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        text = str(value).strip()
        if text in self.words:
            return text
        try:
            fraction = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            fraction = 0.0
        if not 0 < fraction < 1:
            others = "".join(f", or {word!r}" for word in self.words)
            self.fail(f"{value!r} is not a fraction such as 0.2 or 20%{others}.", param, ctx)
        return fraction


class Shares(click.ParamType):
    """Several shares, parted by commas."""

    name = "shares"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(float(Share().convert(part, param, ctx)) for part in str(value).split(",") if part.strip())


class Holdout(click.ParamType):
    """How many rows are held back: a fraction such as ``20%`` or ``0.2``, or a number of rows."""

    name = "holdout"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        text = str(value).strip().replace(",", "").replace("_", "")
        try:
            number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            number = 0.0
        if 0 < number < 1:
            return number
        if not number >= 1 or text.endswith("%") or not number.is_integer():  # nan is neither
            self.fail(f"{value!r} is neither a fraction such as 20% nor a number of rows.", param, ctx)
        return int(number)


class Device(click.ParamType):
    """The name of a device, with a number behind a colon at most; whether it is there is seen when it is needed."""

    name = "device"
    known = ("auto", "cpu", "cuda", "mps", "gpu")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if str(value).partition(":")[0] not in self.known:
            self.fail(f"There is no device {value!r}; choose one of {', '.join(self.known)}.", param, ctx)
        return str(value)


#: A whole number as 1e6 or 2.5e9; more than 99 zeros are none that anyone means.
_POWER = re.compile(r"\d(\.\d{1,9})?e\+?\d{1,2}", re.IGNORECASE)


class AtLeast(click.IntRange):
    """Click's whole numbers from a least one on, which may be written with commas, and as 1e6."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        plain: Any = str(value).replace(",", "")
        if _POWER.fullmatch(plain) and (power := Decimal(plain)) == int(power):
            plain = int(power)
        number: int = super().convert(plain, param, ctx)
        if number >= 2**63:  # what torch and numpy hold
            self.fail(f"{value!r} is too large; take a number below 2**63.", param, ctx)
        return number


class Within(click.FloatRange):
    """Click's range of numbers, in which neither nan nor infinity lies."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


class Locale(click.ParamType):
    """A locale of the package Faker, which must be installed."""

    name = "locale"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from tabular.personal.faker_words import check_locale

        check_locale(str(value))
        return str(value)


def count_option(
    *names: str, least: int = 1, default: int | None = None, metavar: str = "N", help: str
) -> Callable[[Decorated], Decorated]:
    """A whole number, whose default the help names if there is one."""
    shown = default is not None
    return click.option(*names, type=AtLeast(least), default=default, show_default=shown, metavar=metavar, help=help)


def file_option(*names: str, help: str) -> Callable[[Decorated], Decorated]:
    """A file."""
    return click.option(*names, type=PATH, metavar="FILE", help=help)


def device_option(
    *, default: str | None = None, purpose: str = "compute on: cpu, cuda, mps or gpu"
) -> Callable[[Decorated], Decorated]:
    """``--device NAME``; ``auto`` is the default, whether Click says so or who takes ``None``."""
    return click.option(
        "--device", type=Device(), default=default, metavar="NAME", help=f"Device to {purpose}.  [default: auto]"
    )


#: ``--json FILE``.
json_option = file_option(
    "--json", "json_file", help="JSON file to write the result to; '-' prints it, and nothing else, on standard output."
)


#: ``--html FILE``.
html_option = file_option(
    "--html",
    "html_file",
    help="HTML file to write the report to, a page with plots that opens in any browser without a network.",
)


#: ``--details``.
details_option = click.option(
    "--details", is_flag=True, help="Details: print columns, pairs, utility, privacy and notes, too."
)


#: ``--no-real-rows``.
real_rows_option = click.option(
    "--no-real-rows", is_flag=True, help="No real rows on the page, where five stand otherwise."
)


def out_option(metavar: str, help: str, **options: Any) -> Callable[[Decorated], Decorated]:
    """``-o``, ``--out``: the file or folder to write; ``help`` says which."""
    return click.option("-o", "--out", type=PATH, metavar=metavar, help=help, **options)


def _registered(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of generators that begin so, for the shell."""
    from tabular.registry import model_names

    return [name for name in model_names() if name.startswith(incomplete)]


def model_option(help: str) -> Callable[[Decorated], Decorated]:
    """``-m``, ``--model``: a generator, ``nano`` by default."""
    return click.option(
        "-m", "--model", default="nano", show_default=True, metavar="NAME", shell_complete=_registered, help=help
    )


def sampled_option(*names: str) -> Callable[[Decorated], Decorated]:
    """Rows of each of several generators, which was ``--sample``."""
    return click.option(
        *names,
        "sampled",
        cls=Renamed,
        former=("--sample",),
        type=AtLeast(2),
        metavar="N",
        help="Rows to generate by each.  [default: as many as it learned]",
    )


def options_as(
    argument: str, options: Sequence[Callable[[Any], Any]], make: Callable[..., Any]
) -> Callable[[Decorated], Decorated]:
    """Several options that a command gets as one ``argument``: what ``make`` makes of their values, by their names."""
    names = tuple(inspect.signature(make).parameters)

    def decorate(command: Decorated) -> Decorated:
        @functools.wraps(command)
        def called(*args: Any, **given: Any) -> Any:
            made = make(**{name: given.pop(name) for name in names})
            return command(*args, **{argument: made}, **given)

        return functools.reduce(lambda made, option: option(made), reversed(options), cast(Decorated, called))

    return decorate


def train_rows_option(minimum: int) -> Callable[[Decorated], Decorated]:
    """``--train-rows N``, which was ``--rows``."""
    return click.option(
        "--train-rows",
        cls=Renamed,
        former=("--rows",),
        type=AtLeast(minimum),
        metavar="N",
        help="Training rows: use N rows of DATA, drawn at random.  [default: all]",
    )


#: ``--seed N``; absent, the library's own default holds.
seed_option = count_option("--seed", least=0, help="Random seed: the same seed gives the same result.  [default: 0]")


#: ``--kind COL=KIND``.
kind_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COL=KIND",
    help="Kind of the column COL: categorical, integer, continuous, datetime, boolean, text, identifier or "
    "constant. Repeatable.",
)


#: ``--drop COL``.
drop_option = click.option(
    "--drop",
    "dropped",
    multiple=True,
    metavar="COL",
    help="Leave out the column COL, whatever it holds. Repeatable.",
)


#: ``--faker LOCALE``.
faker_option = click.option(
    "--faker",
    type=Locale(),
    metavar="LOCALE",
    help="Locale (en_US, de_DE, ...) of the package Faker, whose names, streets and towns stand in the made-up "
    "values of columns that name persons.  [default: words of our own]",
)
