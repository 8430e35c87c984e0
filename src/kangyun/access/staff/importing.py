"""A list of staff carried out: each person is compared with what is there, and only what differs is done.

A person is a Practitioner and a PractitionerRole in the record, known by institution and staff number, and an identity
in the register. Each row is done by itself, and the same list again changes nothing. A dry run does everything but
write, so what it says is what would happen.
"""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from kangyun.access.actor import Actor
from kangyun.access.opened import written_by
from kangyun.access.record import Record, Stored
from kangyun.access.register import Known, Register
from kangyun.access.staff.rules import Fault, Person, read_people, the_list
from kangyun.access.staff.sheets import Row, Sheet
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Issue, PlatformError
from kangyun.fhir import Resource
from kangyun.fhir.search.query import LARGEST_COUNT

# Not the security administrator: he permits the factors by which who is listed signs in. One lists, another admits.
IMPORTERS = frozenset({"system-administrator"})
NUMBER, LICENCE = "urn:kangyun:identifier:staff", "urn:oid:2.16.156.10011.1.4"
ROLE = "urn:kangyun:code-system:role"
Act = Literal["admit", "change", "leave", "same"]
ACTS: tuple[Act, ...] = ("admit", "change", "leave", "same")
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class SignIn(NamedTuple):
    """What somebody new signs in with, once."""

    name: str
    handle: str
    password: str


@dataclass(slots=True)
class Outcome:
    """What became of a list: how many of each act, what was refused, and how those who are new sign in."""

    dry_run: bool
    counts: dict[Act, int] = field(default_factory=lambda: dict.fromkeys(ACTS, 0))
    faults: list[Fault] = field(default_factory=list)
    sign_ins: list[SignIn] = field(default_factory=list)

    def refused(self) -> list[tuple[Row, list[Issue]]]:
        """Returns the rows that were refused, in order, each with all its faults."""
        found: dict[int, tuple[Row, list[Issue]]] = {}
        for row, issue in self.faults:
            found.setdefault(row.number, (row, []))[1].append(issue)
        return [found[number] for number in sorted(found)]


class Importer:
    """Carries out lists of staff, in the name of who sends them."""

    def __init__(self, register: Register, record: Record, zone: ZoneInfo) -> None:
        self._register = register
        self._record = record
        self._zone = zone
        self._institutions: dict[str, str | None] = {}

    @staticmethod
    def check(actor: Actor) -> None:
        """Raises Forbidden for who may not import staff."""
        if not (actor.administrator or actor.role in IMPORTERS):
            raise Forbidden("access.staff.importers-only")

    async def run(self, sheet: Sheet, *, dry_run: bool) -> Outcome:
        """Carries out a list. What is wrong with a row stops that row only. Raises Forbidden."""
        self.check(self._record.actor)
        outcome = Outcome(dry_run)
        people, faults = read_people(sheet.rows)
        outcome.faults += faults
        for person in people:
            try:
                outcome.counts[await self._one(person, outcome)] += 1
            except PlatformError as error:
                if error.code == "transient":
                    raise
                outcome.faults += [(person.row, _placed(issue, person)) for issue in error.issues]
        await self._record.leave_row("staff-try" if dry_run else "staff-import", 200, [])
        return outcome

    async def _one(self, person: Person, outcome: Outcome) -> Act:
        institution = await self._institution(person)
        if institution is None:
            title = the_list().column["institution"]
            places: dict[str, str | int] = {"row": person.row.number, "column": title}
            at = f"row[{person.row.number}].institution"
            raise PlatformError(issues=(Issue("error", "value", "access.staff.no-institution", at, places),))
        reference = await self._practitioner(person, institution)
        known = await self._register.find(reference) if reference else None
        if self._has_left(person.left):
            if known is None:
                return "same"
            if not outcome.dry_run:
                await self._register.leave(known.id, self._by, "staff list")
            return "leave"
        if known is None:
            if not outcome.dry_run:
                outcome.sign_ins.append(await self._admit(person, institution))
            return "admit"
        return await self._change(person, institution, known, outcome)

    async def _admit(self, person: Person, institution: str) -> SignIn:
        reference = await self._written(person, institution)
        handle = f"{person.number}@{institution.partition('/')[2]}"
        identity = await self._register.admit(
            "staff", reference, institution, person.name, roles=person.roles, vouched_by=self._by,
            evidence=f"staff list, row {person.row.number}", licence=person.licence or None,
            department=person.department or None, handle=handle,
        )  # fmt: skip
        password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
        await self._register.set_password(identity, password, initial=True)
        return SignIn(person.name, handle, password)

    async def _change(self, person: Person, institution: str, known: Known, outcome: Outcome) -> Act:
        held = {post.role for post in known.posts if post.institution == institution}
        given, taken = set(person.roles) - held, (held - set(person.roles)) & set(the_list().role.values())
        if not given and not taken:
            return "same"
        if not outcome.dry_run:
            for role in sorted(given):
                await self._register.give_role(known.id, role, institution, self._by)
            for role in sorted(taken):
                await self._register.take_role(known.id, role, institution, self._by, "staff list")
            await self._written(person, institution)
        return "change"

    async def _institution(self, person: Person) -> str | None:
        """Returns the reference of the institution that a row names, None where there is none."""
        text = person.institution
        if text not in self._institutions:
            asked = ("_id", text.partition("/")[2]) if text.startswith("Organization/") else ("identifier", text)
            self._institutions[text] = None
            if text.isascii() and not set(text) & set(",|$\\"):
                page = await self._record.search(await self._record.read_query("Organization", [asked], strict=True))
                if len(page.matches) == 1 and page.matches[0].resource.get("active", True):
                    self._institutions[text] = f"Organization/{page.matches[0].id}"
        return self._institutions[text]

    async def _practitioner(self, person: Person, institution: str) -> str | None:
        """Returns the reference of the Practitioner, None for somebody new."""
        own, _ = await self._numbered("Practitioner", _value(person, institution), institution)
        return None if own is None else f"Practitioner/{own.id}"

    async def _numbered(self, type_: str, value: str, institution: str) -> tuple[Stored | None, str | None]:
        """Returns what has a number of staff, None where nothing has, and the condition on which it is made then.

        Only what the institution itself, or who keeps the register, has written: others may give anybody any number.
        The condition keeps two lists at once from making two; there is none where others use the number.
        """
        asked = [("identifier", f"{NUMBER}|{value}"), ("_count", str(LARGEST_COUNT))]
        page = await self._record.search(await self._record.read_query(type_, asked, strict=True))
        theirs = await self._record.on_behalf_of(institution)
        numbers = [one.res for one in page.matches]
        async with theirs.store.pool.connection() as connection:
            own = await written_by(connection, theirs.institution, numbers)
            own |= await written_by(connection, self._record.institution, numbers)
        there = next((one for one in page.matches if one.res in own), None)
        return there, None if numbers else f"identifier={NUMBER}|{value}"

    async def _written(self, person: Person, institution: str) -> str:
        """Writes Practitioner and PractitionerRole, and returns the reference of the Practitioner.

        They are the institution's, which changes and ends them by its own feed from then on.
        """
        value = _value(person, institution)
        there, new_person = await self._numbered("Practitioner", value, institution)
        held, new_role = await self._numbered("PractitionerRole", value, institution)
        theirs = await self._record.on_behalf_of(institution)
        operations = []
        if there is None:
            made = _practitioner(person, value)
            operations.append(
                theirs.operation("create", "Practitioner", resource=made, condition=new_person, full_url=FULL_URL)
            )
        role = _role(person, value, institution, FULL_URL if there is None else f"Practitioner/{there.id}")
        if held is None:
            operations.append(
                theirs.operation("create", "PractitionerRole", resource=role, condition=new_role, full_url="")
            )
        else:
            role["id"] = held.id
            operations.append(theirs.operation("update", "PractitionerRole", id=held.id, resource=role, full_url=""))
        first, *_ = await theirs.commit(operations, "staff-import")
        written = there or first.stored
        assert written is not None
        return f"Practitioner/{written.id}"

    def _has_left(self, day: date | None) -> bool:
        return day is not None and datetime.combine(day, datetime.min.time(), self._zone) <= clock.now()

    @property
    def _by(self) -> str:
        return self._record.actor.reference


FULL_URL = "urn:uuid:5d2b6f0e-7f0a-4a53-9f0c-1c0a7e1f2b3c"


def _practitioner(person: Person, value: str) -> Resource:
    licence = [{"system": LICENCE, "value": person.licence}] if person.licence else []
    return {
        "resourceType": "Practitioner", "active": True, "name": [{"text": person.name}],
        "identifier": [{"system": NUMBER, "value": value}, *licence],
    }  # fmt: skip


def _role(person: Person, value: str, institution: str, practitioner: str) -> Resource:
    return {
        "resourceType": "PractitionerRole", "active": True, "identifier": [{"system": NUMBER, "value": value}],
        "practitioner": {"reference": practitioner}, "organization": {"reference": institution},
        "code": [{"coding": [{"system": ROLE, "code": one}]} for one in person.roles],
    } | ({"specialty": [{"text": person.department}]} if person.department else {})  # fmt: skip


def _value(person: Person, institution: str) -> str:
    return f"{institution.partition('/')[2]}/{person.number}"


def _placed(issue: Issue, person: Person) -> Issue:
    """Returns an issue that was raised by what a row asked for, as one of the row."""
    if issue.text.startswith("access.staff."):
        return issue
    return Issue(issue.severity, issue.code, issue.text, f"row[{person.row.number}]", issue.parameters)
