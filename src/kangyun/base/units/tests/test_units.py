"""Units of measure: what codes mean, conversions, and everything that is no unit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base import units
from kangyun.base.errors import Invalid, PlatformError
from kangyun.base.texts import say

CODES = (
    "1", "m", "mm", "kg", "mg/dL", "mmol/L", "10*3/uL", "10*9/L", "10^6", "%", "mm[Hg]", "cm[H2O]", "[in_i]", "[lb_av]",
    "kg/m2", "mL/min/{1.73_m2}", "{cells}/uL", "/min", "m/s2", "kJ", "W.h", "[iU]/mL", "k[IU]/L", "[arb'U]", "meq/L",
    "ug.kg-1.min-1", "(mg)/(24.h)", "deg", "Bq", "dB", "[pH]", "Cel", "[degF]", "mCel", "B[10.nV]", "[m/s2/Hz^(1/2)]",
)  # fmt: skip

values = st.decimals(min_value=-(10**9), max_value=10**9, places=6)


@pytest.mark.parametrize(
    ("value", "unit", "expected", "base"),
    [
        ("5.5", "mm", "0.0055", "m"),
        ("120", "mm[Hg]", "15998640", "g.m-1.s-2"),
        ("98.6", "[degF]", "310.15", "K"),
        ("37.0", "Cel", "310.15", "K"),
        ("3.2", "10*3/uL", "3200000000000", "m-3"),
        ("7", "{cells}/uL", "7000000000", "m-3"),
        ("1", "mL/min/{1.73_m2}", "1.666666666666666666666666666666667E-8", "m3.s-1"),
        ("180", "[lb_av]", "81646.6266", "g"),
        ("45", "%", "0.45", "1"),
        ("2", "[iU]/mL", "2000000", "[iU].m-3"),
        ("2", "k[IU]/L", "2000000", "[iU].m-3"),
        ("3", "g/(m2.s)", "3", "g.m-2.s-1"),
    ],
)
def test_canonical_form(value, unit, expected, base):
    assert units.canonical(Decimal(value), unit) == (Decimal(expected), base)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("mg", "kg", True),
        ("mg/dL", "g/L", True),
        ("mg", "mL", False),
        ("[iU]", "[IU]", True),
        ("[iU]", "[arb'U]", False),
        ("[iU]", "1", False),
        ("[pH]", "mol/L", False),
        ("Cel", "[degF]", True),
        ("N", "kg.m/s2", True),
        ("cm", "cm2", False),
    ],
)
def test_commensurable(one, other, same):
    assert units.commensurable(one, other) is same


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        ("98.6", "[degF]", "Cel", "37"),
        ("37", "Cel", "[degF]", "98.6"),
        ("-40", "Cel", "[degF]", "-40"),
        ("0", "[degRe]", "Cel", "0"),
        ("1", "[in_i]", "cm", "2.54"),
        ("1", "wk", "d", "7"),
        ("1.10", "kg", "kg", "1.10"),
        ("1", "dB", "B", "0.1"),
    ],
)
def test_conversion(value, unit, to, expected):
    assert units.convert(Decimal(value), unit, to) == Decimal(expected)


@given(values, st.sampled_from(CODES))
def test_there_and_back_again(value, unit):
    _, base = units.canonical(value, unit)
    back = units.convert(units.convert(value, unit, base), base, unit)
    assert abs(Fraction(back) - Fraction(value)) <= Fraction(1, 10**15)


@pytest.mark.parametrize(
    "code",
    [
        "", " ", "mg ", "m g", "mgg", "foo", "m//s", "m.", "/", "()", "(m", "m)", "m{", "{a}{b}", "m^2", "km2x",
        "mmHg", "kkg", "Torr", "k[in_i]", "k%", "m1000",
        "10*999999999999", "Cel2", "m.Cel", "/Cel", "Cel/s", "0", "١", "µg", "x" * 256,
        "(" * 17 + "m" + ")" * 17,
    ],
)  # fmt: skip
def test_what_is_no_unit(code):
    with pytest.raises(Invalid):
        units.parse(code)


@given(st.text(max_size=300) | st.text(alphabet="mgLsd[]{}()/.*^-+0123456789'_%iU", max_size=60))
def test_any_text_is_a_unit_or_invalid(code):
    try:
        parsed = units.parse(code)
    except PlatformError as error:
        assert all(say(issue.text, language, issue.parameters) for issue in error.issues for language in ("zh", "en"))
    else:
        assert units.parse(parsed.canonical).dimension == parsed.dimension


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), Decimal("1E+100000"), Decimal("1E-100000")])
def test_a_value_out_of_bounds_is_refused(value):
    with pytest.raises(Invalid):
        units.canonical(value, "mg")


def test_units_of_different_dimensions_are_not_converted():
    with pytest.raises(Invalid) as caught:
        units.convert(Decimal(1), "mg", "mL")
    assert caught.value.issues[0].text == "base.units.not-commensurable"


@pytest.mark.parametrize("code", ["m99.m", "L50", "(m9)12", "m/m-99"])
def test_a_power_that_no_expression_could_say_is_refused(code):
    with pytest.raises(Invalid):
        units.parse(code)
