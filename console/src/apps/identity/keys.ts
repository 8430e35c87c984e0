// Keys of the desk.
import { useEffect } from "react";

/** Calls what belongs to a key, where nobody is typing and no dialogue is open. */
export function useKeys(keys: Record<string, () => void>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, [role=combobox]") || document.querySelector("[role=dialog]")) return;
      const called = keys[event.key.toLowerCase()];
      if (!called) return;
      event.preventDefault(); // What it opens does not get the letter.
      called();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  });
}
