// Reading a Parameters resource: its parts by name, each with its value whatever the type.
type Part = fhir4.ParametersParameter;

export type Value = string | number | boolean;

/** The value of a part, undefined where it has none or a complex one. */
export function valueOf(part: Part | undefined): Value | undefined {
  if (!part) return undefined;
  for (const [name, value] of Object.entries(part)) {
    if (name.startsWith("value") && typeof value !== "object") return value as Value;
  }
  return undefined;
}

/** The parts of a part, or of the whole, by their names; a Reference gives its display. */
export function partsOf(parts: readonly Part[] | undefined): Record<string, Value | undefined> {
  const found: Record<string, Value | undefined> = {};
  for (const part of parts ?? []) found[part.name] ??= valueOf(part) ?? part.valueReference?.display ?? part.valueReference?.reference;
  return found;
}

/** Each part of that name, as its own parts by their names. */
export function listOf(parameters: fhir4.Parameters | undefined, name: string): Record<string, Value | undefined>[] {
  return (parameters?.parameter ?? []).filter((one) => one.name === name).map((one) => partsOf(one.part));
}

export function parameters(values: Record<string, { type: string; value: Value } | undefined>): fhir4.Parameters {
  const given = Object.entries(values).flatMap(([name, one]) => (one ? [{ name, [`value${one.type}`]: one.value } as Part] : []));
  return { resourceType: "Parameters", parameter: given };
}
