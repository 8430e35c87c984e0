"""A desk writes somebody down: by machine, by copying an earlier registration, or by typing, with a model's errors.

What comes out is what stands in the form, not yet FHIR: `patient.py` does that.
"""

from dataclasses import replace
from datetime import date
from random import Random

from kangyun.base.numbers import resident_id
from kangyun.simulate.people import Home, Papers, Resident, phone_of
from kangyun.simulate.registrations import naming, slips
from kangyun.simulate.registrations.form import Written
from kangyun.simulate.registrations.habits import Habits, address_text, habits
from kangyun.simulate.registrations.model import ErrorModel, pick
from kangyun.simulate.registrations.spelling import spelling
from kangyun.simulate.tables import Tables
from kangyun.simulate.tables.city import InstitutionRow

_WHOLE = ("unidentified", "under-relative", "numbers-swapped")
_NUMBER = ("missing", "filler", "wrong-digit", "digits-swapped", "digit-missing", "old", "lent", "passport")
_BIRTH = ("new-years-day", "first-of-month", "day-and-month", "digit", "year", "missing", "default")
_SEX = ("unknown", "wrong")
_PHONE = ("missing", "filler", "relative", "wrong-digit")
_ADDRESS = ("missing", "filler", "other-door")


class Desk:
    """The desks of all institutions, by one error model."""

    def __init__(self, tables: Tables, model: ErrorModel, seed: int) -> None:
        self._tables, self._model, self._seed = tables, model, seed
        self._spelling = spelling(fuzzy=model.spelling.fuzzy, look_alikes=model.spelling.look_alikes)
        self._habits: dict[str, Habits] = {}
        self._factors, self._shares = [c.factor for c in model.care], [c.share for c in model.care]

    def habits(self, institution: InstitutionRow) -> Habits:
        """Returns the habits of an institution."""
        if institution.key not in self._habits:
            self._habits[institution.key] = habits(self._seed, institution)
        return self._habits[institution.key]

    def write(
        self, rng: Random, who: Resident, institution: InstitutionRow, on: date, earlier: list[Written],
        *, again: int = 0,
    ) -> Written:  # fmt: skip
        """Writes a resident down on a day.

        earlier: what other institutions have written, one of which may be copied.
        again:   how often this institution has registered the resident before.
        """
        habit, papers = self.habits(institution), who.as_of(on)
        written = self._identity(rng, who, on, papers, habit, earlier)
        serial = (who.index * 8 + again + 1) * habit.stride % 10**habit.serial
        written.card = f"{habit.prefix}{serial:0{habit.serial}d}"
        self._rest(rng, written, who, on, habit)
        if "whole-numbers-swapped" in written.errors:
            written.number, written.card = written.card, written.number
        own = papers.number
        known = resident_id.forms(own) if who.document == "id" else (own,)
        written.valid_number = bool(own) and written.number.upper() in known
        return written

    # who it is

    def _identity(
        self, rng: Random, who: Resident, on: date, papers: Papers, habit: Habits, earlier: list[Written]
    ) -> Written:
        entry, point = self._model.entry, rng.random()
        if not papers.number:
            return self._newborn(rng, who, on, papers, habit)
        readable = who.document == "id" and who.age(on) >= entry.machine_from
        if readable and point < entry.machine:
            return self._by_machine(rng, who, on, papers, habit)
        # Nobody copies what plainly is not of who stands there.
        sources = [one for one in earlier if one.entry != "newborn" and not any(e[:5] == "whole" for e in one.errors)]
        if sources and entry.machine <= point < entry.machine + entry.copied:
            source = rng.choice(sources)
            return replace(source, on=on, entry="copied", errors=list(source.errors), insurance="", contact=None)
        return self._typed(rng, who, on, papers, habit)

    def _by_machine(self, rng: Random, who: Resident, on: date, papers: Papers, habit: Habits) -> Written:
        written = Written(on, "machine", sex=who.sex, birth=who.birth, number=papers.number)
        naming.right(written, papers.name, habit)
        written.address = who.registered_home or address_text(self._tables.city.place, papers.home, "full")
        if who.registered_home:
            written.errors.append("address-registered")
        self._phone(rng, written, who, on, 1.0, habit)
        return written

    def _newborn(self, rng: Random, who: Resident, on: date, papers: Papers, habit: Habits) -> Written:
        """Who has no number yet is there by its own mother's."""
        written = Written(on, "newborn", sex=who.sex, birth=who.birth)
        naming.right(written, papers.name, habit)
        mother = who.mother if who.adopted is None else None  # Its own is none of the residents.
        if mother is not None and rng.random() < self._model.newborn.mothers_number:
            written.number = mother.as_of(on).number
            written.errors.append("newborn-mothers-number")
        self._phone(rng, written, who, on, 1.0, habit)
        self._address(rng, written, who, on, 1.0, habit)
        return written

    def _typed(self, rng: Random, who: Resident, on: date, papers: Papers, habit: Habits) -> Written:
        written, model = Written(on), self._model
        factor = rng.choices(self._factors, self._shares)[0]
        whole = pick(rng, model.whole, _WHOLE, factor)
        if whole == "unidentified":
            written.name, written.sex = "无名氏", who.sex
            written.errors.append("whole-unidentified")
            return written
        shown = who.contact(on) if whole == "under-relative" else None
        if shown is not None or whole == "numbers-swapped":
            written.errors.append(f"whole-{whole}")
        if shown is not None:
            theirs = shown.as_of(on)
            naming.right(written, theirs.name, habit)
            written.number, written.document = theirs.number, shown.document
        else:
            naming.typed(rng, written, who, papers.name, habit, model, self._spelling, factor)
            self._number(rng, written, who, on, papers, factor, habit)
        self._birth_and_sex(rng, written, who, papers, factor)
        self._phone(rng, written, who, on, factor, habit)
        self._address(rng, written, who, on, factor, habit)
        return written

    def _number(
        self, rng: Random, written: Written, who: Resident, on: date, papers: Papers, factor: float, habit: Habits
    ) -> None:
        written.document = who.document
        number = papers.number.replace("X", habit.x)
        age, rates = who.age(on), self._model.number
        by_age = self._model.number_age
        more = by_age.infant if age < 7 else by_age.child if age < 16 else by_age.old if age >= 80 else 1.0
        scaled = rates if more == 1.0 else rates | {k: rates[k] * more for k in ("missing", "filler")}
        kind = pick(rng, scaled, _NUMBER, factor)
        written.number = number
        match kind:
            case "missing":
                written.number = ""
            case "filler":
                written.number = habit.filler
            case "wrong-digit":
                written.number = slips.other_digit(rng, number)
            case "digits-swapped":
                written.number = slips.digits_swapped(rng, number)
            case "digit-missing":
                written.number = slips.digit_missing(rng, number)
            case "old" if who.document == "id" and who.birth.year < 1980:
                written.number = resident_id.shortened(papers.number)
            case "lent":
                written.number = next((one.as_of(on).number for one in who.kin(on) if one.birth < on), number) or number
            case "passport" if who.document == "id":
                written.number, written.document = f"EX{who.index:07d}", "passport"
        if written.number != number:
            written.errors.append(f"number-{kind}")

    def _birth_and_sex(self, rng: Random, written: Written, who: Resident, papers: Papers, factor: float) -> None:
        written.birth, written.sex = who.birth, who.sex
        right = bool(papers.number) and written.number.upper() == papers.number
        if right and rng.random() < self._model.entry.derived:
            return
        if kind := pick(rng, self._model.birth, _BIRTH, factor):
            written.birth = slips.birth_slip(rng, kind, who.birth)
            if written.birth != who.birth:
                written.errors.append(f"birth-{kind}")
        if kind := pick(rng, self._model.sex, _SEX, factor):
            written.sex = "unknown" if kind == "unknown" else "female" if who.sex == "male" else "male"
            written.errors.append(f"sex-{kind}")

    # how to reach them

    def _phone(self, rng: Random, written: Written, who: Resident, on: date, factor: float, habit: Habits) -> None:
        phone, whose = phone_of(who, on)
        if whose is not None:
            written.errors.append("phone-relative")
        elif (former := _former(who, "phone", on)) and rng.random() < self._model.phone["former"]:
            phone = str(former)
            written.errors.append("phone-former")
        written.phone = phone
        match pick(rng, self._model.phone, _PHONE, factor):
            case "missing":
                written.phone = ""
                written.errors.append("phone-missing")
            case "filler":
                written.phone = habit.filler
                written.errors.append("phone-filler")
            case "wrong-digit" if phone:
                written.phone = phone[:3] + slips.other_digit(rng, phone[3:])
                written.errors.append("phone-wrong-digit")
            case "relative" if whose is None:
                theirs = [one.as_of(on).phone for one in who.kin(on) if one.birth < on]
                if phones := [phone for phone in theirs if phone]:
                    written.phone = phones[0]
                    written.errors.append("phone-relative")

    def _address(self, rng: Random, written: Written, who: Resident, on: date, factor: float, habit: Habits) -> None:
        rates, home = self._model.address, who.as_of(on).home
        kind = pick(rng, rates, _ADDRESS, factor)
        if kind == "missing":
            written.errors.append("address-missing")
            return
        if kind == "filler":
            written.address = habit.filler
            written.errors.append("address-filler")
            return
        if who.registered_home and rng.random() < rates["registered"]:
            written.address = who.registered_home
            written.errors.append("address-registered")
            return
        former = _former(who, "home", on)
        if isinstance(former, Home) and rng.random() < rates["former"]:
            home = former
            written.errors.append("address-former")
        written.address = address_text(self._tables.city.place, home, habit.address)
        if kind == "other-door":
            written.address = slips.other_digit(rng, written.address)
            written.errors.append("address-other-door")

    def _rest(self, rng: Random, written: Written, who: Resident, on: date, habit: Habits) -> None:
        """What else the form asks for."""
        if (
            habit.hospital
            and rng.random() < self._model.extent.insurance
            and "whole-unidentified" not in written.errors
        ):
            written.insurance = f"YB99{who.index * 48_271 % 10**8:08d}"
        person = who.contact(on) if habit.contact else None
        if person is not None:
            written.contact = (person.as_of(on).name.text, phone_of(person, on)[0])
            written.has_guardian = person is who.guardian(on)
        if habit.work:
            written.work = who.occupation
        if habit.marital and who.age(on) >= 20:
            spouse = who.spouse
            widowed = spouse is not None and spouse.death is not None and spouse.death <= on
            married = who.married is not None and who.married <= on
            written.marital = "W" if widowed else "M" if married else "S"
        if who.death is not None and habit.hospital and rng.random() < 0.5:
            written.death = who.death


def _former(who: Resident, what: str, on: date) -> object | None:
    """Returns what held before the last change of something, where there was one by that day."""
    return next((former for until, kind, former in who.history if kind == what and until <= on), None)
