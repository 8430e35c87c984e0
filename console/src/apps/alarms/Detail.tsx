// An alarm that is opened: who and where, what it rests on, the curves, what was told to whom, and what can be done.
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Descriptions, Flex, Skeleton, Typography } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useClient } from "~/fhir/context";
import { answered, parameters, type Parts } from "~/fhir/parameters";
import { ProblemBox } from "~/ui/ProblemBox";
import { comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { Answer } from "./Answer";
import { Course } from "./Course";
import { Curves } from "./Curves";
import { LevelMark, StateMark } from "./Marks";
import { TimeLeft } from "./TimeLeft";
import { alarmOfParts, type Alarm } from "./alarm";

export function Detail({ id, live, now }: { id: number; live: Alarm | undefined; now: number }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  // It is opened again when the platform says that it has changed, and never by itself: each opening leaves a row.
  const opened = useQuery({
    queryKey: ["alarm", id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: () => client.post<fhir4.Parameters>("$alarm", parameters({ id })),
  });
  const told = answered(opened.data);
  const [one, person] = [told.all("alarm")[0], told.all("person")[0]];
  const { refetch } = opened;
  const isOld = one !== undefined && (live?.version ?? 0) > alarmOfParts(one).version;
  useEffect(() => {
    if (isOld) void refetch();
  }, [isOld, live?.version, refetch]);
  const problem = <ProblemBox error={opened.error} again={() => void refetch()} />;
  if (!one) return opened.error ? problem : <Card><Skeleton active /></Card>;
  const alarm = alarmOfParts(one);
  const evidence = told.all("evidence");
  const metrics = [...new Set(evidence.flatMap((each) => each.values<string>("metric")))];
  return (
    <Flex vertical gap={12} style={{ minWidth: 0 }}>
      {problem}
      <Card size="small">
        <Flex vertical gap={8}>
          <Flex gap={8} wrap align="center">
            <LevelMark level={alarm.level} />
            <StateMark state={alarm.state} />
            <TimeLeft alarm={alarm} now={now} />
          </Flex>
          <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }}>{whoIs(person, t)}</Typography.Title>
          <Typography.Text>{t(`rule.${alarm.rule}`, { defaultValue: t("rule.other") })}{t("colon")}{alarm.text}</Typography.Text>
          <Person person={person} place={alarm.place} patient={alarm.patient} />
          <Alert type="info" title={t("only-suspect")} />
        </Flex>
      </Card>
      <Answer alarm={alarm} person={person} onDone={() => void refetch()} />
      {person?.text("series") && metrics.length ? <Curves path={person.text("series")} metrics={metrics} /> : null}
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("evidence")}</h3>}>
        <Flex vertical gap={4}>
          {evidence.map((each) => (
            <Typography.Text key={each.text("at") + each.text("text")}>{minuteOf(each.text("at"))}　{each.text("text")}</Typography.Text>
          ))}
        </Flex>
      </Card>
      <Card size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("course")}</h3>}>
        <Course events={told.all("event")} />
      </Card>
    </Flex>
  );
}

type Say = (key: string, given?: Record<string, unknown>) => string;

function whoIs(person: Parts | undefined, t: Say): string {
  if (!person) return t("unnamed");
  const [sex, age] = [person.text("gender"), person.number("age")];
  return [person.text("name") || t("unnamed"), sex ? t(`sex.${sex}`) : "", age === null ? "" : t("age", { count: age })].filter(Boolean).join(" ");
}

function Person({ person, place, patient }: { person: Parts | undefined; place: string; patient: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  if (!person) return null;
  const named = (part: string) => person.values<fhir4.Reference>(part).map((one) => one.display ?? "").filter(Boolean).join(comma());
  const family = person.values<string>("family").map((one) => t(`kin.${one}`, { defaultValue: t("kin.other") })).join(comma());
  const phones = person.text("phone").split("、").filter(Boolean);
  const none = <Typography.Text type="secondary">{t("unknown")}</Typography.Text>;
  return (
    <Descriptions
      size="small" column={{ xs: 1, sm: 1, md: 2 }}
      items={[
        { key: "phone", label: t("phone"), children: phones.length ? phones.map((one) => <a key={one} href={`tel:${one}`} style={{ marginInlineEnd: 12 }}>{one}</a>) : t("no-phone") },
        { key: "address", label: t("address"), children: place || person.text("address") || none },
        { key: "doctor", label: t("doctor"), children: named("doctor") || none },
        { key: "nurse", label: t("nurse"), children: named("nurse") || none },
        { key: "family", label: t("family"), children: family || t("no-family") },
        { key: "record", label: t("record"), children: patient ? <Link to={`/residents/${patient.replace("Patient/", "")}`}>{t("open-record")}</Link> : none },
      ]}
    />
  );
}
