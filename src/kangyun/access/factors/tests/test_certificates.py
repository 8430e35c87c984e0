"""USB keys whose certificates are looked at: by the authorities that the installation believes, and their lists."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from importlib.resources import files

import pytest

from kangyun.access.factors import NotProven
from kangyun.access.platform import open_platform
from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.errors import Invalid

LI = 17


@pytest.fixture
def authority():
    return Authority.new("测试根证书", PrivateKey.new("sm2"), clock.now() - timedelta(days=2), 3650)


@pytest.fixture
def new_key(authority):
    """Makes a key with a certificate of the authority."""

    def make(by=authority, days=365):
        key = PrivateKey.new("sm2")
        return key, by.issue(named("李医生"), key.public, clock.now() - timedelta(days=1), days)

    return make


@pytest.fixture
async def open_factors(fresh_database, make_settings, tmp_path):
    """Opens the factors of an installation that needs certificates, or does not; again: the same one."""
    opened = []

    async def open_(required):
        (tmp_path / "policy").mkdir(exist_ok=True)
        text = files("kangyun.access.factors").joinpath("data", "factors.toml").read_text("utf-8")
        assert "required = false" in text
        (tmp_path / "policy" / "factors.toml").write_text(text.replace("required = false", f"required = {required}"))
        platform = await open_platform(make_settings(), fresh_database)
        opened.append(platform)
        return platform.people.factors, Register(platform.gate.store)

    yield open_
    for platform in opened:
        await platform.close()


async def enrolled(factors, key, sent):
    given = {"key": b64encode(sent).decode()}
    permit = await factors.permit(LI, "Practitioner/security")
    asked = await factors.enrol(LI, "usb-key", given, role="doctor", permit=permit)
    await factors.confirm(LI, "usb-key", proof(asked, key))


def proof(asked, key):
    message = b64decode(json.loads(asked.ask["vendors"][0]["body"])["message"])
    return {"challenge": asked.id, "signature": b64encode(key.sign(message)).decode()}


async def proven(factors, key):
    return await factors.verify(LI, "usb-key", proof(await factors.begin(LI, "usb-key"), key))


async def test_a_key_of_a_believed_authority_is_taken_until_it_is_revoked(open_factors, authority, new_key):
    factors, register = await open_factors("true")
    await register.believe(authority.certificate)
    key, certificate = new_key()
    await enrolled(factors, key, certificate.der)
    assert await proven(factors, key)
    since = clock.now() - timedelta(hours=1)
    await register.take_list(authority.revocation_list({certificate.serial: since}, since, 30))
    with pytest.raises(NotProven):
        await proven(factors, key)
    with pytest.raises(Invalid, match=r"signing\.revoked"):
        await enrolled(factors, key, certificate.der)


async def test_where_certificates_are_needed_no_stranger_s_and_no_bare_key_is_taken(open_factors, authority, new_key):
    factors, _ = await open_factors("true")
    key, certificate = new_key()
    for sent, why in ((certificate.der, "untrusted"), (key.public.point, "certificate-needed")):
        with pytest.raises(Invalid, match=why):
            await enrolled(factors, key, sent)


async def test_a_key_that_was_taken_before_certificates_were_needed_is_not_any_more(open_factors, new_key):
    factors, _ = await open_factors("false")
    key, certificate = new_key()
    await enrolled(factors, key, certificate.der)
    assert await proven(factors, key)
    factors, _ = await open_factors("true")
    with pytest.raises(NotProven):
        await proven(factors, key)


async def test_where_none_is_needed_what_a_known_authority_revoked_is_refused(open_factors, authority, new_key):
    factors, register = await open_factors("false")
    await register.believe(authority.certificate)
    key, certificate = new_key()
    since = clock.now() - timedelta(hours=1)
    await register.take_list(authority.revocation_list({certificate.serial: since}, since, 30))
    with pytest.raises(Invalid, match=r"signing\.revoked"):
        await enrolled(factors, key, certificate.der)
