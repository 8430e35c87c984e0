"""What an actor is told is what a world without the hidden resources would tell: each way to ask, against an oracle.

A world is random records, links of registrations, consents, relations, a policy and somebody who asks;
`kangyun.testing.worlds` makes them and decides, slowly and plainly, what may be seen. Each query is then answered by
the oracle from the resources that are left. 800 worlds here, 100,000 in `make soak`.
"""

from urllib.parse import parse_qsl

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.labels import shipped
from kangyun.access.operations import Call
from kangyun.access.operations.everything import everything
from kangyun.access.policy import ANY_PURPOSE, Policy, Role
from kangyun.access.policy.sights import Sights, party
from kangyun.base.errors import Forbidden, Gone, NotFound
from kangyun.store.relabel import Relabeller
from kangyun.testing import worlds
from kangyun.testing.linking import link
from kangyun.testing.worlds import ICD, OPEN, SENSITIVE, Item
from kangyun.web.several import read_queries

LABELS = shipped()
ABOUT = Circumstances("TEST /", "", "test")
WORLDS_A_CHUNK = 50
FARTHEST = 100
SEARCHED = {"Patient", "Observation", "Condition", "Encounter", "List", "Consent"}


class Stage:
    """A world on a real store, changed step by step together with what the oracle knows."""

    def __init__(self, platform, rng, *, older_rules):
        self.platform, self.rng, self.older_rules = platform, rng, older_rules
        self.relabeller = Relabeller(platform.pool, platform.gate.store.indexer)
        self.world = worlds.World()
        self.res = {}
        self.patients = []
        self.shipped = platform.gate.sights

    @property
    def gate(self):
        return self.platform.gate

    async def write(self, institution, method, resource, actor=None):
        actor = actor or Actor("Device/x", "", institution, "SYSADMIN", administrator=True)
        record = await self.gate.open(actor, ABOUT)
        type_, id_ = resource["resourceType"], resource["id"]
        content = None if method == "delete" else resource
        (done,) = await record.commit([record.operation(method, type_, id=id_, resource=content)], method)
        key = f"{type_}/{id_}"
        item = self.world.items.get(key)
        if method == "delete":
            if done.status == "deleted":
                item.deleted, item.version = True, item.version + 1
            return
        stored = done.stored
        self.res[key] = stored.res
        item = item or Item(resource, institution, None)
        subject = resource.get("subject", resource.get("patient", {})).get("reference", "")
        item.patient = id_ if type_ == "Patient" else subject.partition("/")[2] or None
        item.resource, item.version, item.deleted = resource, stored.version, False
        codings = [
            *resource.get("code", {}).get("coding", ()),
            *(c for r in resource.get("reasonCode", ()) for c in r["coding"]),
        ]
        item.codes |= {coding["code"] for coding in codings}
        self.world.items[key] = item

    async def begin(self):
        made, self.patients = worlds.make_items(self.rng)
        for institution, resource in made:
            await self.write(institution, "update", resource)

    async def change(self):
        """Turns this world into the next: links, consents, relations, a policy, and a few records."""
        rng, world = self.rng, self.world
        for _ in range(2):
            item = rng.choice(
                [item for item in world.items.values() if item.type in ("Observation", "Condition", "Encounter")]
            )
            if rng.random() < 0.2:
                await self.write(item.institution, "delete", item.resource)
            else:
                fresh = worlds.clinical(rng, item.resource["id"], rng.choice(self.patients))
                if fresh["resourceType"] == item.type:
                    await self.write(item.institution, "update", fresh)
        patient, resident = rng.choice(self.patients), rng.choice((None, "A", "B"))
        world.links = {one: to for one, to in world.links.items() if one != patient} | (
            {patient: resident} if resident else {}
        )
        number = {None: None, "A": 1, "B": 2}[resident]
        async with self.platform.pool.connection() as connection:
            await link(connection, self.res[f"Patient/{patient}"], number)
        for _ in range(2):
            consent = worlds.make_consent(rng, rng.randint(0, 3), self.patients)
            world.consents[consent["id"]] = consent
            await self.write("Organization/residents", "update", consent | {"dateTime": "2020-01-01"})
            world.own_words.discard(consent["id"])
            if rng.random() < 0.7:
                await self.say(consent)
        world.relations = [worlds.make_relation(rng, self.patients) for _ in range(rng.randint(0, 4))]
        await self.relate()

    async def say(self, consent):
        """Has the resident say himself what a consent says."""
        name = consent["patient"]["reference"]
        actor = Actor(name, "", "Organization/platform", "PATRQT", role="resident", patients=(name[8:],))
        asked_by = self.gate.sights
        object.__setattr__(self.gate, "sights", self.shipped)
        await self.write(actor.institution, "update", consent, actor)
        object.__setattr__(self.gate, "sights", asked_by)
        self.world.own_words.add(consent["id"])

    async def relate(self):
        async with self.platform.pool.connection() as connection:
            await connection.execute("DELETE FROM disclosure WHERE source = 'test'")
            for one in self.world.relations:
                opens = LABELS.mask(*one.opens) | LABELS.mask(*(f"level-{number}" for number in LABELS.levels))
                numbers = self.res[f"Patient/{one.patient}"], party(self.gate.store.keys.hasher, one.name)
                await connection.execute(
                    "INSERT INTO disclosure VALUES ($1, $2, $3, $4, $5, $6, $1, $7, true, 'test', 'test')",
                    *numbers, ANY_PURPOSE, opens, one.low, one.high, one.over,
                )  # fmt: skip
            await connection.execute("SELECT spread_rules($1)", [self.res[f"Patient/{one}"] for one in self.patients])

    async def unlabel(self):
        """Has rows as rules left them that knew of nothing sensitive; what older versions said is not in the index."""
        async with self.platform.pool.connection() as connection, connection.transaction():
            await self.relabeller.prepare(connection)
            await connection.execute("UPDATE resource SET labels = labels & ~$1::int8 WHERE version = 1", LABELS.sticky)

    async def ask(self):
        """Returns somebody, as the oracle knows him and as the gate does."""
        policy = worlds.make_policy(self.rng)
        asker = worlds.make_asker(self.rng, policy, self.patients)
        roles = {name: _role(name, role) for name, role in policy["roles"].items()}
        made = Policy("test", True, frozenset(OPEN), 0, roles, {}, LABELS.mask(*SENSITIVE.values()))
        sights = Sights(made, self.gate.store.indexer)
        object.__setattr__(self.gate, "sights", sights)
        if self.older_rules:
            await self.unlabel()
            sights.by_rule(self.relabeller.types)
        actor = Actor(
            asker.reference, "", asker.institution, asker.purpose, role=asker.role, patients=asker.patients,
            scopes=scopes_of(asker), patient=asker.within or "", client="app" if asker.level else "",
        )  # fmt: skip
        return asker, await self.gate.open(actor, ABOUT)


def scopes_of(asker):
    """Returns the scopes that an application has which stands between, None where there is none."""
    if not asker.level:
        return None
    return tuple(
        f"{asker.level}/{type_}.rs" + (f"?code={ICD}|{asker.narrowed[type_]}" if type_ in asker.narrowed else "")
        for type_ in sorted(SEARCHED | OPEN)
    )


def _role(name, role):
    def closed(way):
        return None if role[way] is None else LABELS.mask(*role[way])

    return Role(
        name, name, name, (worlds.PURPOSE[name],), frozenset(role["reads"]), frozenset(),
        closed("own"), closed("granted"), closed("all"), closed("selves"), role["free"], False,
    )  # fmt: skip


# --- ways to ask: (search, what of the seen it matches, what it includes)


def subject(item):
    return item.resource.get("subject", item.resource.get("patient", {})).get("reference", "")


def coded(code):
    def has(item):
        codings = [*item.resource.get("code", {}).get("coding", ())]
        codings += [coding for reason in item.resource.get("reasonCode", ()) for coding in reason["coding"]]
        return any(coding["code"] == code for coding in codings)

    return has


def shapes(rng, world, seen):
    """Returns (search, type, matches) for each shape of a search; `seen` are the items of the oracle's own world."""
    patient, code = (
        rng.choice([i for i in world.items.values() if i.type == "Patient"]),
        rng.choice([*SENSITIVE, "J18.9"]),
    )
    token, name = f"{ICD}|{code}", patient.resource["name"][0]["family"]
    doctor = f"Doc{rng.randint(0, 1)}"

    def of(type_, test=lambda item: True):
        return [item for item in seen.values() if item.type == type_ and test(item)]

    def about(item, test):
        target = seen.get(subject(item))
        return target is not None and test(target)

    def family(item):
        return item.resource["name"][0]["family"]

    def has(item, type_, test):
        return any(subject(other) == item.key and test(other) for other in of(type_))

    def general(item):
        return seen.get(item.resource["generalPractitioner"][0]["reference"])

    def performed(item):
        return family(seen[item.resource["performer"][0]["reference"]]) == doctor

    chosen = rng.choice([i for i in world.items.values() if i.type == "List"] or [patient])
    listed = {one["item"]["reference"] for one in chosen.resource.get("entry", ())} if chosen.key in seen else set()
    female = lambda item: item.resource["gender"] == "female"  # noqa: E731
    of_doctor = lambda item: general(item) is not None and family(general(item)) == doctor  # noqa: E731
    return [
        *((type_, type_, of(type_)) for type_ in sorted(SEARCHED)),
        ("Organization", "Organization", of("Organization")),
        (f"Observation?code={token}", "Observation", of("Observation", coded(code))),
        (f"Condition?code={token}", "Condition", of("Condition", coded(code))),
        (f"Condition?code:not={token}", "Condition", of("Condition", lambda item: not coded(code)(item))),
        (f"Encounter?reason-code={token}", "Encounter", of("Encounter", coded(code))),
        (f"Observation?subject={patient.key}", "Observation",
         of("Observation", lambda item: subject(item) == patient.key)),
        ("Observation?subject:missing=true", "Observation", of("Observation", lambda item: not subject(item))),
        (f"Observation?subject:Patient.family={name}", "Observation",
         of("Observation", lambda item: about(item, lambda one: family(one) == name))),
        (f"Condition?patient.general-practitioner.family={doctor}", "Condition",
         of("Condition", lambda item: about(item, of_doctor))),
        (f"Patient?family={name}", "Patient", of("Patient", lambda item: family(item) == name)),
        (f"Patient?_id={patient.resource['id']}", "Patient", of("Patient", lambda item: item.key == patient.key)),
        ("Patient?gender:not=female", "Patient", of("Patient", lambda item: not female(item))),
        (f"Patient?_has:Observation:subject:code={token}", "Patient",
         of("Patient", lambda item: has(item, "Observation", coded(code)))),
        (f"Patient?_has:Condition:patient:code={token}&gender=female", "Patient",
         of("Patient", lambda item: female(item) and has(item, "Condition", coded(code)))),
        ("Practitioner?_has:Patient:general-practitioner:gender=female", "Practitioner",
         of("Practitioner", lambda item: any(general(one) is item and female(one) for one in of("Patient")))),
        (f"Practitioner?_has:Patient:general-practitioner:_has:Observation:subject:code={token}", "Practitioner",
         of("Practitioner", lambda item: any(
             general(one) is item and has(one, "Observation", coded(code)) for one in of("Patient")))),
        (f"Observation?_filter=code eq {token} or status ne final", "Observation", of("Observation", coded(code))),
        ("Encounter?_lastUpdated=gt2020-01-01", "Encounter", of("Encounter")),
        (f"Observation?performer:Practitioner.family={doctor}", "Observation", of("Observation", performed)),
        (f"Observation?_list={chosen.resource['id']}", "Observation",
         of("Observation", lambda item: item.key in listed)),
        (f"List?item:Observation.code={token}", "List",
         of("List", lambda item: any(
             one["item"]["reference"] in seen and coded(code)(seen[one["item"]["reference"]])
             for one in item.resource["entry"]))),
        (f"Observation?_has:List:item:code={token}", "Observation",
         of("Observation", lambda item: any(
             coded(code)(one) and {"item": {"reference": item.key}} in one.resource["entry"] for one in of("List")))),
        (f"Encounter?subject:Patient._id={patient.resource['id']}", "Encounter",
         of("Encounter", lambda item: about(item, lambda one: one is patient))),
        (f"Condition?_filter=not (code eq {token}) and patient eq {patient.key}", "Condition",
         of("Condition", lambda item: not coded(code)(item) and subject(item) == patient.key)),
        ("Observation?date=ge2026-05-01", "Observation",
         of("Observation", lambda item: item.resource["effectiveDateTime"] >= "2026-05-01")),
    ]  # fmt: skip


INCLUDES = {
    "Observation?_include=Observation:subject": lambda seen, matches: [subject(one) for one in matches],
    "Observation?_include=Observation:performer": lambda seen, matches: [
        one.resource["performer"][0]["reference"] for one in matches
    ],
    "Patient?_revinclude=Observation:subject&_revinclude=Condition:subject": lambda seen, matches: [
        one.key for one in seen.values()
        if one.type in ("Observation", "Condition") and subject(one) in {match.key for match in matches}
    ],
    "Practitioner?_revinclude=Patient:general-practitioner": lambda seen, matches: [
        one.key for one in seen.values()
        if one.type == "Patient" and one.resource["generalPractitioner"][0]["reference"] in {m.key for m in matches}
    ],
    "Observation?_include=*": lambda seen, matches: [
        key for one in matches for key in (subject(one), one.resource["performer"][0]["reference"])
    ],
}  # fmt: skip
SORTS = {
    "Observation": ("-date", lambda item: item.resource["effectiveDateTime"], True),
    "Condition": ("onset-date", lambda item: item.resource["onsetDateTime"], False),
    "Patient": ("family", lambda item: item.resource["name"][0]["family"], False),
}


def keys(stored):
    return sorted(f"{one.type}/{one.id}" for one in stored)


async def search(record, text, more=""):
    type_, _, query = text.partition("?")
    asked = parse_qsl(f"{query}&{more}".strip("&"), keep_blank_values=True)
    return await record.search(await record.read_query(type_, asked, strict=True))


async def compare(stage, asker, record, told):
    """Holds every way to ask against the oracle. told: what led here, for a failure."""
    rng, world = stage.rng, stage.world
    seen = {key: item for key, item in world.items.items() if not item.deleted and world.sees(asker, item)}
    for text, type_, matches in rng.sample(shapes(rng, world, seen), 9):
        wanted = sorted(item.key for item in matches)
        readable = type_ in asker.policy["roles"][asker.role]["reads"] or type_ in OPEN
        if not readable:
            with pytest.raises(Forbidden):
                await search(record, text)
            continue
        page = await search(record, text, f"_count={FARTHEST}")
        assert keys(page.matches) == wanted, (told, text)
        assert page.total == len(wanted), (told, text)
        match rng.randint(0, 4):
            case 0:
                page = await search(record, text, "_total=accurate&_count=1")
                assert page.total == len(wanted), (told, text)
                assert bool(page.next) == (len(wanted) > 1), (told, text)
            case 1:
                page = await search(record, text, "_summary=count")
                assert page.total == len(wanted), (told, text)
            case 2:
                assert await paged(record, text, 2) == wanted, (told, text)
    await compare_includes(rng, asker, record, seen, told)
    if rng.random() < 0.5:
        await compare_several(stage, asker, record, seen, told)
    await compare_orders(rng, asker, record, seen, told)
    await compare_instances(stage, asker, record, seen, told)
    await compare_histories(stage, asker, record, seen, told)
    await compare_compartments(stage, asker, record, seen, told)


async def paged(record, text, count, more=""):
    found, cursor = [], None
    while True:
        page = await search(record, text, f"_count={count}{more}" + (f"&_cursor={cursor}" if cursor else ""))
        found += [f"{one.type}/{one.id}" for one in page.matches]
        cursor = page.next
        if cursor is None:
            return sorted(found) if not more else found


async def compare_includes(rng, asker, record, seen, told):
    text, bring = rng.choice(sorted(INCLUDES.items()))
    type_ = text.partition("?")[0]
    reads = asker.policy["roles"][asker.role]["reads"] | OPEN
    if type_ in reads:
        page = await search(record, text, f"_count={FARTHEST}")
        matches = [item for item in seen.values() if item.type == type_]
        wanted = {key for key in bring(seen, matches) if key in seen} - {item.key for item in matches}
        assert set(keys(page.included)) == wanted, (told, text)


async def compare_several(stage, asker, record, seen, told):
    """Holds searches over several types, and within a compartment, whether its owner may be seen or not."""
    rng = stage.rng
    types = rng.sample(sorted(SEARCHED), 3)
    allowed = [type_ for type_ in types if type_ in asker.policy["roles"][asker.role]["reads"]]
    patient = rng.choice([None, *stage.patients])
    asked, found = [("_type", ",".join(types)), ("_count", "9"), ("_sort", "-_lastUpdated")], []
    wanted = sorted(
        key for key, item in seen.items() if item.type in allowed and (patient is None or item.patient == patient)
    )
    if not allowed:
        with pytest.raises(Forbidden):
            await record.search_several(await read_queries(record, asked, None, strict=True))
        return
    cursor = []
    while True:
        queries = await read_queries(record, asked + cursor, None, strict=True)
        for query in queries:
            query.compartment = patient and ("Patient", patient)
        page = await record.search_several(queries)
        found += page.matches
        if page.next is None:
            break
        cursor = [("_cursor", page.next)]
    assert keys(found) == wanted, (told, types, patient)
    instants = [one.instant for one in found]
    assert instants == sorted(instants, reverse=True), (told, types)


async def compare_orders(rng, asker, record, seen, told):
    type_, (sort, value, descending) = rng.choice(sorted(SORTS.items()))
    if type_ in asker.policy["roles"][asker.role]["reads"]:
        found = await paged(record, type_, 3, f"&_sort={sort}")
        matches = [item for item in seen.values() if item.type == type_]
        assert sorted(found) == sorted(item.key for item in matches), (told, sort)
        order = [value(seen[key]) for key in found]
        assert order == sorted(order, reverse=descending), (told, sort)


async def compare_instances(stage, asker, record, seen, told):
    reads = asker.policy["roles"][asker.role]["reads"] | OPEN
    for item in stage.rng.sample(sorted(stage.world.items.values(), key=lambda one: one.key), 8):
        type_, id_ = item.key.split("/")
        if type_ not in reads:
            refusal = Forbidden
        elif not stage.world.sees(asker, item):
            refusal = NotFound
        else:
            refusal = Gone if item.deleted else None
        if refusal is None:
            assert (await record.read(type_, id_)).id == id_, (told, item.key)
        else:
            with pytest.raises(refusal):
                await record.read(type_, id_)
        version = stage.rng.randint(1, item.version)
        if refusal in (Forbidden, NotFound):
            with pytest.raises(refusal):
                await record.vread(type_, id_, version)


async def compare_histories(stage, asker, record, seen, told):
    reads = asker.policy["roles"][asker.role]["reads"] | OPEN
    type_ = stage.rng.choice(("Patient", "Observation", "Condition", None))
    about = {key for key, item in stage.world.items.items() if stage.world.sees(asker, item)}
    if type_ is not None and type_ not in reads:
        return
    page = await record.history(type_, None, count=500, since=None, during=None, place=None)
    found = {f"{one.type}/{one.id}" for one in page.entries}
    assert found <= about, (told, type_)
    # Versions about another patient than now are left out, so that something may be seen and have none but the newest.
    assert {key for key in about if type_ is None or key.startswith(f"{type_}/")} == found, (told, type_)


async def compare_compartments(stage, asker, record, seen, told):
    patient = stage.rng.choice(stage.patients)
    key = f"Patient/{patient}"
    if "Patient" not in asker.policy["roles"][asker.role]["reads"]:
        return
    call = Call("Patient", patient, {"resourceType": "Parameters"})
    if key not in seen:
        with pytest.raises(NotFound):
            await everything(record, call)
        return
    excerpt = await everything(record, call)
    wanted = sorted(item.key for item in seen.values() if item.patient == patient)
    assert keys(excerpt.matches) == wanted, (told, key)
    assert set(keys(excerpt.included)) <= seen.keys(), (told, key)


async def run(platform, seed, number):
    rng = worlds.seeded(seed)
    stage = Stage(platform, rng, older_rules=seed % 4 == 3)
    await stage.begin()
    for step in range(number):
        await stage.change()
        asker, record = await stage.ask()
        await compare(
            stage, asker, record, (seed, step, asker.role, asker.reference, asker.institution, asker.patients)
        )
        if stage.older_rules:
            await stage.relabeller.run()


@pytest.mark.parametrize("seed", range(16))
async def test_nobody_learns_of_what_is_hidden(platform, seed):
    await run(platform, seed, WORLDS_A_CHUNK)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1_000, 1_500))
async def test_nobody_learns_of_what_is_hidden_in_many_worlds(platform, seed):
    await run(platform, seed, 200)
