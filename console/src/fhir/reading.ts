// Reading FHIR for people: names, codings, dates. Pure; nothing is fetched here.
import { dayOf } from "~/ui/time";

export function nameOf(patient: Pick<fhir4.Patient, "name">): string {
  const name = patient.name?.find((one) => one.use === "official") ?? patient.name?.[0];
  return name?.text ?? `${name?.family ?? ""}${name?.given?.join("") ?? ""}`;
}

export function said(concept: fhir4.CodeableConcept | undefined): string {
  return concept?.text ?? concept?.coding?.find((one) => one.display)?.display ?? concept?.coding?.[0]?.code ?? "";
}

/** The age in years, on a day of the region. */
export function ageOf(birthDate: string | undefined, today = dayOf(new Date())): number | null {
  const [year, month = 1, day = 1] = (birthDate ?? "").split("-").map(Number);
  if (!year) return null;
  const [now = year, nowMonth = 1, nowDay = 1] = today.split("-").map(Number);
  return now - year - (nowMonth < month || (nowMonth === month && nowDay < day) ? 1 : 0);
}

export function entries<T extends fhir4.FhirResource>(bundle: fhir4.Bundle | undefined): T[] {
  return (bundle?.entry ?? []).flatMap((one) => (one.resource && one.search?.mode !== "outcome" ? [one.resource as T] : []));
}

export function link(bundle: fhir4.Bundle | undefined, relation: string): string | undefined {
  return bundle?.link?.find((one) => one.relation === relation)?.url;
}
