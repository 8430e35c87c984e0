// What stands around the pages of who is not signed in.
import { useEffect, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Call } from "./Call";
import { Demonstration } from "./Demonstration";
import type { About } from "./session";
import { Switches } from "./Switches";

export function Outside({ about, children }: { about: About; children: ReactNode }) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = t("app.name");
  }, [t]);
  return (
    <div className="page">
      <Demonstration about={about} />
      <header className="bar"><h1>{t("app.name")}</h1></header>
      <main id="main">
        {children}
        <Switches />
      </main>
      <footer className="foot"><Call about={about} /></footer>
    </div>
  );
}
