// What anybody may set without signing in: 长辈版, and the language.
import { useTranslation } from "react-i18next";
import { choose, language } from "~/ui/language";
import { useElder } from "./elder";

export function Switches() {
  const { t } = useTranslation();
  const elder = useElder();
  const other = language() === "en" ? "zh" : "en";
  return (
    <div className="switches">
      <button type="button" className="button" onClick={() => elder.turn(!elder.on)}>
        {t(elder.on ? "app.ordinary" : "app.elder")}
      </button>
      <button type="button" className="button" lang={other === "en" ? "en" : "zh-CN"} onClick={() => void choose(other)}>{t("app.other")}</button>
    </div>
  );
}
