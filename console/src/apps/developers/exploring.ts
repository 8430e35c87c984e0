// What the explorer asks and shows. Pure.
import { nameOf, said } from "~/fhir/reading";

export interface Criterion {
  key: number;
  name: string;
  value: string;
}

/** The address of a search below the FHIR base. */
export function addressOf(type: string, criteria: Criterion[]): string {
  const pairs = criteria.filter((one) => one.name && one.value).map((one) => [one.name, one.value]);
  return pairs.length ? `${type}?${new URLSearchParams(pairs)}` : type;
}

/** The address below the base of a link that the platform gave, or that was typed. */
export function below(base: string, address: string): string {
  const path = address.trim().replace(/^https?:\/\/[^/]+/, "");
  return path.replace(base, "").replace(/^\/+/, "");
}

export interface Row {
  reference: string;
  type: string;
  id: string;
  about: string;
  when: string;
}

type Loose = fhir4.Resource & Record<string, unknown>;

/** A resource in one line: what it is called or of what it is, and when. */
export function rowOf(resource: fhir4.Resource): Row {
  const one = resource as Loose;
  const type = one.resourceType as string;
  return { reference: `${type}/${one.id}`, type, id: one.id ?? "", about: about(one), when: when(one) };
}

function about(one: Loose): string {
  const name = one.name;
  if (typeof name === "string") return name;
  if (Array.isArray(name)) return nameOf({ name: name as fhir4.HumanName[] });
  const coded = [one.code, one.medicationCodeableConcept, one.vaccineCode, one.type, one.category].flat()
    .find((value) => typeof value === "object" && value !== null && ("coding" in value || "text" in value));
  const title = typeof one.title === "string" ? one.title : "";
  return coded ? said(coded as fhir4.CodeableConcept) : title || String(one.status ?? "");
}

function when(one: Loose): string {
  const period = (one.period ?? one.effectivePeriod ?? one.performedPeriod) as fhir4.Period | undefined;
  const found = one.effectiveDateTime ?? one.onsetDateTime ?? one.issued ?? one.authoredOn ?? one.date ?? one.birthDate ?? period?.start ?? "";
  return String(found).slice(0, 16).replace("T", " ");
}

const REFERENCE = /("reference": ")([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]+)(?=["/])/;

/** JSON in pieces: text, and every second a reference that can be followed. */
export function pieces(resource: unknown): string[] {
  return JSON.stringify(resource, null, 2).split(new RegExp(REFERENCE, "g"))
    .reduce<string[]>((found, piece, place) => {
      // Each match leaves three parts: text, `"reference": "`, and the reference itself.
      if (place % 3 === 1) found[found.length - 1] += piece;
      else found.push(piece);
      return found;
    }, []);
}
