"""A resident's own record in an application of yours: sign-in by SMART App Launch, a summary, a blood pressure added.

    python3 my_record.py --base http://127.0.0.1:8080/fhir --client CLIENT [--pressure 128/82]

Needs Python 3.11 or later and nothing else. CLIENT is registered with the redirect address http://127.0.0.1:8765/back
and the scopes openid, fhirUser, launch/patient, patient/*.rs, patient/Observation.c (examples/README.md).

Source: https://hl7.org/fhir/smart-app-launch/ (2.2.0, standalone launch, public client with PKCE).
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
import webbrowser
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

BACK = "http://127.0.0.1:8765/back"
SCOPES = "openid fhirUser launch/patient patient/*.rs patient/Observation.c"


def asked(address, *, token="", form=None, resource=None):
    """Returns what an address answers as JSON. Raises HTTPError, whose body says in words what is wrong."""
    headers = {"accept": "application/json"}
    body = None
    if token:
        headers["authorization"] = f"Bearer {token}"
    if form is not None:
        body = urlencode(form).encode()
    if resource is not None:
        body = json.dumps(resource, ensure_ascii=False).encode()
        headers |= {"content-type": "application/fhir+json", "prefer": "return=representation"}
    with urlopen(Request(address, body, headers), timeout=30) as answer:
        return json.load(answer)


def sign_in(base, client, *, browser):
    """Lets the user sign in and returns the answer of the token endpoint: access_token, patient, scope."""
    smart = asked(f"{base}/.well-known/smart-configuration")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": BACK,
        "scope": SCOPES,
        "state": state,
        "aud": base,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = f"{smart['authorization_endpoint']}?{urlencode(wanted)}"
    print(f"请在浏览器中登录 | Sign in with your browser:\n{address}", flush=True)
    if browser:
        webbrowser.open(address)
    answer = came_back()
    if answer.get("state") != state or "code" not in answer:
        sys.exit(f"没有得到授权 | Not authorized: {answer.get('error_description', answer.get('error', ''))}")
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": BACK,
        "client_id": client,
        "code_verifier": verifier,
    }
    return asked(smart["token_endpoint"], form=form)


def came_back():
    """Waits until the browser comes back to this machine, and returns what it brought."""
    found = {}

    class Back(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            if parts.path == urlsplit(BACK).path:
                found.update({name: values[0] for name, values in parse_qs(parts.query).items()})
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write('<link rel="icon" href="data:,">可以关闭此页。 | You can close this page.'.encode())

        def log_message(self, *_):
            pass  # The address holds the code.

    with HTTPServer(("127.0.0.1", urlsplit(BACK).port), Back) as server:
        while not found:
            server.handle_request()
    return found


def summary(base, token, patient):
    """Returns lines about a resident: who it is, problems, the newest results."""
    who = asked(f"{base}/Patient/{patient}", token=token)
    lines = [f"{who['name'][0].get('text', '')} {who.get('gender', '')} {who.get('birthDate', '')}"]
    for type_, more in (("Condition", ""), ("Observation", "&_sort=-date")):
        found = asked(f"{base}/{type_}?patient={patient}&_count=5{more}", token=token)
        resources = [one["resource"] for one in found.get("entry", []) if one["resource"]["resourceType"] == type_]
        lines += [f"{type_}: {said(one['code'])} {value(one)}" for one in resources]
    return lines


def said(concept):
    """Returns a CodeableConcept in words."""
    return concept.get("text") or next((one["display"] for one in concept.get("coding", []) if "display" in one), "")


def value(observation):
    """Returns what was measured, with its unit and when."""
    quantity = observation.get("valueQuantity", {})
    parts = [quantity.get("value", ""), quantity.get("unit", ""), observation.get("effectiveDateTime", "")[:16]]
    return " ".join(str(part) for part in parts if part != "")


def pressure(patient, reading):
    """Returns an Observation of a blood pressure such as 128/82. Source: http://hl7.org/fhir/R4/bp.html"""
    systolic, diastolic = (int(part) for part in reading.split("/"))

    def part(code, number):
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {
                "value": number,
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        }

    vital = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [vital]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "家测血压"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
        "component": [part("8480-6", systolic), part("8462-4", diastolic)],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="http://127.0.0.1:8080/fhir")
    parser.add_argument("--client", required=True)
    parser.add_argument("--pressure", default="")
    parser.add_argument("--no-browser", action="store_true")
    given = parser.parse_args()
    session = sign_in(given.base, given.client, browser=not given.no_browser)
    token, patient = session["access_token"], session["patient"]
    print("\n".join(summary(given.base, token, patient)))
    if given.pressure:
        stored = asked(f"{given.base}/Observation", token=token, resource=pressure(patient, given.pressure))
        print(f"已保存 | Stored: Observation/{stored['id']}")


if __name__ == "__main__":
    main()
