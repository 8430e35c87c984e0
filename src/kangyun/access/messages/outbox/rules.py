"""When, how often and by which channels people are told: the region's figures, and what follows from them. Pure.

Source of the figures: `data/outbox.toml`, or the region's own `policy/outbox.toml`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from kangyun.access.messages.outbox.model import CHANNELS, Channel, Role, Urgency
from kangyun.access.rulebook import rules_of
from kangyun.base.errors import Invalid

FILE = "outbox.toml"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Night(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When nothing but red is told, and how far a reader may make it longer. Times of the region's zone."""

    begins: str
    ends: str
    earliest: str
    latest: str


class Patience(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds that a channel's receipt, and then an answer, is waited for."""

    receipt: float
    answer: float


class Tries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often and after which seconds a channel is tried again, and after how many a claim counts as lost."""

    most: int
    pause: float
    red_pause: float
    claim: float


class Public(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may leave by other hands."""

    variables: tuple[str, ...]
    forbidden: tuple[str, ...]


class Together(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds within which messages are told as one list."""

    amber: float
    plain: float


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Channels in their order, behind the list in the app."""

    red: tuple[Channel, ...]
    other: tuple[Channel, ...]


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days that what was told can be looked up."""

    days: int


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `data/outbox.toml` has them."""

    edition: str
    night: Night
    together: Together
    budget: dict[Role, int]
    order: Order
    channel: dict[Channel, Patience]
    tries: Tries
    kept: Kept
    public: Public


class Chosen(msgspec.Struct, frozen=True):
    """What a reader chose. order: channels, empty for the region's. night: begins and ends, empty for the region's."""

    order: tuple[Channel, ...] = ()
    night_begins: str = ""
    night_ends: str = ""
    language: str = "zh"


def read_rules(data: Path) -> Rules:
    """Reads the rules of an installation. Raises Invalid for what is none."""
    try:
        rules = msgspec.convert(rules_of("kangyun.access.messages.outbox", FILE, data), Rules)
        for text in (rules.night.begins, rules.night.ends, rules.night.earliest, rules.night.latest):
            time.fromisoformat(text)
    except (msgspec.ValidationError, ValueError):
        raise Invalid("access.wrong-rules", file=FILE) from None
    if set(rules.channel) != set(CHANNELS) or rules.tries.most < 1 or not rules.order.red:
        raise Invalid("access.wrong-rules", file=FILE)
    return rules


def night_of(rules: Rules, chosen: Chosen) -> tuple[time, time]:
    """Returns when a reader's night begins and ends: the region's, or a longer one of his own within its bounds."""
    night = rules.night
    begins, ends = time.fromisoformat(night.begins), time.fromisoformat(night.ends)
    if chosen.night_begins:
        begins = max(min(time.fromisoformat(chosen.night_begins), begins), time.fromisoformat(night.earliest))
    if chosen.night_ends:
        ends = min(max(time.fromisoformat(chosen.night_ends), ends), time.fromisoformat(night.latest))
    return begins, ends


def awake(moment: datetime, night: tuple[time, time], zone: tzinfo) -> datetime:
    """Returns the moment itself, or the morning after where it is in the night."""
    begins, ends = night
    local = moment.astimezone(zone)
    if local.time() >= begins:
        return datetime.combine(local.date() + timedelta(days=1), ends, zone).astimezone(UTC)
    if local.time() < ends:
        return datetime.combine(local.date(), ends, zone).astimezone(UTC)
    return moment


def first_due(rules: Rules, urgency: Urgency, moment: datetime, zone: tzinfo) -> datetime:
    """Returns when a message is told that may be told from a moment on."""
    if urgency is Urgency.RED:
        return moment
    stretch = rules.together.amber if urgency is Urgency.AMBER else rules.together.plain
    if stretch > 0:  # All of the same stretch are due together, whenever they came.
        moment = EPOCH + timedelta(seconds=((moment - EPOCH).total_seconds() // stretch + 1) * stretch)
    return awake(moment, night_of(rules, Chosen()), zone)


def day_of(moment: datetime, zone: tzinfo) -> date:
    """Returns the region's day, by which is counted what somebody was told."""
    return moment.astimezone(zone).date()


def channels_for(rules: Rules, chosen: Chosen, urgency: Urgency, there: Sequence[Channel]) -> tuple[Channel, ...]:
    """Returns the channels by which a reader is told, in order; the list in the app first.

    there: those that the installation has and by which the reader can be reached. What is red goes by those that he did
    not choose, too, behind those that he did.
    """
    usual = rules.order.red if urgency is Urgency.RED else rules.order.other
    wanted = chosen.order or usual
    if urgency is Urgency.RED:
        wanted = (*wanted, *usual)
    return ("in-app", *(one for one in dict.fromkeys(wanted) if one in there and one != "in-app"))


def zone_of(name: str) -> tzinfo:
    """Returns the region's zone."""
    return ZoneInfo(name)
