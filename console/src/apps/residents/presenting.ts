// A code or a card that is here: the platform says whose it is, and by which reason the record is open now.
import type { Client } from "~/fhir/client";
import { Problem } from "~/fhir/client";

export const READER = "id-card-reader";
export const ID_NUMBER = "urn:oid:2.16.156.10011.1.3";

interface Given { code: string; kind?: string; reader?: string }

/** Whom a code names, as the id of a registration; null where nobody is known to whoever asks. */
export async function presented(client: Client, given: Given): Promise<string | null> {
  const parameter = [
    { name: "code", valueString: given.code },
    ...(given.kind ? [{ name: "kind", valueCode: given.kind }] : []),
    ...(given.reader ? [{ name: "reader", valueString: given.reader }] : []),
  ];
  const said = await client.post<fhir4.Parameters>("$verify-code", { resourceType: "Parameters", parameter });
  return patientIn(said);
}

/** Whom a card that a reader has read names: known to whoever asks already, else opened by the card being here. */
export async function presentedCard(client: Client, number: string): Promise<string | null> {
  const known = await presented(client, { code: number, kind: "id-card" });
  if (known) return known;
  try {
    return await presented(client, { code: number, kind: "id-card", reader: READER });
  } catch (error) {
    if (error instanceof Problem && error.status === 403) return null; // This institution's readers are not believed.
    throw error;
  }
}

export function patientIn(said: fhir4.Parameters): string | null {
  const reference = said.parameter?.find((one) => one.name === "patient")?.valueReference?.reference;
  return reference?.split("/").at(-1) ?? null;
}
