"""Wrong sign-ins in a row lock an account for a while, longer each time, and an address for a minute; in all processes.

A try is counted before the password is looked at: whoever tries many at once gains nothing. What is locked says
nothing of whether there is such an account: one that there is not is locked the same way.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address

from kangyun.access.addresses import Addresses, shipped
from kangyun.access.identities.vault import Vault
from kangyun.base.errors import Throttled
from kangyun.database.pool import Pool

ACCOUNT_TRIES = 5
FIRST, LONGEST = 60, 3600  # seconds
FORGOTTEN = 24 * 3600  # seconds without a wrong one, after which it begins anew
NO_LEAK = 1e12  # seconds: of an account none is forgotten by itself


class Locked(Throttled):
    """Too many wrong sign-ins: wait."""

    default_text = "access.identities.locked-for-now"

    def __init__(self, seconds: int = LONGEST) -> None:
        super().__init__("access.identities.locked", minutes=max(1, -(-seconds // 60)))
        self.retry_after = seconds


@dataclass(frozen=True, slots=True)
class Lockout:
    """Counts wrong sign-ins."""

    pool: Pool
    vault: Vault
    addresses: Addresses = field(default_factory=shipped)

    async def begin(self, account: str, source: str) -> None:
        """Counts a try as a wrong one until `succeed` says otherwise. Raises Locked where it comes too soon."""
        limits: list[tuple[bytes, int, int, float]] = [(self._account(account), ACCOUNT_TRIES, LONGEST, NO_LEAK)]
        if not _is_here(source):
            # Many may share an address: of theirs one is forgotten now and then, and the wait is never longer.
            one, times = self.addresses.one, self.addresses.times(source)
            limits.append((self._source(source), one.wrong_sign_ins * times, FIRST, one.forgotten_seconds / times))
        for subject, tries, longest, leak in limits:
            async with self.pool.connection() as connection:
                locked = await connection.fetchval(_TRY, subject, tries, FIRST, longest, FORGOTTEN, leak)
            if locked is not None:
                raise Locked(int(locked) + 1)

    async def succeed(self, account: str, source: str) -> None:
        """Forgets the wrong sign-ins of an account; the address is forgiven this one."""
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM sign_in_failure WHERE subject = $1", self._account(account))
            await connection.execute(_FORGIVE, self._source(source))
            await connection.execute(_FORGET, FORGOTTEN)

    async def unlock(self, account: str) -> None:
        """Lets an account try again at once."""
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM sign_in_failure WHERE subject = $1", self._account(account))

    def _account(self, handle: str) -> bytes:
        return self.vault.digest("account", handle)

    def _source(self, source: str) -> bytes:
        return self.vault.digest("source", source)


def _is_here(source: str) -> bool:
    """Whether an address is this machine's own: that of a reverse proxy, behind which everybody has it."""
    try:
        return ip_address(source).is_loopback
    except ValueError:
        return not source


# Returns for how many seconds more it is locked, null where this try is allowed. The try that reaches the limit is
# made, and those after it wait: twice as long each time.
_COUNT = """
(CASE WHEN sign_in_failure.last < clock_timestamp() - make_interval(secs => $5::int4) THEN 0
ELSE greatest(0, sign_in_failure.failures
    - extract(epoch FROM clock_timestamp() - sign_in_failure.last)::float8 / $6::float8) END + 1)
"""
_TRY = f"""
INSERT INTO sign_in_failure (subject, failures) VALUES ($1, 1)
ON CONFLICT (subject) DO UPDATE SET
    refused = sign_in_failure.locked_until > clock_timestamp(),
    failures = CASE
        WHEN sign_in_failure.locked_until > clock_timestamp() THEN sign_in_failure.failures
        ELSE {_COUNT} END,
    last = CASE
        WHEN sign_in_failure.locked_until > clock_timestamp() THEN sign_in_failure.last
        ELSE clock_timestamp() END,
    locked_until = CASE
        WHEN sign_in_failure.locked_until > clock_timestamp() THEN sign_in_failure.locked_until
        WHEN {_COUNT} < $2::int4 - 0.01 THEN '-infinity'
        ELSE clock_timestamp() + make_interval(
            secs => least($4::int4, $3::int4 * (1 << least(floor({_COUNT} + 0.01)::int4 - $2::int4, 16)))) END
RETURNING CASE WHEN refused THEN extract(epoch FROM locked_until - clock_timestamp())::float8 END
"""
_FORGIVE = (
    "UPDATE sign_in_failure SET failures = greatest(0, failures - 1), locked_until = '-infinity' WHERE subject = $1"
)
_FORGET = """
DELETE FROM sign_in_failure
WHERE last < clock_timestamp() - make_interval(secs => $1::int4) AND locked_until < clock_timestamp()
"""
