// Our own OpenAPI document as the reference shows it. Pure.

export interface Parameter {
  name: string;
  in: "query" | "header" | "path";
  required?: boolean;
  description?: string;
  schema?: { type?: string; enum?: string[]; examples?: string[]; pattern?: string; $ref?: string };
}
interface Described {
  operationId: string;
  parameters: (Parameter | { $ref: string })[];
  requestBody?: { content: Record<string, { examples?: Record<string, { value: unknown }> }> };
  responses: Record<string, unknown>;
}
export interface OpenApi {
  info: { title: string; version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, Described>>;
  components: { parameters: Record<string, Parameter> };
}
export interface Call {
  method: string;
  parameters: Parameter[];
  media: string;
  example: string;
  statuses: string[];
}
export const GROUPS = ["general", "operations", "resources"] as const;
export type Group = (typeof GROUPS)[number];

/** The addresses by group: what every server of FHIR has, operations, and the types of resources. */
export function grouped(api: OpenApi): Record<Group, string[]> {
  const found: Record<Group, string[]> = { general: [], operations: [], resources: [] };
  for (const path of Object.keys(api.paths)) {
    if (path.includes("$")) found.operations.push(path);
    else if (/^\/[A-Z]\w+$/.test(path)) found.resources.push(path);
    else found.general.push(path);
  }
  found.operations.sort((one, other) => nameOf(one).localeCompare(nameOf(other)) || one.localeCompare(other));
  return found;
}

export function calls(api: OpenApi, path: string): Call[] {
  return Object.entries(api.paths[path] ?? {}).map(([method, described]) => {
    const [media = "", content] = Object.entries(described.requestBody?.content ?? {})[0] ?? [];
    const example = Object.values(content?.examples ?? {})[0]?.value;
    return {
      method: method.toUpperCase(),
      parameters: described.parameters.map((one) => ("$ref" in one ? api.components.parameters[one.$ref.split("/").at(-1) ?? ""] : one))
        .filter((one) => one !== undefined),
      media,
      example: example === undefined ? "" : JSON.stringify(example, null, 2),
      statuses: Object.keys(described.responses),
    };
  });
}

/** What is typed into a terminal for a call: places in the address stay as they are named. */
export function curl(base: string, path: string, call: Call): string {
  const lines = [`curl -s${call.method === "GET" ? "" : ` -X ${call.method}`} '${base}${path === "/" ? "" : path}'`];
  if (path !== "/metadata") lines.push(`-H "authorization: Bearer $TOKEN"`);
  if (call.media) lines.push(`-H 'content-type: ${call.media}'`);
  if (call.example) lines.push(`-d '${call.example.replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

export const kindOf = (schema: Parameter["schema"]): string =>
  schema?.enum?.join(" | ") ?? schema?.$ref?.split("/").at(-1) ?? schema?.type ?? "";

const nameOf = (path: string): string => path.slice(path.indexOf("$") + 1);
