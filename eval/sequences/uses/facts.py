"""What is measured of the uses of histories, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from ...facts.estimates import Estimate
from ...facts.privacy import Attack

__all__ = ["Attribution", "Credit", "Prediction", "UserMembership"]


@dataclass(frozen=True)
class Prediction:
    """AUC of models that learned from real and from synthetic users, tested on the same other real users.

    Attributes:
        task: ``"next event"`` or ``"churn"``.
        target: what is predicted, in words.
        train_users: users that each model learned from.
        test_rows: events, or users, that it is tested on.
        real: AUC after learning from real users; 0.5 is guessing.
        synthetic: from synthetic ones.
        other_real: from as many other real users: how far two models of real users differ by chance.
    """

    task: str
    target: str
    train_users: int
    test_rows: int
    real: float | None
    synthetic: float | None
    other_real: float | None

    @property
    def lost(self) -> float | None:
        """AUC that learning from synthetic users loses."""
        return None if self.real is None or self.synthetic is None else self.real - self.synthetic

    @property
    def floor(self) -> float | None:
        """How far two models of real users differ."""
        return None if self.real is None or self.other_real is None else abs(self.real - self.other_real)


@dataclass(frozen=True)
class Credit:
    """What a channel has done for conversions.

    Attributes:
        last_touch: percentage of conversions whose last event was of the channel.
        removal: percentage of conversions that would be lost without the channel (removal effect of a first-order
            Markov chain: Anderl et al., "Mapping the customer journey", IJRM 2016). The intervals hold other real
            users, as many as are synthetic, with 95 % confidence.
        synthetic_last_touch, synthetic_removal: the same of the synthetic log.
    """

    channel: str
    last_touch: Estimate
    synthetic_last_touch: float
    removal: Estimate
    synthetic_removal: float

    @property
    def inside(self) -> bool:
        """Whether the synthetic removal effect lies within the interval."""
        low, high = self.removal.low, self.removal.high
        return low is not None and high is not None and low <= self.synthetic_removal <= high


@dataclass(frozen=True)
class Attribution:
    """Which channels lead to conversions.

    Attributes:
        conversion: the column, and its value.
        rate: percentage of paths that end in a conversion, with the interval of other real users.
    """

    conversion: str
    channel: str
    conversions: int
    synthetic_conversions: int
    rate: Estimate
    synthetic_rate: float
    credits: tuple[Credit, ...]


@dataclass(frozen=True)
class UserMembership:
    """Attacks that ask of whole users whether they were learned from.

    Attributes:
        users: learned users that are asked about, and as many held-out ones.
        reference_users: other held-out users, which the attacker holds.
        attacks: their intervals hold together at 95 %.
        strongest: the name of the one with the highest AUC.
    """

    users: int
    reference_users: int
    attacks: tuple[Attack, ...]
    strongest: str

    @property
    def best(self) -> Attack:
        """The strongest attack."""
        return next(attack for attack in self.attacks if attack.name == self.strongest)
