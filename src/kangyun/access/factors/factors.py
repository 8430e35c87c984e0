"""`Factors`: asked, answered, enrolled, removed. What the sign-in and the pages of staff use; each event is audited.

An answer is counted as wrong before it is looked at, and a challenge is taken away by its first answer: whoever sends
many at once gains nothing. Which part of an answer was wrong is not said.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.audit import Auditor
from kangyun.access.audit import Row as AuditRow
from kangyun.access.factors import passkeys, totp, usb_keys
from kangyun.access.factors.challenges import Challenges, new_name
from kangyun.access.factors.model import KINDS, Challenge, Held, Kind, NotProven, Rules, read_rules, text_of
from kangyun.access.factors.passkeys import Site
from kangyun.access.factors.sm2 import decoded, public_key_of, signature_of
from kangyun.access.factors.table import Row, Secret, Table
from kangyun.access.factors.usb_keys import Vendor, read_vendors
from kangyun.access.keyed import Digester
from kangyun.access.ledger import Ledger
from kangyun.access.masking import mask_phone
from kangyun.access.messages import Codes, WrongCode, checked_phone
from kangyun.access.rulebook import rules_of
from kangyun.base import clock
from kangyun.base.crypto import PublicKey, Sealer, derived_key
from kangyun.base.crypto.certificates import Certificate, Trust
from kangyun.base.errors import Forbidden, Invalid, PlatformError
from kangyun.base.statuses import status_of
from kangyun.database.pool import Pool
from kangyun.store.keys import KeyRing

PURPOSE = "factor"
NOWHERE = Circumstances("", "", "")
NO_INSTITUTION = 0
NONCE = 32  # bytes


class Factors:
    """The second factors of an installation. One for a process."""

    def __init__(
        self, table: Table, challenges: Challenges, codes: Codes, auditor: Auditor, rules: Rules,
        vendors: Mapping[str, Vendor], site: Site, trust: Callable[[], Awaitable[Trust]],
    ) -> None:  # fmt: skip
        """trust: whose certificates are believed, as it is now."""
        self._table = table
        self._challenges = challenges
        self._codes = codes
        self._auditor = auditor
        self._rules = rules
        self._vendors = vendors
        self._site = site
        self._trust = trust

    async def needed(self, role: str) -> tuple[Kind, ...]:
        """Returns the factors, any one of which satisfies a role; none for a role that needs none."""
        return self._rules.of(role).any

    async def held(self, identity: int) -> list[Held]:
        """Returns the factors that somebody has."""
        return await self._table.held(identity)

    async def telephones(self, connection: asyncpg.Connection, references: Collection[str]) -> dict[str, str]:
        """Returns the telephones that people have proven by SMS, by what stands for them in the record."""
        return await self._table.telephones(connection, references)

    # --- proving

    async def begin(self, identity: int, kind: Kind, about: Circumstances = NOWHERE) -> Challenge:
        """Asks somebody to prove themselves. Raises Forbidden where they have no such factor; of SMS as Codes.send."""
        rows = await self._table.rows(identity, _known(kind))
        if not rows:
            raise Forbidden("access.factors.none-held")
        if kind == "sms":
            return await self._send(identity, rows[0].secret.phone, None, about)
        nonce, name = secrets.token_bytes(NONCE), new_name()
        if kind == "passkey":
            ask = passkeys.to_sign(self._site, nonce, [row.secret.name for row in rows])
        elif kind == "usb-key":
            ask = usb_keys.asked(self._vendors, usb_keys.message_of(self._site.origin, name, nonce))
        else:
            ask = {}
        return await self._asked(identity, kind, ask, {"nonce": nonce.hex()}, name)

    async def verify(self, identity: int, kind: Kind, proof: Mapping[str, Any], about: Circumstances = NOWHERE) -> bool:
        """Looks at an answer, and returns true. Raises NotProven, WrongCode, Throttled, Invalid.

        proof: `challenge`, and `code`; or `credential` (passkey); or `signature` and `vendor` (USB key).
        """
        try:
            await self._table.count_try(identity)
            kept, factor = await self._taken(identity, kind, proof)
            if factor is not None:
                raise NotProven  # It was asked for an enrolment.
            for row in await self._table.rows(identity, kind):
                if await self._proves(row, kind, proof, kept):
                    break
            else:
                raise NotProven
        except PlatformError as error:
            await self._told("verify", identity, kind, status_of(error), about)
            raise
        await self._table.forgive(identity)
        await self._told("verify", identity, kind, 200, about)
        return True

    async def asked_last(self, identity: int, kind: Kind) -> str:
        """Returns the name of the question that somebody was asked last. Raises NotProven where none is open."""
        if kind != "sms":
            return await self._challenges.newest(identity, kind)
        rows = await self._table.rows(identity, kind)
        found = await self._codes.newest(rows[0].secret.phone, PURPOSE) if rows else None
        if found is None:
            raise NotProven
        return found

    # --- enrolling and removing

    async def permit(self, identity: int, by: str, about: Circumstances = NOWHERE) -> str:
        """Returns a code, to be handed over by hand, that lets somebody enrol a factor once."""
        code = await self._table.permit(identity, by)
        await self._told("permit", identity, None, 200, about, by)
        return code

    async def enrol(
        self, identity: int, kind: Kind, given: Mapping[str, Any], *, role: str, permit: str = "",
        account: str = "", about: Circumstances = NOWHERE,
    ) -> Challenge:  # fmt: skip
        """Begins to enrol a factor: what it asks is answered by `confirm`.

        given: of SMS `phone`; of a USB key `key`, a certificate or public key, and `vendor`; of the others nothing.
        permit: the code that was handed over; not needed for the first factor of a role that enrols itself.
        account: what an authenticator shows. Raises Forbidden, Invalid.
        """
        # Looked at before the permit is used up: whoever mistypes a number need not fetch another code.
        secret = self._material(_known(kind), given)
        faults = await self._faults(secret) if kind == "usb-key" else []
        if faults:
            raise Invalid(faults[0], at="key")
        if permit:
            await self._table.count_try(identity)
            await self._table.use_permit(identity, permit)
            await self._table.forgive(identity)
        elif self._rules.of(role).first != "self" or await self._table.held(identity):
            raise Forbidden("access.factors.no-permit")
        factor = await self._table.add(identity, kind, secret)
        await self._told("enrol", identity, kind, 200, about)
        if kind == "sms":
            return await self._send(identity, secret.phone, factor, about)
        nonce, name = secrets.token_bytes(NONCE), new_name()
        ask: dict[str, Any]
        if kind == "totp":
            ask = {"uri": totp.uri(secret.secret, account or str(identity)), "secret": totp.text(secret.secret)}
        elif kind == "passkey":
            known = [row.secret.name for row in await self._table.rows(identity, kind)]
            user = str(identity).encode()
            ask = passkeys.to_register(self._site, nonce, user, account or str(identity), known)
        else:
            ask = usb_keys.asked(self._vendors, usb_keys.message_of(self._site.origin, name, nonce))
        return await self._asked(identity, kind, ask, {"nonce": nonce.hex()}, name, factor)

    async def confirm(
        self, identity: int, kind: Kind, proof: Mapping[str, Any], about: Circumstances = NOWHERE
    ) -> None:
        """Ends an enrolment: the factor was proven, and holds. Raises as `verify`, and Conflict."""
        try:
            await self._table.count_try(identity)
            kept, factor = await self._taken(identity, kind, proof)
            row = await self._table.row(identity, factor) if factor is not None else None
            if row is None:
                raise NotProven
            if kind == "passkey":
                credential = _credential(proof)
                name, key, counter = passkeys.registered(self._site, bytes.fromhex(kept["nonce"]), credential)
                await self._table.activate(identity, row.id, kind, counter, Secret(name=name, key=key))
            else:
                step = self._matching(row, kind, proof, kept)
                if step is None:
                    # Who mistypes the first code need not fetch another permit; the tries are counted.
                    await self._challenges.keep(identity, kind, kept, factor=factor, id_=str(kept["name"]))
                    raise NotProven
                await self._table.activate(identity, row.id, kind, step, None)
        except PlatformError as error:
            await self._told("confirm", identity, kind, status_of(error), about)
            raise
        await self._table.forgive(identity)
        await self._told("confirm", identity, kind, 200, about)

    async def remove(self, identity: int, kind: Kind | None, by: str, about: Circumstances = NOWHERE) -> int:
        """Removes somebody's factors, of one kind or all, because they were lost; returns how many."""
        count = await self._table.remove(identity, kind)
        await self._told("remove", identity, kind, 200, about, by)
        return count

    # --- parts

    def _material(self, kind: Kind, given: Mapping[str, Any]) -> Secret:
        if kind == "totp":
            return Secret(secret=secrets.token_bytes(totp.SECRET_BYTES))
        if kind == "sms":
            return Secret(phone=checked_phone(given.get("phone")))
        if kind == "usb-key":
            text = text_of(given, "key", 16_000)
            pem = text.startswith("-----BEGIN CERTIFICATE")
            raw = text.encode() if pem else decoded(text, self._vendor(given).encoding, "key")
            key, certificate = public_key_of(raw, clock.now())
            return Secret(key=key, certificate=certificate.der if certificate else b"")
        return Secret(name=secrets.token_bytes(NONCE))  # Of a passkey that is not made yet.

    async def _faults(self, secret: Secret) -> list[str]:
        """Returns why a USB key is not taken, as text ids: its certificate is over, was revoked, or is a stranger's.

        Where the rules need no certificate, one whose authority is not known here, or a bare key, is vouched for by
        hand; what a known authority has revoked is not taken in any case.
        """
        needed = self._rules.certificates.required
        if not secret.certificate:
            if secret.ends and secret.ends <= clock.instant(clock.now()):
                return ["access.factors.certificate-over"]
            return ["access.factors.certificate-needed"] if needed else []
        certificate, now = Certificate(secret.certificate), clock.now()
        if not certificate.not_before <= now < certificate.not_after:
            return ["access.factors.certificate-over"]
        trust = await self._trust()
        found = await asyncio.to_thread(trust.faults, certificate, now)
        return [f"access.signing.{fault}" for fault in found if needed or fault != "untrusted"]

    async def _send(self, identity: int, phone: str, factor: int | None, about: Circumstances) -> Challenge:
        good_for = {"identity": identity, "factor": factor}
        id_ = await self._codes.send("factor", PURPOSE, phone, "sms", about.source, good_for)
        ends = clock.now().timestamp() + self._codes.limits.minutes * 60
        return Challenge(id_, "sms", {"phone": mask_phone(phone)}, datetime.fromtimestamp(ends, clock.now().tzinfo))

    async def _asked(
        self, identity: int, kind: Kind, ask: Mapping[str, Any], kept: Mapping[str, Any], name: str,
        factor: int | None = None,
    ) -> Challenge:  # fmt: skip
        id_, ends = await self._challenges.keep(identity, kind, kept, factor=factor, id_=name)
        return Challenge(id_, kind, ask, ends)

    async def _taken(self, identity: int, kind: Kind, proof: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
        """Returns what was asked, and the factor that it enrols; of SMS the code has been looked at."""
        if _known(kind) != "sms":
            kept, factor = await self._challenges.take(proof.get("challenge"), identity, kind)
            return kept | {"name": proof.get("challenge")}, factor
        good = await self._codes.check(proof.get("challenge"), PURPOSE, proof.get("code"))
        if good["identity"] != identity:
            raise WrongCode
        return good, good["factor"]

    async def _proves(self, row: Row, kind: Kind, proof: Mapping[str, Any], kept: Mapping[str, Any]) -> bool:
        """Whether an answer is that of a factor, and is used now for the first time."""
        if kind == "passkey":
            credential = _credential(proof)
            if passkeys.id_of(credential) != row.secret.name:
                return False
            nonce = bytes.fromhex(kept["nonce"])
            counter = passkeys.signed(self._site, nonce, credential, row.secret.key, row.counter)
            return await self._table.use(row.id, counter)
        step = self._matching(row, kind, proof, kept)
        if step is None or (kind == "usb-key" and await self._faults(row.secret)):
            return False
        if kind == "totp":
            return await self._table.use(row.id, step)
        await self._table.touch(row.id)
        return True

    def _matching(self, row: Row, kind: Kind, proof: Mapping[str, Any], kept: Mapping[str, Any]) -> int | None:
        """Returns the counter that an answer has; 0 where the kind counts nothing, None for a wrong answer."""
        if kind == "sms":
            return 0
        if kind == "totp":
            code = text_of(proof, "code", 20)
            return totp.matching_step(row.secret.secret, code, totp.step_of(clock.now().timestamp()), row.counter)
        vendor = self._vendor(proof)
        signature = signature_of(decoded(text_of(proof, "signature"), vendor.encoding, "signature"), vendor.form)
        message = usb_keys.message_of(self._site.origin, str(kept["name"]), bytes.fromhex(kept["nonce"]))
        return 0 if PublicKey("sm2", row.secret.key).verify(message, signature) else None

    def _vendor(self, given: Mapping[str, Any]) -> Vendor:
        vendor = self._vendors.get(str(given.get("vendor", "generic")))
        if vendor is None:
            raise Invalid("access.factors.no-vendor", at="vendor")
        return vendor

    async def _told(
        self, what: str, identity: int, kind: Kind | None, outcome: int, about: Circumstances, by: str = ""
    ) -> None:
        """Leaves the audit row."""
        shape = f"/factor/{kind or '*'} identity/{identity}"
        actor = by or f"identity/{identity}"
        await self._auditor.write(
            AuditRow(clock.now(), NO_INSTITUTION, outcome, f"factor-{what}", actor, "SYSADMIN", shape, about.source,
                about.request, [])
        )  # fmt: skip


def _known(kind: str) -> Kind:
    if kind not in KINDS:
        raise Invalid("access.factors.no-kind", at="kind", kinds=", ".join(KINDS))
    return kind


def _credential(proof: Mapping[str, Any]) -> Mapping[str, Any]:
    credential = proof.get("credential")
    if not isinstance(credential, Mapping):
        raise Invalid("access.factors.needed", at="credential", name="credential")
    return credential


def open_factors(
    pool: Pool,
    keys: KeyRing,
    auditor: Auditor,
    codes: Codes,
    data: Path,
    base: str,
    trust: Callable[[], Awaitable[Trust]],
    ledger: Ledger,
) -> Factors:
    """Opens the factors, by the rules of the package or the region's own. base: the platform's own URL."""
    rules = read_rules(rules_of("kangyun.access.factors", "factors.toml", data))
    vendors = read_vendors(rules_of("kangyun.access.factors", "usb_keys.toml", data))
    sealer = Sealer(derived_key(keys.index_key, "factors"), keys.cipher)
    digester = Digester(derived_key(keys.index_key, "factors-digest", 32))
    table = Table(pool, digester, sealer, rules.limits, ledger)
    challenges = Challenges(pool, sealer, rules.limits.challenge_minutes)
    return Factors(table, challenges, codes, auditor, rules, vendors, Site.of(base), trust)
