// The FHIR explorer: what a type can be searched by is offered from the CapabilityStatement; what comes is what the rights
// of who is signed in let through, and each request leaves its row in the audit trail as any other.
import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Input, Select, Skeleton, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useClient } from "~/fhir/context";
import { language } from "~/ui/language";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { addressOf, below, type Criterion } from "./exploring";
import { Result } from "./Result";

const FIRST: Criterion[] = [{ key: 0, name: "_count", value: "10" }];

export function Explorer() {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [search, setSearch] = useSearchParams();
  const asked = search.get("ask") ?? "";
  const [type, setType] = useState(/^[A-Z][A-Za-z]+/.exec(asked)?.[0] ?? "Patient");
  const [criteria, setCriteria] = useState(FIRST);
  const [typed, setTyped] = useState(asked);
  const capability = useQuery({
    queryKey: ["metadata", language()], staleTime: Number.POSITIVE_INFINITY, queryFn: () => client.get<fhir4.CapabilityStatement>("metadata"),
  });
  const answer = useQuery({ queryKey: ["explored", asked, language()], enabled: asked !== "", gcTime: 0, queryFn: () => client.get(asked) });
  const ask = (address: string) => {
    const path = below(client.base, address);
    setTyped(path);
    if (path === asked) void answer.refetch();
    else setSearch({ tab: "explorer", ask: path });
  };
  if (!capability.data) return capability.error ? <ProblemBox error={capability.error} again={() => void capability.refetch()} /> : <Skeleton active />;
  const resources = capability.data.rest?.[0]?.resource ?? [];
  const common = capability.data.rest?.[0]?.searchParam ?? [];
  const offered = [...(resources.find((one) => one.type === type)?.searchParam ?? []), ...common];
  const names = new Map([["_count", "number"], ["_sort", "string"], ...offered.map((one) => [one.name, one.type] as const)]);
  const change = (key: number, to: Partial<Criterion>) => setCriteria(criteria.map((one) => (one.key === key ? { ...one, ...to } : one)));
  return (
    <Flex vertical gap={12}>
      <Alert type="info" title={t("within-rights")} />
      <Flex gap={8} wrap align="center">
        <Select
          showSearch aria-label={t("resource")} value={type} onChange={setType} style={{ width: 260 }}
          options={resources.map((one) => ({ value: one.type, label: one.type }))}
        />
        <Button icon={<PlusOutlined />} onClick={() => setCriteria([...criteria, { key: Date.now(), name: "", value: "" }])}>{t("add")}</Button>
        <Button type="primary" onClick={() => ask(addressOf(type, criteria))}>{all("ui.search")}</Button>
      </Flex>
      {criteria.map((one) => (
        <Flex key={one.key} gap={8} wrap>
          <Select
            showSearch aria-label={t("parameter")} placeholder={t("parameter")} value={one.name || null} style={{ width: 260 }}
            onChange={(name) => change(one.key, { name })}
            options={[...names].map(([value, kind]) => ({ value, label: `${value} (${kind})` }))}
          />
          <Input
            aria-label={t("condition")} placeholder={t("condition")} value={one.value} style={{ width: 260 }}
            onChange={(event) => change(one.key, { value: event.target.value })} onPressEnter={() => ask(addressOf(type, criteria))}
          />
          <Button type="text" aria-label={t("remove")} icon={<DeleteOutlined />} onClick={() => setCriteria(criteria.filter((other) => other.key !== one.key))} />
        </Flex>
      ))}
      <Input.Search
        prefix={<Typography.Text type="secondary">GET {client.base}/</Typography.Text>} aria-label={t("address")} placeholder="Patient?name=王"
        value={typed} onChange={(event) => setTyped(event.target.value)} onSearch={(text) => text.trim() && ask(text)} enterButton={t("send")} loading={answer.isFetching}
      />
      <ProblemBox error={answer.error} again={() => void answer.refetch()} />
      {asked && answer.data && !answer.error ? <Result key={asked} address={asked} answer={answer.data} onAsk={ask} /> : null}
      {asked ? null : <Nothing say={t("ask-first")} />}
    </Flex>
  );
}
