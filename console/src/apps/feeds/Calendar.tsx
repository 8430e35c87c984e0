// A month of reconciliation: of each day what the hospital says that it has, what came, what is stored, and the difference.
import { CheckCircleOutlined, LeftOutlined, RightOutlined, WarningOutlined } from "@ant-design/icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, App, Button, Flex, Modal, Segmented, Typography, theme } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { download } from "~/ui/download";
import { XLSX } from "~/ui/importing";
import { dayOf } from "~/ui/time";
import { Day } from "./Day";
import "./calendar.css";
import { NO_DAY, monthOf, otherMonth, pathOf, useIsCentre, type Feed, type Line } from "./feed";

export function Calendar({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const { token } = theme.useToken();
  const { message } = App.useApp();
  const isCentre = useIsCentre();
  const today = dayOf(new Date());
  const [month, setMonth] = useState(today.slice(0, 7));
  const [open, setOpen] = useState("");
  const [closing, setClosing] = useState(false);
  const key = ["feed", feed.name, "counts", month];
  const found = useQuery({ queryKey: key, queryFn: () => client.get<Line[]>(pathOf(feed.name, "/counts"), { month }) });
  const months = useQuery({ queryKey: ["feed", feed.name, "months"], queryFn: () => client.get<{ month: string; at: string }[]>(pathOf(feed.name, "/months")) });
  const isClosed = (months.data ?? []).some((one) => one.month.startsWith(month));
  const [asNow, setAsNow] = useState(false);
  const closed = useQuery({
    queryKey: ["feed", feed.name, "months", month],
    enabled: isClosed,
    queryFn: () => client.get<Line[]>(pathOf(feed.name, `/months/${month}`)),
  });
  const undated = useQuery({ queryKey: ["feed", feed.name, "counts", NO_DAY], queryFn: () => client.get<Line[]>(pathOf(feed.name, "/counts"), { day: NO_DAY }) });
  const close = useMutation({
    mutationFn: () => client.put(pathOf(feed.name, `/months/${month}`), {}),
    onSuccess: () => {
      setClosing(false);
      void message.success(t("closed", { month }));
      void queries.invalidateQueries({ queryKey: ["feed", feed.name, "months"] });
    },
  });
  // What was reported when the month was closed stands, whatever came since.
  const asClosed = isClosed && !asNow;
  const exported = useMutation({
    mutationFn: () => (asClosed ? client.file(pathOf(feed.name, `/months/${month}`), {}, XLSX) : client.file(pathOf(feed.name, "/counts"), { month }, XLSX)),
    onSuccess: (file) => download(file, `${feed.title} ${month}.xlsx`),
  });
  const { days, offset } = monthOf(month);
  const lines = (asClosed ? closed.data : found.data) ?? [];
  const changed = isClosed && closed.data && found.data ? changesOf(closed.data, found.data) : 0;
  const without = undated.data ?? [];
  return (
    <Flex vertical gap={12}>
      <Flex gap={8} wrap align="center" justify="space-between">
        <Flex gap={8} align="center">
          <Button icon={<LeftOutlined />} aria-label={t("month-before")} onClick={() => setMonth(otherMonth(month, -1))} />
          <Typography.Title level={2} style={{ fontSize: 16, margin: 0, minWidth: 76, textAlign: "center" }}>{month}</Typography.Title>
          <Button icon={<RightOutlined />} aria-label={t("month-after")} disabled={month >= today.slice(0, 7)} onClick={() => setMonth(otherMonth(month, 1))} />
          {isClosed ? <Typography.Text type="secondary">{t("is-closed")}</Typography.Text> : null}
          {isClosed ? <Segmented value={asNow ? "now" : "closed"} onChange={(one) => setAsNow(one === "now")} options={[{ value: "closed", label: t("as-closed") }, { value: "now", label: t("as-now") }]} /> : null}
        </Flex>
        <Flex gap={8} wrap>
          {isCentre && !isClosed && month < today.slice(0, 7) ? <Button onClick={() => setClosing(true)}>{t("close")}</Button> : null}
          <Button loading={exported.isPending} disabled={lines.length === 0} onClick={() => exported.mutate()}>{t("export-month")}</Button>
        </Flex>
      </Flex>
      <Typography.Text type="secondary">{t("calendar-say")}</Typography.Text>
      {changed ? <Alert type="warning" showIcon title={t("changed-since", { count: changed })} /> : null}
      <ProblemBox error={found.error ?? months.error ?? closed.error ?? exported.error} again={() => void Promise.all([found.refetch(), months.refetch()])} />
      <ol className="month" style={{ ["--line" as string]: token.colorBorderSecondary, ["--wrong" as string]: token.colorErrorBg, ["--good" as string]: token.colorBgContainer }}>
        {(t("week", { returnObjects: true }) as string[]).map((one) => <li key={one} className="week" aria-hidden>{one}</li>)}
        {days.map((day, nth) => (
          <li key={day} style={nth === 0 ? { ["--from" as string]: offset + 1 } : undefined} className={nth === 0 ? "first" : undefined}>
            <OneDay day={day} lines={lines.filter((one) => one.day === day)} onOpen={() => setOpen(day)} />
          </li>
        ))}
      </ol>
      {without.length ? <Button style={{ alignSelf: "flex-start" }} onClick={() => setOpen(NO_DAY)}>{t("without-day", { count: totals(without).received })}</Button> : null}
      <Day feed={feed} day={open} lines={open === NO_DAY ? without : lines.filter((one) => one.day === open)} onClose={() => setOpen("")} />
      <Modal
        open={closing} title={t("close-month", { month })} okText={t("confirm")} confirmLoading={close.isPending} onOk={() => close.mutate()} onCancel={() => setClosing(false)}
      >
        <p>{t("close-means")}</p>
        <ProblemBox error={close.error} />
      </Modal>
    </Flex>
  );
}

function OneDay({ day, lines, onOpen }: { day: string; lines: Line[]; onOpen: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const { token } = theme.useToken();
  const date = Number(day.slice(8));
  if (lines.length === 0) return <div className="day empty"><span className="head">{date}</span></div>;
  const told = totals(lines);
  const differs = lines.some((one) => one.differs);
  const figures: [string, number | string][] = [["declared", told.declared ?? "—"], ["received", told.received], ["stored", told.stored]];
  if (told.refused) figures.push(["refused", told.refused]);
  if (told.missing) figures.push(["missing", told.missing]);
  const word = t(differs ? "differs" : "agrees");
  return (
    <button type="button" className={`day ${differs ? "wrong" : "good"}`} onClick={onOpen} style={{ color: token.colorText }}>
      <span className="head">
        <span>{date}</span>
        {differs ? <WarningOutlined style={{ color: token.colorError }} aria-label={word} /> : <CheckCircleOutlined style={{ color: token.colorSuccess }} aria-label={word} />}
      </span>
      {figures.map(([name, value]) => <span key={name} className="figure"><span>{t(name)}</span><span>{value}</span></span>)}
    </button>
  );
}

/** How many figures of a table and day are not what they were. */
function changesOf(before: Line[], now: Line[]): number {
  const said = (one: Line) => JSON.stringify([one.declared, one.received, one.stored, one.refused, Object.entries(one.sums).sort()]);
  const known = new Map(before.map((one) => [`${one.table} ${one.day}`, said(one)]));
  const other = now.filter((one) => known.get(`${one.table} ${one.day}`) !== said(one)).length;
  const there = new Set(now.map((one) => `${one.table} ${one.day}`));
  return other + before.filter((one) => !there.has(`${one.table} ${one.day}`)).length;
}

function totals(lines: Line[]) {
  const declared = lines.some((one) => one.declared !== null) ? lines.reduce((sum, one) => sum + (one.declared ?? 0), 0) : null;
  const sum = (of: "received" | "stored" | "refused") => lines.reduce((total, one) => total + one[of], 0);
  // What one table has too many makes up for nothing that another has too few of.
  const missing = lines.reduce((total, one) => total + (one.declared === null ? 0 : Math.abs(one.declared - one.received)), 0);
  return { declared, received: sum("received"), stored: sum("stored"), refused: sum("refused"), missing };
}
