// What stands around every screen: where one is, the way back, a person to call.
import { Suspense, lazy, useEffect, type ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { Link, Route, Routes, matchPath, useLocation, useNavigate } from "react-router";
import { Broken } from "~/ui/Broken";
import { Fresh } from "~/ui/Fresh";
import { MAIN, useLanding } from "~/ui/landing";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Empty, Waiting } from "~/ui/plain/parts";
import { Demonstration } from "./Demonstration";
import { Home } from "./Home";
import { mayActFor } from "./people";
import { screens } from "./screen";
import { useMe } from "./session";

interface Page {
  title: string;
  path: string;
  own?: true;
  acts?: true;
  Page: ComponentType;
}

const pages: Page[] = screens.flatMap((screen) => [
  { title: `${screen.name}.title`, path: screen.path, own: screen.own, acts: screen.acts, Page: lazy(screen.load) },
  ...(screen.pages ?? []).map(({ key, path, acts = screen.acts, load }) => (
    { title: `${screen.name}.pages.${key}`, path, own: screen.own, acts, Page: lazy(load) }
  )),
]);

export function Shell() {
  const { t } = useTranslation();
  const { about, people, person } = useMe();
  const { pathname, key } = useLocation();
  const navigate = useNavigate();
  // Who came here by an address, such as that of a message, has no page before this one.
  const back = () => void (key === "default" ? navigate("/") : navigate(-1));
  const here = pages.find((one) => matchPath(one.path, pathname));
  const title = here ? t(here.title) : t("app.name");
  useEffect(() => {
    document.title = here ? `${title} - ${t("app.name")}` : title;
    window.scrollTo(0, 0);
  }, [here, title, t]);
  useLanding(pathname);
  const isHome = pathname === "/" || pathname === "";
  return (
    <div className="page">
      <a className="skip" href="#main">{t("app.skip")}</a>
      <Demonstration about={about} />
      <header className="bar">
        {isHome ? null : (
          <button type="button" className="back" onClick={back}><Glyph name="back" />{t("app.back")}</button>
        )}
        <h1>{title}</h1>
      </header>
      {isHome || here?.own || people.length < 2 ? null : <p className="whose">{t("app.of", { name: person.name })}</p>}
      <main id={MAIN} tabIndex={-1}>
        <Broken at={pathname} say={(error) => <Fault error={error} again={() => window.location.reload()} />}>
          <Suspense fallback={<Waiting />}>
            <Routes>
              <Route path="/" element={<Home />} />
              {pages.map(({ path, acts, Page }) => <Route key={path} path={path} element={acts && !mayActFor(person) ? <SeesOnly /> : <Fresh Page={Page} />} />)}
              <Route path="*" element={<Empty say={t("ui.status.404")} />} />
            </Routes>
          </Suspense>
        </Broken>
      </main>
      <footer className="foot">
        {isHome ? null : <Link className="button" to="/"><Glyph name="home" />{t("app.home")}</Link>}
        <Link className="button call" to="/call"><Glyph name="call" />{t("app.call")}</Link>
      </footer>
    </div>
  );
}

/** In place of what one would do for a family member who allowed to see only. */
function SeesOnly() {
  const { t } = useTranslation();
  const { person } = useMe();
  return (
    <Empty say={t("app.seesOnly", { name: person.name })}>
      <Link className="button" to="/family/ask"><Glyph name="family" />{t("family.pages.ask")}</Link>
    </Empty>
  );
}
