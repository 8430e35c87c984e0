"""Who is who in a synthetic city: learns the weights of the index without labels, and judges how it decides with them.

`--learn N` learns on registrations of N residents by the error model `learning`, and writes the weights that are
shipped. Without it N residents are registered by the model `judging`, one registration after the other in the order of
their days, and decided as on arrival (`identity.rules`, `identity.deciding`) by the same keys with the same limit; only
the database is left out. Precision and recall are of pairs of registrations; `asking` is the share of registrations
about which a steward is asked. `--show N` prints how the first wrong and the first missed pairs scored: no value.
"""

import argparse
import gc
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

from kangyun.fhir import Resource
from kangyun.identity import rules
from kangyun.identity.arriving import FEW
from kangyun.identity.deciding import Outcome, Question, Verdict, decide, loose, rivals
from kangyun.identity.linkage.clustering import united
from kangyun.identity.linkage.learning import Setting, learn
from kangyun.identity.linkage.scoring import Scorer
from kangyun.identity.linkage.weights import load, save
from kangyun.identity.registration.fields import Fields
from kangyun.identity.standing import MOST_OF_A_KEY
from kangyun.simulate.city import City
from kangyun.simulate.registrations import Truth, error_model

UNTIL = date(2026, 11, 1)
EACH = 4
ASKED_ONCE = frozenset({"number-of-mother"})
"""As the statement `ask` has it: what is asked about registrations themselves is asked of a resident's first one."""
WEIGHTS = Path("src/kangyun/identity/data/weights.json")


def written(residents: int, seed: int, model: str) -> list[tuple[Resource, Truth]]:
    """Returns registrations with their truth, in the order of their days."""
    found = list(City(seed, residents, UNTIL).registrations(error_model(model), EACH))
    return sorted(found, key=lambda one: (one[1].on, one[1].registration))


def learn_weights(residents: int, seed: int) -> None:
    """Learns and writes the weights, and prints what each level is worth."""
    records = [rules.fields_of(patient, UNTIL, demo=True)[0] for patient, _ in written(residents, seed, "learning")]
    began = time.process_time()
    weights = learn(
        rules.schema(), records, date=UNTIL.isoformat(), comparators=rules.AT_HAND,
        setting=Setting(seed=seed, least_count=5, floor_count=2, random_pairs=3_000_000),
    )  # fmt: skip
    WEIGHTS.write_bytes(save(weights))
    print(f"{len(records)} registrations, {time.process_time() - began:.0f} CPU-s, {weights.learned}")
    for comparison, learnt in zip(rules.schema().comparison, weights.comparisons, strict=True):
        for name, m, u, bits in zip(comparison.level_names, learnt.m, learnt.u, learnt.bits, strict=True):
            print(f"  {comparison.name:10} {name:14} m {m:.5f}  u {u:.2e}  {bits:7.2f} bits")


class Index:
    """The index in memory, on a day that the caller sets."""

    def __init__(self, registrations: int) -> None:
        weights = load(WEIGHTS.read_bytes(), rules.schema())
        scorer = Scorer(rules.schema(), weights, rules.AT_HAND)
        self.among = registrations
        self.day = UNTIL
        self.rules = rules.ResidentRules(scorer, "benchmark", lambda: self.day, True)
        self.resident: list[int] = []
        self.members: dict[int, list[int]] = {}
        self.fields: list[Fields] = []
        self.decided: list[tuple[Outcome, tuple[str, ...]]] = []
        self.asked: list[list[Question]] = []
        self.near = self.found_later = 0
        self._open: set[tuple[int, int, str]] = set()
        self._by_key: dict[str, list[int]] = defaultdict(list)

    def register(self, patient: Resource) -> None:
        """Decides whose a registration is, and anew whose those are that were alone until then."""
        reading = self.rules.read(patient)
        number = len(self.resident)
        near = self._near(reading.keys)
        verdicts = self._held(reading.fields, near)
        outcome = decide(list(verdicts.values()), margin=self.rules.margin)
        self.resident.append(number if outcome.resident is None else outcome.resident)
        self.members.setdefault(self.resident[-1], []).append(number)
        self.fields.append(reading.fields)
        self.decided.append((outcome, reading.issues))
        self.near += len(near)
        for key in reading.keys:
            self._by_key[key].append(number)
        joined = outcome.resident if outcome.resident is not None else self._unite(number, outcome)
        for resident in loose(verdicts.values(), joined) if joined is not None else ():
            self._reconsider(resident)
        self.asked.append(self._new(number, outcome))

    def _near(self, keys: Iterable[str]) -> set[int]:
        return {self.resident[one] for key in keys for one in self._by_key[key][:MOST_OF_A_KEY]}

    def _held(self, fields: Fields, near: set[int]) -> dict[int, Verdict]:
        prepared = self.rules.prepare(fields, among=self.among)
        return {
            one: prepared.held(one, [self.fields[number] for number in self.members[one]]).verdict
            for one in sorted(near)
        }

    def _unite(self, number: int, outcome: Outcome) -> int | None:
        """As `identity.arriving` does: residents of whom a registration may be each may be one by it."""
        if not (alike := rivals(outcome)):
            return None
        target, *others = sorted(alike, key=lambda one: (-len(self.members[one]), one))
        self.resident[number] = target
        self.members[target] += self.members.pop(number)
        if all(self._elsewhere(one) == target for one in others):
            return target
        self.members[number] = [self.members[target].pop()]
        self.resident[number] = number
        return None

    def _reconsider(self, resident: int) -> None:
        """As `identity.arriving` does: few registrations may find their own when what is near to them has grown."""
        joined = self._elsewhere(resident)
        if joined is not None:
            members = self.members.pop(resident)
            self.members[joined] += members
            self.found_later += len(members)
            for number in members:
                self.resident[number] = joined

    def _elsewhere(self, resident: int) -> int | None:
        if len(self.members[resident]) > FEW:
            return None
        whole = self.rules.again(united([self.fields[number] for number in self.members[resident]]))
        verdicts = self._held(whole.fields, self._near(whole.keys) - {resident})
        outcome = decide(list(verdicts.values()), margin=self.rules.margin)
        return None if outcome.questions else outcome.resident

    def _new(self, number: int, outcome: Outcome) -> list[Question]:
        """Returns the questions that no steward has been asked yet about the same residents."""
        own, fresh = self.resident[number], []
        for one in outcome.questions:
            pair = (min(own, one.resident), max(own, one.resident), one.why)
            if one.resident in self.members and pair not in self._open:
                self._open.add(pair)
                fresh.append(one)
        return fresh


def judge(residents: int, seed: int, show: int) -> dict[str, Any]:
    """Decides, and compares with the truth."""
    told = written(residents, seed, "judging")
    index = Index(len(told))
    gc.freeze()
    began = time.process_time()
    for patient, true in told:
        index.day = date.fromisoformat(true.on)
        index.register(patient)
    took = time.process_time() - began
    truth = [one.resident for _, one in told]
    linked = [pair for members in index.members.values() for pair in combinations(members, 2)]
    wrong = [(a, b) for a, b in linked if truth[a] != truth[b]]
    own = defaultdict(list)
    for number, resident in enumerate(truth):
        own[resident].append(number)
    same = [pair for members in own.values() for pair in combinations(members, 2)]
    missed = [(a, b) for a, b in same if index.resident[a] != index.resident[b]]
    for title, pairs in (("wrong", wrong), ("missed", missed)):
        _show(title, pairs[:show], index, told)
    asking = Counter(why for asked in index.asked for why in {one.why for one in asked})
    told_once = {(resident, code) for resident, (_, codes) in zip(index.resident, index.decided, strict=True)
                 for code in codes if code in ASKED_ONCE}  # fmt: skip
    itself = sum(not ASKED_ONCE.issuperset(codes) for _, codes in index.decided) + len(told_once)
    return {
        "registrations": len(told),
        "without a valid number": round(sum(not one.valid_number for _, one in told) / len(told), 4),
        "precision": round(1 - len(wrong) / max(1, len(linked)), 6),
        "recall": round(1 - len(missed) / max(1, len(same)), 5),
        "asking": round(sum(map(bool, index.asked)) / len(told), 5),
        "asking about registrations themselves": round(itself / len(told), 5),
        "asking why": dict(asking),
        "questions about themselves": dict(Counter(code for _, codes in index.decided for code in set(codes))),
        "decided": dict(Counter(outcome.kind for outcome, _ in index.decided)),
        "found later": index.found_later,
        "CPU-us a registration": round(took / len(told) * 1e6),
        "residents near": round(index.near / len(told), 1),
    }


def _show(title: str, pairs: list[tuple[int, int]], index: Index, told: list[tuple[Resource, Truth]]) -> None:
    for a, b in pairs:
        explained = index.rules.scorer.prepare(index.fields[a]).explain(index.fields[b])
        steps = " ".join(f"{one.comparison}:{one.level}:{one.bits:+.1f}" for one in explained.steps)
        print(f"{title}: {steps} = {explained.score.bits:.1f}; {told[a][1].errors} {told[b][1].errors}")


def main() -> None:
    """Learns, or judges and prints what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", type=int, default=0)
    parser.add_argument("--residents", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args()
    if given.learn:
        learn_weights(given.learn, 1)
    else:
        print(json.dumps(judge(given.residents, given.seed, given.show), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
