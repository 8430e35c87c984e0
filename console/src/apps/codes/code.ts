// A code of an institution and what stands of it, as `$codes` says it (docs/codes.md).
import { answered, type Parts } from "~/fhir/parameters";

export type State = "unmapped" | "proposed" | "approved" | "unneeded";
export const STATES: State[] = ["unmapped", "proposed", "approved", "unneeded"];
export const KINDS = ["laboratory", "diagnosis", "operation", "drug", "item"] as const;
export type Kind = (typeof KINDS)[number];

/** The lists that each kind is mapped to (access/codes/data/kinds.toml), the usual one first. */
export const TARGETS: Record<Kind, string[]> = {
  laboratory: ["urn:kangyun:code-system:laboratory-regional", "http://loinc.org"],
  diagnosis: ["urn:kangyun:code-system:diagnosis-insurance", "urn:kangyun:code-system:diagnosis-clinical"],
  operation: ["urn:kangyun:code-system:operation-insurance", "urn:kangyun:code-system:operation-clinical"],
  drug: ["urn:kangyun:code-system:drug-regional", "urn:kangyun:code-system:drug-insurance"],
  item: ["urn:kangyun:code-system:item-regional", "urn:kangyun:code-system:item-insurance"],
};

export interface Suggestion {
  target: string;
  name: string;
  score: number;
  reason: string;
}

export interface Code {
  key: string;
  system: string;
  code: string;
  name: string;
  unit: string;
  specimen: string;
  count: number;
  first: string;
  last: string;
  state: State;
  row: number | null;
  target: string;
  targetName: string;
  relation: string;
  proposer: string;
  remark: string;
  /** Who asked that it be withdrawn; empty for nobody. */
  ending: string;
  suggestions: Suggestion[];
}

export interface Answer {
  totals: Record<State, number>;
  codes: Code[];
}

/** Reads the Parameters of `$codes`. */
export function read(said: fhir4.Parameters): Answer {
  const told = answered(said);
  const totals: Record<State, number> = { unmapped: 0, proposed: 0, approved: 0, unneeded: 0 };
  for (const one of told.all("total")) totals[one.text("state") as State] = one.number("codes") ?? 0;
  return { totals, codes: told.all("code").map(codeOf) };
}

function codeOf(one: Parts): Code {
  return {
    key: `${one.text("system")}|${one.text("code")}`,
    system: one.text("system"), code: one.text("code"), name: one.text("name"), unit: one.text("unit"), specimen: one.text("specimen"),
    count: one.number("count") ?? 0, first: one.text("first"), last: one.text("last"), state: one.text("state") as State,
    row: one.number("row"), target: one.text("target"), targetName: one.text("targetName"), relation: one.text("relation"),
    proposer: one.text("proposer"), remark: one.text("remark"), ending: one.text("ending"), suggestions: one.all("suggestion").map(suggestionOf),
  };
}

const suggestionOf = (one: Parts): Suggestion => ({
  target: one.text("target"), name: one.text("name"), score: one.number("score") ?? 0, reason: one.text("reason"),
});

/** The id of the institution whose list it is, empty for another's: urn:kangyun:code-system:local:{institution}:{list}. */
export const houseOf = (system: string): string => /^urn:kangyun:code-system:local:([^:]+):/.exec(system)?.[1] ?? "";
