// Who is signed in, for whom they act, and the client that speaks in their name. The token is in memory only; the browser
// holds a cookie of the server's session, which no script can read.
import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useMemo, useState, type ReactNode } from "react";
import { Client } from "~/fhir/client";
import { language } from "~/ui/language";
import { peopleOf, type Person } from "./people";

export type Role = "resident" | "guardian";

export interface About {
  name: string;
  demonstration: boolean;
  /** Whom to call: the operator's telephone. */
  help: string;
}

export interface Me {
  client: Client;
  /** Oneself, or those for whom one acts; the first is shown first. */
  people: Person[];
  /** Whose record is shown. */
  person: Person;
  choose: (person: Person) => void;
  role: Role;
  about: About;
  leave: () => Promise<void>;
}

interface Who {
  reference: string;
  role: string;
}

type State = { is: "waiting" | "failed" } | { is: "out"; ended: boolean } | { is: "in"; client: Client; people: Person[]; role: Role };

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
  failed: (again: () => void) => ReactNode;
  /** Shown to who is not signed in. ended: they were, until a moment ago. */
  signIn: (begin: () => void, ended: boolean) => ReactNode;
  children: ReactNode;
}

export function Session({ about, waiting, failed, signIn, children }: Parts) {
  const queries = useQueryClient();
  const [state, setState] = useState<State>({ is: "waiting" });
  const [chosen, setChosen] = useState<Person | null>(null);
  const begin = useCallback(() => {
    setState({ is: "waiting" });
    const over = () => {
      queries.clear();
      setState({ is: "out", ended: true });
    };
    begun(over).then(setState, () => setState({ is: "failed" }));
  }, [queries]);
  useEffect(() => {
    // Without a cookie there is nothing to ask for.
    const mayBeIn = document.querySelector<HTMLMetaElement>("meta[name=signed-in]")?.content !== "no";
    if (mayBeIn) begin();
    else setState({ is: "out", ended: false });
  }, [begin]);
  const me = useMemo<Me | null>(() => {
    const first = state.is === "in" ? state.people[0] : undefined;
    if (state.is !== "in" || !first) return null;
    const person = state.people.find((one) => one.id === chosen?.id) ?? first;
    const leave = async () => {
      await fetch("/residents/leave", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
      queries.clear();
      setState({ is: "out", ended: false });
    };
    return { client: state.client, people: state.people, person, choose: setChosen, role: state.role, about, leave };
  }, [state, chosen, about, queries]);
  if (me) return <Context value={me}>{children}</Context>;
  if (state.is === "out") return signIn(begin, state.ended);
  return state.is === "failed" ? failed(begin) : waiting;
}

async function begun(over: () => void): Promise<State> {
  if (!navigator.onLine) return { is: "failed" };
  const client = new Client("/fhir", language, over);
  if (!(await client.begin())) return { is: "out", ended: false };
  const said = await client.call("GET", "/oauth/self", undefined, { accept: "application/json" });
  const who = (await said.json()) as Who;
  const role = (["resident", "guardian"] as const).find((one) => one === who.role);
  if (!role) return { is: "out", ended: false }; // Somebody's of the staff: the portal is for residents.
  const people = await peopleOf(client, who.reference);
  return people.length ? { is: "in", client, people, role } : { is: "failed" };
}
