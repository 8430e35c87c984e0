"""The demonstration's hospitals: what they send comes in by gateways and messages, and what is broken comes back."""

import json


def answered(installation, feed):
    """Returns what became of the deliveries of a feed, none while some wait."""
    _, found = installation.ask(f"/feeds/{feed}/deliveries?after=0")
    return [one for one in found or () if one["fate"] != "kept"]


def test_hospitals_send_as_soon_as_the_demonstration_is_up_and_go_on_after_a_stop(installation):
    installation.be_small(40)
    installation.start()
    installation.until(lambda: len(answered(installation, "demo-baiyun-tables")) >= 5)
    installation.until(lambda: answered(installation, "demo-centre-files"))
    tables = answered(installation, "demo-baiyun-tables")
    assert {one["fate"] for one in tables} == {"taken"}
    assert sum(one["stored"] for one in tables) > 20
    _, feeds = installation.ask("/feeds")
    houses = {one["name"]: one["institution"] for one in feeds}
    for feed in ("demo-baiyun-tables", "demo-centre-files", "demo-tertiary-hl7"):
        # The ids of what a feed brings begin with its institution's.
        path = f"/fhir/Encounter?service-provider={houses[feed]}&_summary=count"
        installation.until(lambda path=path: installation.ask(path)[1]["total"] > 0)
    assert installation.stop() == 0
    sent = installation.data / "hospitals" / "sent.json"
    through = json.loads(sent.read_text())["through"]
    installation.start()
    installation.until(lambda: json.loads(sent.read_text())["through"] > through)
    assert {one["fate"] for one in answered(installation, "demo-baiyun-tables")} == {"taken"}
