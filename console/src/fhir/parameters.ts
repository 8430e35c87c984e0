// What an operation of the platform answers, by the names of its parameters; and what one is asked.

type Part = fhir4.ParametersParameter;

/** A parameter with parts: what each says, by name. Of a name that repeats, `all` has every one. */
export class Parts {
  constructor(private readonly parts: readonly Part[]) {}

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

  private first(name: string): Part | undefined {
    return this.parts.find((one) => one.name === name);
  }
}

export const answered = (parameters: fhir4.Parameters | undefined): Parts => new Parts(parameters?.parameter ?? []);

export type Value = string | number | boolean;

/** Each parameter of a name as a plain row, for a table: what each of its parts says; a Reference by its display. */
export function rowsOf(parameters: fhir4.Parameters | undefined, name: string): Record<string, Value | undefined>[] {
  const all = (parameters?.parameter ?? []).filter((one) => one.name === name);
  return all.map(({ part = [] }) => Object.fromEntries(part.map((one) => [one.name, plain(valueOf(one))])));
}

/** An object is a value with its type, such as `{ valueCode: "home" }`. */
type Given = Value | Omit<Part, "name"> | undefined;

/** A Parameters resource: whole numbers as valueInteger, texts as valueString; what is undefined or empty is left out. */
export function parameters(given: Record<string, Given>): fhir4.Parameters {
  const parameter = Object.entries(given).flatMap(([name, value]): Part[] => {
    if (value === undefined || value === "") return [];
    if (typeof value === "object") return [{ name, ...value }];
    if (typeof value === "boolean") return [{ name, valueBoolean: value }];
    return [typeof value === "number" ? { name, valueInteger: value } : { name, valueString: value }];
  });
  return { resourceType: "Parameters", parameter };
}

/** A Parameters resource of what was answered to a form, each answer by its question's linkId, after what is given. */
export function parametersOf({ item = [] }: fhir4.QuestionnaireResponse, given: Record<string, Given> = {}): fhir4.Parameters {
  const told = item.flatMap(({ linkId, answer = [] }) => answer.map(({ item: _, valueCoding, ...value }): Part => (
    { name: linkId, ...(valueCoding ? { valueCode: valueCoding.code } : value) }
  )));
  return { resourceType: "Parameters", parameter: [...(parameters(given).parameter ?? []), ...told] };
}

/** What was answered to a form, plainly: by linkId the first answer, of a choice its code. */
export function saidIn<Said extends object = Record<string, Value>>({ item = [] }: fhir4.QuestionnaireResponse): Partial<Said> {
  const told = item.map(({ linkId, answer = [] }) => [linkId, answer[0]?.valueCoding?.code ?? valueOf(answer[0])]);
  return Object.fromEntries(told) as Partial<Said>;
}

function valueOf(one: object | undefined): unknown {
  return one && Object.entries(one).find(([key]) => key.startsWith("value"))?.[1];
}

function plain(value: unknown): Value | undefined {
  if (typeof value !== "object" || value === null) return value as Value | undefined;
  const { display, reference } = value as fhir4.Reference;
  return display ?? reference;
}
