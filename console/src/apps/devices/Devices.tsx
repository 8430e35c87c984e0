// The fleet of an institution: how many are how, which need somebody, and what an officer does with one. No resident's
// name stands here: who keeps devices sees nobody's record.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Card, Input, Statistic, Typography, theme } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { blobOf } from "~/fhir/workbook";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { download } from "~/ui/download";
import { minuteOf } from "~/ui/time";
import { Enrol } from "./Enrol";
import { OneDevice } from "./OneDevice";
import { StateMark } from "./StateMark";
import { STATES, deviceOf, type Device, type State } from "./device";

export default function Devices() {
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const { t: all } = useTranslation();
  const client = useClient();
  const { token } = theme.useToken();
  const queries = useQueryClient();
  const [state, setState] = useState<State | "">("");
  const [looked, setLooked] = useState("");
  const [opened, setOpened] = useState<Device | null>(null);
  const fleet = useQuery({ queryKey: ["fleet", state], queryFn: () => client.get<fhir4.Parameters>("Device/$fleet", { state }) });
  const told = answered(fleet.data);
  const rows = told.all("device").map(deviceOf).filter((one) => one.name.toLowerCase().includes(looked.trim().toLowerCase()));
  const again = () => void queries.invalidateQueries({ queryKey: ["fleet"] });
  const leaving = useMutation({
    mutationFn: async () => answered(await client.get<fhir4.Parameters>("Device/$fleet", { state, as: "xlsx" })).text("devices"),
    onSuccess: (book) => download(blobOf(book), `${t("title")}.xlsx`),
  });
  return (
    <Page title={t("title")} say={t("say")} actions={<><Button loading={leaving.isPending} onClick={() => leaving.mutate()}>{all("ui.export")}</Button><Enrol onDone={again} /></>}>
      <ProblemBox error={leaving.error} />
      <ProblemBox error={fleet.error} again={() => void fleet.refetch()} />
      <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(104px, 1fr))", gap: 8 }}>
        {(["", ...STATES] as const).map((one) => (
          <Card
            key={one} size="small" hoverable role="button" tabIndex={0} aria-pressed={state === one} onClick={() => setState(one)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" && event.key !== " ") return;
              event.preventDefault();
              setState(one);
            }}
            style={{ outline: state === one ? `2px solid ${token.colorPrimary}` : undefined }}
          >
            <Statistic title={t(one ? `state.${one}` : "needs")} value={one ? (told.number(one) ?? 0) : needing(told.number.bind(told))} styles={{ content: { fontSize: 20 } }} />
          </Card>
        ))}
      </div>
      <Rows<Device>
        loading={fleet.isPending} dataSource={rows} scroll={{ x: 900 }}
        locale={{ emptyText: <Nothing say={(told.number("total") ?? 0) === 0 ? t("none") : t("none-so")} /> }}
        tools={
          <>
            <Input allowClear aria-label={t("find")} placeholder={t("find")} value={looked} onChange={(event) => setLooked(event.target.value)} style={{ width: 180 }} />
            <Typography.Text type="secondary">{t("total", { count: told.number("total") ?? 0 })}</Typography.Text>
          </>
        }
        columns={[
          { title: t("name"), render: (_, one) => one.name },
          { title: t("is"), width: 110, render: (_, one) => <StateMark state={one.state} /> },
          { title: t("text"), width: 320, render: (_, one) => one.text },
          { title: t("reading"), width: 130, render: (_, one) => minuteOf(one.reading) || t("nothing-yet") },
          { title: t("battery"), width: 70, align: "right", render: (_, one) => (one.battery === null ? "—" : `${one.battery}%`) },
          { title: t("firmware"), width: 90, render: (_, one) => one.firmware || "—" },
          { title: t("refused"), width: 80, align: "right", render: (_, one) => one.refused },
          { title: t("open"), width: 80, render: (_, one) => <Button size="small" aria-label={t("open-one", { name: one.name })} onClick={() => setOpened(one)}>{t("open")}</Button> },
        ]}
      />
      <OneDevice device={opened} onClose={() => setOpened(null)} onDone={again} />
    </Page>
  );
}

const WELL = new Set<State>(["sending", "unused", "revoked"]);
const needing = (count: (name: string) => number | null): number =>
  STATES.filter((one) => !WELL.has(one)).reduce((sum, one) => sum + (count(one) ?? 0), 0);
