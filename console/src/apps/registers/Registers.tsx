// The registers of institutions, departments and code systems: what is there, and lists in and out.
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { DownloadOutlined } from "@ant-design/icons";
import { App, Button, Card, Flex, Input, Segmented, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { entries, link } from "~/fhir/reading";
import { ImportButton } from "~/ui/ImportButton";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows, type Column } from "~/ui/Rows";
import { download } from "~/ui/download";
import { XLSX, sendList } from "~/ui/importing";
import { comma } from "~/ui/joining";
import { wordsOf } from "~/ui/words";

const KINDS = ["institutions", "departments", "maps"] as const;
type Shown = "Organization" | "CodeSystem";

export default function Registers() {
  const { t } = useTranslation("translation", { keyPrefix: "registers" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [type, setType] = useState<Shown>("Organization");
  const [words, setWords] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["registers", type, words],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Bundle>(pageParam || type, pageParam ? {} : {
      _count: 50, ...(type === "Organization" ? { name: words, _include: "Organization:partof" } : { title: words, _elements: "url,title,name,version,status,count,content" }),
    }),
    getNextPageParam: (last) => link(last, "next"),
  });
  const pages = found.data?.pages ?? [];
  const everything = pages.flatMap((page) => page.entry ?? []);
  const rows = everything.flatMap((one) => (one.search?.mode === "match" && one.resource ? [one.resource as fhir4.FhirResource] : []));
  const names = new Map(pages.flatMap((page) => entries<fhir4.Organization>(page)).map((one) => [`Organization/${one.id ?? ""}`, one.name ?? ""]));
  return (
    <Page title={t("title")} say={t("say")}>
      <Lists />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<fhir4.FhirResource>
        dataSource={rows} loading={found.isLoading} exported={{ title: t(type) }} locale={{ emptyText: <Nothing say={t(words ? "none" : "empty")} /> }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        tools={<>
          <Segmented value={type} onChange={(value) => setType(value as Shown)} options={[{ value: "Organization", label: t("Organization") }, { value: "CodeSystem", label: t("CodeSystem") }]} />
          <Input.Search allowClear enterButton={all("ui.search")} placeholder={t("placeholder")} aria-label={t("placeholder")} onSearch={(text) => setWords(text.trim())} style={{ width: 260 }} />
        </>}
        columns={(type === "Organization" ? organizations(t, names) : systems(t)) as Column<fhir4.FhirResource>[]}
      />
    </Page>
  );
}

type Say = (key: string) => string;

function organizations(t: Say, names: Map<string, string>): Column<fhir4.Organization>[] {
  const state = (one: fhir4.Organization) => t(one.active === false ? "over" : "active");
  return [
    { title: t("name"), dataIndex: "name" },
    { title: t("codes"), text: (one) => one.identifier?.map((each) => each.value ?? "").filter(Boolean).join(comma()) ?? "" },
    { title: t("part-of"), text: (one) => one.partOf?.display ?? names.get(one.partOf?.reference ?? "") ?? "" },
    { title: t("phone"), text: (one) => one.telecom?.find((each) => each.system === "phone")?.value ?? "" },
    { title: t("status"), text: state, render: (_, one) => <Tag color={one.active === false ? "default" : "green"}>{state(one)}</Tag> },
  ];
}

function systems(t: Say): Column<fhir4.CodeSystem>[] {
  return [
    { title: t("name"), text: (one) => one.title ?? one.name ?? "" },
    { title: t("url"), dataIndex: "url" },
    { title: t("version"), dataIndex: "version" },
    { title: t("count"), text: (one) => one.count ?? null, align: "right" },
    { title: t("status"), text: (one) => t(one.status === "retired" ? "over" : "active") },
  ];
}

/** Whole registers by the list: what goes out can be imported again, and then changes nothing. */
function Lists() {
  const { t } = useTranslation("translation", { keyPrefix: "registers" });
  const { t: all } = useTranslation();
  const { message } = App.useApp();
  const client = useClient();
  const queries = useQueryClient();
  const [busy, setBusy] = useState("");
  const book = (kind: string, template: boolean) => client.file(`$administration/registers/${kind}`, template ? { template } : {}, XLSX);
  const give = async (kind: string) => {
    setBusy(kind);
    try {
      download(await book(kind, false), `${t(`kinds.${kind}`)}.xlsx`);
    } catch (error) {
      void message.error(wordsOf(error, all));
    } finally {
      setBusy("");
    }
  };
  return (
    <Flex gap={12} wrap>
      {KINDS.map((kind) => (
        <Card key={kind} size="small" style={{ flex: "1 1 260px" }}>
          <Typography.Text strong>{t(`kinds.${kind}`)}</Typography.Text>
          <Typography.Paragraph type="secondary" style={{ margin: "4px 0 8px" }}>{t(`about.${kind}`)}</Typography.Paragraph>
          <Flex gap={8} wrap>
            <ImportButton
              title={`${t("import")}${t(`kinds.${kind}`)}`} send={(file, dry) => sendList(client, `$administration/registers/${kind}`, file, dry)}
              template={async () => ({ content: await book(kind, true), name: `${t(`kinds.${kind}`)}-${t("template")}.xlsx` })}
              onDone={() => void queries.invalidateQueries({ queryKey: ["registers"] })}
            />
            <Button icon={<DownloadOutlined />} loading={busy === kind} onClick={() => void give(kind)}>{t("whole")}</Button>
          </Flex>
        </Card>
      ))}
    </Flex>
  );
}
