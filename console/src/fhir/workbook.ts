// A workbook that an operation answers as a Binary, or within one of its parameters.
import type { Client, Search } from "./client";

const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

export async function workbookOf(client: Client, path: string, search: Search = {}): Promise<Blob> {
  const answer = await client.get<fhir4.Binary>(path, { ...search, as: "xlsx" });
  return blobOf(answer.data ?? "");
}

export const blobOf = (base64: string, type = XLSX): Blob =>
  new Blob([Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0))], { type });
