// The trail, asked by day, person, resident, act and outcome, newest first.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Flex, Form, Input, Select, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { entries, link } from "~/fhir/reading";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";

interface Asked {
  from: string;
  to: string;
  agent: string;
  patient: string;
  action?: string;
  outcome?: string;
}

const NOTHING: Asked = { from: "", to: "", agent: "", patient: "" };
const PLATFORM = "Organization/platform";
const ACTIONS = "urn:kangyun:action";

export function Looks() {
  const { t } = useTranslation("translation", { keyPrefix: "trail" });
  const client = useClient();
  const [draft, setDraft] = useState(NOTHING);
  const [asked, setAsked] = useState(NOTHING);
  const found = useInfiniteQuery({
    queryKey: ["trail", asked],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Bundle>(pageParam || "AuditEvent", pageParam ? {} : criteria(asked)),
    getNextPageParam: (last) => link(last, "next"),
  });
  const rows = found.data?.pages.flatMap((page) => entries<fhir4.AuditEvent>(page)) ?? [];
  const change = (to: Partial<Asked>) => setDraft({ ...draft, ...to });
  const field = (name: "from" | "to" | "agent" | "patient", type: string, width: number) => (
    <Form.Item label={t(name)} htmlFor={`trail-${name}`} style={{ margin: 0 }}>
      <Input id={`trail-${name}`} type={type} allowClear value={draft[name]} onChange={(event) => change({ [name]: event.target.value })} style={{ width }} />
    </Form.Item>
  );
  const verb = (one: fhir4.AuditEvent) => {
    const own = one.subtype?.find((each) => each.system === ACTIONS)?.code;
    return (own && t(`acts.${own}`, { defaultValue: "" })) || t(`codes.${one.subtype?.[0]?.code ?? ""}`, { defaultValue: t(`letters.${one.action ?? "E"}`) });
  };
  const outcome = (one: fhir4.AuditEvent) => t(one.outcome === "0" ? "done" : "refused");
  return (
    <Flex vertical gap={12}>
      <form onSubmit={(event) => { event.preventDefault(); setAsked(draft); }}>
        <Flex gap={12} wrap align="end">
          {field("from", "date", 150)}
          {field("to", "date", 150)}
          {field("agent", "search", 160)}
          {field("patient", "text", 220)}
          <Select allowClear aria-label={t("act")} placeholder={t("act")} value={draft.action} onChange={(action) => change({ action })} style={{ width: 120 }} options={["R", "C", "U", "D", "E"].map((value) => ({ value, label: t(`letters.${value}`) }))} />
          <Select allowClear aria-label={t("outcome")} placeholder={t("outcome")} value={draft.outcome} onChange={(to) => change({ outcome: to })} style={{ width: 120 }} options={[{ value: "0", label: t("done") }, { value: "4,8,12", label: t("refused") }]} />
          <Button type="primary" htmlType="submit" loading={found.isFetching}>{t("ask")}</Button>
        </Flex>
      </form>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={rows} loading={found.isLoading} exported={{ title: t("title") }} locale={{ emptyText: <Nothing say={t("none")} /> }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        columns={[
          { title: t("when"), text: (one) => minuteOf(one.recorded) },
          { title: t("agent"), text: (one) => nameOf(one.agent[0]?.who) },
          { title: t("institution"), text: (one) => { const name = nameOf(one.agent.find((each) => each.who?.reference?.startsWith("Organization/"))?.who); return name === PLATFORM ? t("platform") : name; } },
          { title: t("act"), text: verb },
          { title: t("patient"), text: patientsOf, render: (_, one) => <Whom text={patientsOf(one)} /> },
          { title: t("ground"), text: (one) => (one.agent[0]?.policy ?? []).map((way) => t(`ways.${way.split(":").at(-1) ?? ""}`, { defaultValue: "" })).join(comma()) },
          { title: t("outcome"), text: outcome, render: (_, one) => <Tag color={one.outcome === "0" ? "green" : "red"}>{outcome(one)}</Tag> },
          { title: t("address"), text: (one) => one.agent[0]?.network?.address ?? "" },
          { title: t("request"), text: requestOf, render: (_, one) => <Typography.Text code style={{ fontSize: 12 }}>{requestOf(one)}</Typography.Text> },
        ]}
      />
    </Flex>
  );
}

function Whom({ text }: { text: string }) {
  return text ? <Typography.Text copyable={{ text }} ellipsis style={{ maxWidth: 160 }}>{text}</Typography.Text> : null;
}

const nameOf = (who: fhir4.Reference | undefined): string => who?.display ?? who?.reference ?? who?.identifier?.value ?? "";
const requestOf = (one: fhir4.AuditEvent): string => one.entity?.find((each) => each.description)?.description ?? "";
const patientsOf = (one: fhir4.AuditEvent): string =>
  (one.entity ?? []).flatMap((each) => (each.what?.reference?.startsWith("Patient/") ? [each.what.reference.slice(8)] : [])).join(comma());

function criteria(asked: Asked) {
  return {
    _count: 50,
    date: [asked.from && `ge${asked.from}`, asked.to && `le${asked.to}`].filter(Boolean),
    "agent-name": asked.agent.trim(),
    patient: asked.patient.trim() && `Patient/${asked.patient.trim().replace(/^Patient\//, "")}`,
    action: asked.action,
    outcome: asked.outcome,
  };
}
