// What an operation of the platform answers, by the names of its parameters; and what one is asked.

/** A parameter with parts: what each says, by name. Of a name that repeats, `all` has every one. */
export class Parts {
  constructor(private readonly parts: readonly fhir4.ParametersParameter[]) {}

  text(name: string): string {
    const value = valueOf(this.first(name));
    if (value === undefined || value === null) return "";
    return typeof value === "object" ? ((value as fhir4.Reference).reference ?? "") : String(value);
  }

  number(name: string): number | null {
    const value = valueOf(this.first(name));
    return typeof value === "number" ? value : null;
  }

  yes(name: string): boolean {
    return valueOf(this.first(name)) === true;
  }

  /** How what is referred to is called; its reference where it has no name. */
  named(name: string): string {
    const value = valueOf(this.first(name)) as fhir4.Reference | undefined;
    return value?.display ?? value?.reference ?? "";
  }

  value<T>(name: string): T | undefined {
    return valueOf(this.first(name)) as T | undefined;
  }

  values<T>(name: string): T[] {
    return this.parts.flatMap((one) => (one.name === name ? [valueOf(one) as T] : []));
  }

  all(name: string): Parts[] {
    return this.parts.flatMap((one) => (one.name === name ? [new Parts(one.part ?? [])] : []));
  }

  private first(name: string): fhir4.ParametersParameter | undefined {
    return this.parts.find((one) => one.name === name);
  }
}

export const answered = (parameters: fhir4.Parameters | undefined): Parts => new Parts(parameters?.parameter ?? []);

type Given = string | number | boolean | undefined;

/** A Parameters resource: whole numbers as valueInteger, other texts as valueString; what is undefined is left out. */
export function parameters(given: Record<string, Given>): fhir4.Parameters {
  const parameter = Object.entries(given).flatMap(([name, value]): fhir4.ParametersParameter[] => {
    if (value === undefined || value === "") return [];
    if (typeof value === "boolean") return [{ name, valueBoolean: value }];
    return [typeof value === "number" ? { name, valueInteger: value } : { name, valueString: value }];
  });
  return { resourceType: "Parameters", parameter };
}

function valueOf(one: fhir4.ParametersParameter | undefined): unknown {
  return one && Object.entries(one).find(([key]) => key.startsWith("value"))?.[1];
}

type Part = fhir4.ParametersParameter;

export const named = (parts: Part[] | undefined, name: string): Part[] => (parts ?? []).filter((one) => one.name === name);

/** The value of the first part of a name, as text; "" where there is none. */
export function text(parts: Part[] | undefined, name: string): string {
  const one = named(parts, name)[0];
  const value = one?.valueString ?? one?.valueCode ?? one?.valueInstant ?? one?.valueDateTime ?? one?.valueId ?? one?.valueUri ?? one?.valueReference?.reference;
  return String(value ?? one?.valueInteger ?? one?.valueDecimal ?? one?.valueBoolean ?? "");
}
