"""What a check concludes of a running installation: a verdict, a sentence for people, and what it saw.

The words of the verdicts are those that an assessor writes. A check never says more than it looked at: where it cannot
look, it is `unknown` with the reason; what software cannot do at all is `environment`.
"""

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["met", "partly", "unmet", "environment", "unknown"]
WORDS: dict[Verdict, str] = {
    "met": "符合",
    "partly": "部分符合",
    "unmet": "不符合",
    "environment": "由环境承担",
    "unknown": "无法核查",
}
# Of several checks of one requirement the worst is what is concluded. What is met here, and for the rest is somebody
# else's to meet, is not met by that.
WORST: tuple[Verdict, ...] = ("unmet", "partly", "unknown", "environment", "met")
Place = str | int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `text`: a key of this package's texts. `evidence`: names and figures, never a value."""

    verdict: Verdict
    text: str
    evidence: str = ""
    places: dict[str, Place] = field(default_factory=dict)


def met(text: str, evidence: str = "", **places: Place) -> Finding:
    """Returns that a requirement is met."""
    return Finding("met", text, evidence, places)


def partly(text: str, evidence: str = "", **places: Place) -> Finding:
    """Returns that a part of a requirement is met."""
    return Finding("partly", text, evidence, places)


def unmet(text: str, evidence: str = "", **places: Place) -> Finding:
    """Returns that a requirement is not met."""
    return Finding("unmet", text, evidence, places)


def environment(text: str, evidence: str = "", **places: Place) -> Finding:
    """Returns that it is for what stands around the software to meet."""
    return Finding("environment", text, evidence, places)


def unknown(text: str, evidence: str = "", **places: Place) -> Finding:
    """Returns that it could not be looked at."""
    return Finding("unknown", text, evidence, places)


class Unseen(Exception):
    """A check needs something that cannot be looked at now. `finding` says what and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.text)
        self.finding = finding


def worst(findings: list[Finding]) -> Verdict:
    """Returns the verdict of several findings together."""
    return min((finding.verdict for finding in findings), key=WORST.index)
