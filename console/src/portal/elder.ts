// 长辈版: larger type and buttons, fewer things at once. Remembered by this browser.
import { createContext, use, useEffect, useState } from "react";

const KEY = "kangyun-elder";

interface Elder {
  on: boolean;
  turn: (on: boolean) => void;
}

export const ElderContext = createContext<Elder>({ on: false, turn: () => undefined });

export const useElder = (): Elder => use(ElderContext);

export function useElderState(): Elder {
  const [on, setOn] = useState(localStorage.getItem(KEY) === "true");
  useEffect(() => {
    document.documentElement.dataset.elder = String(on);
  }, [on]);
  const turn = (to: boolean) => {
    localStorage.setItem(KEY, String(to));
    setOn(to);
  };
  return { on, turn };
}
