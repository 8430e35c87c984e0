// Whom of one's own doctors and stations one can call: those with a telephone in the record.
import type { Client } from "~/fhir/client";
import { entries, nameOf } from "~/fhir/reading";
import type { Person } from "~/portal/people";

export interface Helper {
  what: "doctor" | "station";
  name: string;
  phone: string;
}

const MOST = 4;

export async function helpers(client: Client, person: Person): Promise<Helper[]> {
  const [teams, contracts] = await Promise.all([
    client.get<fhir4.Bundle>("CareTeam", { patient: person.patient, status: "active", _count: 5 }),
    client.get<fhir4.Bundle>("EpisodeOfCare", { patient: person.patient, status: "active", _count: 5 }),
  ]);
  const references = [
    ...person.doctors,
    ...entries<fhir4.CareTeam>(teams).flatMap((one) => (one.participant ?? []).map((each) => each.member?.reference)),
    ...entries<fhir4.EpisodeOfCare>(contracts).flatMap((one) => [one.careManager?.reference, one.managingOrganization?.reference]),
  ];
  const wanted = [...new Set(references.filter((one): one is string => /^(Practitioner|Organization)\/[^/]+$/.test(one ?? "")))];
  // Who is not shown, or was deleted, cannot be called; the others can.
  const found = await Promise.all(wanted.map((one) => client.get<fhir4.Practitioner | fhir4.Organization>(one).catch(() => null)));
  const told = found.flatMap((one): Helper[] => {
    const phone = one?.telecom?.find((each) => each.system === "phone" && each.use !== "old")?.value;
    if (!one || !phone) return [];
    return one.resourceType === "Organization"
      ? [{ what: "station", name: one.name ?? "", phone }]
      : [{ what: "doctor", name: nameOf(one), phone }];
  });
  return told.filter((one, place) => told.findIndex((other) => other.phone === one.phone) === place).slice(0, MOST);
}
