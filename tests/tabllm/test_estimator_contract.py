"""What holds of every generator that has a name: an estimator as scikit-learn has them, and each fault a sentence."""

from __future__ import annotations

import inspect
import json
import math
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils.validation import check_is_fitted

import tabllm  # noqa: F401 (registers its generators)
from eval import compare
from tabllm.lm.pretrained import PretrainedLM
from tabllm.lm.prompted import PromptedLM
from tabllm.sequences.model import SequenceLM
from tabular import Privacy, Schema, TableError, TabllmError, UsageError, create, infer_schema, load_run, model_names
from tabular.errors import NotFittedError
from tabular.registry import _find, has_option
from tabular.settings import settings_table

NAMES = model_names()
CLASSES = sorted({_find(name).load() for name in NAMES} | {PromptedLM, SequenceLM}, key=lambda kind: kind.name)
#: Those whose fit needs no model from elsewhere.
OWN = [name for name in NAMES if not issubclass(_find(name).load(), PretrainedLM)]
TINY = {"steps": 1, "device": "cpu", "batch_size": 20}
FAST = {"ctgan": {"calibrate": False}, "tvae": {"calibrate": False}, "tabddpm": {"calibrate": False, "d_layers": (8,)}}
#: What a generator cannot be without.
NEEDED = {"sequences": {"by": "user", "time": "day"}}
#: What a setting may be given by mistake.
ODD = (
    None,
    True,
    0,
    -1,
    2.5,
    math.nan,
    math.inf,
    10**30,
    "",
    "3",
    "foo",
    (),
    [],
    [0],
    (64, "a"),
    {},
    {"a": 1},
    object(),
)


def tiny(name: str, **options: Any) -> Any:
    """A generator whose fit takes no time."""
    known = {option: value for option, value in TINY.items() if has_option(name, option)}
    return create(name, **known, **FAST.get(name, {}), **options)


def complaint(call: Callable[[], Any]) -> str | None:
    """The sentence that ``call`` refuses with; ``None`` if it does not."""
    try:
        call()
    except UsageError as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"device": rng.choice(["ios", "web"], 60), "spend": rng.integers(10, 400, 60)})


@pytest.fixture(scope="module", params=OWN)
def fitted(request, table):
    return tiny(request.param).fit(table)


class TestSettings:
    @pytest.mark.parametrize("kind", CLASSES)
    def test_a_constructor_only_stores(self, kind):
        given = {name: object() for name in settings_table(kind)}
        model = kind(**given)
        assert {name: getattr(model, name) for name in given} == given
        assert set(vars(model)) == set(given)
        assert list(inspect.signature(kind).parameters) == list(given)

    @pytest.mark.parametrize("kind", CLASSES)
    def test_every_setting_says_what_it_is(self, kind):
        for name, entry in settings_table(kind).items():
            assert entry.help.endswith("."), name
            entry.check(entry.default)

    @pytest.mark.parametrize("kind", CLASSES)
    def test_a_value_that_cannot_be_is_named_in_a_sentence(self, kind):
        for name in settings_table(kind):
            needed = NEEDED.get(kind.name, {})
            refused = [complaint(kind(**{**needed, name: odd}).check_settings) for odd in ODD]
            sentences = [sentence for sentence in refused if sentence is not None]
            assert len(sentences) > 5
            assert all(name in sentence and sentence.endswith(".") for sentence in sentences)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_name_that_no_setting_has_is_refused_with_its_neighbour(self, name):
        kind = _find(name).load()
        for call in (lambda: create(name, sed=1), lambda: kind(sed=1), lambda: kind().set_params(sed=1)):
            with pytest.raises(UsageError, match="no option 'sed'; did you mean 'seed'"):
                call()
        with pytest.raises(UsageError, match="by name"):
            kind(300)

    @pytest.mark.parametrize("name", NAMES)
    def test_scikit_learn_reads_sets_and_clones(self, name):
        model = create(name, seed=3, rare_below=2)
        assert model.get_params()["random_state"] == 3
        again = clone(model)
        assert type(again) is type(model)
        assert again.get_params() == model.get_params()
        assert clone(again.set_params(random_state=4)).seed == 4
        assert model.set_random_state(5).seed == 5
        assert "schema_" not in vars(again)
        with pytest.raises(SklearnNotFittedError):
            check_is_fitted(again)

    @pytest.mark.parametrize("kind", CLASSES)
    def test_shown_is_what_differs_from_the_defaults(self, kind):
        assert repr(kind()) == f"{kind.__name__}()"
        assert repr(kind(seed=np.int64(3), verbose=False)) == f"{kind.__name__}(seed=3)"

    def test_two_names_of_one_setting_must_agree(self):
        assert create("nano", random_state=3).seed == 3
        with pytest.raises(UsageError, match="seed and its other name random_state differ: 3 and 4"):
            create("nano", random_state=3, seed=4)

    @pytest.mark.parametrize(
        ("name", "settings", "told"),
        [
            ("ctgan", {"numbers": "foo"}, "numbers must be one of modes, quantiles, bins, not 'foo'."),
            ("ctgan", {"learning_rate": 0}, "learning_rate must be above 0, not 0."),
            ("ctgan", {"generator_dim": 256}, "generator_dim must be a list of whole numbers above 0, one or more"),
            ("tvae", {"compress_dims": ()}, r"compress_dims must be .*, not \(\)."),
            ("nano", {"steps": 2.5}, "steps must be a whole number above 0 or None, not 2.5."),
            ("nano", {"seed": None}, "seed must be a whole number 0 or above, not None."),
            ("tabcascade", {"dropout": 1}, "dropout must be at least 0 and below 1, not 1."),
            ("tvae", {"privacy": 3.0}, "privacy must be a tabular.Privacy or None, not 3.0."),
            ("lm", {"top_p": 1.5}, "top_p must be above 0 and at most 1, not 1.5."),
            ("nano", {"width": 30}, r"width \(30\) must be a multiple of heads \(4\)."),
        ],
    )
    def test_the_sentence_says_name_range_and_value(self, name, settings, told):
        with pytest.raises(UsageError, match=told):
            create(name, **settings)
        with pytest.raises(UsageError, match=told):
            _find(name).load()(**settings).fit(pd.DataFrame({"a": [1, 2, 3]}))


class TestFit:
    @pytest.mark.parametrize("kind", CLASSES)
    def test_annotations_can_be_read(self, kind):
        for method in ("fit", "sample", "sample_batches", "complete", "impute", "save", "load", "set_params"):
            assert typing.get_type_hints(getattr(kind, method))

    @pytest.mark.parametrize("kind", CLASSES)
    def test_what_needs_a_fit_says_so(self, kind, table, tmp_path):
        model = kind()
        calls = [lambda: model.sample(3), lambda: model.schema, lambda: list(model.sample_batches(3)), model.describe]
        if kind is not PromptedLM:
            calls.append(lambda: model.save(tmp_path / "run"))
        for call in calls:
            with pytest.raises(NotFittedError, match="call fit"):
                call()
            with pytest.raises(SklearnNotFittedError):
                call()

    def test_a_fit_leaves_the_settings_and_says_what_it_found(self, fitted, table):
        assert fitted.get_params() == tiny(fitted.name).get_params()
        assert fitted.feature_names_in_.tolist() == ["device", "spend"]
        assert fitted.n_features_in_ == 2
        assert fitted.schema_ is fitted.schema
        assert fitted.facts_["seed"] == 0
        assert fitted.history_
        assert fitted.device_ == "cpu"
        check_is_fitted(fitted)

    def test_a_run_gives_back_every_setting(self, fitted, tmp_path):
        fitted.save(tmp_path / "run")
        again = load_run(tmp_path / "run", device="cpu")
        assert again.get_params() == fitted.get_params()
        assert "dropout" not in (tmp_path / "run" / "config.json").read_text() or hasattr(fitted, "dropout")
        pd.testing.assert_frame_equal(again.sample(5), fitted.sample(5))

    @pytest.mark.parametrize("name", OWN)
    def test_y_is_scikit_learns_and_discrete_columns_are_categories(self, name, table):
        model = tiny(name)
        assert model.fit(table, np.zeros(60)).schema["spend"].kind == "integer"
        assert model.fit(table, ["spend"]).schema["spend"].kind == "categorical"
        if name == "ctgan":
            assert model.fit(table, discrete_columns=["spend"]).schema["spend"].kind == "categorical"
            with pytest.raises(UsageError, match="no such column"):
                model.fit(table, discrete_columns=["zap"])
            with pytest.raises(UsageError, match="contradict"):
                model.fit(table, discrete_columns=["spend"], schema=infer_schema(table))

    def test_a_fit_that_fails_leaves_what_was_learned(self, fitted, table):
        before = fitted.sample(5)
        for wrong in (table.iloc[:1], [1, 2], None, "table", 3):
            with pytest.raises(TabllmError):
                fitted.fit(wrong)
        with pytest.raises(UsageError, match="schema"):
            fitted.fit(table, schema="visits.json")
        pd.testing.assert_frame_equal(fitted.sample(5), before)

    def test_whatever_is_wrong_in_a_call_is_told_in_a_sentence(self, fitted, table):
        for odd in (0, -1, 2.5, "3", True, math.nan, [5], (), object()):
            with pytest.raises(UsageError, match="number of rows"):
                fitted.sample(odd)
        for argument in ("seed", "where", "refine", "done"):
            for odd in (-1, 2.5, math.nan, [5], [None], {"nope": 1}, {5: 1}, 5, object()):
                complaint(lambda argument=argument, odd=odd: list(fitted.sample_batches(3, **{argument: odd})))
        told = complaint(lambda: fitted.sample(3, seed=2.5))
        assert told == "seed must be a whole number 0 or above or None, not 2.5."
        assert len(fitted.sample(np.int64(3), seed=np.int64(3))) == 3

    def test_verbose_shows_bars(self, table, capfd):
        tiny("tvae", verbose=True).fit(table.assign(id=[f"u{i}" for i in range(60)], spend=0, device="x"))
        assert "No column has anything to learn" in capfd.readouterr().err


@pytest.mark.parametrize("odd", [None, 3, (), object()])
def test_a_name_or_a_folder_that_cannot_be_one_is_told_in_a_sentence(odd, fitted, table):
    assert "name is text" in complaint(lambda: create(odd))
    assert "directory must be text or a path" in complaint(lambda: load_run(odd))
    assert "directory must be text or a path" in complaint(lambda: fitted.save(odd))
    assert odd is None or "checkpoint must be" in complaint(lambda: tiny("nano").fit(table, checkpoint=odd))


def test_a_table_that_is_none_is_refused():
    with pytest.raises(TableError, match="must be a pandas, Polars or Arrow table, not list"):
        compare([1], [2])


@pytest.mark.parametrize("odd", [None, "3", (), math.nan, True, -1, object()])
@pytest.mark.parametrize("name", ["epsilon", "delta", "clip", "schema_share", "noise_seed"])
def test_a_privacy_that_cannot_be_is_told_in_a_sentence(name, odd):
    sentence = complaint(lambda: Privacy(**{"epsilon": 3.0, name: odd}))
    assert sentence is None or sentence.endswith(".")


def test_runs_of_older_releases_have_fields_that_are_no_more(tmp_path, table):
    tiny("nano").fit(table).save(tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["architecture"]["dropout"] = 0.1
    path.write_text(json.dumps(config))
    assert isinstance(load_run(tmp_path / "run", device="cpu").schema, Schema)
