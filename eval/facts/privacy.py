"""What the attacks of :mod:`eval.attacks.privacy` find, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from .estimates import Estimate

__all__ = [
    "Attack",
    "AttackedGroup",
    "AttributeInference",
    "EpsilonBound",
    "EpsilonClaim",
    "Exposed",
    "IdentifyingCells",
    "IdentifyingColumn",
    "LoneCombinations",
    "Membership",
    "NearestRatio",
    "RunAttack",
    "ShadowAttack",
    "SinglingOut",
]


@dataclass(frozen=True)
class NearestRatio:
    """Nearest-neighbour distance ratio: the distance to the closest real row over that to the second closest.

    A ratio near 0 is a synthetic row that clings to one real row and to no other.

    Attributes:
        share_tighter_to_real: of the synthetic rows, how many have a lower ratio in the real table than in an
            equally large holdout, with Wilson's interval; 0.5 = no copying.
        p5_synthetic, p5_holdout, median_synthetic, median_holdout: of the ratio in the real table.
    """

    share_tighter_to_real: Estimate
    p5_synthetic: float | None
    p5_holdout: float | None
    median_synthetic: float | None
    median_holdout: float | None
    caveat: str


@dataclass(frozen=True)
class Attack:
    """How well one attack tells training rows from held-out ones.

    Attributes:
        name: ``"distance"``, ``"density"``, ``"classifier"`` or ``"shadow"``.
        auc: 0.5 is blind.
        tpr_at_1, tpr_at_10: the fraction of training rows that it names while it accuses 1 or 10 % of the
            held-out ones; as large as that if blind.
    """

    name: str
    auc: Estimate
    tpr_at_1: Estimate
    tpr_at_10: Estimate


@dataclass(frozen=True)
class ShadowAttack:
    """A likelihood-ratio attack from shadow models; see :mod:`eval.attacks.shadow`.

    Attributes:
        fits: shadow models, each of the generator ``model`` fitted to ``rows`` rows.
        members, strangers: learned and held-out rows that were asked about.
    """

    attack: Attack
    fits: int
    model: str
    rows: int
    members: int
    strangers: int

    @property
    def words(self) -> str:
        """The finding in one sentence."""
        auc = self.attack.auc
        found = f"AUC {auc.value:.3f}, {auc.low or 0.0:.3f} to {auc.high or 1.0:.3f}"
        how = f"{self.fits} shadow models ({self.model}, {self.rows:,} rows each)"
        if (auc.low or 0.0) > 0.5:
            return f"Who can fit {how} tells training rows from others better than by chance ({found})."
        return f"Who can fit {how} tells training rows no better than by chance ({found})."


@dataclass(frozen=True)
class EpsilonBound:
    """The least epsilon of differential privacy that agrees with what the attack achieved.

    Attributes:
        value: at delta = 0; 0 if nothing was found.
        attack: the one whose guesses these are, chosen on other rows than it is judged by.
        guesses, right: rows that it called learned, and those of them that were.
        candidates: rows it could choose from, half of them learned.
    """

    value: float
    attack: str
    guesses: int
    right: int
    candidates: int
    confidence: float


@dataclass(frozen=True)
class AttackedGroup:
    """Attacks on some of the rows only.

    Attributes:
        members, strangers: learned and held-out rows that were asked about.
        attacks: with intervals that hold for the attacks on both groups together.
        distance_members, distance_strangers: median distance to the closest synthetic row.
    """

    members: int
    strangers: int
    attacks: tuple[Attack, ...]
    distance_members: Estimate
    distance_strangers: Estimate

    @property
    def best(self) -> Attack:
        """The one with the highest AUC."""
        return max(self.attacks, key=lambda attack: attack.auc.value or 0.0)

    @property
    def lead(self) -> float:
        """By how much an attack is surely better than blind; 0 if none is."""
        return max(0.0, *((attack.auc.low or 0.5) - 0.5 for attack in self.attacks))


@dataclass(frozen=True)
class Exposed:
    """The most isolated rows attacked by themselves, beside average ones; see :mod:`eval.attacks.exposed`.

    Attributes:
        percent: how many of the rows count as isolated.
        isolated, average: the attacks on each.
    """

    percent: float
    isolated: AttackedGroup
    average: AttackedGroup

    @property
    def words(self) -> str:
        """The finding in one sentence."""
        best, rest = self.isolated.best, self.average.best
        auc = f"AUC {best.auc.value:.3f}, {best.auc.low or 0.0:.3f} to {best.auc.high or 1.0:.3f}, by {best.name}"
        if self.isolated.lead > 0:
            return (
                f"The most isolated {self.percent:g} % of the training rows can be identified ({auc}; average rows "
                f"{rest.auc.value:.3f}): whoever is unlike all others is known to have been learned from."
            )
        most = f"The most isolated {self.percent:g} % of the training rows"
        return f"{most} are identified no better than by chance ({auc})."


@dataclass(frozen=True)
class Membership:
    """A membership-inference attack on ``members`` learned and as many held-out rows; see
    :mod:`eval.attacks.membership`.

    Attributes:
        attacks: each with intervals that hold for all of them TOGETHER with 95 % confidence.
        strongest: the name of the one with the highest AUC.
        reference_rows: further held-out rows that the attacker is given.
        synthetic_rows: that it is given.
        exposed: the most isolated rows by themselves; ``None`` where there are too few.
    """

    attacks: tuple[Attack, ...]
    strongest: str
    members: int
    reference_rows: int
    synthetic_rows: int
    epsilon: EpsilonBound
    caveat: str
    exposed: Exposed | None = None

    @property
    def best(self) -> Attack:
        """The strongest attack: the figure to quote."""
        return next(attack for attack in self.attacks if attack.name == self.strongest)


@dataclass(frozen=True)
class RunAttack:
    """A membership attack by who holds the run, not the synthetic rows alone; see :mod:`eval.attacks.white_box`.

    Attributes:
        attack: by the probability that the run gives a row.
        learned_rows, held_out_rows: rows that were asked about.
        learned_bits, held_out_bits: mean bits per row, of the rows that the run can draw.
        learned_impossible_percent, held_out_impossible_percent: rows that it cannot draw.
        words: the verdict, in a sentence.
    """

    attack: Attack
    learned_rows: int
    held_out_rows: int
    learned_bits: float | None
    held_out_bits: float | None
    learned_impossible_percent: float
    held_out_impossible_percent: float
    words: str
    caveat: str


@dataclass(frozen=True)
class EpsilonClaim:
    """What the accountant of a differentially private run claims beside what the attack shows.

    Attributes:
        lower_bound: the least epsilon, at the claimed delta, that agrees with the attack.
        contradicted: the attack got further than the claim allows.
    """

    epsilon: float
    delta: float
    lower_bound: float
    contradicted: bool
    words: str


@dataclass(frozen=True)
class AttributeInference:
    """Guessing one column from the others by the closest synthetic row.

    Attributes:
        learned, holdout: fraction of right guesses for learned and for held-out rows.
        excess: ``learned`` - ``holdout``; only this is leak, the rest is what the population tells of anyone. All
            intervals hold for the columns that were guessed together.
        rows: learned, and held-out, rows that were guessed.
    """

    name: str
    learned: Estimate
    holdout: Estimate
    excess: Estimate
    rows: int


@dataclass(frozen=True)
class IdentifyingColumn:
    """A column that names persons, and how many of its filled cells are values of the real table.

    Attributes:
        personal: what of a person it holds, such as ``"e-mail"``.
        synthetic_percent, holdout_percent: ``None`` where no cell is filled, or there is no holdout.
    """

    name: str
    personal: str
    synthetic_percent: float | None
    holdout_percent: float | None


@dataclass(frozen=True)
class IdentifyingCells:
    """Cells of columns that name persons which are real values; no honest synthetic table has one.

    Attributes:
        synthetic_percent: of all filled synthetic cells in these columns.
    """

    synthetic_percent: float | None
    columns: tuple[IdentifyingColumn, ...]

    @property
    def worst(self) -> IdentifyingColumn:
        """The column of which most is real."""
        return max(self.columns, key=lambda column: column.synthetic_percent or 0.0)


@dataclass(frozen=True)
class LoneCombinations:
    """Synthetic rows with a combination of values that only one real row, or one real person, has.

    Attributes:
        columns: those that describe a person, where the real table has several rows of each; else none, and the
            shares are means over random halves of the columns.
        people: how many people the real rows belong to; ``None`` where every row is for itself.
        people_percent: of them, how many appear in the synthetic table.
        synthetic_percent: of the synthetic rows, those that have such a combination.
        holdout_percent: of the holdout rows: what new rows have by chance.
        shared: the holdout has rows of the same people, so that it is no reference.
    """

    columns: tuple[str, ...]
    people: int | None
    people_percent: float | None
    synthetic_percent: float
    holdout_percent: float | None
    shared: bool = False

    @property
    def excess_percent(self) -> float:
        """By how much synthetic rows exceed the holdout; 0 where there is nothing to hold them against."""
        if self.holdout_percent is None or self.shared:
            return 0.0
        return self.synthetic_percent - self.holdout_percent


@dataclass(frozen=True)
class SinglingOut:
    """Predicates read off the synthetic table that fit exactly one real row.

    Attributes:
        kind: ``"univariate"`` or ``"multivariate"``.
        predicates: how many were tried.
        whole_percent: of them, those that fit exactly one row of the whole real table.
        learned, holdout: the share that fits exactly one row of a part of the real table as large as the
            holdout, and of the holdout.
        excess: ``learned`` - ``holdout``; only this is leak. The intervals hold for both kinds together.
    """

    kind: str
    predicates: int
    whole_percent: float
    learned: Estimate
    holdout: Estimate
    excess: Estimate
