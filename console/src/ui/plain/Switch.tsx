// A right or a choice that is switched with one tap: words, a sign and a word for how it stands; colour only besides.
import { useTranslation } from "react-i18next";

interface Switched {
  label: string;
  hint?: string | undefined;
  on: boolean;
  busy?: boolean;
  onSwitch: () => void;
}

export function Switch({ label, hint, on, busy = false, onSwitch }: Switched) {
  const { t } = useTranslation();
  return (
    <button type="button" className="switch" role="switch" aria-checked={on} disabled={busy} onClick={onSwitch}>
      <span>{label}{hint ? <small className="block">{hint}</small> : null}</span>
      <b aria-hidden="true">{t(on ? "ui.on" : "ui.off")}</b>
    </button>
  );
}
