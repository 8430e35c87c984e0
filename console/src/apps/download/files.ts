// The files that a resident takes home, as the platform makes them. Nothing is left behind in the browser.
import type { Client } from "~/fhir/client";
import { link } from "~/fhir/reading";
import { blobOf } from "~/fhir/workbook";
import type { Person } from "~/portal/people";

const PAGE = 500;

export async function pdf(client: Client, person: Person): Promise<Blob> {
  const binary = await client.get<fhir4.Binary>(`Patient/${person.id}/$summary-paper`);
  return blobOf(binary.data ?? "", "application/pdf");
}

export async function summary(client: Client, person: Person): Promise<Blob> {
  const bundle = await client.get(`Patient/${person.id}/$summary`);
  return new Blob([JSON.stringify(bundle, null, 1)], { type: "application/fhir+json" });
}

/** Every resource that is shown, one a line. got: told how many there are so far. */
export async function everything(client: Client, person: Person, got: (count: number) => void): Promise<Blob> {
  const lines = new Map<string, string>();
  for (const id of person.registrations) {
    let page: string | undefined = `Patient/${id}/$everything?_count=${PAGE}`;
    while (page) {
      const bundle: fhir4.Bundle = await client.get<fhir4.Bundle>(page);
      for (const { resource } of bundle.entry ?? []) if (resource) lines.set(`${resource.resourceType}/${resource.id}`, JSON.stringify(resource));
      got(lines.size);
      page = link(bundle, "next");
    }
  }
  return new Blob([[...lines.values()].join("\n"), "\n"], { type: "application/fhir+ndjson" });
}
