// A measurement in one line. Pure.
import { loincOf, numberOf, unitOf, valueOf } from "~/fhir/results";

/** `148/84 mmHg` of a pressure, else the value with its unit. */
export function measured(one: fhir4.Observation, language: string): string {
  const part = (code: string) => one.component?.find((each) => loincOf(each.code) === code)?.valueQuantity;
  const upper = part("8480-6");
  const lower = part("8462-4");
  return upper ? `${numberOf(upper)}/${numberOf(lower) ?? "-"} ${unitOf(upper, language)}` : valueOf(one, language);
}

/** Where it was measured: at a visit, or else at home. */
export const placeOf = (one: fhir4.Observation): "atVisit" | "atHome" => (one.encounter ? "atVisit" : "atHome");
