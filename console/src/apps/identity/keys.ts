// Keys of the desk.
import { useEffect } from "react";

/** Where somebody types; a list that is closed is no such place. */
const TYPED = "input:not([readonly]), textarea, [role=combobox][aria-expanded=true]";

/** Calls what belongs to a key, where nobody is typing and no dialogue is open. */
export function useKeys(keys: Record<string, () => void>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest(TYPED) || document.querySelector("[role=dialog]")) return;
      const called = keys[event.key.toLowerCase()];
      if (!called) return;
      event.preventDefault(); // What it opens does not get the letter,
      event.stopPropagation(); // nor does a list that has the focus: it would open.
      called();
    };
    // On the way down: a list that has the focus keeps its keys to itself on the way up.
    document.addEventListener("keydown", pressed, true);
    return () => document.removeEventListener("keydown", pressed, true);
  });
}
