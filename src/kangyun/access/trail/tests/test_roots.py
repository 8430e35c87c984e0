"""The file of roots: what somebody does to it, who has no signing key, is told by line."""

import os
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from kangyun.access.trail.roots import CERTIFICATE, Root, Roots, link
from kangyun.access.trail.signatures import examine
from kangyun.base.crypto import SoftwareProvider, sm3
from kangyun.base.crypto.certificates import read_all

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


@pytest.fixture(params=["sm4", "aes"])
def provider(request):
    return SoftwareProvider(os.urandom(32), request.param)


@pytest.fixture
def roots(tmp_path, provider):
    made = Roots(tmp_path / "trail" / "roots.ndjson", provider)
    add(made, 1, 6)
    return made


def add(roots, first, last):
    for number in range(first, last):
        roots.add(NOW + timedelta(minutes=number), number, sm3(bytes([number])))


def faults(roots):
    certificates = read_all(roots.path.with_name(CERTIFICATE).read_bytes())
    return [tuple(one) for one in examine(roots.lines(), certificates).faults]


def change(roots, edit):
    lines = roots.lines()
    edit(lines)
    roots.path.write_bytes(b"\n".join(lines))


def test_what_was_written_holds(roots, provider):
    found = examine(roots.lines(), read_all(roots.path.with_name(CERTIFICATE).read_bytes()))
    assert (found.signed, found.unsigned, found.faults) == (5, 0, [])
    assert found.keys == {provider.public_key.fingerprint}
    assert [root.seal for root in roots.read()[0]] == [1, 2, 3, 4, 5]


def test_a_changed_line_is_told(roots):
    change(roots, lambda lines: lines.__setitem__(2, lines[2].replace(b'"seal":3', b'"seal":9')))
    assert faults(roots) == [("root-forged", 3), ("root-cut", 4)]


def test_a_removed_line_is_told(roots):
    change(roots, lambda lines: lines.pop(2))
    assert faults(roots) == [("root-cut", 3)]


def test_moved_and_repeated_lines_are_told(roots):
    change(roots, lambda lines: lines.insert(1, lines.pop(2)))
    assert {kind for kind, _ in faults(roots)} == {"root-cut"}


def test_who_links_anew_cannot_sign_anew(roots):
    """All lines changed and linked again, with the old signatures."""

    def forge(lines):
        before = b""
        for place, line in enumerate(lines[:5]):
            root = msgspec.json.decode(line, type=Root)
            digest = sm3(b"other" + line).hex()
            lines[place] = before = msgspec.json.encode(
                msgspec.structs.replace(root, sm3=digest, before=link(before) if place else root.before)
            )

    change(roots, forge)
    assert [kind for kind, _ in faults(roots)] == ["root-forged"] * 5


def test_who_signs_with_another_key_is_told(roots):
    other = SoftwareProvider(os.urandom(32), "sm4")
    certificates = read_all(roots.path.with_name(CERTIFICATE).read_bytes())
    add(Roots(roots.path, other), 6, 8)
    found = examine(roots.lines(), certificates)
    assert [tuple(one) for one in found.faults] == [("root-strange-key", 6), ("root-strange-key", 7)]
    assert faults(roots) == []  # A key that was exchanged: the file has the certificates of both.


def test_lines_without_signatures_are_old_ones(tmp_path, provider):
    roots = Roots(tmp_path / "roots.ndjson")
    add(roots, 1, 3)
    add(Roots(roots.path, provider), 3, 5)
    certificates = read_all(roots.path.with_name(CERTIFICATE).read_bytes())
    found = examine(roots.lines(), certificates)
    assert (found.signed, found.unsigned, found.faults) == (2, 2, [])
    add(roots, 5, 6)
    assert faults(roots) == [("root-unsigned", 5)]


def test_after_a_loss_of_power_it_goes_on(roots):
    with roots.path.open("ab") as file:
        file.write(b'{"instant":"2026-05')
    add(roots, 6, 8)
    assert faults(roots) == []
    assert [root.seal for root in roots.read()[0]] == [1, 2, 3, 4, 5, 6, 7]
    assert roots.read()[1] == [6]


def test_many_lines_need_one_signature(roots, provider):
    """A year of lines is looked at in seconds, though one SM2 signature takes 25 ms."""
    lines = roots.lines()[:5]
    for number in range(6, 5_000):
        root = Root(NOW, number, "00" * 32, link(lines[-1]), provider.public_key.fingerprint, "00" * 64)
        lines.append(msgspec.json.encode(root))
    root = Root(NOW, 5_000, "00" * 32, link(lines[-1]), provider.public_key.fingerprint)
    lines.append(msgspec.json.encode(msgspec.structs.replace(root, signature=provider.sign(root.to_sign).hex())))
    found = examine(lines, read_all(roots.path.with_name(CERTIFICATE).read_bytes()))
    assert (found.signed, found.faults) == (5_000, [])
