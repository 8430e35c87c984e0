// Who is on duty, when nobody is, and the roster as a workbook: tried line by line before it holds.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Card, Flex, Skeleton, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { useClient } from "~/fhir/context";
import { answered, type Parts } from "~/fhir/parameters";
import { workbookOf } from "~/fhir/workbook";
import { ImportButton, type Tried } from "~/ui/ImportButton";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { base64Of } from "~/ui/importing";
import { minuteOf } from "~/ui/time";
import { Frame } from "./Frame";
import { WorkbookButton } from "./WorkbookButton";

const CHANGES = ["duty-officer", "system-administrator"];

export default function Duty() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const { who } = useHere();
  const queries = useQueryClient();
  const duty = useQuery({ queryKey: ["duty"], queryFn: () => client.get<fhir4.Parameters>("$duty") });
  const told = answered(duty.data);
  const gaps = told.values<fhir4.Period>("gap");
  const send = async (file: File, dryRun: boolean): Promise<Tried> => {
    const parameter = [{ name: "file", valueBase64Binary: await base64Of(file) }, { name: "dry-run", valueBoolean: dryRun }];
    return triedOf(answered(await client.post<fhir4.Parameters>("$duty-import", { resourceType: "Parameters", parameter })), t);
  };
  return (
    <Frame
      actions={
        <>
          <WorkbookButton path="$duty" name={t("roster")} />
          {CHANGES.includes(who.role) ? (
            <ImportButton
              title={t("roster-import")} send={send} onDone={() => void queries.invalidateQueries({ queryKey: ["duty"] })}
              template={async () => ({ content: await workbookOf(client, "$duty"), name: `${t("roster")}.xlsx` })}
            />
          ) : null}
        </>
      }
    >
      <ProblemBox error={duty.error} again={() => void duty.refetch()} />
      {duty.isPending ? <Skeleton active /> : null}
      {duty.isSuccess ? (
        <Flex vertical gap={12}>
          <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{t("on-duty-now")}</h2>}><OnDuty told={told} /></Card>
          {told.yes("in-roster") ? null : <Alert type="warning" showIcon title={t("nobody-in-roster")} description={t("nobody-say")} />}
          <Rows
            rowKey={(one) => one.start ?? ""} dataSource={gaps} columns={[
              { title: t("gap-from"), render: (_, one) => minuteOf(one.start), text: (one) => minuteOf(one.start) },
              { title: t("gap-to"), render: (_, one) => minuteOf(one.end), text: (one) => minuteOf(one.end) },
            ]}
            tools={<Typography.Text strong>{t("gaps")}</Typography.Text>} exported={{ title: t("gaps") }}
            locale={{ emptyText: <Nothing say={t("no-gaps")} /> }}
          />
          <Card size="small" title={<h2 style={{ fontSize: 14, margin: 0 }}>{t("staff")}</h2>}>
            <Flex gap={8} wrap>{told.values<fhir4.Reference>("staff").map((one) => <Tag key={one.reference}>{one.display ?? one.reference}</Tag>)}</Flex>
          </Card>
        </Flex>
      ) : null}
    </Frame>
  );
}

function OnDuty({ told }: { told: Parts }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const found = told.values<fhir4.Reference | string>("on-duty");
  return (
    <Flex gap={8} wrap>
      {found.map((one) =>
        typeof one === "string" ? <Typography.Text key={one}>{t("all-officers")}</Typography.Text> : <Tag key={one.reference} color="processing">{one.display ?? one.reference}</Tag>,
      )}
    </Flex>
  );
}

function triedOf(told: Parts, t: (key: string, given?: Record<string, unknown>) => string): Tried {
  const result = told.all("result")[0];
  const count = (name: string) => result?.number(name) ?? 0;
  const gaps = told.values<fhir4.Period>("gap").length;
  const wrong = told.all("wrong");
  const places = { shifts: count("shifts"), standIns: count("stand-ins"), holidays: count("holidays"), gaps };
  return {
    say: wrong.length ? t("roster-wrong", { count: wrong.length }) : t(result?.yes("holds") ? "roster-holds" : "roster-would", places),
    faults: wrong.map((one) => ({ place: String(one.number("line") ?? ""), text: t("roster-fault", { column: one.text("column"), wanted: one.text("wanted") }) })),
  };
}
