// Where the keyboard, and who reads by ear, stands when another page is shown: at its beginning, where nothing of it asks
// for the focus itself. What was pressed is gone from the page by then.
import { useEffect, useRef } from "react";

export const MAIN = "main";

export function useLanding(pathname: string): void {
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    if (!document.activeElement || document.activeElement === document.body) document.getElementById(MAIN)?.focus({ preventScroll: true });
  }, [pathname]);
}
