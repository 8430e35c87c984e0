// The client for whatever stands below the session, so that a part of `ui` needs to know nothing of the frame.
import { createContext, use } from "react";
import type { Client } from "./client";

export const ClientContext = createContext<Client | null>(null);

export function useClient(): Client {
  const client = use(ClientContext);
  if (!client) throw new Error("useClient outside of Session");
  return client;
}
