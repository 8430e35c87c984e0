// Figures about alarms by rule: how many, how fast they are answered, how many were false.
import { useQuery } from "@tanstack/react-query";
import { Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { Frame } from "./Frame";

export default function Figures() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const found = useQuery({
    queryKey: ["alarm-figures", from, to],
    queryFn: () => client.get<fhir4.Parameters>("$alarm-figures", { from, to }),
  });
  const told = answered(found.data);
  const rows = told.all("rule").map((one) => ({
    id: one.text("rule"), alarms: one.number("alarms") ?? 0, answered: one.number("answered") ?? 0, closed: one.number("closed") ?? 0,
    rate: one.number("per-100-patient-days"), median: one.number("seconds-to-answer-median"), ninety: one.number("seconds-to-answer-90"), wrong: one.number("false-share"),
  }));
  const rule = (id: string) => t(`rule.${id}`, { defaultValue: t("rule.other") });
  const time = (seconds: number | null) => (seconds === null ? "—" : seconds < 90 ? t("seconds", { count: Math.round(seconds) }) : t("minutes", { count: Math.round(seconds / 60) }));
  const share = (value: number | null) => (value === null ? "—" : `${(value * 100).toFixed(1)}%`);
  return (
    <Frame>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        loading={found.isPending} dataSource={rows} exported={{ title: t("pages.figures") }} scroll={{ x: 800 }}
        locale={{ emptyText: <Nothing say={t("no-figures")} /> }}
        tools={
          <>
            <Input type="date" aria-label={t("from")} value={from} max={to || undefined} onChange={(event) => setFrom(event.target.value)} style={{ width: 150 }} />
            <Input type="date" aria-label={t("until")} value={to} min={from || undefined} onChange={(event) => setTo(event.target.value)} style={{ width: 150 }} />
            <Typography.Text type="secondary">{found.data ? t("patient-days", { from: told.text("from"), to: told.text("to"), count: told.number("patient-days") ?? 0 }) : ""}</Typography.Text>
          </>
        }
        columns={[
          { title: t("col.rule"), render: (_, one) => rule(one.id), text: (one) => rule(one.id) },
          { title: t("col.alarms"), dataIndex: "alarms", align: "right" },
          { title: t("col.rate"), align: "right", render: (_, one) => one.rate ?? "—", text: (one) => one.rate },
          { title: t("col.answered"), dataIndex: "answered", align: "right" },
          { title: t("col.median"), align: "right", render: (_, one) => time(one.median), text: (one) => one.median },
          { title: t("col.ninety"), align: "right", render: (_, one) => time(one.ninety), text: (one) => one.ninety },
          { title: t("col.closed"), dataIndex: "closed", align: "right" },
          { title: t("col.false"), align: "right", render: (_, one) => share(one.wrong), text: (one) => share(one.wrong) },
        ]}
      />
    </Frame>
  );
}
