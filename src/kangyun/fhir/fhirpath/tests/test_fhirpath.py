"""FHIRPath as the rest of the platform uses it: on plain JSON, with types, guards and hooks."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kangyun.base.errors import Invalid, NotSupported, TooCostly, TooLong
from kangyun.fhir.fhirpath import Element, Environment, Quantity, Temporal, compile, dependencies, parse
from kangyun.fhir.fhirpath.syntax import Binary, Call, Literal, Member

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "县医院"}],
    "active": True,
    "_active": {"extension": [{"url": "http://e.org/why", "valueString": "asked"}]},
    "name": [
        {"use": "official", "family": "欧阳", "given": ["娜娜"]},
        {"use": "usual", "given": [None, "Nana"], "_given": [{"extension": [{"url": "http://e.org/masked"}]}, None]},
    ],
    "birthDate": "1974-12",
    "_birthDate": {
        "id": "b",
        "extension": [{"url": "http://e.org/time", "valueDateTime": "1974-12-25T14:35:45Z"}],
    },
    "_gender": {"extension": [{"url": "http://e.org/absent", "valueCode": "unknown"}]},
    "multipleBirthInteger": 2,
    "managingOrganization": {"reference": "#o1"},
    "generalPractitioner": [{"reference": "Practitioner/li"}, {"reference": "http://x.org/fhir/Organization/2"}],
    "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
}
PRESSURE = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "effectivePeriod": {"start": "2020-01-01", "end": "2020-01-02"},
    "component": [
        {
            "code": {"text": "systolic"},
            "valueQuantity": {
                "value": Decimal("120.10"),
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        },
        {"code": {"text": "note"}, "valueString": "calm"},
    ],
}


def evaluate(expression, node=PATIENT, type_name=None, **arguments):
    return compile(expression).evaluate(node, type_name=type_name or node["resourceType"], **arguments)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.name.given", ["娜娜", "Nana"]),
        ("Patient.name.given.count()", [3]),
        ("name[1].given.first().hasValue()", [False]),
        ("name[1].given.first().extension.url", ["http://e.org/masked"]),
        ("birthDate.id", ["b"]),
        ("birthDate.extension('http://e.org/time').value", ["1974-12-25T14:35:45Z"]),
        ("birthDate.where(extension.exists()).count()", [1]),
        ("gender.exists()", [True]),
        ("gender.hasValue()", [False]),
        ("gender", []),
        ("gender = 'male'", []),
        ("gender.extension.value", ["unknown"]),
        ("active.extension.exists() and active", [True]),
        ("multipleBirth", [2]),
        ("multipleBirth is integer", [True]),
        ("multipleBirth is boolean", [False]),
        ("deceased.empty()", [True]),
        ("contained.name", ["县医院"]),
        ("contained.ofType(Organization).name.length()", [3]),
        ("managingOrganization.resolve().name", ["县医院"]),
        ("managingOrganization.resolve() is Organization", [True]),
        ("generalPractitioner.where(resolve() is Practitioner).reference", ["Practitioner/li"]),
        ("generalPractitioner.where(resolve() is Organization).count()", [1]),
        ("generalPractitioner.resolve()", []),
        ("link.other.getReferenceKey(Patient)", ["2"]),
        ("link.other.getReferenceKey(Group)", []),
        ("getResourceKey()", ["p1"]),
        ("Practitioner.name", []),
        ("DomainResource.contained.id | Resource.id", ["o1", "p1"]),
        ("nothing.at.all", []),
        ("name.select($index)", [0, 1]),
        ("name.where($index = 1).use", ["usual"]),
        ("defineVariable('n', name.first()).select(%n.family & %n.given)", ["欧阳娜娜"]),
        ("name.select(defineVariable('u', use).given.select(%u))", ["official", "usual", "usual"]),
        ("-2147483648 = -2147483647 - 1", [True]),
        ("2147483647 + 1", []),
        ("1.toQuantity('kg') is System.Quantity", []),
        ("5 'g'.toQuantity('kg') = 0.005 'kg'", [True]),
        ("children().ofType(HumanName).count()", [2]),
        (
            "descendants().where($this is Extension).url",
            [f"http://e.org/{name}" for name in ("why", "time", "absent", "masked")],
        ),
    ],
)
def test_on_a_patient(expression, expected):
    assert sorted(evaluate(expression), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("component.value.unit", ["mmHg"]),
        ("component.value.ofType(string)", ["calm"]),
        ("(component.value as Quantity).value", [Decimal("120.10")]),
        ("component.value.ofType(Quantity) > 12 'cm[Hg]'", [True]),
        ("component.value.ofType(Quantity) > 12 'kg'", []),
        ("(component.value.ofType(Quantity).value + 1).toString()", ["121.10"]),
        ("effective.start", ["2020-01-01"]),
        ("effective.exists(start < end)", [True]),
        ("effective is dateTime", [False]),
        ("value.exists()", [False]),
        ("%resource.code.coding.code", ["85354-9"]),
        ("component.where(code.text = 'note').value = 'calm'", [True]),
    ],
)
def test_on_an_observation(expression, expected):
    assert evaluate(expression, PRESSURE) == expected


def test_types_come_with_the_values_on_request():
    program = compile("component.value | status | effective | 1 | @2020.highBoundary(6)").program("Observation")
    found = program.typed(PRESSURE, Environment(PRESSURE))
    assert [name for name, _ in found] == ["Quantity", "string", "code", "Period", "System.Integer", "System.Date"]


def test_a_primitive_without_value_is_typed_as_none():
    program = compile("gender").program("Patient")
    assert program.typed(PATIENT, Environment(PATIENT)) == [("code", None)]


def test_the_focus_may_be_any_element():
    assert evaluate("given.first()", PATIENT["name"][0], "HumanName") == ["娜娜"]
    assert evaluate("$this.length() + 1", "abc", "string") == [4]
    component = PRESSURE["component"][0]
    found = evaluate("%resource.status | code.text", component, "Observation.component", resource=PRESSURE)
    assert found == ["final", "systolic"]


def test_system_values_are_python_values():
    assert evaluate("@2020-02-29 + 1 year") == [Temporal("Date", (2021, 2, 28))]
    assert evaluate("2 days") == [Quantity(Decimal(2), "day")]
    assert evaluate("(1.10).toString() | 1.10") == ["1.10", Decimal("1.1")]


def test_variables_are_given_by_the_caller():
    variables = {"who": [PATIENT], "n": [3], "name": [Element({"family": "王"}, "HumanName")]}
    assert evaluate("%who.id | %n.toString() | %name.family", variables=variables) == ["p1", "3", "王"]
    with pytest.raises(Invalid) as caught:
        evaluate("%nobody")
    assert caught.value.issues[0].parameters == {"name": "nobody", "position": 0}


def test_resolve_asks_the_caller():
    found = {"Practitioner/li": {"resourceType": "Practitioner", "id": "li"}}
    assert evaluate("generalPractitioner.resolve().id", resolve=found.get) == ["li"]


def test_the_clock_is_given_by_the_caller():
    now = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
    assert evaluate("birthDate < today() and today() < now() + 1 year", now=now) == [True]
    assert str(evaluate("now()", now=now)[0]) == "2026-11-21T08:30:00.000Z"
    with pytest.raises(Invalid) as caught:
        evaluate("now()")
    assert caught.value.issues[0].text == "fhir.fhirpath.no-clock"


def test_trace_tells_the_caller():
    told = []
    environment = Environment(PATIENT)
    environment.trace = lambda name, items: told.append((name, items))
    compile("name.use.trace('uses').count()").program("Patient").evaluate(PATIENT, environment)
    assert told == [("uses", [told[0][1][0], told[0][1][1]])]
    assert [item.value for item in told[0][1]] == ["official", "usual"]


class Answers:
    """A service that knows one value set, one profile."""

    def member_of(self, value, type_name, value_set):
        return (value, type_name, value_set) == ("final", "code", "http://e.org/vs")

    def subsumes(self, left, right):
        return left == right

    def conforms_to(self, resource, profile):
        return profile == "http://e.org/profile"

    def is_safe_html(self, xhtml):
        return "script" not in xhtml


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("status.memberOf('http://e.org/vs')", True),
        ("code.coding.first().subsumes(code.coding.first())", True),
        ("code.coding.first().subsumedBy(component.first().code)", False),
        ("conformsTo('http://e.org/profile')", True),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", True),
        ("'<div>1</div>'.htmlChecks()", True),
    ],
)
def test_terminology_and_profiles_are_asked_of_a_service(expression, expected):
    environment = Environment(PRESSURE)
    environment.service = Answers()
    assert compile(expression).program("Observation").evaluate(PRESSURE, environment) == [expected]


def test_without_a_service_it_is_not_supported():
    with pytest.raises(NotSupported):
        evaluate("status.memberOf('http://e.org/vs')", PRESSURE)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("{}", True), ("false", False), ("id", True), ("active and gender.empty()", False), ("gender = 'male'", True)],
)
def test_an_invariant_holds_unless_it_is_false(expression, expected):
    assert compile(expression).test(PATIENT, type_name="Patient") is expected


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 +", "name.", "name..given", "(1", "1)", "'open", "@2020-13", "@2020-02-30", "@T25", "name[", "%",
        "$that", "1 2", "foo()", "where()", "where(1, 2)", "name is Nothing", "name.ofType('x')", "$index", "$total",
        "2147483648", "99999999999", "`a", "/* open",
        "defineVariable(name)", "defineVariable('a').defineVariable('a')", "iif(1, 2)",
        "'\\ud800'", "'\ud800'", "a" * 20_001, "(" * 200 + ")" * 200, "-" * 500 + "1", "1" + "+1" * 500,
        "a" + ".a" * 500,
    ],
    ids=lambda expression: ascii(expression[:20]),
)  # fmt: skip
def test_what_is_no_expression(expression):
    with pytest.raises(Invalid):
        compile(expression).program("Patient")


def test_a_syntax_error_names_its_position():
    with pytest.raises(Invalid) as caught:
        compile("name.given +")
    assert caught.value.issues[0].parameters == {"position": 12}


@pytest.mark.parametrize(
    "expression",
    ["name.first(1)", "name + 1", "1 + 'a'", "name.single()", "(1 | 2) and true", "id < 1", "'a'.abs()"],
)
def test_errors_of_evaluation(expression):
    with pytest.raises(Invalid):
        evaluate(expression)


@pytest.mark.parametrize(
    "expression",
    ["name.givn", "Observation.status", "name.as(HumanName)", "descendants().first()", "multipleBirthInteger"],
)
def test_strict_refuses_what_the_types_show_to_be_wrong(expression):
    with pytest.raises(Invalid):
        compile(expression, strict=True).evaluate(PATIENT, type_name="Patient")


LARGE = {"many": list(range(1000)), "long": ["a" * 10_000]}


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("%many.select(%many.select(%many.select(1)))", TooCostly),
        ("%many.aggregate($total & $total & $total, 'x')", TooCostly),
        ("%many.aggregate(iif($total.count() < 1000000, $total.combine($total), $total), 1)", TooCostly),
        ("%long.replace('', %long)", TooLong),
        ("%long.matches('(a+)+$')", Invalid),
        ("%long.matches('a+a+a+a+b')", TooCostly),
        ("%many ~ %many.sort(-$this)", TooCostly),
    ],
)
def test_what_would_run_away_is_stopped(expression, error):
    with pytest.raises(error):
        evaluate(expression, variables=LARGE)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("10.power(100000)", []),
        ("1.5.power(1000000)", []),
        ("10.0.power(6000).toInteger()", []),
        ("10.0.power(6000).floor()", []),
        ("10.0.power(6000) * 10.0.power(6000)", []),
        ("repeat($this).count()", [1]),
        ("name.repeat(%resource.name).count()", [2]),
        ("%many.aggregate($this + $total, 0)", [499500]),
    ],
)
def test_what_ends_is_let_end(expression, expected):
    assert evaluate(expression, variables=LARGE) == expected


@pytest.mark.parametrize("node", [1, "x", [], {"name": 1}, {"name": {"given": 1}}, {"name": [1]}, {"name": [None]}])
def test_data_of_the_wrong_shape_is_invalid(node):
    with pytest.raises(Invalid) as caught:
        evaluate("name.given.first().length().toString() & name.where(use = 'x').family", node, "Patient")
    assert caught.value.issues[0].text == "fhir.fhirpath.shape"


def test_the_tree_can_be_read():
    tree = parse("name.where(use = 'official')")
    assert tree == Call(
        Member(None, "name", 0), "where", (Binary("=", Member(None, "use", 11), Literal("official", 17), 15),), 5
    )


@pytest.mark.parametrize(
    ("expression", "members"),
    [
        ("dataAbsentReason.empty() or value.empty()", {"dataAbsentReason", "value"}),
        ("start.hasValue().not() or end.hasValue().not() or (start <= end)", {"start", "end"}),
        ("Patient.name.where(use = 'official').given", {"name"}),
        ("component.exists(code.text = value)", {"component"}),
        ("entry.all(%resource.type = 'x')", None),
        ("hasValue() or children().exists()", None),
        ("$this = 'x'", None),
        ("name.combine($this.alias)", None),
        ("extension('http://e.org').value is string", {"extension"}),
        ("1 + 1 = 2", set()),
        ("iif(a.exists(), b, c)", {"a", "b", "c"}),
        ("name & identifier[0].value", {"name", "identifier"}),
    ],
)
def test_dependencies(expression, members):
    assert dependencies(expression) == members
