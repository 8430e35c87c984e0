// Persons out of registrations: a hospital's Patient is one registration of somebody who has several. Pure.
import { nameOf } from "~/fhir/reading";

export interface Person {
  /** Of the registration that stands for the person. */
  id: string;
  name: string;
  gender: string;
  birthDate: string;
  /** Ids of all registrations that were shown. */
  registrations: string[];
  /** For a search over all of them: `patient=…`. */
  patient: string;
  /** Who looks after them, as the registrations name them. */
  doctors: string[];
}

/** Groups registrations. own: the reference that stands for who is signed in; null where they act for others. */
export function peopleOf(patients: fhir4.Patient[], own: string | null): Person[] {
  if (own === null) {
    return [...grouped(patients).values()].map(person);
  }
  const first = patients.find((one) => `Patient/${one.id}` === own);
  return patients.length ? [person(first ? [first, ...patients.filter((one) => one !== first)] : patients)] : [];
}

const same = (patient: fhir4.Patient): string => `${nameOf(patient)} ${patient.birthDate ?? ""}`;

function grouped(patients: fhir4.Patient[]): Map<string, fhir4.Patient[]> {
  const groups = new Map<string, fhir4.Patient[]>();
  for (const one of patients) groups.set(same(one), [...(groups.get(same(one)) ?? []), one]);
  return groups;
}

function person(patients: fhir4.Patient[]): Person {
  const [first] = patients;
  const registrations = patients.flatMap((one) => (one.id ? [one.id] : []));
  return {
    id: registrations[0] ?? "",
    name: first ? nameOf(first) : "",
    gender: first?.gender ?? "",
    birthDate: first?.birthDate ?? "",
    registrations,
    patient: registrations.join(","),
    doctors: [...new Set(patients.flatMap((one) => (one.generalPractitioner ?? []).flatMap((each) => each.reference ?? [])))],
  };
}
