// A resident's own record in an application of yours: sign-in by SMART App Launch, a summary, a blood pressure added.
//
//     node my-record.mjs --base http://127.0.0.1:8080/fhir --client CLIENT [--pressure 128/82]
//
// Needs Node.js 20 or later and nothing else. CLIENT is registered with the redirect address http://127.0.0.1:8765/back and
// the scopes openid, fhirUser, launch/patient, patient/*.rs, patient/Observation.c (examples/README.md).
//
// Source: https://hl7.org/fhir/smart-app-launch/ (2.2.0, standalone launch, public client with PKCE).
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const BACK = new URL("http://127.0.0.1:8765/back");
const SCOPES = "openid fhirUser launch/patient patient/*.rs patient/Observation.c";

/** What an address answers as JSON. Throws with what the platform says is wrong. */
async function asked(address, { token, form, resource } = {}) {
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (resource) Object.assign(headers, { "content-type": "application/fhir+json", prefer: "return=representation" });
  const body = form ? new URLSearchParams(form) : resource && JSON.stringify(resource);
  const answer = await fetch(address, body ? { method: "POST", headers, body } : { headers });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Lets the user sign in; the answer of the token endpoint: access_token, patient, scope. */
async function signIn(base, client) {
  const smart = await asked(`${base}/.well-known/smart-configuration`);
  const verifier = randomBytes(48).toString("base64url");
  const state = randomBytes(16).toString("base64url");
  const wanted = new URLSearchParams({
    response_type: "code", client_id: client, redirect_uri: BACK.href, scope: SCOPES, state, aud: base,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256",
  });
  console.log(`请在浏览器中登录 | Sign in with your browser:\n${smart.authorization_endpoint}?${wanted}`);
  const answer = await cameBack();
  if (answer.get("state") !== state || !answer.has("code")) {
    throw new Error(`没有得到授权 | Not authorized: ${answer.get("error_description") ?? answer.get("error") ?? ""}`);
  }
  const form = {
    grant_type: "authorization_code", code: answer.get("code"), redirect_uri: BACK.href, client_id: client, code_verifier: verifier,
  };
  return asked(smart.token_endpoint, { form });
}

/** Waits until the browser comes back to this machine; what it brought. */
function cameBack() {
  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      const came = new URL(request.url ?? "/", BACK);
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.setHeader("connection", "close");
      response.end('<link rel="icon" href="data:,">可以关闭此页。 | You can close this page.');
      if (came.pathname !== BACK.pathname) return;
      server.close();
      resolve(came.searchParams);
    });
    server.listen(Number(BACK.port), BACK.hostname);
  });
}

/** Lines about a resident: who it is, problems, the newest results. */
async function summary(base, token, patient) {
  const who = await asked(`${base}/Patient/${patient}`, { token });
  const lines = [`${who.name[0].text ?? ""} ${who.gender ?? ""} ${who.birthDate ?? ""}`];
  for (const [type, more] of [["Condition", ""], ["Observation", "&_sort=-date"]]) {
    const found = await asked(`${base}/${type}?patient=${patient}&_count=5${more}`, { token });
    const resources = (found.entry ?? []).map((one) => one.resource).filter((one) => one.resourceType === type);
    lines.push(...resources.map((one) => `${type}: ${said(one.code)} ${value(one)}`));
  }
  return lines;
}

const said = (concept) => concept.text ?? concept.coding?.find((one) => one.display)?.display ?? "";

function value(observation) {
  const { value: number = "", unit = "" } = observation.valueQuantity ?? {};
  return [number, unit, observation.effectiveDateTime?.slice(0, 16) ?? ""].filter((part) => part !== "").join(" ");
}

/** An Observation of a blood pressure such as 128/82. Source: http://hl7.org/fhir/R4/bp.html */
function pressure(patient, reading) {
  const part = (code, number) => ({
    code: { coding: [{ system: "http://loinc.org", code }] },
    valueQuantity: { value: number, unit: "mmHg", system: "http://unitsofmeasure.org", code: "mm[Hg]" },
  });
  const [systolic, diastolic] = reading.split("/").map(Number);
  return {
    resourceType: "Observation", status: "final",
    category: [{ coding: [{ system: "http://terminology.hl7.org/CodeSystem/observation-category", code: "vital-signs" }] }],
    code: { coding: [{ system: "http://loinc.org", code: "85354-9" }], text: "家测血压" },
    subject: { reference: `Patient/${patient}` },
    effectiveDateTime: new Date().toISOString(),
    component: [part("8480-6", systolic), part("8462-4", diastolic)],
  };
}

const { values: given } = parseArgs({
  options: {
    base: { type: "string", default: "http://127.0.0.1:8080/fhir" }, client: { type: "string" }, pressure: { type: "string" },
  },
});
if (!given.client) throw new Error("--client");
const { access_token: token, patient } = await signIn(given.base, given.client);
console.log((await summary(given.base, token, patient)).join("\n"));
if (given.pressure) {
  const stored = await asked(`${given.base}/Observation`, { token, resource: pressure(patient, given.pressure) });
  console.log(`已保存 | Stored: Observation/${stored.id}`);
}
