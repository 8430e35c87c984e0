// A demonstration says that it is one, on every page.
import { useTranslation } from "react-i18next";
import type { About } from "./session";

export function Demonstration({ about }: { about: About }) {
  const { t } = useTranslation();
  return about.demonstration ? <p className="demonstration">{t("app.demonstration")}</p> : null;
}
