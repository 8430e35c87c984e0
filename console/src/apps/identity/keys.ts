// Keys of the desk.
import { useEffect } from "react";

/** Calls what belongs to a key, where nobody is typing and no dialogue is open. */
export function useKeys(keys: Record<string, () => void>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, [role=combobox]") || document.querySelector("[role=dialog]")) return;
      keys[event.key.toLowerCase()]?.();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  });
}
