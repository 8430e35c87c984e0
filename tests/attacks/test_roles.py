"""The roles that are signed in and the policy's are the same: none comes in and may do nothing."""

import pytest

from kangyun.access.identities.model import ROLES
from kangyun.access.labels import shipped
from kangyun.access.policy import read_policy, shipped_text

from .conftest import A, patient

POLICY = read_policy(shipped_text(), shipped())


def test_every_role_that_can_be_held_is_one_of_the_policy():
    assert set(ROLES) == set(POLICY.roles)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_signs_in_in_a_role_acts_for_a_purpose_that_it_has(role):
    assert ROLES[role][1] in POLICY.roles[role].purposes


async def test_a_desk_and_a_steward_do_their_work(put, sign_in):
    await put(patient("a-zhang"), A)
    steward, registrar = await sign_in("steward"), await sign_in("registrar")
    assert (await steward("GET", "Patient/a-zhang")).status_code == 200
    assert (await registrar("GET", "Patient/a-zhang")).status_code == 404
    assert (await registrar("PUT", "Patient/b-zhang", json=patient("b-zhang"))).status_code == 201
