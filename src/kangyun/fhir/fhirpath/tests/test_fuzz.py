"""Whatever is written and whatever it is evaluated on: a result, or a PlatformError that can be said."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import PlatformError
from kangyun.base.texts import say
from kangyun.fhir.fhirpath import Environment, compile
from kangyun.fhir.fhirpath.invocation import FUNCTIONS

OPERATORS = (
    "=", "!=", "~", "!~", "<", "<=", ">", ">=", "+", "-", "*", "/", "div", "mod", "&", "|", "in", "contains", "and",
    "or", "xor", "implies",
)  # fmt: skip
TERMS = (
    "name", "name.given", "birthDate", "$this", "1", "2.50", "'ab'", "@2020-02-29", "@T10", "3 'mg'", "1 year", "{}",
    "(1 | 2)", "%resource", "%n",
)  # fmt: skip
PIECES = (
    "name", "given", "value", "extension", "Patient", "contained", "$this", "$index", "1", "1.50", "'a'", "'(a|b)+'",
    "@2020", "@T10:30", "{}", "(", ")", "[", "]", ".", ",", "-", " is ", " as ", "String", "FHIR.string", " = ", " | ",
)  # fmt: skip
NAMES = ("name", "given", "_given", "birthDate", "extension", "url", "contained")

terms = st.sampled_from(TERMS)
calls = st.builds(
    lambda focus, function, arguments: f"({focus}).{function}({', '.join(arguments)})",
    terms,
    st.sampled_from(sorted(FUNCTIONS)),
    st.lists(terms, max_size=3),
)
operations = st.builds("({}) {} ({})".format, calls | terms, st.sampled_from(OPERATORS), calls | terms)
pieces = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)

scalars = st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(max_size=5)
json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)

SOUND = {"resourceType": "Patient", "name": [{"given": ["A", "B"]}], "birthDate": "2020-02", "_birthDate": {"id": "x"}}


@settings(max_examples=600, deadline=None)
@given(
    pieces | calls | operations | st.text(max_size=30),
    st.just(SOUND) | json,
    st.sampled_from(["Patient", "HumanName", "string", "Resource", "Extension"]),
)
def test_a_result_or_an_error_that_can_be_said(expression, node, type_name):
    environment = Environment(node)
    environment.variables = {"n": [Decimal("1E+400")]}
    try:
        found = compile(expression).program(type_name).typed(node, environment)
    except PlatformError as error:
        assert all(say(issue.text, language, issue.parameters) for issue in error.issues for language in ("zh", "en"))
    else:
        assert all(isinstance(name, str) for name, _ in found)
