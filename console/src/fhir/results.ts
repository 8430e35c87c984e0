// A result as its laboratory says it: value, unit, range, and whether it is high or low. Nothing is judged here.
import { said } from "~/fhir/reading";

export type Flag = "high" | "low" | "good" | "note" | "";

/** What the laboratory has flagged; "" where it has said nothing. */
export function flagOf(interpretation: fhir4.CodeableConcept[] | undefined): Flag {
  const code = interpretation?.[0]?.coding?.[0]?.code ?? "";
  if (/^(H|HH|HU|>|U)$/.test(code)) return "high";
  if (/^(L|LL|LU|<|D)$/.test(code)) return "low";
  if (/^(N|NEG)$/.test(code)) return "good";
  return code ? "note" : "";
}

// UCUM writes some units as nobody reads them.
const UNITS: Record<string, string> = {
  "mm[Hg]": "mmHg", "10*9/L": "×10⁹/L", "10*12/L": "×10¹²/L", "umol/L": "μmol/L", "kg/m2": "kg/m²", "/min": "次/分", Cel: "℃", "{steps}": "步",
  "{score}": "", "1": "",
};
const UNITS_EN: Record<string, string> = { "/min": "/min", "{steps}": "steps" };

export const unitSaid = (unit: string, language: string): string => (language === "en" ? UNITS_EN[unit] : undefined) ?? UNITS[unit] ?? unit;

export const unitOf = (quantity: fhir4.Quantity | undefined, language: string): string => unitSaid(quantity?.unit ?? quantity?.code ?? "", language);

/** The number, behind its comparator where it is a bound (`<0.5`); undefined where there is none. */
export const numberOf = ({ comparator, value }: fhir4.Quantity = {}): string | number | undefined =>
  comparator && value !== undefined ? `${comparator}${value}` : value;

export function valueOf(one: fhir4.Observation | fhir4.ObservationComponent, language: string): string {
  const quantity = one.valueQuantity;
  if (quantity) return `${numberOf(quantity) ?? ""} ${unitOf(quantity, language)}`.trim();
  return one.valueString ?? (one.valueCodeableConcept ? said(one.valueCodeableConcept) : "");
}

/** The laboratory's own range, such as `3.9-6.1`, `≤ 5.2`; "" where it gave none. */
export function rangeOf(ranges: fhir4.ObservationReferenceRange[] | undefined): string {
  const range = ranges?.[0];
  if (!range) return "";
  const { low, high } = range;
  if (range.text) return range.text;
  if (low?.value !== undefined && high?.value !== undefined) return `${low.value}-${high.value}`;
  return low?.value !== undefined ? `≥ ${low.value}` : high?.value !== undefined ? `≤ ${high.value}` : "";
}

/** The code by which a result is known elsewhere. */
export const loincOf = (concept: fhir4.CodeableConcept | undefined): string =>
  concept?.coding?.find((one) => one.system === "http://loinc.org")?.code ?? "";
