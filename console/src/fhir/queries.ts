// What the platform answered, kept for a while, for both frames. Some of it is in words of the platform.
import { QueryClient } from "@tanstack/react-query";
import i18next from "i18next";
import { Problem } from "./client";

const FRESH = 30_000; // Milliseconds in which nothing is asked again.

export function beginQueries(): QueryClient {
  const queries = new QueryClient({
    defaultOptions: {
      mutations: { networkMode: "always" }, // What cannot be sent says so at once, where the browser thinks that it is offline, too.
      queries: {
        staleTime: FRESH,
        refetchOnWindowFocus: false,
        retry: (count, error) => count < 2 && error instanceof Problem && (error.status === 0 || error.status === 503),
      },
    },
  });
  // In the other language it is asked for anew.
  i18next.on("languageChanged", () => void queries.invalidateQueries());
  return queries;
}
