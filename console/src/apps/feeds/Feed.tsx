// One data set: what was agreed, what came, what was refused and why, the calendar, 试传, a replay.
import { useQuery } from "@tanstack/react-query";
import { Alert, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { useClient } from "~/fhir/context";
import { useInstitutions } from "~/fhir/institutions";
import { Page } from "~/ui/Page";
import { Parts } from "~/ui/Parts";
import { ProblemBox } from "~/ui/ProblemBox";
import { minuteOf } from "~/ui/time";
import { Calendar } from "./Calendar";
import { Deliveries } from "./Deliveries";
import { Messages } from "./Messages";
import { Moves } from "./Moves";
import { Replay } from "./Replay";
import { RefusedRows } from "./RefusedRows";
import { StateTag } from "./StateTag";
import { Standing } from "./Standing";
import { Try } from "./Try";
import { pathOf, useIsCentre, type Feed, type Sheet } from "./feed";

export type Whole = Feed & { tables: Sheet[] };

export default function OneFeed() {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const name = useParams().name ?? "";
  const isCentre = useIsCentre();
  const [search, setSearch] = useSearchParams();
  const found = useQuery({ queryKey: ["feed", name], queryFn: () => client.get<Whole>(pathOf(name)), refetchInterval: 10_000 });
  const feed = found.data;
  const institution = useInstitutions(feed ? [feed.institution] : []);
  if (!feed) {
    return (
      <Page title={t("title")}>
        {found.error ? <ProblemBox error={found.error} again={() => void found.refetch()} /> : <Skeleton active />}
        <Link to="/feeds">{t("back")}</Link>
      </Page>
    );
  }
  const open = search.get("tab") ?? "standing";
  const show = (tab: string) => setSearch({ tab }, { replace: true });
  const tabs = [
    { key: "standing", label: t("tabs.standing"), children: <Standing feed={feed} /> },
    { key: "calendar", label: t("tabs.calendar"), children: <Calendar feed={feed} /> },
    { key: "refused", label: t("tabs.refused"), children: <RefusedRows feed={feed} /> },
    { key: "deliveries", label: t("tabs.deliveries"), children: <Deliveries feed={feed} /> },
    { key: "messages", label: t("tabs.messages"), children: <Messages feed={feed} /> },
    { key: "try", label: t("tabs.try"), children: <Try feed={feed} /> },
    ...(isCentre ? [{ key: "replay", label: t("tabs.replay"), children: <Replay feed={feed} /> }] : []),
  ];
  return (
    <Page
      title={feed.title} actions={<Moves feed={feed} />}
      say={<><Link to="/feeds">{t("title")}</Link> / {institution(feed.institution)} · <StateTag state={feed.state} /> {t("since", { at: minuteOf(feed.since) })}</>}
    >
      {feed.state === "paused" && feed.why ? <Alert type="warning" showIcon title={t("paused-for", { why: feed.why })} /> : null}
      {feed.waits ? <Alert type="info" showIcon title={t(`waits-${feed.waits}`, { for: feed.waits_for })} /> : null}
      <Parts open={open} items={tabs} onOpen={show} />
    </Page>
  );
}
