"""Certificates and revocation lists of both sets: what is issued here holds as others issue them."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.crypto import PrivateKey, der
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.crypto.certificates import Certificate, RevocationList, Trust
from kangyun.base.errors import Invalid

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module", params=["sm2", "ecdsa"])
def authority(request):
    return Authority.new("测试根", PrivateKey.new(request.param), NOW, 3650)


@pytest.fixture(scope="module")
def leaf(authority):
    key = PrivateKey.new(authority.certificate.public_key.scheme)
    return authority.issue(named("李医生", "康云医院", "D001"), key.public, NOW, 365)


def test_a_certificate_says_what_it_is_of(authority, leaf):
    assert leaf.subject == "2.5.4.5=D001,CN=李医生,O=康云医院,C=CN"
    assert leaf.issuer == authority.certificate.subject
    assert leaf.is_by(authority.certificate) and authority.certificate.is_by(authority.certificate)
    assert not authority.certificate.is_by(leaf)
    again = Certificate(leaf.pem.encode())
    assert (again.der, again.serial, again.fingerprint) == (leaf.der, leaf.serial, leaf.fingerprint)


def test_it_holds_from_its_first_to_its_last_day(authority, leaf):
    trust = Trust([authority.certificate])
    assert trust.faults(leaf, NOW) == []
    assert trust.faults(leaf, NOW - DAY) == ["not-yet-valid"]
    assert trust.faults(leaf, NOW + 366 * DAY) == ["expired"]


def test_a_stranger_is_not_trusted(authority, leaf):
    scheme = authority.certificate.public_key.scheme
    stranger = Authority.new("测试根", PrivateKey.new(scheme), NOW, 3650)
    assert Trust([stranger.certificate]).faults(leaf, NOW) == ["untrusted"]
    assert Trust().faults(leaf, NOW) == ["untrusted"]
    assert Trust([stranger.certificate]).faults(leaf, NOW, [authority.certificate]) == ["untrusted"]


def test_who_may_not_issue_has_issued_nothing(authority):
    scheme = authority.certificate.public_key.scheme
    person, other = PrivateKey.new(scheme), PrivateKey.new(scheme)
    certificate = authority.issue(named("人"), person.public, NOW, 30)
    forged = Authority(certificate, person.sign).issue(named("另一人"), other.public, NOW, 30)
    assert Trust([authority.certificate], [certificate]).faults(forged, NOW) == ["untrusted"]


def test_a_revoked_one_held_until_then(authority, leaf):
    listed = authority.revocation_list({leaf.serial: NOW + 10 * DAY}, NOW + 10 * DAY, 30)
    trust = Trust([authority.certificate], lists=[RevocationList(listed.x509.public_bytes(Encoding.PEM))])
    assert trust.faults(leaf, NOW + 9 * DAY) == []
    assert trust.faults(leaf, NOW + 11 * DAY) == ["revoked"]


def test_a_list_by_somebody_else_says_nothing(authority, leaf):
    other = Authority.new("测试根", PrivateKey.new(authority.certificate.public_key.scheme), NOW, 3650)
    listed = other.revocation_list({leaf.serial: NOW}, NOW, 30)
    assert Trust([authority.certificate], lists=[listed]).faults(leaf, NOW) == []
    strict = Trust([authority.certificate], lists=[listed], needs_list=True)
    assert strict.faults(leaf, NOW) == ["list-missing"]
    fresh = Trust([authority.certificate], lists=[authority.revocation_list({}, NOW, 7)], needs_list=True)
    assert fresh.faults(leaf, NOW) == []
    assert fresh.faults(leaf, NOW + 8 * DAY) == ["list-outdated"]


def test_a_changed_certificate_is_untrusted(authority, leaf):
    changed = leaf.der.replace("李".encode(), "刘".encode())
    assert changed != leaf.der
    assert Trust([authority.certificate]).faults(Certificate(changed), NOW) == ["untrusted"]


def test_a_certificate_of_another_maker():
    """What `cryptography` itself issues on P-256, with an authority between."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = Authority.new(
        "根", PrivateKey("ecdsa", root_key.private_numbers().private_value.to_bytes(32, "big")), NOW, 99
    )
    builder = x509.CertificateBuilder().subject_name(named("中间")).issuer_name(root.certificate.x509.subject)
    builder = builder.public_key(key.public_key()).serial_number(7).not_valid_before(NOW).not_valid_after(NOW + DAY)
    middle = Certificate(
        builder.add_extension(x509.BasicConstraints(True, None), True)
        .sign(root_key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    leaf = Authority(middle, PrivateKey("ecdsa", secret).sign).issue(
        named("人"), PrivateKey.new("ecdsa").public, NOW, 1
    )
    assert Trust([root.certificate]).faults(leaf, NOW) == ["untrusted"]
    assert Trust([root.certificate]).faults(leaf, NOW, [middle]) == []
    leaf.x509.verify_directly_issued_by(middle.x509)


def test_an_rsa_certificate_is_read_and_not_trusted():
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder().subject_name(named("RSA")).issuer_name(named("RSA")).serial_number(1)
    builder = builder.public_key(key.public_key()).not_valid_before(NOW).not_valid_after(NOW + DAY)
    made = builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    certificate = Certificate(made.public_bytes(Encoding.DER))
    assert certificate.public_key is None
    assert Trust([certificate]).faults(certificate, NOW) == ["untrusted"]


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_refused(data):
    for kind in (Certificate, RevocationList):
        with pytest.raises(Invalid):
            kind(data)


@given(st.binary(max_size=200))
def test_der_is_read_or_refused(data):
    try:
        piece = der.read(data)
    except ValueError:
        return
    assert piece.whole == data


@given(st.integers(), st.lists(st.integers(0, 1 << 40), max_size=9))
def test_der_reads_what_it_wrote(number, arcs):
    assert der.read(der.integer(number)).number == number
    dotted = ".".join(map(str, (1, 2, *arcs)))
    assert der.read(der.oid(dotted)).oid == dotted


def test_a_self_signed_leaf_in_the_roots_vouches_for_nobody(authority, leaf):
    """A person's certificate among the roots does not make that person an authority, nor trusted by itself."""
    assert Trust([leaf]).faults(leaf, NOW) == ["untrusted"]


def test_what_was_broken_anywhere_is_refused_or_untrusted():
    """Each byte of a certificate and of a list changed in turn, by a bit and altogether."""
    authority = Authority.new("测试根", PrivateKey.new("ecdsa"), NOW, 3650)
    leaf = authority.issue(named("李医生", "康云医院", "D001"), PrivateKey.new("ecdsa").public, NOW, 365)
    trust = Trust([authority.certificate])
    listed = authority.revocation_list({leaf.serial: NOW}, NOW, 30)
    for whole, kind in ((leaf.der, Certificate), (listed.der, RevocationList)):
        for place in range(len(whole)):
            for flip in (1, 0xFF):
                changed = bytearray(whole)
                changed[place] ^= flip
                try:
                    found = kind(bytes(changed))
                except Invalid:
                    continue
                if kind is Certificate:
                    assert trust.faults(found, NOW) and not found.is_by(authority.certificate)
                elif found.is_by(authority.certificate):  # The outer name of the algorithm is read by nobody.
                    assert (found.revoked, found.last, found.next) == (listed.revoked, listed.last, listed.next)
