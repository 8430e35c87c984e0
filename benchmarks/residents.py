"""Who is who in a synthetic city: the weights learnt without labels, and how well the index decides with them.

    python -m benchmarks.residents --learn 20000      learns on registrations of the `learning` model, writes the weights
    python -m benchmarks.residents --residents 5000   judges on registrations of the `judging` model

Registrations come one after the other, in the order of their days, and are decided as the index decides them on arrival
(`identity.rules`, `identity.deciding`), candidates by the same keys with the same limit; only the database is left out.
Precision and recall are of pairs of registrations; a question is counted once a registration that asks any.
"""

import argparse
import gc
import json
import time
from collections import Counter, defaultdict
from datetime import date
from itertools import combinations
from pathlib import Path

from kangyun.simulate.city import City
from kangyun.simulate.registrations import error_model

from kangyun.identity import rules
from kangyun.identity.deciding import decide
from kangyun.identity.index import MOST_OF_A_KEY
from kangyun.identity.linkage.learning import Setting, learn
from kangyun.identity.linkage.scoring import Scorer
from kangyun.identity.linkage.weights import load, save

UNTIL = date(2026, 11, 1)
EACH = 4
WEIGHTS = Path("src/kangyun/identity/data/weights.json")


def written(residents: int, seed: int, model: str):
    """Gives registrations with their truth, in the order of their days."""
    found = list(City(seed, residents, UNTIL).registrations(error_model(model), EACH))
    found.sort(key=lambda one: (one[1].on, one[1].registration))
    return found


def learn_weights(residents: int, seed: int) -> None:
    """Learns and writes the weights."""
    records = [rules.fields_of(patient, UNTIL, demo=True)[0] for patient, _ in written(residents, seed, "learning")]
    began = time.process_time()
    weights = learn(
        rules.schema(), records, date=UNTIL.isoformat(), comparators=rules.AT_HAND,
        setting=Setting(seed=seed, least_count=5),
    )  # fmt: skip
    WEIGHTS.write_bytes(save(weights))
    print(f"{len(records)} registrations, {time.process_time() - began:.0f} CPU-s, {weights.learned}")
    for comparison, learnt in zip(rules.schema().comparison, weights.comparisons, strict=True):
        for name, m, u, bits in zip(comparison.level_names, learnt.m, learnt.u, learnt.bits, strict=True):
            print(f"  {comparison.name:10} {name:14} m {m:.5f}  u {u:.2e}  {bits:7.2f} bits")


class Index:
    """The index in memory."""

    def __init__(self, at_hand: rules.ResidentRules) -> None:
        self.rules = at_hand
        self.resident: list[int] = []
        self.members: dict[int, list[int]] = {}
        self.fields: list = []
        self.by_key: dict[str, list[int]] = defaultdict(list)
        self.outcomes: list = []
        self.candidates = Counter()

    def register(self, patient) -> None:
        reading = self.rules.read(patient)
        near = {self.resident[one] for key in reading.keys for one in self.by_key[key][:MOST_OF_A_KEY]}
        prepared = self.rules.prepare(reading.fields)
        held = {one: prepared.held(one, [self.fields[m] for m in self.members[one]]) for one in sorted(near)}
        outcome = decide([one.verdict for one in held.values()], margin=self.rules.margin)
        number = len(self.resident)
        resident = number if outcome.resident is None else outcome.resident
        self.resident.append(resident)
        self.members.setdefault(resident, []).append(number)
        self.fields.append(reading.fields)
        self.outcomes.append((outcome, reading.issues))
        self.candidates[len(near)] += 1
        for key in reading.keys:
            self.by_key[key].append(number)


def judge(residents: int, seed: int, show: int) -> dict:
    """Decides and judges; prints up to `show` wrong links and missed ones."""
    told = written(residents, seed, "judging")
    weights = load(WEIGHTS.read_bytes(), rules.schema())
    day = [UNTIL]
    prior = rules.prior_among(len(told))
    at_hand = rules.ResidentRules(
        Scorer(rules.schema(), weights, rules.AT_HAND, prior=prior), "bench", lambda: day[0], True
    )
    index = Index(at_hand)
    gc.freeze()
    began = time.process_time()
    for patient, true in told:
        day[0] = date.fromisoformat(true.on)
        index.register(patient)
    took = time.process_time() - began
    truth = [one.resident for _, one in told]
    right, wrong, missed = Counter(), [], []
    for members in index.members.values():
        for a, b in combinations(members, 2):
            right[truth[a] == truth[b]] += 1
            if truth[a] != truth[b]:
                wrong.append((a, b))
    by_truth = defaultdict(list)
    for number, resident in enumerate(truth):
        by_truth[resident].append(number)
    for members in by_truth.values():
        missed += [(a, b) for a, b in combinations(members, 2) if index.resident[a] != index.resident[b]]
    asked = Counter(why for outcome, _ in index.outcomes for why in {one.why for one in outcome.questions})
    issues = Counter(code for _, codes in index.outcomes for code in set(codes))
    found = {
        "registrations": len(told),
        "without valid number": round(sum(not one.valid_number for _, one in told) / len(told), 4),
        "precision": round(right[True] / max(1, right[True] + right[False]), 6),
        "recall": round(right[True] / (right[True] + len(missed)), 5),
        "asking": round(sum(bool(outcome.questions) for outcome, _ in index.outcomes) / len(told), 5),
        "with issues": round(sum(bool(codes) for _, codes in index.outcomes) / len(told), 5),
        "questions": dict(asked),
        "issues": dict(issues),
        "kinds": dict(Counter(outcome.kind for outcome, _ in index.outcomes)),
        "CPU-us a registration": round(took / len(told) * 1e6),
        "residents near, mean": round(sum(n * c for n, c in index.candidates.items()) / len(told), 1),
    }
    for title, pairs in (("WRONG", wrong), ("MISSED", missed)):
        errors = Counter(error for pair in pairs for one in pair for error in told[one][1].errors)
        print(title, len(pairs), errors.most_common(12))
        for a, b in pairs[:show]:
            score = at_hand.scorer.prepare(index.fields[a]).explain(index.fields[b])
            print("  ", [(s.comparison, s.level, round(s.bits, 1)) for s in score.steps], round(score.score.bits, 1))
            for one in (a, b):
                said = {
                    k: v
                    for k, v in index.fields[one].items()
                    if k not in ("any_number", "surname", "given", "institution")
                }
                print(
                    "     ",
                    told[one][1].errors,
                    said,
                    index.outcomes[one][0].kind,
                    [q.why for q in index.outcomes[one][0].questions],
                )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learn", type=int)
    parser.add_argument("--residents", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--show", type=int, default=0)
    given = parser.parse_args()
    if given.learn:
        learn_weights(given.learn, 1)
        return
    print(json.dumps(judge(given.residents, given.seed, given.show), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
