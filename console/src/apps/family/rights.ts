// The three rights of a family, in the order in which they are shown.
export const RIGHTS = ["see", "act", "hear"] as const;
export type Right = (typeof RIGHTS)[number];

type Part = fhir4.ParametersParameter;

/** A call of an operation about a family: texts, and the rights that are given. */
export const about = (given: Record<string, string>, rights: readonly string[] = []): fhir4.Parameters => ({
  resourceType: "Parameters",
  parameter: [
    ...Object.entries(given).map(([name, valueString]): Part => ({ name, valueString })),
    ...rights.map((valueCode): Part => ({ name: "right", valueCode })),
  ],
});

/** The rights with one of them switched. */
export const switched = (rights: readonly string[], right: string): string[] =>
  rights.includes(right) ? rights.filter((one) => one !== right) : [...rights, right];
