// What the platform says of a list that was tried or carried out, as `ImportButton` shows it.
import type { Client } from "~/fhir/client";
import type { Tried } from "./ImportButton";

export const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/** Sends a workbook or CSV to an operation that takes it as the body with `?dryRun=true` and answers an OperationOutcome. */
export async function sendList(client: Client, path: string, file: File, dryRun: boolean): Promise<Tried> {
  const address = dryRun ? `${path}${path.includes("?") ? "&" : "?"}dryRun=true` : path;
  const answer = await client.call("POST", address, file, { "content-type": file.type || XLSX });
  return triedOf((await answer.json()) as fhir4.OperationOutcome);
}

/** Reads an OperationOutcome: an issue a fault, its row in the place, and one that counts. */
export function triedOf(outcome: fhir4.OperationOutcome): Tried {
  const told = outcome.issue.filter((one) => one.severity === "information");
  const faults = outcome.issue.filter((one) => one.severity !== "information");
  return {
    say: told.map(textOf).join(" "),
    faults: faults.map((one) => ({ place: /\d+/.exec(one.expression?.[0] ?? "")?.[0] ?? "", text: textOf(one) })),
  };
}

/** A file as base64, for operations that take it in a Parameters. */
export async function base64Of(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

const textOf = (issue: fhir4.OperationOutcomeIssue): string => issue.details?.text ?? issue.diagnostics ?? issue.code;
