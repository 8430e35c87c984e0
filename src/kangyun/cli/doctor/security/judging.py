"""Lets the checks look, once each, and makes a row of each requirement."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg

from kangyun.base.texts import say
from kangyun.cli.doctor.security.checks import CHECKS
from kangyun.cli.doctor.security.controls import Control, Standard
from kangyun.cli.doctor.security.site import Site
from kangyun.cli.doctor.security.verdicts import WORDS, Finding, Unseen, Verdict, environment, unknown, worst

TEXTS = "cli.doctor.security."
NOT_VERIFIED = "（条款编号或原文未核实）"


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement and what was found of it."""

    control: Control
    findings: list[Finding]

    @property
    def verdict(self) -> Verdict:
        return worst(self.findings)

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """控制点, 要求, 发现, 证据, 结论."""
        control = self.control
        mark = NOT_VERIFIED if control.unverified else ""
        return (
            f"{control.clause} {control.name}{mark}",
            control.requires,
            "\n".join(dict.fromkeys(told(finding) for finding in self.findings)),
            "\n".join(dict.fromkeys(finding.evidence for finding in self.findings if finding.evidence)) or "—",
            WORDS[self.verdict],
        )


def told(finding: Finding) -> str:
    """Returns a finding in Chinese."""
    return say(f"{TEXTS}{finding.text}", "zh", finding.places)


class Judge:
    """Judges requirements by what one site shows. A check that several of them ask for looks once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._found: dict[str, Finding] = {}

    async def rows(self, standard: Standard) -> AsyncIterator[Row]:
        """Gives the rows of a standard, in its order."""
        for control in standard.controls:
            findings = [await self._look(name) for name in control.checks]
            if control.bearer:
                findings.append(environment("borne", control.attach, bearer=control.bearer))
            yield Row(control, findings)

    async def _look(self, name: str) -> Finding:
        if name not in self._found:
            self._found[name] = await self._looked(name)
        return self._found[name]

    async def _looked(self, name: str) -> Finding:
        try:
            return await CHECKS[name](self._site)
        except Unseen as unseen:
            return unseen.finding
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            kind = type(error).__name__
            return unknown("broke-off", f"{name}：{kind}", reason=kind)
