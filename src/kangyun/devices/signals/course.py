"""How long something has been beyond a limit, and what was told of it already. Pure.

Both follow from samples in their order: nothing here knows a clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kangyun.devices.signals.model import Level
from kangyun.devices.signals.rules import MINUTE, Rule, RuleTable

FOLLOWING = 1.08
"""By how much at most a stretch takes samples to be rarer, with each; our choice."""
PRESENT = 0.5
"""Share of the samples of a stretch that must have come; our choice."""
LEVELS = (Level.YELLOW, Level.AMBER, Level.RED)


@dataclass(slots=True)
class Stretch:
    """Since when a metric is beyond, of one level. beyond, all: counts of samples since then.

    every: microseconds between samples when it began; it follows slowly where they come more rarely.
    """

    since: int
    every: float
    newest: int = 0
    beyond: int = 0
    all: int = 0


@dataclass(slots=True)
class Run:
    """A metric that is measured on and on, and a side of it: a stretch for each level."""

    stretches: dict[Level, Stretch] = field(default_factory=dict)

    def take(self, level: Level, at: int, gap: float, pace: float) -> None:
        """Takes one sample: beyond up to a level, INFO where it is beyond none. gap, pace: microseconds.

        gap: without a sample beyond for so long it is over. pace: between the last samples.
        """
        for one in LEVELS:
            stretch = self.stretches.get(one)
            if stretch is not None and at - stretch.newest > gap:
                del self.stretches[one]
                stretch = None
            if stretch is None:
                if level < one:
                    continue
                stretch = self.stretches[one] = Stretch(at, pace)
            stretch.all += 1
            stretch.every = min(max(stretch.every, pace), stretch.every * FOLLOWING)
            if level >= one:
                stretch.beyond += 1
                stretch.newest = at

    def found(self, rule: Rule, levels: Sequence[Level], at: int, share: float) -> tuple[Level, int] | None:
        """Returns the highest of some levels that has lasted long enough, and since when; None for none."""
        for level in reversed(levels):
            stretch = self.stretches.get(level)
            if stretch is None or stretch.newest != at:
                continue
            lasted = at - stretch.since >= rule.needs(level).minutes * MINUTE
            # A sensor that lies on a table says something now and then: half of what should have come must be there.
            whole = stretch.all >= PRESENT * ((at - stretch.since) / stretch.every + 1)
            enough = stretch.beyond >= max(share * stretch.all, rule.needs(level).samples)
            if lasted and whole and enough:
                return level, stretch.since
        return None

    @property
    def over(self) -> bool:
        """Whether nothing is beyond."""
        return not self.stretches


@dataclass(slots=True)
class Told:
    """What was told last of a person by a rule. quiet_since: since when it is calm again, 0 where it is not."""

    level: Level
    at: int
    calm: bool = False
    quiet_since: int = 0

    def still(self, rule: Rule, level: Level, at: int) -> bool:
        """Whether the rule keeps silent: it has told this, and it has not been calm, or not for long enough."""
        if level > self.level:
            return False
        past = at - self.at
        if self.calm:
            return past < rule.refractory * MINUTE
        return past < rule.again * MINUTE

    def settle(self, rule: Rule, beyond: bool, at: int) -> bool:
        """Takes that at an instant it was beyond, or well within. Returns whether it is calm since just now."""
        if self.calm:
            return False
        if beyond:
            self.quiet_since = 0
            return False
        if not self.quiet_since:
            self.quiet_since = at
        self.calm = at - self.quiet_since >= rule.calm * MINUTE
        return self.calm


def together(told: dict[str, Told], rules: RuleTable, level: Level, at: int) -> bool:
    """Whether something of this level or higher was told of the person just before, by any rule that is not apart."""
    return any(
        one.level >= level and 0 <= at - one.at < rules.together * MINUTE and not rules[id_].apart
        for id_, one in told.items()
    )
