"""What a process needs about people beyond the record itself: who confirms, what they prove themselves by.

Opened once a process, with the platform.
"""

from dataclasses import dataclass, replace

from kangyun.access.addresses import read_addresses
from kangyun.access.approvals import Approvals, open_approvals
from kangyun.access.factors import Factors, open_factors
from kangyun.access.gate import Gate
from kangyun.access.keyed import Digester
from kangyun.access.messages import Codes, sender_of
from kangyun.access.register import Entry, Register
from kangyun.access.residents.bindings import bindings_of
from kangyun.access.residents.entrance import Residents
from kangyun.access.residents.wechat import wechat_of
from kangyun.access.rulebook import rules_of
from kangyun.access.signing.register import Register as Certificates
from kangyun.base.crypto import Sealer, derived_key
from kangyun.base.settings import Settings
from kangyun.database.pool import Pool
from kangyun.store.keys import KeyRing


@dataclass(frozen=True, slots=True)
class People:
    """Parts that web and command line use.

    register, entry: of the digital identities; None where there is no register.
    """

    approvals: Approvals
    codes: Codes
    factors: Factors
    residents: Residents
    register: Register | None = None
    entry: Entry | None = None

    def known(self, register: Register, entry: Entry) -> "People":
        """Returns the parts with the register of identities, which itself asks for the factors."""
        return replace(self, register=register, entry=entry)


def open_people(settings: Settings, gate: Gate, base: str) -> People:
    """Opens the parts. Raises Invalid for a region's own rules that cannot be read."""
    pool, keys, auditor = gate.store.pool, gate.store.keys, gate.auditor
    tickets = Sealer(derived_key(keys.index_key, "residents"), keys.cipher)
    codes = gate.codes
    rules = rules_of("kangyun.access.residents", "residents.toml", settings.data)
    bindings = bindings_of(pool, keys, gate.ledger, read_addresses(settings.data))
    return People(
        approvals=open_approvals(pool, keys, settings.data),
        codes=codes,
        factors=open_factors(
            pool, keys, auditor, codes, settings.data, base, Certificates(gate.store).trust, gate.ledger
        ),
        residents=Residents(gate, codes, bindings, wechat_of(settings), tickets, rules),
    )


def open_codes(settings: Settings, pool: Pool, keys: KeyRing) -> Codes:
    """Opens the one-time codes. Raises Invalid for a region's own rules that cannot be read."""
    return Codes(
        pool,
        Digester(derived_key(keys.index_key, "codes-digest", 32)),
        Sealer(derived_key(keys.index_key, "codes"), keys.cipher),
        sender_of(settings),
        rules_of("kangyun.access.messages", "messages.toml", settings.data),
        read_addresses(settings.data),
    )
