"""`kangyun staff`: a hospital's list of staff, tried or carried out; and second factors that were lost.

As for the registers (`registers`), whoever may use this terminal has the root key and the database; who says to act
(`--by`) stands in the audit trail.
"""

import os
from dataclasses import replace
from itertools import count
from pathlib import Path

from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.access.staff import Importer, Outcome, read_sheet, report, template
from kangyun.access.staff.rules import the_list
from kangyun.base.errors import Conflict, Invalid, NotFound, NotSupported, Unavailable
from kangyun.base.texts import say
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak

ABOUT = Circumstances("staff-import", "", "")


def write_template(file: Path) -> None:
    """Writes the empty list."""
    write_new(file, template(the_list().column, the_list().note))
    announce(speak("cli.staff-written", file=str(file)))


def import_list(data: Path | None, file: Path, by: str, *, dry_run: bool) -> int:
    """Carries a list out, or says what would become of it. Returns 0, or 1 where rows were refused.

    What was refused, and how those who are new sign in, goes to a workbook of mode 0600 beside the list.
    """
    try:
        sheet = read_sheet(file.read_bytes(), the_list().needed)
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
    told = beside(file, "try" if dry_run else "done")
    done: list[Outcome] = []

    async def carry_out(platform: Platform) -> None:
        register = platform.people.register
        if register is None:
            raise NotSupported("access.staff.no-register")
        record = await platform.gate.open(replace(ADMINISTRATOR, reference=await acting(platform, by)), ABOUT)
        done.append(await Importer(register, record, platform.gate.store.zone).run(sheet, dry_run=dry_run))

    on_platform(data, carry_out)
    (outcome,) = done
    refused = [
        (row, " ".join(say(issue.text, language(), issue.parameters) for issue in issues))
        for row, issues in outcome.refused()
    ]
    for _, text in refused:
        announce(text, style="red")
    text = "access.staff.tried" if dry_run else "access.staff.done"
    announce(speak(text, refused=len(refused), **outcome.counts))
    if refused or outcome.sign_ins:
        write_new(told, report(sheet.header, refused, outcome.sign_ins))
        announce(speak("cli.staff-written", file=str(told)))
    return 1 if refused else 0


def reset_factors(data: Path | None, name: str, by: str) -> None:
    """Removes somebody's second factors and says the code by which they enrol a new one."""

    async def do(platform: Platform) -> None:
        found = await platform.sign_in.identities.find(name)
        if found is None:
            raise NotFound("cli.no-such-identity", name=name)
        actor = await acting(platform, by)
        await platform.people.factors.remove(found.id, None, actor)
        await platform.sign_in.end_all(found.id, "local", "")
        code = await platform.people.factors.permit(found.id, actor)
        announce(speak("cli.staff-permit", code=code))

    on_platform(data, do)


def beside(file: Path, what: str, ending: str = "xlsx") -> Path:
    """Returns the first free name for what came of a list: 名单.done.xlsx, 名单.done-2.xlsx and so on.

    What came of it before may hold passwords that are given once, so it stays; and it is in nobody's way.
    """
    names = (f"{file.stem}.{what}{f'-{nth}' if nth > 1 else ''}.{ending}" for nth in count(1))
    return next(place for name in names if not (place := file.with_name(name)).exists())


def write_new(file: Path, body: bytes) -> None:
    """Writes a new file that nobody else reads. Raises Conflict where there is one, Unavailable where it cannot."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict("cli.staff-exists", file=str(file)) from None
    except OSError:
        raise Unavailable("cli.staff-not-written", file=str(file)) from None
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(body)
