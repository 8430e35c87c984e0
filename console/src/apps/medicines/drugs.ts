// Prescriptions as drugs: those of the same name are one, whoever prescribed it. Pure.
import { said } from "~/fhir/reading";

export interface Drug {
  name: string;
  last: fhir4.MedicationRequest;
  /** Newest first. */
  earlier: fhir4.MedicationRequest[];
  runs: boolean;
}

// By which nothing was ever taken.
const NEVER_GIVEN = new Set(["cancelled", "draft", "entered-in-error"]);

/** The drugs of prescriptions that come newest first, in the order of the last of each. */
export function drugsOf(prescriptions: fhir4.MedicationRequest[]): Drug[] {
  const by = new Map<string, fhir4.MedicationRequest[]>();
  for (const one of prescriptions.filter((each) => !NEVER_GIVEN.has(each.status))) {
    const name = nameOf(one);
    const key = name || `#${one.id}`; // Of one without a name nobody knows that it is another's.
    by.set(key, [...(by.get(key) ?? []), one]);
  }
  return [...by.values()].flatMap(([last, ...earlier]) => (last ? [{ name: nameOf(last), last, earlier, runs: runs([last, ...earlier]) }] : []));
}

const nameOf = (one: fhir4.MedicationRequest): string => said(one.medicationCodeableConcept) || one.medicationReference?.display || "";

/** Whether one of them runs that came after the drug was last stopped. */
function runs(these: fhir4.MedicationRequest[]): boolean {
  const stop = these.findIndex((one) => one.status === "stopped");
  return (stop < 0 ? these : these.slice(0, stop)).some((one) => one.status === "active");
}
