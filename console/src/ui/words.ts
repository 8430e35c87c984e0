// What went wrong, in the platform's words, or where it had none in ours by its status.
import type { TFunction } from "i18next";
import { Problem } from "~/fhir/client";

/** An error that is no Problem is a fault of ours, not of the network. */
export function wordsOf(error: unknown, t: TFunction): string {
  const problem = error instanceof Problem ? error : null;
  return problem?.message || t(`ui.status.${problem?.status ?? 500}`, { defaultValue: t("ui.status.500") });
}
