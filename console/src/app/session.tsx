// Who is signed in, and the client that speaks in their name. Signing in is the platform's own page; we only go there.
import { createContext, use, useCallback, useEffect, useState, type ReactNode } from "react";
import { Client } from "~/fhir/client";
import { ClientContext } from "~/fhir/context";
import { language } from "~/ui/language";
import { keepZone } from "~/ui/time";

export { useClient } from "~/fhir/context";

export interface Who {
  name: string;
  reference: string;
  role: string;
  institution: string;
  /** May ask whom a code or a card names. */
  reads_codes: boolean;
  /** A card in one of the institution's readers opens a record. */
  reader_opens: boolean;
}

export interface About {
  name: string;
  demonstration: boolean;
  /** Of the region, as in "Asia/Shanghai". */
  zone: string;
  version?: string;
}

interface Here {
  client: Client;
  who: Who;
  about: About;
  leave: () => void;
}

const Context = createContext<Here | null>(null);
const BACK = "kangyun-back";

/** Who is here, and the way to the platform. Only below `Session`. */
export function useHere(): Here {
  const here = use(Context);
  if (!here) throw new Error("useHere outside of Session");
  return here;
}

interface Shown {
  page: string;
  waiting: ReactNode;
  /** Shown where it cannot be told who is here. */
  failed: (error: unknown, again: () => void) => ReactNode;
  children: ReactNode;
}

export function Session({ page, waiting, failed, children }: Shown) {
  const [here, setHere] = useState<Here | null>(null);
  const [error, setError] = useState<unknown>(null);
  const begin = useCallback(() => {
    setError(null);
    begun(page).then(setHere, setError);
  }, [page]);
  useEffect(begin, [begin]);
  if (error) return failed(error, begin);
  return here ? <Context value={here}><ClientContext value={here.client}>{children}</ClientContext></Context> : waiting;
}

/** Raises Problem. */
async function begun(page: string): Promise<Here | null> {
  let own = "";
  const client = new Client("/fhir", language, () => signIn(page, own));
  // Without a cookie there is nothing to ask for.
  const mayBeIn = document.querySelector<HTMLMetaElement>("meta[name=signed-in]")?.content !== "no";
  if (!mayBeIn || !(await client.begin())) {
    signIn(page);
    return null;
  }
  const [who, about] = await Promise.all([
    client.call("GET", "/oauth/self", undefined, { accept: "application/json" }).then((said) => said.json() as Promise<Who>),
    client.call("GET", "/about", undefined, { accept: "application/json" }).then((said) => said.json() as Promise<About>),
  ]);
  keepZone(about.zone);
  own = who.reference;
  const [whose = "", back = ""] = (sessionStorage.getItem(BACK) ?? "").split(" ");
  sessionStorage.removeItem(BACK);
  // Who signs in where somebody else sat goes on with nobody that the other one looked at.
  if ((!whose || whose === own) && back.startsWith(`/${page}/`)) history.replaceState(null, "", back);
  return { client, who, about, leave: () => location.assign("/oauth/end-session") };
}

/** own: who was here until now, as a reference; empty for who was not known. */
function signIn(page: string, own = ""): void {
  sessionStorage.setItem(BACK, `${own} ${location.pathname}${location.search}`);
  location.assign(`/account?page=${page}&lang=${language()}`);
}
