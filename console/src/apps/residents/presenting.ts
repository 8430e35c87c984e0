// A code or a card that is here: the platform says whose it is, and by which reason the record is open now.
import type { Client } from "~/fhir/client";
import { answered } from "~/fhir/parameters";

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

/** Whom a card that a reader has read names: known to whoever asks already, else opened by the card being here.
 *
 * isBelieved: the policy believes this institution's readers; where it does not, it is not asked to open.
 */
export async function presentedCard(client: Client, number: string, isBelieved: boolean): Promise<string | null> {
  const known = await presented(client, { code: number, kind: "id-card" });
  if (known || !isBelieved) return known;
  return presented(client, { code: number, kind: "id-card", reader: READER });
}

export function patientIn(said: fhir4.Parameters): string | null {
  return answered(said).text("patient").split("/").at(-1) || null;
}
