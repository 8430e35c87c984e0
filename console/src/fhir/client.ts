// The one way to the platform: FHIR over HTTP with the token of the browser's session. Knows no screen.

export type Json = Record<string, unknown>;
export type Search = Record<string, string | number | boolean | undefined | (string | number)[]>;

/** What the platform says went wrong, in the language that was asked for; status 0: it was not reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly issues: { text: string; at: string; code: string }[],
    readonly request: string,
  ) {
    super(issues.map((one) => one.text).join(" "));
  }
}

export interface Session {
  token: string;
  /** When it is over, in milliseconds since 1970. */
  until: number;
}

const EARLY = 60_000; // A token is renewed so long before it is over.

export class Client {
  private session: Session | null = null;
  private renewing: Promise<Session | null> | null = null;
  private mark = "";
  private ahead: number | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(
    readonly base: string,
    private readonly language: () => string,
    private readonly onSignedOut: () => void,
    /** The Patient of a family member that is acted for; empty for oneself. */
    private readonly ward = "",
  ) {}

  /** Takes a token of the session that the browser's cookie stands for. False where there is none. Raises Problem. */
  async begin(): Promise<boolean> {
    return (await this.renewed()) !== null;
  }

  /** What must stand across a page that shows persons; as the platform said it last. */
  readonly watermark = (): string => this.mark;

  /** What the platform's clock says, by its last answer; empty before there was one. A telephone's own may be wrong. */
  readonly now = (): string => (this.ahead === null ? "" : new Date(performance.now() + this.ahead).toISOString());

  /** Calls when the watermark is another, until what is returned is called. */
  readonly onWatermark = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** The bearer token of now, for a websocket, to which a browser gives no header. Raises Problem. */
  async token(): Promise<string> {
    const session = await this.renewed();
    if (session === null) {
      this.onSignedOut();
      throw new Problem(401, [], "");
    }
    return session.token;
  }

  async get<T = fhir4.Resource>(path: string, search: Search = {}): Promise<T> {
    return (await this.call("GET", withSearch(path, search))).json() as Promise<T>;
  }

  async post<T = fhir4.Resource>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    const answer = await this.call("POST", path, body, headers);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }

  async put<T = fhir4.Resource>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    return (await this.call("PUT", path, body, headers)).json() as Promise<T>;
  }

  /** A file that the platform makes, such as a workbook. */
  async file(path: string, search: Search = {}, accept = "*/*"): Promise<Blob> {
    return (await this.call("GET", withSearch(path, search), undefined, { accept })).blob();
  }

  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const token = await this.token();
    const answer = await this.fetched(method, path, body, { ...headers, authorization: `Bearer ${token}` });
    const date = Date.parse(answer.headers.get("date") ?? "");
    if (!Number.isNaN(date)) this.ahead = date - performance.now();
    if (answer.status === 401) this.onSignedOut();
    if (!answer.ok) throw await problem(answer);
    const mark = answer.headers.get("x-watermark");
    if (mark) this.marked(decodeURIComponent(mark));
    return answer;
  }

  private marked(by: string): void {
    if (by === this.mark) return;
    this.mark = by;
    for (const listener of this.listeners) listener();
  }

  private async fetched(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
    // A token goes to this host only: of an address that is whole, such as a link of the platform's, which may have names
    // besides the one that the browser knows, the path alone is followed.
    const { pathname, search } = new URL(path, new URL(`${this.base}/`, location.origin));
    const url = pathname + search;
    const raw = body instanceof Blob || body instanceof ArrayBuffer || typeof body === "string" || body === undefined;
    const sent = { accept: "application/fhir+json", "accept-language": this.language(), ...headers };
    if (!raw) sent["content-type" as keyof typeof sent] ??= "application/fhir+json";
    try {
      return await fetch(url, { method, headers: sent, body: raw ? (body as BodyInit | undefined) ?? null : JSON.stringify(body) });
    } catch {
      throw new Problem(0, [], "");
    }
  }

  private async renewed(): Promise<Session | null> {
    if (this.session && Date.now() < this.session.until - EARLY) return this.session;
    this.renewing ??= this.renew().finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async renew(): Promise<Session | null> {
    const answer = await this.fetched("POST", "/account/token", JSON.stringify({ for: this.ward }), { "content-type": "application/json" });
    // A platform that is just being started has not signed anybody out.
    if (answer.status === 429 || answer.status >= 500) throw await problem(answer);
    if (!answer.ok) return (this.session = null);
    const said = (await answer.json()) as { access_token: string; expires_in: number };
    return (this.session = { token: said.access_token, until: Date.now() + said.expires_in * 1000 });
  }
}

export function withSearch(path: string, search: Search): string {
  const pairs = Object.entries(search).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [value].flat().map((one) => [name, String(one)]),
  );
  return pairs.length ? `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(pairs)}` : path;
}

async function problem(answer: Response): Promise<Problem> {
  const request = answer.headers.get("x-request-id") ?? "";
  const outcome = (await answer.json().catch(() => null)) as fhir4.OperationOutcome | null;
  const issues = (outcome?.issue ?? []).map((one) => ({
    text: one.details?.text ?? one.diagnostics ?? one.code,
    at: one.expression?.[0] ?? "",
    code: one.code,
  }));
  return new Problem(answer.status, issues, request);
}
