"""What the study found, in sentences: which training set is best at what, and whether that is more than chance."""

from __future__ import annotations

from eval.judging.wording import interval, score

from .scoring import HIGHER_IS_BETTER, Scores
from .study import RecipeOutcome, Study

__all__ = ["SCORE_WORDS", "findings", "verdict"]

#: Score -> its name in tables and sentences.
SCORE_WORDS = {
    "recall": "recall",
    "precision": "precision",
    "f1": "F1",
    "best_recall": "recall",
    "best_precision": "precision",
    "best_f1": "F1 at the best threshold",
    "pr_auc": "PR-AUC",
    "auc": "ROC-AUC",
    "log_loss": "log loss",
    "normalised_entropy": "normalised entropy",
    "calibration_error": "calibration error",
    "corrected_log_loss": "corrected log loss",
    "corrected_normalised_entropy": "normalised entropy",
    "corrected_calibration_error": "calibration error",
}
#: What the verdict rests on: how well rows are ranked, and how well the rare ones are picked out.
DECISIVE = ("pr_auc", "best_f1")


def verdict(study: Study) -> str:
    """Whether synthetic rows help, in one sentence."""
    hybrids = [(o, o.scores) for o in _judged(study) if o.recipe.kind == "hybrid"]
    if not hybrids:
        return "No training set with synthetic rows could be judged."
    helped = [
        (outcome.recipe.label, name)
        for outcome, scores in hybrids
        for name in DECISIVE
        if scores is not None and scores.certain.get(name) == "better"
    ]
    if not helped:
        others = sorted(
            {
                outcome.recipe.label
                for outcome in _judged(study)
                for name in DECISIVE
                if outcome.recipe.kind != "hybrid" and outcome.scores and outcome.scores.certain.get(name) == "better"
            }
        )
        instead = f"; what does is {', '.join(others)}" if others else ", nor does anything else that was tried"
        return (
            f"Synthetic rows do not help here: at no ratio do they beat real rows alone in PR-AUC or in F1 at the best "
            f"threshold by more than chance{instead}."
        )
    label, name = helped[0]
    best = (_best(study, each).recipe for each in DECISIVE)
    ahead = dict.fromkeys(recipe.label for recipe in best if recipe.kind != "hybrid")
    but = f"; but in one of the two {' and '.join(ahead)} is ahead of them" if ahead else ""
    return f"Synthetic rows help here: {label} beats real rows alone in {SCORE_WORDS[name]} by more than chance{but}."


def findings(study: Study) -> list[str]:
    """One sentence each on ranking, on picking out and on the probabilities themselves."""
    if len(_judged(study)) < 2:
        return []
    return [_finding(study, name) for name in (*DECISIVE, "log_loss", "corrected_log_loss")]


def _finding(study: Study, name: str) -> str:
    best, recipes = _best(study, name), _judged(study)
    extreme = "highest" if HIGHER_IS_BETTER[name] else "lowest"
    words = SCORE_WORDS[name][0].upper() + SCORE_WORDS[name][1:]
    base = recipes[0]
    sentence = f"{words}: {best.recipe.label} is {extreme} with {_value(best, name)}"
    if best.recipe.kind != "real":
        difference = _scores(best).differences[name]
        certain = _scores(best).certain.get(name) == "better"
        sentence += (
            f", real rows alone have {_value(base, name)}; the difference of {score(difference.value)} "
            f"({interval(difference)}) is {'more than' if certain else 'within'} chance"
        )
    worse = [outcome.recipe.label for outcome in recipes if _scores(outcome).certain.get(name) == "worse"]
    if worse:
        count = f"{len(worse)} of the {len(recipes) - 1} others"
        sentence += f"; {count} {'is' if len(worse) == 1 else 'are'} certainly worse than real rows alone"
    return sentence + "."


def _judged(study: Study) -> list[RecipeOutcome]:
    return [outcome for outcome in study.outcomes if outcome.scores is not None]


def _best(study: Study, name: str) -> RecipeOutcome:
    sign = 1 if HIGHER_IS_BETTER[name] else -1
    # max keeps the first of equal ones, and real rows alone come first.
    return max(_judged(study), key=lambda outcome: sign * (_scores(outcome).values[name].value or 0.0))


def _scores(outcome: RecipeOutcome) -> Scores:
    assert outcome.scores is not None
    return outcome.scores


def _value(outcome: RecipeOutcome, name: str) -> str:
    return score(_scores(outcome).values[name].value)
