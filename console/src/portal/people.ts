// Persons out of registrations: a hospital's Patient is one registration of somebody who has several. Which are of one
// person the resident index says (`$links`).
import { answered } from "~/fhir/parameters";
import type { Client } from "~/fhir/client";
import { entries, nameOf } from "~/fhir/reading";

export interface Person {
  /** Of the registration that stands for the person. */
  id: string;
  /** The resident's own id: what is asked of it is of all registrations. The same as `id` where nothing is linked. */
  resident: string;
  name: string;
  gender: string;
  birthDate: string;
  /** Ids of all registrations that are shown. */
  registrations: string[];
  /** For a search over all of them: `patient=…`. */
  patient: string;
  /** Of a family member: the client that speaks in their name, and what one may do. */
  family?: { client: Client; rights: string[] };
  /** Who looks after them, as the registrations name them. */
  doctors: string[];
  /** The registration that has a card of the platform's own; the first where none has. */
  carded: string;
}

const CARD = "urn:kangyun:identifier:health-card";

/** Whether one may act for somebody: for oneself always, for a family member where they allowed it. */
export const mayActFor = (person: Person): boolean => person.family?.rights.includes("act") ?? true;

/** Whom somebody acts for. own: the reference that stands for who is signed in, who comes first. Raises Problem. */
export async function peopleOf(client: Client, own: string): Promise<Person[]> {
  const found = entries<fhir4.Patient>(await client.get<fhir4.Bundle>("Patient", { _count: 50 }));
  const rest = [...found.filter((one) => `Patient/${one.id}` === own), ...found.filter((one) => `Patient/${one.id}` !== own)];
  const people: Person[] = [];
  for (let first = rest.shift(); first; first = rest.shift()) {
    const links = answered(await client.get<fhir4.Parameters>(`Patient/${first.id}/$links`));
    const linked = new Set(links.values<fhir4.Reference>("registration").map((one) => one.reference));
    const others = rest.filter((one) => linked.has(`Patient/${one.id}`));
    for (const one of others) rest.splice(rest.indexOf(one), 1);
    people.push(person([first, ...others], links.text("resident").replace("Patient/", "")));
  }
  return people;
}

function person(patients: [fhir4.Patient, ...fhir4.Patient[]], resident: string): Person {
  const [first] = patients;
  const registrations = patients.flatMap((one) => one.id ?? []);
  const carded = patients.find((one) => one.identifier?.some((each) => each.system === CARD && each.use !== "old"));
  return {
    id: first.id ?? "",
    resident: resident || first.id || "",
    name: nameOf(first),
    gender: first.gender ?? "",
    birthDate: first.birthDate ?? "",
    registrations,
    patient: resident || registrations.join(","),
    doctors: [...new Set(patients.flatMap((one) => (one.generalPractitioner ?? []).flatMap((each) => each.reference ?? [])))],
    carded: carded?.id ?? first.id ?? "",
  };
}
