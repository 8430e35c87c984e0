// The API reference, drawn from the document that the platform gives of itself: nothing is written here that it does not say.
import { useQuery } from "@tanstack/react-query";
import { Empty, Flex, Input, Skeleton, Tag, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { aside } from "~/ui/joining";
import { calls, curl, GROUPS, grouped, kindOf, type Call, type OpenApi } from "./openapi";

export function Reference() {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  const client = useClient();
  const [search, setSearch] = useSearchParams();
  const [filter, setFilter] = useState("");
  const api = useQuery({ queryKey: ["openapi"], staleTime: Number.POSITIVE_INFINITY, queryFn: () => client.get<OpenApi>("/openapi.json") });
  const paths = useMemo(() => (api.data ? grouped(api.data) : null), [api.data]);
  const path = search.get("path") ?? "/Patient";
  if (!api.data || !paths) return api.error ? <ProblemBox error={api.error} again={() => void api.refetch()} /> : <Skeleton active />;
  const wanted = filter.trim().toLowerCase();
  return (
    <div className="developers-two">
      <nav aria-label={t("addresses")}>
        <Input allowClear placeholder={t("filter")} aria-label={t("filter")} value={filter} onChange={(event) => setFilter(event.target.value)} />
        {GROUPS.map((group) => {
          const shown = paths[group].filter((one) => one.toLowerCase().includes(wanted));
          return (
            <details key={group} open={wanted !== "" || paths[group].includes(path)}>
              <summary>{t(`groups.${group}`)}{aside(shown.length)}</summary>
              {shown.map((one) => (
                <button key={one} type="button" aria-current={one === path} onClick={() => setSearch({ tab: "reference", path: one })}>{one}</button>
              ))}
            </details>
          );
        })}
      </nav>
      <Flex vertical gap={16} style={{ minWidth: 0 }}>
        <Typography.Title level={2} style={{ fontSize: 18, margin: 0 }} className="developers-code">{path}</Typography.Title>
        {calls(api.data, path).map((call) => <CallBox key={call.method} base={api.data.servers[0]?.url ?? ""} path={path} call={call} />)}
        {api.data.paths[path] ? null : <Empty description={t("no-address")} />}
      </Flex>
    </div>
  );
}

function CallBox({ base, path, call }: { base: string; path: string; call: Call }) {
  const { t } = useTranslation("translation", { keyPrefix: "developers" });
  return (
    <section aria-label={`${call.method} ${path}`}>
      <Flex gap={8} align="center" wrap>
        <Tag color={call.method === "GET" ? "blue" : call.method === "DELETE" ? "red" : "green"}>{call.method}</Tag>
        <Typography.Text type="secondary">{t("answers", { statuses: call.statuses.join(" · ") })}</Typography.Text>
      </Flex>
      <Typography.Paragraph copyable={{ text: curl(base, path, call), tooltips: false }} className="developers-shell">
        <pre tabIndex={0}>{curl(base, path, call)}</pre>
      </Typography.Paragraph>
      {call.parameters.length ? (
        <Rows
          rowKey={(one) => `${one.in}-${one.name}`}
          dataSource={call.parameters}
          columns={[
            { title: t("parameter"), dataIndex: "name", render: (name: string) => <Typography.Text code>{name}</Typography.Text> },
            { title: t("where"), dataIndex: "in", render: (place: string) => t(`places.${place}`) },
            { title: t("type"), render: (_, one) => one.description ?? kindOf(one.schema) },
            { title: t("needed"), render: (_, one) => t(one.required ? "yes" : "no") },
          ]}
          pagination={call.parameters.length > 20 ? { pageSize: 20, showSizeChanger: false } : false}
        />
      ) : <Typography.Text type="secondary">{t("no-parameters")}</Typography.Text>}
    </section>
  );
}
