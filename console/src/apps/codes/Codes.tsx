// The mapping desk: an institution's own codes beside the region's and the nation's; one proposes, another one decides.
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { App, Button, Flex, Grid, Popconfirm, Segmented, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "~/app/session";
import { useClient } from "~/fhir/context";
import { ImportButton } from "~/ui/ImportButton";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { download } from "~/ui/download";
import { XLSX, sendList, triedOf } from "~/ui/importing";
import { List } from "./List";
import { KINDS, STATES, TARGETS, read, type Kind, type State } from "./code";

const PAGE = 100;

export default function Codes() {
  const { t } = useTranslation("translation", { keyPrefix: "codes" });
  const { who } = useHere();
  const client = useClient();
  const queries = useQueryClient();
  const { message } = App.useApp();
  const wide = Grid.useBreakpoint().lg;
  const decides = who.role === "terminologist";
  const [kind, setKind] = useState<Kind>("laboratory");
  const [target, setTarget] = useState(TARGETS.laboratory[0] ?? "");
  const [state, setState] = useState<State>(decides ? "proposed" : "unmapped");
  const [chosen, setChosen] = useState<number[]>([]);
  const found = useInfiniteQuery({
    queryKey: ["codes", kind, target, state],
    initialPageParam: 0,
    queryFn: async ({ pageParam }) => read(await client.get<fhir4.Parameters>("$codes", { kind, target, state, _count: PAGE, offset: pageParam })),
    getNextPageParam: (last, pages) => (last.codes.length === PAGE ? pages.length * PAGE : undefined),
  });
  const totals = found.data?.pages[0]?.totals;
  const renewed = () => {
    setChosen([]);
    void queries.invalidateQueries({ queryKey: ["codes"] });
  };
  const done = (said: fhir4.OperationOutcome) => {
    void message.info(triedOf(said).say || triedOf(said).faults.map((one) => one.text).join(" "));
    renewed();
  };
  const suggesting = useMutation({ mutationFn: () => client.post<fhir4.OperationOutcome>(`$codes-suggest?${new URLSearchParams({ kind, target, least: "97" })}`, ""), onSuccess: done });
  const deciding = useMutation({
    mutationFn: (asked: { rows: number[]; decision: string }) => client.post<fhir4.OperationOutcome>("$codes-decide", {
      resourceType: "Parameters",
      parameter: [...asked.rows.map((row) => ({ name: "row", valueInteger: row })), { name: "decision", valueCode: asked.decision }],
    }),
    onSuccess: done,
  });
  const exporting = useMutation({
    mutationFn: () => client.file("$codes", { kind, target, state }, XLSX),
    onSuccess: (file) => download(file, `${t("title")} ${t(`kinds.${kind}`)}.xlsx`),
  });
  const states = STATES.map((one) => ({ value: one, label: totals ? `${t(`states.${one}`)} ${totals[one]}` : t(`states.${one}`) }));
  const changed = (set: () => void) => {
    set();
    setChosen([]);
  };
  return (
    <Page
      title={t("title")} say={t(decides ? "say-decide" : "say-propose")}
      actions={
        <>
          <Button loading={exporting.isPending} onClick={() => exporting.mutate()}>{t("export")}</Button>
          <ImportButton title={t("import")} send={(file, dryRun) => sendList(client, "$codes-import", file, dryRun)} onDone={renewed} />
        </>
      }
    >
      <Flex gap={8} wrap>
        <Select<Kind>
          value={kind} aria-label={t("kind")} style={{ minWidth: 120 }} options={KINDS.map((value) => ({ value, label: t(`kinds.${value}`) }))}
          onChange={(to) => changed(() => { setKind(to); setTarget(TARGETS[to][0] ?? ""); })}
        />
        <Select
          value={target} aria-label={t("list")} style={{ minWidth: 180 }} options={TARGETS[kind].map((value) => ({ value, label: t(`lists.${value.split(":").at(-1)?.replace("//loinc.org", "loinc")}`) }))}
          onChange={(to) => changed(() => setTarget(to))}
        />
        {wide ? (
          <Segmented<State> value={state} options={states} aria-label={t("state")} onChange={(to) => changed(() => setState(to))} />
        ) : (
          <Select<State> value={state} options={states} aria-label={t("state")} style={{ minWidth: 140 }} onChange={(to) => changed(() => setState(to))} />
        )}
      </Flex>
      <Flex gap={8} wrap>
        {state === "unmapped" ? (
          <Popconfirm title={t("suggest-sure")} okText={t("confirm")} onConfirm={() => suggesting.mutate()}>
            <Button loading={suggesting.isPending}>{t("suggest")}</Button>
          </Popconfirm>
        ) : null}
        {decides && state === "proposed" ? (
          <>
            <Button type="primary" disabled={!chosen.length} loading={deciding.isPending} onClick={() => deciding.mutate({ rows: chosen, decision: "approve" })}>{t("approve", { count: chosen.length })}</Button>
            <Button danger disabled={!chosen.length} loading={deciding.isPending} onClick={() => deciding.mutate({ rows: chosen, decision: "refuse" })}>{t("refuse", { count: chosen.length })}</Button>
          </>
        ) : null}
        {decides && (state === "approved" || state === "unneeded") ? (
          <>
            <Popconfirm title={t("withdraw-sure")} okText={t("confirm")} disabled={!chosen.length} onConfirm={() => deciding.mutate({ rows: chosen, decision: "withdraw" })}>
            <Button danger disabled={!chosen.length} loading={deciding.isPending}>{t("withdraw", { count: chosen.length })}</Button>
          </Popconfirm>
          <Button disabled={!chosen.length} loading={deciding.isPending} onClick={() => deciding.mutate({ rows: chosen, decision: "refuse" })}>{t("keep", { count: chosen.length })}</Button>
          </>
        ) : null}
      </Flex>
      <ProblemBox error={suggesting.error ?? deciding.error ?? exporting.error} />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <List
        rows={found.data?.pages.flatMap((page) => page.codes) ?? []} loading={found.isPending} state={state} target={target} onProposed={renewed}
        chosen={decides && state !== "unmapped" ? { rows: chosen, set: setChosen } : null}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
      />
    </Page>
  );
}
