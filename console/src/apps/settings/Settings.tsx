// The settings in force: value, where each comes from, and what it means. Secrets are not told.
import { useQuery } from "@tanstack/react-query";
import { Input, Segmented, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";

interface Setting {
  name: string;
  value: string;
  default: string;
  origin: "environment" | "file" | "start" | "default";
  means: string;
}

export default function Settings() {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "settings" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [words, setWords] = useState("");
  const [set, setSet] = useState(false);
  const found = useQuery({
    queryKey: ["administration", "settings", i18n.language],
    queryFn: () => client.get<{ settings: Setting[]; folder: string }>("$administration/settings"),
  });
  const wanted = words.toLowerCase();
  const rows = (found.data?.settings ?? []).filter((one) => (!set || one.origin !== "default") && `${one.name} ${one.means}`.toLowerCase().includes(wanted));
  return (
    <Page title={t("title")} say={found.data ? t("say", { folder: found.data.folder }) : ""}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        rowKey="name" dataSource={rows} loading={found.isLoading} exported={{ title: t("title") }} locale={{ emptyText: <Nothing say={t("none")} /> }}
        tools={<>
          <Input.Search allowClear placeholder={t("placeholder")} aria-label={t("placeholder")} onChange={(event) => setWords(event.target.value.trim())} enterButton={all("ui.search")} style={{ width: 280 }} />
          <Segmented value={set ? "set" : "all"} onChange={(value) => setSet(value === "set")} options={[{ value: "all", label: t("all") }, { value: "set", label: t("set") }]} />
        </>}
        columns={[
          { title: t("means"), dataIndex: "means", render: (text: string) => <div style={{ minWidth: 220, maxWidth: 420, whiteSpace: "normal" }}>{text}</div> },
          { title: t("value"), text: (one) => one.value || t("empty"), render: (_, one) => one.value ? <Typography.Text style={{ maxWidth: 320, wordBreak: "break-all" }}>{one.value}</Typography.Text> : <Typography.Text type="secondary">{t("empty")}</Typography.Text> },
          { title: t("origin"), text: (one) => t(`origins.${one.origin}`), render: (_, one) => <Tag color={one.origin === "default" ? "default" : "blue"}>{t(`origins.${one.origin}`)}</Tag> },
          { title: t("default"), text: (one) => one.default || t("empty") },
          { title: t("name"), dataIndex: "name", render: (text: string) => <Typography.Text code>{text}</Typography.Text> },
        ]}
      />
    </Page>
  );
}
