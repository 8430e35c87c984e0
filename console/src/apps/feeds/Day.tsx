// A day of the calendar: its tables with what differs, the rows that were refused, and which numbers did not come.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Drawer, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { RefusalTable } from "./RefusalTable";
import { NO_DAY, pathOf, type Asked, type Feed, type Line, type Refusals } from "./feed";

interface Found {
  missing: string[][];
  aside: string[][];
  surplus: [number, number][];
  elsewhere: [string[], string][];
}

export function Day({ feed, day, lines, onClose }: { feed: Feed; day: string; lines: Line[]; onClose: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const asked = useQuery({ queryKey: ["feed", feed.name, "asked"], enabled: day !== "", queryFn: () => client.get<Asked[]>(pathOf(feed.name, "/asked")) });
  const refused = useQuery({
    queryKey: ["feed", feed.name, "refusals", day],
    enabled: day !== "",
    queryFn: () => client.get<Refusals>(pathOf(feed.name, "/refusals"), { day, whole: true }),
  });
  const asking = useMutation({
    mutationFn: (about: { what: "serials" | "resend"; table: string }) => client.post(pathOf(feed.name, "/asked"), { ...about, day }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["feed", feed.name, "asked"] }),
  });
  const ofDay = (asked.data ?? []).filter((one) => one.day === day);
  return (
    <Drawer open={day !== ""} onClose={onClose} size="min(1040px, 100vw)" title={day === NO_DAY ? t("no-day-of", { title: feed.title }) : t("day-of", { day, title: feed.title })}>
      <Flex vertical gap={20}>
        <ProblemBox error={asking.error} />
        <Rows<Line>
          rowKey="table" dataSource={lines} exported={{ title: `${feed.title} ${day}` }} locale={{ emptyText: <Nothing say={t("no-lines")} /> }}
          columns={[
            { title: t("table"), text: (one) => one.title || one.table, render: (_, one) => <>{one.title || one.table}<br /><Typography.Text type="secondary">{one.table}</Typography.Text></> },
            { title: t("declared"), text: (one) => one.declared ?? "", align: "right" },
            { title: t("received"), text: (one) => one.received, align: "right" },
            { title: t("stored"), text: (one) => one.stored, align: "right" },
            { title: t("revoked"), text: (one) => one.revoked, align: "right" },
            { title: t("refused"), text: (one) => one.refused, align: "right" },
            { title: t("missing"), text: (one) => (one.declared === null ? "" : one.declared - one.received), align: "right" },
            { title: t("sums"), text: sumsOf, render: (_, one) => <span style={{ whiteSpace: "pre-line" }}>{sumsOf(one)}</span> },
            { title: t("do"), render: (_, one) => (one.differs && day !== NO_DAY ? (
              <Flex gap={4}>
                <Button size="small" onClick={() => asking.mutate({ what: "serials", table: one.table })}>{t("ask-serials")}</Button>
                <Button size="small" onClick={() => asking.mutate({ what: "resend", table: one.table })}>{t("ask-resend")}</Button>
              </Flex>
            ) : null) },
          ]}
        />
        <section aria-label={t("refused-rows")}>
          <Typography.Title level={3} style={{ fontSize: 15 }}>{t("refused-rows")}</Typography.Title>
          <ProblemBox error={refused.error} again={() => void refused.refetch()} />
          <RefusalTable rows={refused.data?.rows ?? []} title={`${feed.title} ${day} ${t("refused-rows")}`} loading={refused.isLoading} empty={t("none-refused")} />
        </section>
        <section aria-label={t("asked")}>
          <Typography.Title level={3} style={{ fontSize: 15 }}>{t("asked")}</Typography.Title>
          {ofDay.length === 0 ? <Nothing say={t("none-asked")} /> : null}
          {ofDay.map((one) => <Answer key={one.id} feed={feed} asked={one} />)}
        </section>
      </Flex>
    </Drawer>
  );
}

function sumsOf(line: Line): string {
  return Object.entries(line.sums)
    .map(([name, one]) => `${name} ${amount(one.declared)} / ${amount(one.received)}`)
    .join("\n");
}

const amount = (scaled: number | null): string => (scaled === null ? "—" : (scaled / 10_000).toFixed(2));

function Answer({ feed, asked }: { feed: Feed; asked: Asked }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const found = useQuery({
    queryKey: ["feed", feed.name, "asked", asked.id],
    enabled: asked.what === "serials" && asked.answered !== null,
    queryFn: () => client.get<Found>(pathOf(feed.name, `/asked/${asked.id}`)),
  });
  const said = t(`asked-${asked.what}`, { table: asked.table, at: minuteOf(asked.at) });
  if (asked.answered === null) return <Alert type="info" showIcon title={said} description={t("not-answered")} />;
  const rows = [
    ...(found.data?.missing ?? []).map((one) => ({ key: one.join(" / "), what: t("did-not-come") })),
    ...(found.data?.aside ?? []).map((one) => ({ key: one.join(" / "), what: t("was-refused") })),
    ...(found.data?.elsewhere ?? []).map(([key, day]) => ({ key: key.join(" / "), what: t("of-another-day", { day }) })),
    ...(found.data?.surplus ?? []).map(([, number]) => ({ key: t("of-delivery", { number }), what: t("only-here") })),
  ];
  return (
    <Flex vertical gap={8}>
      <Typography.Text>{said}{comma()}{t("answered", { at: minuteOf(asked.answered) })}</Typography.Text>
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      {asked.what === "serials" && found.data ? (
        <Rows
          rowKey="key" dataSource={rows} exported={{ title: `${feed.title} ${asked.day} ${t("asked")}` }} locale={{ emptyText: <Nothing say={t("all-there")} /> }}
          columns={[{ title: t("business-key"), dataIndex: "key", text: (one) => one.key }, { title: t("what"), dataIndex: "what", text: (one) => one.what }]}
        />
      ) : null}
    </Flex>
  );
}
