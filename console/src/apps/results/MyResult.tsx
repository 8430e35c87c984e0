// One result: what it is, what it said, what it means in general and from where we know, and the same before.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { entries, said } from "~/fhir/reading";
import { loincOf, valueOf } from "~/fhir/results";
import { useMe } from "~/portal/session";
import { Aloud } from "~/ui/plain/Aloud";
import { Fault } from "~/ui/plain/Fault";
import { Card, Empty, Waiting } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";
import meanings from "./meanings.json";
import { spoken, Value } from "./Value";

interface Meaning {
  zh: string;
  en: string;
  /** Whose name is said in the reader's language; empty where no public source has confirmed it: it is said to be unverified. */
  source: string;
}

export default function MyResult() {
  const { id = "" } = useParams();
  const { t, i18n } = useTranslation("translation", { keyPrefix: "results" });
  const { client, person } = useMe();
  const found = useQuery({
    queryKey: ["result", person.id, id],
    // An address may be another's, of before somebody else was chosen: it is asked for as this person's only.
    queryFn: async () => entries<fhir4.Observation>(await client.get<fhir4.Bundle>("Observation", { _id: id, patient: person.patient }))[0] ?? null,
  });
  const code = loincOf(found.data?.code);
  const before = useQuery({
    queryKey: ["results", person.id, code],
    enabled: code !== "",
    queryFn: () => client.get<fhir4.Bundle>("Observation", { patient: person.patient, code: `http://loinc.org|${code}`, _sort: "-date", _count: 10 }),
  });
  if (found.isPending) return <Waiting />;
  const one = found.data;
  if (!one) return found.error ? <Fault error={found.error} again={() => void found.refetch()} /> : <Empty say={t("gone")} />;
  const meaning = (meanings as Record<string, Meaning | undefined>)[code];
  const words = meaning?.[i18n.language === "en" ? "en" : "zh"];
  const earlier = entries<fhir4.Observation>(before.data).filter((each) => each.id !== id);
  return (
    <>
      <Card title={said(one.code)}>
        <Value one={one} />
        <p className="hint">{dayOf(one.effectiveDateTime)}</p>
        <Aloud text={[spoken(one, t, i18n.language), words ?? ""].join("。")} />
      </Card>
      <Card title={t("means")}>
        <p>{words ?? t("noMeaning")}</p>
        {words ? <p className="hint">{meaning?.source ? t("source", { source: t(`sources.${meaning.source}`) }) : t("unverified")}</p> : null}
        <p className="hint">{t("ask")}</p>
      </Card>
      {earlier.length ? (
        <Card title={t("before")}>
          <dl className="facts">
            {earlier.map((each) => <div key={each.id}><dt>{dayOf(each.effectiveDateTime)}</dt><dd>{valueOf(each, i18n.language)}</dd></div>)}
          </dl>
        </Card>
      ) : null}
    </>
  );
}
