// The first page: what there is. In 长辈版 four things, and the others one step further.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { useElder } from "./elder";
import { isFor, screens, type MyScreen } from "./screen";
import { useMe } from "./session";
import { Switches } from "./Switches";

const GROUPS: MyScreen["group"][] = ["health", "family", "own"];

export function Home() {
  const { t } = useTranslation();
  const elder = useElder();
  const [more, setMore] = useState(false);
  const { role, person, leave } = useMe();
  const leaving = useMutation({ mutationFn: leave });
  const mine = screens.filter((one) => isFor(one, role));
  const first = mine.filter((one) => one.elder).sort((one, other) => (one.elder ?? 0) - (other.elder ?? 0));
  const groups = GROUPS.map((group) => ({ group, these: mine.filter((one) => one.group === group) })).filter((one) => one.these.length);
  return (
    <>
      <p className="greeting">{t("app.greeting", { name: person.name })}</p>
      <People />
      {elder.on ? (
        <nav className="four" aria-label={t("app.menu")}>
          {first.map((one) => <Tile key={one.name} screen={one} label={t(`${one.name}.short`)} />)}
          <Link className="tile call" to="/call"><Glyph name="call" /><span>{t("app.call")}</span></Link>
        </nav>
      ) : null}
      {elder.on && !more ? <button type="button" className="button" onClick={() => setMore(true)}>{t("app.more")}</button> : null}
      {elder.on && !more ? null : groups.map(({ group, these }) => (
        <section key={group} aria-labelledby={group}>
          <h2 id={group}>{t(`app.group.${group}`)}</h2>
          <nav className="tiles" aria-label={t(`app.group.${group}`)}>
            {these.map((one) => <Tile key={one.name} screen={one} label={t(`${one.name}.title`)} />)}
          </nav>
        </section>
      ))}
      <Switches />
      <Fault error={leaving.error} />
      <button type="button" className="button quiet" disabled={leaving.isPending} onClick={() => leaving.mutate()}>{t("app.leave")}</button>
    </>
  );
}

function Tile({ screen, label }: { screen: MyScreen; label: string }) {
  return <Link className="tile" to={screen.path}>{screen.icon}<span>{label}</span></Link>;
}

/** Whose record is shown, where one acts for several. */
function People() {
  const { t } = useTranslation();
  const { people, person, choose } = useMe();
  if (people.length < 2) return null;
  return (
    <fieldset className="people">
      <legend>{t("app.whose")}</legend>
      {people.map((one) => (
        <button key={one.id} type="button" className="button" aria-pressed={one.id === person.id} onClick={() => choose(one)}>{one.name}</button>
      ))}
    </fieldset>
  );
}
