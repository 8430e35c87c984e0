// Card readers: a vendor's service on this computer, at the addresses that the operator lists. No two answer alike, so
// what is looked for in the answer is a resident's identity number, wherever it stands.

const NUMBER = /^\d{17}[\dXx]$/;
const PATIENCE = 15_000; // Milliseconds for somebody to lay the card on.

/** The addresses that the page may ask; it may ask no others. */
export function readers(): string[] {
  const said = document.querySelector<HTMLMetaElement>("meta[name=card-readers]")?.content ?? "";
  return said.split(" ").filter((one) => one.startsWith("http"));
}

/** Reads a card by the first reader that answers; null where none does, or there is no card on it. */
export async function readCard(): Promise<string | null> {
  for (const address of readers()) {
    try {
      const answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), credentials: "omit" });
      const number = answer.ok ? numberIn(await answer.json()) : null;
      if (number) return number;
    } catch {
      continue; // This vendor's service does not run here.
    }
  }
  return null;
}

/** The first identity number in an answer, however deep it stands. */
export function numberIn(said: unknown): string | null {
  if (typeof said === "string") return NUMBER.test(said.trim()) ? said.trim().toUpperCase() : null;
  if (typeof said !== "object" || said === null) return null;
  for (const one of Object.values(said)) {
    const found = numberIn(one);
    if (found) return found;
  }
  return null;
}
