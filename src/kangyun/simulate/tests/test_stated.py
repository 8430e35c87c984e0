"""What a desk wrote where it had nothing to write."""

from kangyun.simulate.stated import without_fillers

PHONE = {"system": "phone", "value": "15400000000"}
OTHER = {"resourceType": "Location", "address": {"text": "0"}}


def test_an_address_or_telephone_that_says_nothing_is_absent():
    patient = {"resourceType": "Patient", "address": [{"text": "0"}], "telecom": [{"value": "不详"}, PHONE]}
    bundle = {"type": "transaction", "entry": [{"fullUrl": "urn:uuid:1", "resource": one} for one in (patient, OTHER)]}
    stated = without_fillers(bundle)
    assert [one["resource"] for one in stated["entry"]] == [{"resourceType": "Patient", "telecom": [PHONE]}, OTHER]
    assert stated["entry"][0]["fullUrl"] == "urn:uuid:1"
