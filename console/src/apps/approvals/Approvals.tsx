// What takes two persons: what waits for me, and what became of what I asked. Who may decide, the platform says.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Flex, Segmented, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { rowsOf, type Value } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Reasoned } from "~/ui/Reasoned";
import { Rows } from "~/ui/Rows";
import { colon, comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";

type Row = Record<string, Value | undefined>;
const COLOURS: Record<string, string> = { open: "orange", confirmed: "blue", used: "green", refused: "red", expired: "default" };

export default function Approvals() {
  const { t } = useTranslation("translation", { keyPrefix: "approvals" });
  const { client, who } = useHere();
  const queries = useQueryClient();
  const [open, setOpen] = useState(true);
  const found = useQuery({
    queryKey: ["approvals", open],
    refetchInterval: 60_000,
    queryFn: () => client.get<fhir4.Parameters>("$approvals", { state: open ? "open" : undefined }),
  });
  const rows = rowsOf(found.data, "approval");
  const decide = (row: Row, verb: string) => async (reason: string) => {
    const said = reason ? [{ name: "reason", valueString: reason }] : [];
    await client.post(`$approvals/${row.id}/$${verb}`, { resourceType: "Parameters", parameter: said });
    await queries.invalidateQueries({ queryKey: ["approvals"] });
  };
  const what = (row: Row) => whatOf(row, (key, values) => t(key, values));
  const text = (row: Row, name: string) => String(row[name] ?? "");
  return (
    <Page title={t("title")} say={t("say")}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={rows} loading={found.isLoading} exported={{ title: t("title") }} locale={{ emptyText: <Nothing say={t(open ? "none" : "never")} /> }}
        tools={<Segmented value={open ? "open" : "all"} onChange={(value) => setOpen(value === "open")} options={[{ value: "open", label: t("waiting") }, { value: "all", label: t("all") }]} />}
        columns={[
          { title: t("number"), text: (row) => Number(row.id), width: 72 },
          { title: t("state"), text: (row) => t(`states.${text(row, "state")}`), render: (_, row) => <Tag color={COLOURS[text(row, "state")]}>{t(`states.${text(row, "state")}`)}</Tag> },
          { title: t("what"), text: what },
          { title: t("persons"), text: (row) => (row.persons === undefined ? null : Number(row.persons)), align: "right" },
          { title: t("reason"), text: (row) => text(row, "reason") },
          { title: t("asker"), text: (row) => `${text(row, "askerName")}　${text(row, "institutionName").replace("Organization/platform", t("platform"))}` },
          { title: t("made"), text: (row) => minuteOf(text(row, "made")) },
          { title: t("ends"), text: (row) => minuteOf(text(row, "ends")) },
          { title: t("decider"), text: (row) => [text(row, "deciderName"), minuteOf(text(row, "decided")), text(row, "remark")].filter(Boolean).join("　") },
          {
            title: t("acts"),
            render: (_, row) => {
              if (row.state !== "open") return null;
              if (row.asker === who.reference) return <Typography.Text type="secondary">{t("own")}</Typography.Text>;
              const say = <><p style={{ margin: 0 }}>{what(row)}</p><p style={{ margin: 0 }}>{text(row, "askerName")}{colon()}{text(row, "reason")}</p></>;
              return (
                <Flex gap={4}>
                  <Reasoned optional type="primary" label={t("confirm")} title={t("confirm-say")} say={say} act={decide(row, "confirm")} />
                  <Reasoned danger label={t("refuse")} title={t("refuse-say")} say={say} act={decide(row, "refuse")} />
                </Flex>
              );
            },
          },
        ]}
      />
    </Page>
  );
}

/** What is to be done, in words: the list that is to leave, or the export. */
function whatOf(row: Row, t: (key: string, values?: Record<string, string | number>) => string): string {
  const detail = JSON.parse(String(row.detail ?? "{}")) as { sheet?: string; rows?: number; types?: string[]; level?: string };
  if (detail.sheet) return t("sheet", { title: detail.sheet, rows: detail.rows ?? 0 });
  if (row.kind === "export") return t("export", { types: detail.types?.join(comma()) || t("everything") });
  return t(`kinds.${String(row.kind)}`, { defaultValue: String(row.kind) });
}
