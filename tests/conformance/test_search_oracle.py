"""Searches against an oracle: random resources, random searches, and the answer that reading every resource gives.

The oracle knows the specification and nothing of the index: it goes through the resources one by one. What is told by
a look at a resource alone, without the store, is held against it as well.

Source: https://hl7.org/fhir/R4/search.html
"""

import unicodedata
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from itertools import count
from urllib.parse import quote

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kangyun.base.errors import NotSupported
from kangyun.fhir.search.matching import compile_match
from kangyun.fhir.search.parameters import parameters
from kangyun.fhir.search.query import read_query
from kangyun.fhir.search.words import pinyin
from kangyun.store.search import densities, orders, pages, plans

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEIJING = timezone(timedelta(hours=8))
UCUM, RUN = "http://unitsofmeasure.org", "urn:test:run"
runs = count()

# --- what is drawn

systems = st.sampled_from(["urn:a", "urn:b", None])
codes = st.sampled_from(["x", "y", "z"])
# Not those of the whole: the invariant obs-7 keeps them apart.
part_codes = st.sampled_from(["p", "q"])
texts = st.sampled_from(["Anna", "anna", "Ann", "Änne", "Bo", "张三", "张", "李 四", "O'Neil"])
amounts = st.sampled_from(["1", "1.0", "1.5", "2", "0.5", "-1", "1500", "1000", "1005"])
units = st.sampled_from(["kg", "g", "mm", None])
dates = st.sampled_from(
    ["2020", "2021", "2020-06", "2020-06-15", "2020-06-16", "2020-06-15T00:00:00+08:00", "2020-06-15T12:00:00Z",
     "2020-06-15T23:59:59.500+08:00", "2020-12-31", "2021-01-01T00:00:00+08:00"]
)  # fmt: skip
people = st.sampled_from(["one", "two", "three"])
prefixes = st.sampled_from(["", "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb"])


def compact(**members):
    """A dictionary without what is absent."""
    return {name: value for name, value in members.items() if value not in (None, [], {})}


def concepts_of(codes):
    codings = st.builds(lambda system, code: compact(system=system, code=code), systems, codes)
    return st.lists(codings, max_size=2).map(lambda drawn: compact(coding=drawn) | {"text": "t"})


concepts, part_concepts = concepts_of(codes), concepts_of(part_codes)
quantities = st.builds(
    lambda value, unit: {"value": float(value)} | ({"system": UCUM, "code": unit} if unit else {}), amounts, units
)
periods = st.builds(lambda start, end: compact(start=start, end=end), st.none() | dates, st.none() | dates).filter(
    lambda period: period and ("start" not in period or "end" not in period or sorted_dates(period))
)


def sorted_dates(period):
    return span(period["start"])[0] <= span(period["end"])[0]


observations = st.builds(
    lambda code, category, status, day, period, value, subject, parts: compact(
        resourceType="Observation", status=status, code=code, category=category, effectiveDateTime=day,
        effectivePeriod=None if day else period, valueQuantity=value,
        subject={"reference": f"Patient/{subject}"} if subject else None,
        component=[{"code": part, "valueQuantity": amount} for part, amount in parts],
    ),
    concepts, st.lists(concepts, max_size=2), st.sampled_from(["final", "amended"]), st.none() | dates,
    st.none() | periods, st.none() | quantities, st.none() | people,
    st.lists(st.tuples(part_concepts, quantities), max_size=2),
)  # fmt: skip
patients = st.builds(
    lambda names, gender, birth, identifiers: compact(
        resourceType="Patient", name=names, gender=gender, birthDate=birth, identifier=identifiers
    ),
    st.lists(st.builds(lambda family, given: compact(family=family, given=given), texts, st.lists(texts, max_size=2)),
             max_size=2),
    st.none() | st.sampled_from(["male", "female"]),
    st.none() | st.sampled_from(["2020", "2020-06", "2020-06-15"]),
    st.lists(st.builds(lambda system, value: compact(system=system, value=value), systems, codes), max_size=2),
)  # fmt: skip

# --- the oracle: for each parameter what a resource has, and whether a value fits


def span(text):
    """The half-open range of instants that a date means."""
    if "T" in text:
        low = datetime.fromisoformat(text)
        return low, low + (timedelta(milliseconds=100) if "." in text else timedelta(seconds=1))
    parts = [int(part) for part in text.split("-")]
    low = datetime(*[*parts, 1, 1][:3], tzinfo=BEIJING)
    following = [low.replace(year=low.year + 1), (low.replace(day=28) + timedelta(days=5)).replace(day=1)]
    return low, [*following, low + timedelta(days=1)][len(parts) - 1]


FIRST, LAST = datetime.min.replace(tzinfo=timezone.utc), datetime.max.replace(tzinfo=timezone.utc)  # noqa: UP017


def spans_of(resource, *names):
    for name in names:
        value = resource.get(name)
        if isinstance(value, str):
            yield span(value)
        elif value:
            yield (
                span(value["start"])[0] if "start" in value else FIRST,
                span(value["end"])[1] if "end" in value else LAST,
            )


def date_fits(has, prefix, text):
    low, high = span(text)
    within = low <= has[0] and has[1] <= high
    return {
        "eq": within, "ne": not within, "gt": has[1] > high, "lt": has[0] < low, "ge": has[1] > high or within,
        "le": has[0] < low or within, "sa": has[0] >= high, "eb": has[1] <= low,
    }[prefix or "eq"]  # fmt: skip


GRAMS = {"g": ("g", Fraction(1)), "kg": ("g", Fraction(1000)), "mm": ("mm", Fraction(1)), None: (None, Fraction(1))}


def quantity_fits(has, prefix, asked):
    number, unit = asked
    kind, factor = GRAMS[has.get("code")]
    value = Fraction(str(has["value"])) * factor
    if unit is None:
        wanted, scale, value = None, Fraction(1), Fraction(str(has["value"]))
    else:
        wanted, scale = GRAMS[unit]
        if wanted != kind:
            return False
    middle = Fraction(number) * scale
    half = Fraction(5, 10 ** (len(number.partition(".")[2]) + 1)) * scale
    within = middle - half <= value < middle + half
    return {
        "eq": within, "ne": not within, "gt": value > middle, "lt": value < middle, "ge": value >= middle,
        "le": value <= middle, "sa": value > middle, "eb": value < middle,
    }[prefix or "eq"]  # fmt: skip


def token_fits(has, asked):
    system, code = asked
    return has.get("code", has.get("value")) == code and (system == "any" or has.get("system") == system)


def folded(text):
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return unicodedata.normalize("NFC", plain).casefold()


def names_of(patient):
    for name in patient.get("name", ()):
        family, given = name["family"], name.get("given", [])
        yield from [family, *given]
        if given and not family.isascii():  # written without a space in Chinese
            yield family + "".join(given)


def codings_of(*concepts):
    return [coding for concept in concepts for coding in concept.get("coding", ())]


TOKENS = {
    "code": lambda one: codings_of(one["code"]),
    "category": lambda one: codings_of(*one.get("category", ())),
    "component-code": lambda one: codings_of(*(part["code"] for part in one.get("component", ()))),
    "combo-code": lambda one: TOKENS["code"](one) + TOKENS["component-code"](one),
    "identifier": lambda one: one.get("identifier", []),
    "gender": lambda one: [{"code": one["gender"]}] if "gender" in one else [],
    "status": lambda one: [{"code": one["status"]}],
}
DATES = {
    "date": lambda one: list(spans_of(one, "effectiveDateTime", "effectivePeriod")),
    "birthdate": lambda one: list(spans_of(one, "birthDate")),
}
QUANTITIES = {
    "value-quantity": lambda one: [one["valueQuantity"]] if "valueQuantity" in one else [],
    "component-value-quantity": lambda one: [part["valueQuantity"] for part in one.get("component", ())],
    "combo-value-quantity": lambda one: QUANTITIES["value-quantity"](one) + QUANTITIES["component-value-quantity"](one),
}

# --- a drawn test: its text in a search, and what the oracle says to a resource


def token_text(asked):
    system, code = asked
    return code if system == "any" else f"{system or ''}|{code}"


def quantity_text(prefix, asked):
    number, unit = asked
    return f"{prefix}{number}" + (f"|{UCUM}|{unit}" if unit else "")


asked_codes = st.tuples(st.sampled_from(["urn:a", "urn:b", None, "any"]), codes | part_codes)
asked_quantities = st.tuples(amounts, units)


def token_tests(names):
    return st.builds(
        lambda name, values, negated: (
            f"{name}{':not' if negated else ''}={','.join(map(token_text, values))}",
            lambda one: negated != any(token_fits(has, value) for has in TOKENS[name](one) for value in values),
        ),
        st.sampled_from(names), st.lists(asked_codes, min_size=1, max_size=2), st.booleans(),
    )  # fmt: skip


def date_tests(names):
    return st.builds(
        lambda name, values: (
            f"{name}={','.join(prefix + text for prefix, text in values)}",
            lambda one: any(date_fits(has, *value) for has in DATES[name](one) for value in values),
        ),
        st.sampled_from(names), st.lists(st.tuples(prefixes, dates), min_size=1, max_size=2),
    )  # fmt: skip


def element(name):
    return lambda one: one.get(name)


def missing_tests(readers):
    return st.builds(
        lambda name, missing: (
            f"{name}:missing={str(missing).lower()}",
            lambda one: missing == (not readers[name](one)),
        ),
        st.sampled_from(sorted(readers)), st.booleans(),
    )  # fmt: skip


quantity_tests = st.builds(
    lambda name, values: (
        f"{name}={','.join(quantity_text(*value) for value in values)}",
        lambda one: any(quantity_fits(has, *value) for has in QUANTITIES[name](one) for value in values),
    ),
    st.sampled_from(sorted(QUANTITIES)), st.lists(st.tuples(prefixes, asked_quantities), min_size=1, max_size=2),
)  # fmt: skip
composite_tests = st.builds(
    lambda code, prefix, amount: (
        f"component-code-value-quantity={token_text(code)}${quantity_text(prefix, amount)}",
        lambda one: any(
            any(token_fits(has, code) for has in codings_of(part["code"]))
            and quantity_fits(part["valueQuantity"], prefix, amount)
            for part in one.get("component", ())
        ),
    ),
    st.tuples(st.sampled_from(["urn:a", "urn:b", "any"]), part_codes), prefixes, asked_quantities,
)  # fmt: skip
reference_tests = st.builds(
    lambda name, wanted: (
        f"{name}={','.join(f'Patient/{one}' for one in wanted)}",
        lambda one: one.get("subject", {}).get("reference") in [f"Patient/{id_}" for id_ in wanted],
    ),
    st.sampled_from(["subject", "patient"]), st.lists(people, min_size=1, max_size=2),
)  # fmt: skip
string_tests = st.builds(
    lambda modifier, text: (
        f"name{modifier}={text}",
        lambda one: any(
            {"": folded(has).startswith(folded(text)), ":exact": has == text, ":contains": folded(text) in folded(has)}[
                modifier
            ]
            for has in names_of(one)
        ),
    ),
    st.sampled_from(["", ":exact", ":contains"]), texts,
)  # fmt: skip

OBSERVATION_TESTS = st.one_of(
    token_tests(["code", "category", "component-code", "combo-code"]), date_tests(["date"]), quantity_tests,
    composite_tests, reference_tests,
    missing_tests({"date": DATES["date"], "value-quantity": QUANTITIES["value-quantity"],
                   "category": element("category"), "component-code": element("component"),
                   "subject": element("subject")}),
)  # fmt: skip
PATIENT_TESTS = st.one_of(
    token_tests(["identifier", "gender"]), date_tests(["birthdate"]), string_tests,
    missing_tests({name: element(path) for name, path in (
        ("birthdate", "birthDate"), ("gender", "gender"), ("identifier", "identifier"), ("name", "name"))}),
)  # fmt: skip


# --- sorts: what a resource stands by in an order, the first of its values or the last of them


def texts_of(codings):
    return [folded(coding[name]) for coding in codings for name in ("code", "value") if name in coding]


def sounds_of(names):
    return [*map(folded, names), *(sound for name in names for sound in pinyin(folded(name)))]


def subject_of(one):
    return [one["subject"]["reference"].lower()] if "subject" in one else []


SORTS = {
    "Observation": {
        "date": lambda one: [low for low, _ in DATES["date"](one)],
        "value-quantity": lambda one: [float(has["value"]) for has in QUANTITIES["value-quantity"](one)],
        "combo-value-quantity": lambda one: [float(has["value"]) for has in QUANTITIES["combo-value-quantity"](one)],
        "code": lambda one: texts_of(TOKENS["code"](one)),
        "combo-code": lambda one: texts_of(TOKENS["combo-code"](one)),
        "status": lambda one: texts_of(TOKENS["status"](one)),
        "subject": subject_of,
        "_id": lambda one: [one["id"]],
    },
    "Patient": {
        "birthdate": lambda one: [low for low, _ in DATES["birthdate"](one)],
        "name": lambda one: sounds_of(list(names_of(one))),
        "gender": lambda one: texts_of(TOKENS["gender"](one)),
        "identifier": lambda one: texts_of(TOKENS["identifier"](one)),
        "_id": lambda one: [one["id"]],
    },
}


def in_order(resources, sorts):
    """The resources, sorted; what is equal stays as it stands, what has no value comes last."""
    for name, descending in reversed(sorts):
        stands = SORTS[resources[0]["resourceType"]][name] if resources else None
        have = [one for one in resources if stands(one)]
        have.sort(key=lambda one: (max if descending else min)(stands(one)), reverse=descending)
        resources = [*have, *(one for one in resources if not stands(one))]
    return resources


def sorts_of(type_):
    sorts = st.lists(st.tuples(st.sampled_from(sorted(SORTS[type_])), st.booleans()), max_size=2)
    return sorts.map(lambda drawn: list(dict(drawn).items()))


# --- each search, page by page, as one page, and by a look at the resources themselves


def at_hand(type_, tests):
    """What passes by the resource alone; None where that is not to be told."""
    query = read_query(type_, [text.split("=", 1) for text, _ in tests], strict=True)
    try:
        return compile_match(type_, query.node, parameters(type_))
    except NotSupported:
        return None


async def walked(client, url):
    """The ids of all pages in order, and the total that the first one says."""
    found, totals = [], []
    while url:
        answer = await client.get(url, headers={"prefer": "handling=strict"})
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        totals.append(bundle.get("total"))
        found += [entry["resource"]["id"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "match"]
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return found, totals[0]


async def check(client, resources, searches, size):
    run = f"r{next(runs)}"
    resources = [{**one, "id": f"{run}-{n}"} for n, one in enumerate(resources)]
    tag = {"tag": [{"system": RUN, "code": run}]}
    entries = [
        {"resource": {**one, "meta": tag}, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    written = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert written.status_code == 200, written.text
    type_, by_id = resources[0]["resourceType"], {one["id"]: one for one in resources}
    # No index gives what is not another: so the other tests must.
    scope = f"{type_}?_filter={quote(f'not (_tag ne {RUN}|{run})')}"
    for tests, sorts in searches:
        asked = "&".join(quote(text, safe="=|,:$") for text, _ in tests)
        asked += f"&_sort={','.join('-' * descending + name for name, descending in sorts)}" if sorts else ""
        expected = [one["id"] for one in resources if all(holds(one) for _, holds in tests)]
        found, total = await walked(client, f"{scope}&{asked}&_count={size}")
        assert sorted(found) == sorted(expected), asked
        assert found == [one["id"] for one in in_order([by_id[id_] for id_ in found], sorts)], asked
        assert found == (await walked(client, f"{scope}&{asked}&_count=50"))[0], asked
        assert total in (None, len(expected)), asked
        match = at_hand(type_, tests)
        assert match is None or [one["id"] for one in resources if match(one, one["id"])] == expected, asked


def drawn(type_, resources, tests):
    return given(
        resources=st.lists(resources, min_size=1, max_size=10),
        searches=st.lists(st.tuples(st.lists(tests, min_size=1, max_size=3), sorts_of(type_)), min_size=1, max_size=6),
        size=st.integers(1, 4),
    )


# What each way to a page is taken for; the least that is worth it is nothing, so that small records go all ways.
WAYS = {
    "as it is": (),
    "by index": ((plans, "SHARP_ROWS", -1.0),),
    "walked": (
        (densities, "FRESH_FOR", 0.0), (plans, "MOST_PROBED", 1), (pages, "MOST_COUNTED", -1), (pages, "FEW", -1),
        (pages, "FREQUENT", 0), (pages, "WALK", 20), (pages, "MOST_WALKED", 30), (pages, "MOST_SORTED", -1),
        (orders, "STRETCH", 200),
    ),
}  # fmt: skip
SORTED_HERE = {"code", "combo-code", "status", "subject", "gender", "identifier", "_id"}


@pytest_asyncio.fixture(params=sorted(WAYS), loop_scope="module")
async def way(request, monkeypatch, shared_database):
    """The way that pages are taken by."""
    connection = await asyncpg.connect(shared_database)
    await connection.execute("ANALYZE")
    await connection.close()
    for module, name, value in WAYS[request.param]:
        monkeypatch.setattr(module, name, value)
    return request.param


def fit_for(way, searches):
    """Without the sorts that only few matches can have, where they are taken for many."""
    return [
        (tests, [one for one in sorts if way != "walked" or one[0] not in SORTED_HERE]) for tests, sorts in searches
    ]


quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@drawn("Observation", observations, OBSERVATION_TESTS)
async def test_observations_are_found_as_the_oracle_says(shared_client, way, resources, searches, size):
    await check(shared_client, resources, fit_for(way, searches), size)


@quick
@drawn("Patient", patients, PATIENT_TESTS)
async def test_patients_are_found_as_the_oracle_says(shared_client, way, resources, searches, size):
    await check(shared_client, resources, fit_for(way, searches), size)


@pytest.mark.soak
@thorough
@drawn("Observation", observations, OBSERVATION_TESTS)
async def test_many_observations_are_found_as_the_oracle_says(shared_client, way, resources, searches, size):
    await check(shared_client, resources, fit_for(way, searches), size)


@pytest.mark.soak
@thorough
@drawn("Patient", patients, PATIENT_TESTS)
async def test_many_patients_are_found_as_the_oracle_says(shared_client, way, resources, searches, size):
    await check(shared_client, resources, fit_for(way, searches), size)
