// One person's registrations and ledger: what was decided, by whom and why; each act is taken back from here.
import { Alert, Button, Card, Empty, Flex, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation, useParams } from "react-router";
import { nameOf } from "~/fhir/reading";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { clause, colon } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { Confirm, type Wanted } from "./Confirm";
import { OpenWhole } from "./OpenWhole";
import { idOf, useLinked, usePersons, type Decision } from "./desk";
import { isMasked, valuesOf } from "./said";
import "./identity.css";

/** What was done; about: the registration that it was about. */
interface Done {
  said: string;
  about?: string | undefined;
}

const BY_PERSON = new Set(["steward", "feed", "undone"]);

export default function Person() {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const { id = "" } = useParams();
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const [done, setDone] = useState<Done>({ said: (useLocation().state as { done?: string } | null)?.done ?? "" });
  const linked = useLinked(`Patient/${id}`);
  const persons = usePersons(linked.data?.registrations ?? []);
  const known = new Map((persons.data ?? []).map((one) => [`Patient/${one.id}`, one]));
  const called = (reference: string) => nameOf(known.get(reference) ?? {}) || t("unnamed");
  const where = (reference: string) => valuesOf(known.get(reference), "institution")[0] ?? "";
  // What was parted or went back has its ledger where it is now.
  const gone = done.about && linked.data && !linked.data.registrations.includes(done.about) ? done.about : "";
  return (
    <Page title={t("person")} say={t("person-say")} actions={<Link to="/identity">{t("back")}</Link>}>
      {done.said ? (
        <Alert
          type="success" showIcon closable title={done.said} role="status" onClose={() => setDone({ said: "" })}
          description={gone ? <Link to={`/identity/person/${idOf(gone)}`} onClick={() => setDone({ said: "" })}>{t("elsewhere")}</Link> : undefined}
        />
      ) : null}
      <ProblemBox error={linked.error ?? persons.error} again={() => void linked.refetch()} />
      <Card size="small" title={t("registrations")}>
        <Rows<fhir4.Patient>
          dataSource={persons.data ?? []} loading={linked.isLoading || persons.isLoading}
          exported={{ title: t("registrations"), about: (one) => `Patient/${one.id}` }}
          columns={[
            { title: t("fields.name"), text: (one) => nameOf(one) },
            { title: t("fields.birth"), text: (one) => one.birthDate ?? "" },
            { title: t("fields.sex"), text: (one) => (one.gender ? t(`sexes.${one.gender}`) : "") },
            { title: t("fields.number"), text: (one) => valuesOf(one, "number").join(clause()) },
            { title: t("fields.telephone"), text: (one) => valuesOf(one, "telephone").join(clause()) },
            { title: t("fields.institution"), text: (one) => valuesOf(one, "institution")[0] ?? "" },
            { title: t("act"), render: (_, one) => (persons.data?.length ?? 0) > 1 ? <Button size="small" onClick={() => setWanted({ name: "part", about: `Patient/${one.id}`, act: { path: `Patient/${one.id}/$part`, given: {} } })}>{t("acts.part")}</Button> : null },
          ]}
        />
        <Flex vertical gap={12} style={{ marginTop: 12 }}>
          {persons.data?.some(isMasked) ? <OpenWhole references={[`Patient/${id}`]} /> : null}
          {persons.data?.[0] ? <Link to={`/identity/merge?source=${persons.data[0].id}`}>{t("merge-with")}</Link> : null}
        </Flex>
      </Card>
      <Card size="small" title={t("ledger")}>
        <Rows<Decision>
          dataSource={linked.data?.decisions ?? []} loading={linked.isLoading} exported={{ title: t("ledger"), about: (one) => one.patient }}
          locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("no-decisions")} /> }}
          columns={[
            { title: t("at"), text: (one) => minuteOf(one.at) },
            { title: t("decided"), text: (one) => t(`decisions.${one.kind}`, { defaultValue: one.kind }) },
            { title: t("registration"), text: (one) => [called(one.patient), where(one.patient)].filter(Boolean).join(" · ") },
            { title: t("by"), text: (one) => (BY_PERSON.has(one.kind) ? one.actor : t("rules")) },
            { title: t("reason"), text: (one) => one.words || supports(one) },
            { title: t("act"), render: (_, one) => !one.undoable ? (one.kind === "new" ? null : <Typography.Text type="secondary">{t("decided-since")}</Typography.Text>) : <Button size="small" danger onClick={() => setWanted({ name: "undo", about: one.patient, act: { path: "$undo-link", given: { id: one.id } } })}>{t("acts.undo")}</Button> },
          ]}
        />
      </Card>
      {wanted ? <Confirm wanted={wanted} onLeave={() => setWanted(null)} onDone={(said) => setDone({ said, about: wanted.about })} /> : null}
    </Page>
  );

  /** What spoke for it, the most first. */
  function supports(one: Decision): string {
    const steps = one.steps.filter((step) => step.bits > 0).sort((a, b) => b.bits - a.bits).slice(0, 3);
    return steps.map((step) => `${t(`fields.${step.what}`)}${colon()}${t(`levels.${step.level}`, { defaultValue: step.level })}`).join(clause());
  }
}
