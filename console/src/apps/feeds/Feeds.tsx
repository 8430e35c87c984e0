// Institutions and their data sets: how each stands, who waits for whom, and what comes in just now.
import { useQuery } from "@tanstack/react-query";
import { Flex, Grid, Input, Segmented, Select, Statistic, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useClient } from "~/fhir/context";
import { useInstitutions } from "~/fhir/institutions";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { StateTag } from "./StateTag";
import { STATES, type Feed } from "./feed";

const AGAIN = 5_000; // Milliseconds between two looks at what comes in.

export default function Feeds() {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const wide = Grid.useBreakpoint().lg;
  const [state, setState] = useState("all");
  const [words, setWords] = useState("");
  const found = useQuery({ queryKey: ["feeds"], queryFn: () => client.get<Feed[]>("/feeds"), refetchInterval: AGAIN });
  const feeds = found.data ?? [];
  const name = useInstitutions(feeds.map((one) => one.institution));
  const shown = feeds
    .filter((one) => state === "all" || (state === "look" ? needsLook(one) : one.state === state))
    .filter((one) => `${name(one.institution)} ${one.title} ${one.name}`.toLowerCase().includes(words.trim().toLowerCase()))
    .sort((one, other) => name(one.institution).localeCompare(name(other.institution), "zh") || one.name.localeCompare(other.name));
  const count = (of: (one: Feed) => boolean): number | "" => (found.data ? feeds.filter(of).length : "");
  const choices = [
    { value: "all", label: `${t("all")} ${count(() => true)}` },
    { value: "look", label: `${t("look")} ${count(needsLook)}` },
    ...STATES.map((one) => ({ value: one, label: `${t(`states.${one}`)} ${count((feed) => feed.state === one)}` })),
  ];
  return (
    <Page title={t("title")} say={t("say")}>
      <Flex gap={32} wrap role="group" aria-label={t("now")}>
        <Statistic loading={!found.data} title={t("institutions")} value={new Set(feeds.map((one) => one.institution)).size} />
        <Statistic loading={!found.data} title={t("hour")} value={sum(feeds, "hour")} />
        <Statistic loading={!found.data} title={t("day")} value={sum(feeds, "rows")} />
        <Statistic loading={!found.data} title={t("aside")} value={sum(feeds, "aside")} />
        <Statistic loading={!found.data} title={t("waiting")} value={sum(feeds, "waiting")} />
      </Flex>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<Feed>
        rowKey="name" dataSource={shown} loading={found.isPending} exported={{ title: t("title") }}
        locale={{ emptyText: found.data ? <Nothing say={feeds.length ? t("none-so") : t("none")} /> : " " }}
        tools={
          <>
            {wide ? (
              <Segmented options={choices} value={state} onChange={setState} aria-label={t("state")} />
            ) : (
              <Select options={choices} value={state} onChange={setState} aria-label={t("state")} style={{ minWidth: 128 }} />
            )}
            <Input.Search allowClear placeholder={t("find")} aria-label={t("find")} onChange={(event) => setWords(event.target.value)} style={{ width: 220 }} />
          </>
        }
        columns={[
          { title: t("institution"), text: (one) => name(one.institution) },
          { title: t("data-set"), text: (one) => one.title, render: (_, one) => <Link to={`/feeds/${one.name}`}>{one.title}</Link> },
          { title: t("state"), text: (one) => t(`states.${one.state}`), render: (_, one) => <StateTag state={one.state} /> },
          { title: t("waits"), text: (one) => waitsOf(one, t), render: (_, one) => <Typography.Text style={{ display: "block", maxWidth: 260 }}>{waitsOf(one, t)}</Typography.Text> },
          { title: t("hour"), text: (one) => one.hour, align: "right" },
          { title: t("day"), text: (one) => one.rows, align: "right" },
          { title: t("aside"), text: (one) => one.aside, align: "right", render: (_, one) => <Typography.Text {...(one.aside ? { type: "danger" as const } : {})}>{one.aside}</Typography.Text> },
          { title: t("waiting"), text: (one) => one.waiting, align: "right" },
          { title: t("stuck"), text: (one) => stuckOf(one, t) },
          { title: t("last"), text: (one) => minuteOf(one.last ?? "") },
        ]}
      />
    </Page>
  );
}

type Say = (key: string, values?: Record<string, unknown>) => string;

const needsLook = (one: Feed): boolean => one.parked > 0 || one.stopped > 0 || one.aside > 0 || one.waits === "centre";

const sum = (feeds: Feed[], of: "hour" | "rows" | "aside" | "waiting"): number => feeds.reduce((total, one) => total + one[of], 0);

function waitsOf(one: Feed, t: Say): string {
  if (one.why && one.state === "paused") return one.why;
  return one.waits ? t(`waits-${one.waits}`, { for: one.waits_for }) : "";
}

function stuckOf(one: Feed, t: Say): string {
  return [one.stopped ? t("stopped-tables", { count: one.stopped }) : "", one.parked ? t("parked-deliveries", { count: one.parked }) : ""]
    .filter(Boolean)
    .join(" · ");
}
