// Who may do what, as the platform reads its policy. It is changed where it stands, in files of the installation.
import { useQuery } from "@tanstack/react-query";
import { Alert, Descriptions, Tag } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Page } from "~/ui/Page";
import { Parts } from "~/ui/Parts";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { clause, comma } from "~/ui/joining";

interface Told {
  edition: string;
  own: boolean;
  file: string;
  replaced: string[];
  permits: boolean;
  roles: { name: string; called: string; purposes: string[]; ways: Record<string, string[]>; reads: number; writes: number; masked: boolean; free: boolean; others: boolean }[];
  grounds: { called: string; hours: number; over: boolean; told: boolean; reviewed: boolean; roles: string[] }[];
  approvals: { kind: string; above: number; hours: number; confirms: string[] }[];
}

export default function Policy() {
  const { t } = useTranslation("translation", { keyPrefix: "policy" });
  const client = useClient();
  const found = useQuery({ queryKey: ["administration", "policy"], queryFn: () => client.get<Told>("$administration/policy") });
  const told = found.data;
  const yes = (is: boolean) => (is ? t("yes") : "");
  const ways = (role: Told["roles"][number]) => Object.entries(role.ways)
    .map(([way, closed]) => `${t(`ways.${way}`)}${closed.length ? t("but", { labels: closed.map((one) => t(`labels.${one}`, { defaultValue: one })).join(comma()) }) : ""}`).join(clause());
  return (
    <Page title={t("title")} say={t("say")}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      {told ? <Alert type="info" showIcon title={t("change", { file: told.file })} /> : null}
      <Descriptions size="small" column={{ xs: 1, md: 3 }} bordered items={[
        { key: "edition", label: t("edition"), children: told?.edition },
        { key: "source", label: t("source"), children: told ? t(told.own ? "own" : "shipped") : "" },
        { key: "consent", label: t("consent"), children: told ? t(told.permits ? "permit" : "deny") : "" },
        { key: "replaced", label: t("replaced"), children: told?.replaced.length ? told.replaced.join(comma()) : t("nothing-replaced"), span: 3 },
      ]} />
      <Parts items={[
        { key: "roles", label: t("roles"), children: (
          <Rows rowKey="name" loading={found.isLoading} dataSource={told?.roles ?? []} exported={{ title: t("roles") }} columns={[
            { title: t("role"), dataIndex: "called", fixed: "start" },
            { title: t("purposes"), text: (one) => one.purposes.map((code) => t(`codes.${code}`, { defaultValue: code })).join(comma()) },
            { title: t("sees"), text: (one) => ways(one) || t("sees-nobody"), render: (_, one) => <div style={{ maxWidth: 480, whiteSpace: "normal" }}>{ways(one) || t("sees-nobody")}</div> },
            { title: t("reads"), dataIndex: "reads", align: "right" },
            { title: t("writes"), dataIndex: "writes", align: "right" },
            { title: t("masked"), text: (one) => yes(one.masked) },
            { title: t("free"), text: (one) => yes(one.free) },
          ]} />
        ) },
        { key: "grounds", label: t("grounds"), children: (
          <Rows rowKey="called" dataSource={told?.grounds ?? []} exported={{ title: t("grounds") }} columns={[
            { title: t("ground"), dataIndex: "called" },
            { title: t("lasts"), text: (one) => (one.hours > 100_000 ? t("for-ever") : one.hours >= 48 ? t("days", { count: Math.round(one.hours / 24) }) : t("hours", { count: one.hours })) },
            { title: t("who"), text: (one) => one.roles.join(comma()), render: (_, one) => one.roles.map((role) => <Tag key={role}>{role}</Tag>) },
            { title: t("over"), text: (one) => yes(one.over) },
            { title: t("told"), text: (one) => yes(one.told) },
            { title: t("reviewed"), text: (one) => yes(one.reviewed) },
          ]} />
        ) },
        { key: "approvals", label: t("approvals"), children: (
          <Rows rowKey="kind" dataSource={told?.approvals ?? []} exported={{ title: t("approvals") }} columns={[
            { title: t("act"), text: (one) => t(`acts.${one.kind}`, { defaultValue: one.kind }) },
            { title: t("above"), text: (one) => one.above, align: "right" },
            { title: t("within"), text: (one) => t("hours", { count: one.hours }) },
            { title: t("confirms"), text: (one) => one.confirms.join(comma()) },
          ]} />
        ) },
      ]} />
    </Page>
  );
}
