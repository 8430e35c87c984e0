// A person to call, on every page. Signed in it leads to all of them; before, it calls the operator at once.
import { useTranslation } from "react-i18next";
import { Glyph } from "~/ui/plain/Glyph";
import type { About } from "./session";

export function Call({ about }: { about: About }) {
  const { t } = useTranslation();
  if (!about.help) return null;
  return (
    <a className="button call" href={`tel:${about.help}`}>
      <Glyph name="call" />{t("app.callHelp", { number: about.help })}
    </a>
  );
}
