// The first page of a doctor: my residents, who needs me first first, and a line to type a pressure in.
import { useQuery } from "@tanstack/react-query";
import { Button, Flex, Grid, Input, Segmented, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { useClient } from "~/fhir/context";
import { ageOf } from "~/fhir/reading";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { dayOf as dateOf, minuteOf } from "~/ui/time";
import { Reading } from "./Reading";
import { Alarms, Discharges, Values } from "./Said";
import { dayOf, isNamed, isOf, type Kind, type Resident } from "./day";

const KINDS: Kind[] = ["all", "alarm", "discharge", "value"];

export default function Mine() {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  const client = useClient();
  const go = useNavigate();
  // On a phone what is to be seen of somebody stands below the name: a list that scrolls sideways hides it.
  const narrow = Grid.useBreakpoint().md === false;
  const [kind, setKind] = useState<Kind>("all");
  const [looked, setLooked] = useState("");
  const [typing, setTyping] = useState<Resident | null>(null);
  const day = useQuery({ queryKey: ["today"], refetchInterval: 60_000, queryFn: () => client.get<fhir4.Parameters>("CareTeam/$today").then(dayOf) });
  const all = day.data?.residents ?? [];
  const rows = useMemo(() => all.filter((one) => isOf(one, kind) && isNamed(one.name, looked.trim())), [all, kind, looked]);
  const open = (one: Resident) => void go(`/residents/${one.id}`);
  const said = (one: Resident) => ({
    alarms: one.alarms.map((each) => `${t(`level.${each.level}`)} ${t(`rule.${each.rule}`, { defaultValue: t("rule.other") })}`).join(comma()),
    discharges: one.discharges.map((each) => `${minuteOf(each.until)} ${each.institution} ${each.why}`.trim()).join(comma()),
    values: one.values.map((each) => `${each.what} ${each.value}${t(`side.${each.side}`)}`).join(comma()),
  });
  return (
    <Page title={t("title")} say={day.data ? t("say", { since: minuteOf(day.data.since) }) : undefined}>
      <ProblemBox error={day.error} again={() => void day.refetch()} />
      <Rows<Resident>
        loading={day.isPending} dataSource={rows} exported={{ title: t("mine"), about: (one) => `Patient/${one.id}` }} scroll={narrow ? undefined : { x: 900 }}
        onRow={(one) => ({ onDoubleClick: () => open(one) })}
        locale={{ emptyText: <Nothing say={day.isSuccess && all.length === 0 ? t("none") : t("none-found")} /> }}
        tools={
          <Flex gap={8} wrap align="center">
            <Segmented<Kind>
              aria-label={t("show")} value={kind} onChange={setKind}
              options={KINDS.map((one) => ({ value: one, label: t(`kind.${one}`, { count: all.filter((each) => isOf(each, one)).length }) }))}
            />
            <Input type="search" allowClear aria-label={t("find")} placeholder={t("find")} value={looked} onChange={(event) => setLooked(event.target.value)} style={{ width: 160 }} />
          </Flex>
        }
        columns={[
          { title: t("name"), width: narrow ? undefined : 110, render: (_, one) => narrow ? <Told one={one} /> : <Link to={`/residents/${one.id}`}>{one.name}</Link>, text: (one) => one.name },
          { title: t("sex-age"), hidden: narrow, width: 90, render: (_, one) => sexAge(one, t), text: (one) => sexAge(one, t) },
          { title: t("alarms"), hidden: narrow, render: (_, one) => <Alarms alarms={one.alarms} />, text: (one) => said(one).alarms },
          { title: t("discharges"), hidden: narrow, render: (_, one) => <Discharges discharges={one.discharges} />, text: (one) => said(one).discharges },
          { title: t("values"), hidden: narrow, render: (_, one) => <Values values={one.values} />, text: (one) => said(one).values },
          { title: t("until"), hidden: narrow, width: 110, render: (_, one) => dateOf(one.until), text: (one) => dateOf(one.until) },
          { title: t("type"), width: narrow ? 84 : 100, render: (_, one) => <Button size="small" onClick={() => setTyping(one)} aria-label={t("type-of", { name: one.name })}>{t("type")}</Button> },
        ]}
      />
      <Typography.Text type="secondary">{t("only-look")}</Typography.Text>
      {typing ? <Reading resident={typing} onClose={() => setTyping(null)} onKept={() => window.setTimeout(() => void day.refetch(), 2_000)} /> : null}
    </Page>
  );
}

function Told({ one }: { one: Resident }) {
  const { t } = useTranslation("translation", { keyPrefix: "today" });
  return (
    <Flex vertical gap={4} style={{ whiteSpace: "normal" }}>
      <span><Link to={`/residents/${one.id}`}>{one.name}</Link> {sexAge(one, t)}</span>
      <Alarms alarms={one.alarms} />
      <Discharges discharges={one.discharges} />
      <Values values={one.values} />
    </Flex>
  );
}

function sexAge(one: Resident, t: (key: string, given?: Record<string, unknown>) => string): string {
  const age = ageOf(one.born);
  return [one.gender ? t(`sex.${one.gender}`) : "", age === null ? "" : t("age", { count: age })].filter(Boolean).join(" ");
}
