// All alarms, the closed ones too: by state and level, page by page, and as a workbook.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNavigate } from "react-router";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { Frame } from "./Frame";
import { LevelMark, StateMark } from "./Marks";
import { WorkbookButton } from "./WorkbookButton";
import { alarmOfParts, type Level, type State } from "./alarm";

const STATES: State[] = ["raised", "escalated", "acknowledged", "closed"];
const LEVELS: Level[] = ["red", "amber", "yellow"];
const WHOSE = ["desk", "team", "mine"] as const;

export default function History() {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const go = useNavigate();
  const [states, setStates] = useState<State[]>(["closed"]);
  const [level, setLevel] = useState<Level>();
  const [whose, setWhose] = useState<(typeof WHOSE)[number]>();
  const asked = { state: states.length ? states : STATES, level, whose };
  const found = useInfiniteQuery({
    queryKey: ["alarms", asked],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Parameters>("$alarms", { ...asked, _count: 50, _cursor: pageParam }),
    getNextPageParam: (last) => answered(last).text("next") || undefined,
  });
  const rows = found.data?.pages.flatMap((page) => answered(page).all("alarm").map(alarmOfParts)) ?? [];
  return (
    <Frame actions={<WorkbookButton path="$alarms" search={asked} name={t("title")} disabled={rows.length === 0} />}>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        loading={found.isPending} dataSource={rows}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        locale={{ emptyText: <Nothing say={t("none-found")} /> }}
        tools={
          <>
            <Select mode="multiple" aria-label={t("col.state")} value={states} onChange={setStates} style={{ minWidth: 200 }} placeholder={t("any-state")} options={STATES.map((value) => ({ value, label: t(`state.${value}`) }))} />
            <Select allowClear aria-label={t("col.level")} value={level} onChange={setLevel} style={{ minWidth: 100 }} placeholder={t("any-level")} options={LEVELS.map((value) => ({ value, label: t(`level.${value}`) }))} />
            <Select allowClear aria-label={t("whose")} value={whose} onChange={setWhose} style={{ minWidth: 120 }} placeholder={t("any-whose")} options={WHOSE.map((value) => ({ value, label: t(`of.${value}`) }))} />
          </>
        }
        columns={[
          { title: t("col.level"), render: (_, one) => <LevelMark level={one.level} /> },
          { title: t("col.state"), render: (_, one) => <StateMark state={one.state} /> },
          { title: t("col.name"), render: (_, one) => one.name },
          { title: t("col.text"), width: 320, render: (_, one) => `${t(`rule.${one.rule}`, { defaultValue: t("rule.other") })}${t("colon")}${one.text}` },
          { title: t("col.count"), dataIndex: "count", align: "right" },
          { title: t("col.raised"), render: (_, one) => minuteOf(one.raised) },
          { title: t("col.acknowledged"), render: (_, one) => minuteOf(one.acknowledged) },
          { title: t("col.owner"), dataIndex: "owner" },
          { title: t("col.outcome"), render: (_, one) => (one.outcome ? t(`outcome.${one.outcome}`, { defaultValue: one.outcome }) : "") },
          { title: t("col.open"), render: (_, one) => <Button type="link" size="small" onClick={() => void go(`/alarms?id=${one.id}`)}>{t("col.open")}</Button> },
        ]}
        scroll={{ x: 1100 }}
      />
    </Frame>
  );
}
