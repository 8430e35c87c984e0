// What was kept, and what the platform says about it: its words as they are, for a while after.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered, type Parts } from "~/fhir/parameters";
import { unitOf } from "~/fhir/results";
import { useMe } from "~/portal/session";
import { Aloud } from "~/ui/plain/Aloud";
import { Glyph } from "~/ui/plain/Glyph";
import { Card, Mark } from "~/ui/plain/parts";

const EVERY = 1500; // milliseconds between two looks
const LONG = 20_000; // for so long a word about it may come

/** after: the number of the newest message of before; 0 where there was none. */
export function Kept({ told, after }: { told: Parts; after: number }) {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "readings" });
  const { client } = useMe();
  const [since] = useState(Date.now);
  const said = useQuery({
    queryKey: ["messages", "since", since],
    queryFn: () => client.get<fhir4.Parameters>("$messages", { unread: true, _count: 10 }),
    refetchInterval: () => (Date.now() - since < LONG ? EVERY : false),
  });
  const words = answered(said.data).all("message").filter((one) => (one.number("id") ?? 0) > after);
  return (
    <>
      {words.map((one) => (
        <section key={one.text("id")} className={one.text("urgency") === "red" ? "fault" : "card"} role="alert">
          <p className="value">{one.text("text")}</p>
          <Aloud text={one.text("text")} />
          {one.text("urgency") === "red" ? <a className="button call first" href="tel:120"><Glyph name="call" />{t("call120")}</a> : null}
        </section>
      ))}
      <Card>
        <p role="status"><Mark kind="good">{t("kept")}</Mark></p>
        <dl className="facts">
          {told.all("reading").map((one) => {
            const quantity = one.value<fhir4.Quantity>("value");
            const metric = one.text("metric");
            return metric === "meal-context" ? null : (
              <div key={metric}><dt>{one.text("title")}</dt><dd className="value">{quantity?.value} {unitOf(quantity, i18n.language)}</dd></div>
            );
          })}
        </dl>
        {told.values<string>("refused").map((one) => <p key={one} className="shown">{one}</p>)}
        <p>{t("always")}</p>
        <Link className="button first" to="/readings">{t("done")}</Link>
      </Card>
    </>
  );
}
