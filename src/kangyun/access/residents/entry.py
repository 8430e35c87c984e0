"""A resident's session: begun in the register of identities, once it is proven who they are.

Who comes the first time is admitted there as who their first registration says; their other registrations are theirs to
act for. Whose identity was ended is admitted again only by saying anew who they are.
"""

from collections.abc import Sequence

from kangyun.access.identities.model import PLATFORM, Identity, Proxy
from kangyun.access.identities.sessions import Session
from kangyun.access.signin import SignIn
from kangyun.base.errors import SignInNeeded

ROLE, ONESELF = "resident", "ONESELF"


class ResidentEntry:
    """Begins sessions of residents. One for a process."""

    def __init__(self, sign_in: SignIn) -> None:
        self._sign_in = sign_in
        self._identities = sign_in.identities

    async def begin(
        self, patients: Sequence[str], name: str, vouched_by: str, factors: Sequence[str], source: str, request: str
    ) -> tuple[Session, str]:
        """Lets a resident in and returns the session with its cookie. Raises SignInNeeded for who was shut out.

        Forbidden where the region's rules ask residents for a second factor too: that takes the pages.
        """
        known = await self._known(patients)
        if known is not None and self._identities.admits(known) and await self._acts_for_more(known, patients):
            # Somebody who proved less than what this identity opens: never let in as it.
            if not name:
                raise SignInNeeded("access.residents.shut-out")
            await self._identities.leave(known.id, vouched_by, "proven anew for less")
            known = None
        if known is None and name:
            known = await self._admitted(patients, name, vouched_by, factors)
        if known is None or not self._identities.admits(known):
            raise SignInNeeded("access.residents.shut-out")
        proof = "+".join(factors)
        return await self._sign_in.begin_without_password(known, proof, ROLE, source=source, request=request)

    async def end(self, patients: Sequence[str], by: str) -> None:
        """Ends the identities of residents, their sessions and grants with them: they say anew who they are.

        Who was suspended stays so: no desk lets them in again by this.
        """
        async with self._identities.pool.connection() as connection:
            rows = await connection.fetch(_OF, [f"Patient/{one}" for one in patients], list(patients), ONESELF)
        for row in rows:
            await self._identities.leave(row["id"], by, "unbound")

    async def _acts_for_more(self, known: Identity, patients: Sequence[str]) -> bool:
        held = {one.patient for one in await self._identities.proxies(known.id) if one.relation == ONESELF}
        return not held <= {*patients, known.reference.partition("/")[2]}

    async def _known(self, patients: Sequence[str]) -> Identity | None:
        """Returns the identity that one of the registrations stands for; the others become theirs to act for."""
        for patient in patients:
            known = await self._identities.find(f"Patient/{patient}")
            if known is not None:
                break
        else:
            return None
        held = {proxy.patient for proxy in await self._identities.proxies(known.id)}
        for patient in patients:
            if patient not in held and f"Patient/{patient}" != known.reference:
                why = "the same name and number"
                await self._identities.give_proxy(known.id, Proxy(patient, ONESELF), known.reference, why)
        return known

    async def _admitted(
        self, patients: Sequence[str], name: str, vouched_by: str, factors: Sequence[str]
    ) -> Identity | None:
        first, *others = patients
        id_ = await self._identities.admit(
            "resident", f"Patient/{first}", PLATFORM, name, roles=[ROLE], vouched_by=vouched_by,
            evidence="+".join(factors), proxies=[Proxy(patient, ONESELF) for patient in others],
        )  # fmt: skip
        return await self._identities.get(id_)


_OF = """
SELECT DISTINCT i.id FROM identity AS i LEFT JOIN identity_proxy AS p
    ON p.identity = i.id AND p.taken IS NULL AND p.patient = ANY ($2::text[]) AND p.relation = $3
WHERE i.kind = 'resident' AND i.status = 'admitted' AND (i.reference = ANY ($1::text[]) OR p.id IS NOT NULL)
ORDER BY i.id
"""
