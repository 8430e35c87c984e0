// What a registration says, field by field, as it is shown side by side. The platform masks; nothing is unmasked here.
import { nameOf } from "~/fhir/reading";

export const FIELDS = ["name", "birth", "sex", "number", "telephone", "home", "family", "institution"] as const;
export type Field = (typeof FIELDS)[number];

const MASKED = "MASKED";

/** Returns what a person's registration says of a field; several values one below the other. */
export function valuesOf(person: fhir4.Patient | undefined, field: Field): string[] {
  if (!person) return [];
  const given: Record<Field, (string | undefined)[]> = {
    name: (person.name ?? []).map((one) => nameOf({ name: [one] })),
    birth: [person.birthDate],
    sex: [person.gender],
    number: (person.identifier ?? []).map((one) => [one.type?.text ?? one.type?.coding?.[0]?.display, one.value].filter(Boolean).join(" ")),
    telephone: (person.telecom ?? []).map((one) => one.value),
    home: (person.address ?? []).map((one) => one.text ?? [one.state, one.city, one.district, ...(one.line ?? [])].filter(Boolean).join("")),
    family: (person.contact ?? []).map((one) => [one.relationship?.[0]?.text, one.name && nameOf({ name: [one.name] }), one.telecom?.[0]?.value].filter(Boolean).join(" ")),
    institution: [person.managingOrganization?.display],
  };
  return [...new Set(given[field].filter((one): one is string => Boolean(one)))];
}

export const isMasked = (person: fhir4.Patient | undefined): boolean => person?.meta?.security?.some((one) => one.code === MASKED) ?? false;
