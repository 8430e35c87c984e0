// The residents' way in, as the server has it (`kangyun.web.residents`): nobody is signed in yet, so there is no token.
import { Problem } from "~/fhir/client";
import { language } from "~/ui/language";

export type Step = "code" | "sign-in" | "bind" | "desk";

export interface Told {
  challenge?: string;
  minutes?: number;
  /** The code itself, where nobody's telephone rings. */
  demonstration?: string;
  ticket?: string;
  signed_in?: boolean;
}

/** Takes a step. Raises Problem. */
export async function ask(step: Step, body: object): Promise<Told> {
  const headers = { "content-type": "application/json", "accept-language": language() };
  const answer = await fetch(`/residents/${step}`, { method: "POST", headers, body: JSON.stringify({ ...body, browser: true }) })
    .catch(() => { throw new Problem(0, [], ""); });
  if (answer.ok) return (await answer.json()) as Told;
  const outcome = (await answer.json().catch(() => null)) as fhir4.OperationOutcome | null;
  const issues = (outcome?.issue ?? []).map((one) => ({ text: one.details?.text ?? "", at: one.expression?.[0] ?? "", code: one.code }));
  throw new Problem(answer.status, issues, "");
}
