// A demonstration says that it is one, on every page.
import { useTranslation } from "react-i18next";
import type { About } from "./session";

export function Demonstration({ about }: { about: About }) {
  const { t } = useTranslation();
  return about.demonstration ? <aside className="demonstration" aria-label={t("app.demonstration")}>{t("app.demonstration")}</aside> : null;
}
