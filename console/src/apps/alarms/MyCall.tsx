// Calling somebody: 120, the family doctor and the station, the operator; or the family and the duty desk through the
// platform, which is asked twice so that no thumb does it by accident.
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { mayActFor } from "~/portal/people";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Card, Mark } from "~/ui/plain/parts";
import { helpers } from "./helpers";

export default function MyCall() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const { about, client, person } = useMe();
  const known = useQuery({ queryKey: ["helpers", person.id], queryFn: () => helpers(client, person), staleTime: 600_000 });
  return (
    <>
      <Card title={t("urgent")}>
        <p>{t("when")}</p>
        <a className="button call first" href="tel:120"><Glyph name="call" />{t("call120")}</a>
      </Card>
      <Cry />
      {(known.data ?? []).map((one) => (
        <Card key={one.phone} title={one.what === "station" ? t("station") : t("doctor")}>
          <a className="button call" href={`tel:${one.phone}`}><Glyph name="call" />{t("callBy", { name: one.name, number: one.phone })}</a>
        </Card>
      ))}
      <Card title={t("help")}>
        <a className="button call" href={`tel:${about.help}`}><Glyph name="call" />{t("callBy", { name: t("hotline"), number: about.help })}</a>
      </Card>
    </>
  );
}

/** Tells the family and the duty desk. */
function Cry() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const { client, people, person } = useMe();
  const [asked, setAsked] = useState(false);
  const cry = useMutation({ mutationFn: () => client.post(`Patient/${person.id}/$call-help`, { resourceType: "Parameters" }) });
  if (!mayActFor(person)) return <Card title={t("tell")}><p>{t("mayNot", { name: person.name })}</p></Card>;
  return (
    <Card title={t("tell")}>
      <p>{t(person.id === people[0]?.id ? "tellWhom" : "tellFor", { name: person.name })}</p>
      <Fault error={cry.error} />
      {cry.isSuccess ? (
        <div role="status"><Mark kind="good">{t("told")}</Mark><p>{t("toldThen")}</p></div>
      ) : asked ? (
        <>
          <p><strong>{t("sure")}</strong></p>
          <div className="steps">
            <button type="button" className="button" onClick={() => setAsked(false)}>{t("no")}</button>
            <button type="button" className="button call first" disabled={cry.isPending} aria-busy={cry.isPending} onClick={() => cry.mutate()}>{t("yes")}</button>
          </div>
        </>
      ) : <button type="button" className="button call" onClick={() => setAsked(true)}><Glyph name="bell" />{t("tellButton")}</button>}
    </Card>
  );
}
