// 试传: a file, or rows that were pasted, judged as they would be when they are delivered. Nothing of it is kept.
import { InboxOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Flex, Input, Segmented, Tag, Typography, Upload } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Progress } from "~/ui/Progress";
import { Rows } from "~/ui/Rows";
import { download } from "~/ui/download";
import { XLSX } from "~/ui/importing";
import { comma } from "~/ui/joining";
import { pathOf, type Feed } from "./feed";

interface Fault {
  row: number | null;
  part: string;
  shown: string;
  whole: boolean;
  taken: boolean;
  why: string;
}

interface Tried {
  table: string;
  title: string;
  dialect: string;
  rows: number;
  aside: number;
  more: boolean;
  makes: Record<string, number>;
  told: number;
  refusals: Fault[];
}

export function Try({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const [way, setWay] = useState<"file" | "rows">("file");
  const [name, setName] = useState("");
  const [pasted, setPasted] = useState("");
  const [chosen, setChosen] = useState<File | null>(null);
  const given = way === "file" ? chosen : pasted.trim() ? new File([pasted], `${name.trim() || "rows"}.csv`, { type: "text/csv" }) : null;
  const path = (file: File) => `${pathOf(feed.name, "/try")}?${new URLSearchParams({ name: file.name })}`;
  const sent = { "content-type": "application/octet-stream" };
  const trying = useMutation({
    mutationFn: async (file: File) => (await (await client.call("POST", path(file), file, sent)).json()) as Tried,
  });
  const saving = useMutation({
    mutationFn: async (file: File) => download(await (await client.call("POST", path(file), file, { ...sent, accept: XLSX })).blob(), `${t("tried-book")}.xlsx`),
  });
  const told = trying.data;
  const chosenNow = (file: File) => {
    setChosen(file);
    trying.mutate(file);
    return false;
  };
  return (
    <Flex vertical gap={12}>
      <Typography.Text type="secondary">{t("try-say")}</Typography.Text>
      <Segmented<"file" | "rows">
        value={way} onChange={setWay} aria-label={t("tabs.try")} style={{ alignSelf: "flex-start" }}
        options={[{ value: "file", label: t("try-file") }, { value: "rows", label: t("try-rows") }]}
      />
      {way === "file" ? (
        <Upload.Dragger accept=".csv,.txt,.dbf,.xlsx,.json,.xml" maxCount={1} showUploadList={false} beforeUpload={chosenNow} style={{ maxWidth: 720 }}>
          <p><InboxOutlined style={{ fontSize: 28 }} /></p>
          <p>{chosen ? chosen.name : t("drop-here")}</p>
        </Upload.Dragger>
      ) : (
        <Flex vertical gap={8} style={{ maxWidth: 720 }}>
          <Input value={name} onChange={(event) => setName(event.target.value)} placeholder={t("table-name")} aria-label={t("table-name")} maxLength={100} />
          <Input.TextArea
            rows={6} value={pasted} onChange={(event) => setPasted(event.target.value)} placeholder={t("rows-here")} aria-label={t("rows-here")} spellCheck={false}
            style={{ fontFamily: "monospace" }}
          />
        </Flex>
      )}
      <Flex gap={8} wrap>
        <Button type="primary" disabled={!given} loading={trying.isPending} onClick={() => given && trying.mutate(given)}>{t("try-now")}</Button>
        {told?.aside ? <Button loading={saving.isPending} onClick={() => given && saving.mutate(given)}>{t("tried-save")}</Button> : null}
      </Flex>
      <Progress busy={trying.isPending} say={t("trying")} />
      <ProblemBox error={trying.error ?? saving.error} />
      {told ? <Judged told={told} title={`${feed.title} ${t("tabs.try")}`} /> : null}
    </Flex>
  );
}

function Judged({ told, title }: { told: Tried; title: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const made = Object.entries(told.makes).map(([type, count]) => `${t(`types.${type}`, { defaultValue: type })} ${count}`).join(comma());
  return (
    <Flex vertical gap={12}>
      <Alert
        role="status" showIcon type={told.aside ? "warning" : "success"}
        title={t("judged", { title: told.title || told.table, table: told.table, rows: told.rows, aside: told.aside, good: told.rows - told.aside })}
        description={[made ? t("would-make", { made }) : "", told.more ? t("not-all") : ""].filter(Boolean).join(" ")}
      />
      <Rows<Fault & { key: number }>
        rowKey="key" dataSource={told.refusals.map((one, key) => ({ ...one, key }))} exported={{ title }} locale={{ emptyText: <Nothing say={t("all-good")} /> }}
        columns={[
          { title: t("row"), text: (one) => one.row ?? "", align: "right" },
          { title: t("column"), text: (one) => one.part },
          { title: t("value"), text: (one) => one.shown },
          { title: t("why-refused"), text: (one) => one.why, render: (_, one) => <span style={{ display: "block", minWidth: 240, maxWidth: 560, whiteSpace: "normal" }}>{one.why}</span> },
          { title: t("came-of-it"), text: (one) => t(outcomeOf(one)), render: (_, one) => <Tag color={one.whole ? "error" : one.taken ? "processing" : "warning"}>{t(outcomeOf(one))}</Tag> },
        ]}
      />
      {told.told > told.refusals.length ? <Typography.Text type="secondary">{t("first-of", { shown: told.refusals.length, total: told.told })}</Typography.Text> : null}
    </Flex>
  );
}

const outcomeOf = (one: Fault): string => (one.whole ? "row-refused" : one.taken ? "put-right" : "value-left");
