// Who is signed in, for whom they act, and the client that speaks in their name. The token is in memory only; the browser
// holds a cookie of the server's session, which no script can read.
import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { Client, Problem } from "~/fhir/client";
import { answered } from "~/fhir/parameters";
import { language } from "~/ui/language";
import { peopleOf, type Person } from "./people";

export type Role = "resident" | "guardian";

export interface About {
  name: string;
  demonstration: boolean;
  /** Of the region, as in "Asia/Shanghai"; absent where it could not be asked. */
  zone?: string;
  /** Whom to call: the operator's telephone. */
  help: string;
}

export interface Me {
  /** Speaks for whose record is shown. */
  client: Client;
  /** Speaks for who is signed in. */
  own: Client;
  /** Asks anew for whom one may act. */
  again: () => void;
  /** Oneself, or those for whom one acts; the first is shown first. */
  people: Person[];
  /** Whose record is shown. */
  person: Person;
  choose: (person: Person) => void;
  role: Role;
  about: About;
  /** Raises Problem: then one is still signed in. */
  leave: () => Promise<void>;
}

interface Who {
  reference: string;
  role: string;
}

type State = { is: "waiting" } | { is: "failed"; error: unknown } | { is: "out"; ended: boolean } | { is: "in"; client: Client; people: Person[]; role: Role };

// Whose record was shown, so that a page that is loaded anew is about nobody else. Of this tab only, and until one leaves.
const CHOSEN = "kangyun-person";
const Context = createContext<Me | null>(null);

/** Who is here. Only below `Session`. */
export function useMe(): Me {
  const me = use(Context);
  if (!me) throw new Error("useMe outside of Session");
  return me;
}

interface Parts {
  about: About;
  waiting: ReactNode;
  failed: (again: () => void, error: unknown) => ReactNode;
  /** Shown to who is not signed in. ended: they were, until a moment ago. */
  signIn: (begin: () => void, ended: boolean) => ReactNode;
  children: ReactNode;
}

export function Session({ about, waiting, failed, signIn, children }: Parts) {
  const queries = useQueryClient();
  const [state, setState] = useState<State>({ is: "waiting" });
  const [chosen, setChosen] = useState(() => sessionStorage.getItem(CHOSEN) ?? "");
  const [tries, setTries] = useState(0);
  const out = useCallback((ended: boolean) => {
    queries.clear();
    sessionStorage.removeItem(CHOSEN);
    setChosen("");
    setState({ is: "out", ended });
  }, [queries]);
  const arrived = (next: State) => {
    const kept = sessionStorage.getItem(CHOSEN);
    if (kept && next.is === "in" && !next.people.some((one) => one.id === kept)) {
      // Whom one acted for is not there any more: no page goes on, about somebody else.
      sessionStorage.removeItem(CHOSEN);
      history.replaceState(null, "", "/my");
    }
    setState(next);
  };
  const begin = useCallback(() => {
    setState({ is: "waiting" });
    begun(() => out(true), () => setTries((one) => one + 1)).then(arrived, (error: unknown) => {
      // Whose sign-in is over was led out already.
      if (!(error instanceof Problem && error.status === 401)) setState({ is: "failed", error });
    });
  }, [out]);
  useEffect(() => {
    // Without a cookie there is nothing to ask for.
    const mayBeIn = document.querySelector<HTMLMetaElement>("meta[name=signed-in]")?.content !== "no";
    if (mayBeIn) begin();
    else setState({ is: "out", ended: false });
  }, [begin]);
  useEffect(() => {
    if (tries) begin();
  }, [tries, begin]);
  const me = useMemo<Me | null>(() => {
    const first = state.is === "in" ? state.people[0] : undefined;
    if (state.is !== "in" || !first) return null;
    const person = state.people.find((one) => one.id === chosen) ?? first;
    const leave = async () => {
      const asked = fetch("/residents/leave", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      const answer = await asked.catch(() => null);
      if (!answer?.ok) throw new Problem(answer?.status ?? 0, [], "");
      out(false);
    };
    const choose = (one: Person) => {
      sessionStorage.setItem(CHOSEN, one.id);
      setChosen(one.id);
    };
    const client = person.family?.client ?? state.client;
    const role = person.family ? "guardian" : state.role;
    return { client, own: state.client, again: begin, people: state.people, person, choose, role, about, leave };
  }, [state, chosen, about, out]);
  if (me) return <Context value={me}>{children}</Context>;
  if (state.is === "out") return signIn(begin, state.ended);
  return state.is === "failed" ? failed(begin, state.error) : waiting;
}

async function begun(over: () => void, again: () => void): Promise<State> {
  if (!navigator.onLine) throw new Problem(0, [], "");
  const client = new Client("/fhir", language, over);
  if (!(await client.begin())) return { is: "out", ended: false };
  const said = await client.call("GET", "/oauth/self", undefined, { accept: "application/json" });
  const who = (await said.json()) as Who;
  const role = (["resident", "guardian"] as const).find((one) => one === who.role);
  if (!role) return { is: "out", ended: false }; // Somebody's of the staff: the portal is for residents.
  const people = await peopleOf(client, who.reference);
  const family = role === "resident" ? await relatives(client, again) : [];
  if (people.length === 0) throw new Problem(404, [], "");
  return { is: "in", client, people: [...people, ...family], role };
}

/** Those whose record one may see, or for whom one may act; each with a client of their own. again: a right has ended. */
async function relatives(own: Client, again: () => void): Promise<Person[]> {
  const said = answered(await own.get<fhir4.Parameters>("$family").catch(() => undefined));
  const found = said.all("theirs").map(async (tie): Promise<Person[]> => {
    const rights = tie.values<string>("right");
    const [first] = tie.values<fhir4.Reference>("patient");
    if (!first?.reference || !(rights.includes("see") || rights.includes("act"))) return [];
    const client = new Client("/fhir", language, again, first.reference);
    if (!(await client.begin())) return [];
    return (await peopleOf(client, first.reference)).map((one) => ({ ...one, family: { client, rights } }));
  });
  // Of whom nothing can be read now is not shown; one's own record is.
  return (await Promise.all(found.map((one) => one.catch(() => [])))).flat();
}
