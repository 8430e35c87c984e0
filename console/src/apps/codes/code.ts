// A code of an institution and what stands of it, as `$codes` says it (docs/codes.md).

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
  suggestions: Suggestion[];
}

export interface Answer {
  totals: Record<State, number>;
  codes: Code[];
}

/** Reads the Parameters of `$codes`. */
export function read(said: fhir4.Parameters): Answer {
  const totals: Record<State, number> = { unmapped: 0, proposed: 0, approved: 0, unneeded: 0 };
  const codes: Code[] = [];
  for (const one of said.parameter ?? []) {
    const parts = new Map((one.part ?? []).map((part) => [part.name, part]));
    const text = (name: string) => parts.get(name)?.valueString ?? parts.get(name)?.valueCode ?? "";
    if (one.name === "total") totals[text("state") as State] = parts.get("codes")?.valueInteger ?? 0;
    if (one.name !== "code") continue;
    codes.push({
      key: `${text("system")}|${text("code")}`,
      system: text("system"), code: text("code"), name: text("name"), unit: text("unit"), specimen: text("specimen"),
      count: parts.get("count")?.valueDecimal ?? 0, first: text("first"), last: text("last"), state: text("state") as State,
      row: parts.get("row")?.valueInteger ?? null, target: text("target"), targetName: text("targetName"), relation: text("relation"),
      proposer: text("proposer"), remark: text("remark"),
      suggestions: (one.part ?? []).filter((part) => part.name === "suggestion").map((part) => suggestion(part.part ?? [])),
    });
  }
  return { totals, codes };
}

function suggestion(parts: fhir4.ParametersParameter[]): Suggestion {
  const found = new Map(parts.map((part) => [part.name, part]));
  return {
    target: found.get("target")?.valueString ?? "", name: found.get("name")?.valueString ?? "",
    score: found.get("score")?.valueDecimal ?? 0, reason: found.get("reason")?.valueCode ?? "",
  };
}

/** The id of the institution whose list it is, empty for another's: urn:kangyun:code-system:local:{institution}:{list}. */
export const houseOf = (system: string): string => /^urn:kangyun:code-system:local:([^:]+):/.exec(system)?.[1] ?? "";

export function parameters(said: Record<string, string | undefined>): fhir4.Parameters {
  return { resourceType: "Parameters", parameter: Object.entries(said).flatMap(([name, value]) => (value ? [{ name, valueString: value }] : [])) };
}
