"""A medium keeps what it was told, says when that was changed, and forgets what is too old."""

import io
import stat
import tarfile
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.base.crypto import Sealer, derived_key, new_key
from kangyun.base.errors import Unavailable
from kangyun.database.backups import sealing
from kangyun.database.backups.medium import Base, Medium, Progress, Reached, Wrapping, segment_begin, segment_name
from kangyun.database.backups.sealing import DamagedFile
from kangyun.database.backups.unpacking import chosen, refuse_what_the_log_has_not, unpack

SEGMENT = 16 << 20
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def wrapping():
    return root()


def root(generation=0, seed=None):
    """A root key at a generation: those before are destroyed, those after can be reckoned."""
    seed = seed or new_key()

    def at(wanted):
        if wanted < generation:
            raise Unavailable
        return Sealer(derived_key(seed, str(wanted)), "sm4")

    return Wrapping(generation, at)


@pytest.fixture
def medium(tmp_path, wrapping):
    return Medium.open(tmp_path / "medium", wrapping, "sm4", may_make=True)


def base(number):
    """The copy of an hour, each four segments further."""
    ended = NOON + timedelta(hours=number)
    return Base(
        id=f"base{number}", began=ended, ended=ended, server="18", system="1", timeline=1,
        start=f"0/{(4 * number + 1) * SEGMENT:X}", stop=f"0/{(4 * number + 1) * SEGMENT + 99:X}", segment_bytes=SEGMENT,
        cipher="sm4", version="0", reached=Reached(1, number, number, {"res_number": 64 * number}), files=(),
    )  # fmt: skip


def progress(segment, hours):
    return Progress(
        instant=NOON + timedelta(hours=hours), lsn=f"0/{segment * SEGMENT + 5:X}", timeline=1, system="1",
        reached=Reached(2, 3, 4, {"res_number": 7, "audit_id": 9}),
    )  # fmt: skip


def log(medium, segments):
    for number in segments:
        medium.segment(segment_name(1, number * SEGMENT, SEGMENT)).append(b"log", last=True)


def test_names_of_segments():
    assert segment_name(3, 0x1_2300_0000_0 + 5, SEGMENT) == "000000030000001200000030"
    assert segment_begin("000000030000001200000030", SEGMENT) == 0x1_2300_0000_0


def test_what_was_told_stands_and_cannot_be_changed(medium, wrapping):
    medium.tell(base(1))
    medium.tell(progress(5, 2))
    again = Medium.open(medium.folder, wrapping, "sm4")
    assert [one.id for one in again.bases()] == ["base1"]
    assert again.known() == Reached(2, 3, 4, {"res_number": 64, "audit_id": 9})
    manifest = medium.base("base1") / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"position": 1', '"position": 2'))
    with pytest.raises(DamagedFile):
        again.bases()


def test_another_root_key_does_not_open_it(medium):
    with pytest.raises(Unavailable, match="other-key"):
        Medium.open(medium.folder, root(), "sm4")


def test_a_root_key_that_was_exchanged_or_goes_on(tmp_path):
    seed = new_key()
    medium = Medium.open(tmp_path / "medium", root(0, seed), "sm4", may_make=True)
    medium.tell(base(1))
    with pytest.raises(Unavailable, match="other-key"):
        Medium.open(medium.folder, root(1, seed), "sm4")
    assert medium.wrap_anew(root(1, seed)) == 1
    assert Medium.open(medium.folder, root(1, seed), "sm4").bases()
    # A copy of it that was put away before opens what came after.
    assert Medium.open(medium.folder, root(0, seed), "sm4").bases()


def test_the_oldest_are_forgotten_with_the_log_that_was_theirs(medium):
    for number in range(4):
        medium.tell(base(number))
    (medium.folder / "base" / "base0-broken-off").mkdir()
    log(medium, range(1, 18))
    assert medium.forget(2) == ["base0", "base1"]
    assert [one.id for one in medium.bases()] == ["base2", "base3"]
    assert medium.segments()[0] == segment_name(1, 9 * SEGMENT, SEGMENT)
    assert not (medium.folder / "base" / "base0-broken-off").exists()
    assert medium.forget(2) == []


def test_the_copy_and_the_log_that_an_instant_needs(medium):
    with pytest.raises(Unavailable, match="none"):
        chosen(medium, None)
    for number in range(2):
        medium.tell(base(number))
    assert chosen(medium, None).id == "base1"
    assert chosen(medium, NOON + timedelta(minutes=30)).id == "base0"
    assert chosen(medium, None, "base0").id == "base0"
    with pytest.raises(Unavailable, match="too-early"):
        chosen(medium, NOON - timedelta(hours=1))
    with pytest.raises(Unavailable, match="no-such"):
        chosen(medium, None, "base7")
    medium.tell(progress(9, 3))
    log(medium, [*range(1, 7), 8, 9])
    with pytest.raises(Unavailable, match="too-late"):
        refuse_what_the_log_has_not(medium, base(1), NOON + timedelta(hours=4))
    with pytest.raises(Unavailable, match="log-gap"):
        refuse_what_the_log_has_not(medium, base(1), None)
    log(medium, [7])
    refuse_what_the_log_has_not(medium, base(1), NOON + timedelta(hours=3))


@pytest.fixture
def copied(medium):
    """Puts a tar of members (name, type) onto the medium as a copy's."""

    def copy(*members):
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as tar:
            for name, type_ in members:
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.uid = type_, "/etc/passwd", 4242
                member.size = 1 if type_ == tarfile.REGTYPE else 0
                member.mode = 0o750 if type_ == tarfile.DIRTYPE else 0o640
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        medium.base("base1").mkdir(parents=True)
        with (medium.base("base1") / "files").open("wb") as file:
            sealing.write(file, "base1/files", medium.keys, [sink.getvalue()])

    return copy


def test_a_copy_is_unpacked_as_the_files_of_who_unpacks_it(medium, copied, tmp_path):
    copied(("base", tarfile.DIRTYPE), ("base/1", tarfile.REGTYPE), ("PG_VERSION", tarfile.REGTYPE))
    (tmp_path / "there").mkdir()
    unpack(medium, base(1), "files", tmp_path / "there")
    file = tmp_path / "there" / "base" / "1"
    assert file.read_bytes() == b"x"
    assert file.stat().st_uid == tmp_path.stat().st_uid
    assert not stat.S_IMODE(file.stat().st_mode) & 0o022


@pytest.mark.parametrize(
    "member", [("../out", tarfile.REGTYPE), ("/tmp/out", tarfile.REGTYPE), ("out", tarfile.SYMTYPE)]
)
def test_a_copy_that_leads_elsewhere_is_damaged(medium, copied, tmp_path, member):
    copied(("PG_VERSION", tarfile.REGTYPE), member)
    (tmp_path / "there").mkdir()
    with pytest.raises(DamagedFile):
        unpack(medium, base(1), "files", tmp_path / "there")
    assert not (tmp_path / "out").exists()
